/** LOG9: which storage this Kedge uses. */
import { expect, test } from "vitest";
import { formatProblem, STORAGE_FORMAT } from "../../../src/objects/storage-format.ts";

test("LOG9: only the storage of this format is used, another is named", () => {
  expect(formatProblem({ format: STORAGE_FORMAT })).toBeNull();
  expect(formatProblem({ format: STORAGE_FORMAT - 1 })).toContain(
    `is of format ${STORAGE_FORMAT - 1},`,
  );
  expect(formatProblem({})).toContain("an early Kedge wrote it");
});
