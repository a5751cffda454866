import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { spread } from "../../../src/cli/commands/reassign-partitions.ts";
import {
  assignmentJson,
  readElectionFile,
  readReassignmentFile,
} from "../../../src/cli/partitions-json.ts";

const folder = mkdtempSync(join(tmpdir(), "kedge-reassign-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(text: string): string {
  const file = join(folder, "file.json");
  writeFileSync(file, text);
  return file;
}

describe("the files of reassign-partitions and leader-election", () => {
  test("what is printed is read", () => {
    const partitions = [
      { topic: "t", partition: 0, replicas: [1, 2] },
      { topic: "u", partition: 7, replicas: [3] },
    ];
    expect(readReassignmentFile(fileOf(assignmentJson(partitions)))).toEqual(partitions);
    const elect = '{"partitions": [{"topic": "t", "partition": 1}]}';
    expect(readElectionFile(fileOf(elect))).toEqual([{ topic: "t", partition: 1 }]);
  });

  test.each([
    ["no JSON", "{", "JSON"],
    ["another version", '{"version": 2, "partitions": []}', "version"],
    ["no partitions", '{"partitions": []}', "cannot be empty"],
    [
      "a broker that is no number",
      '{"partitions":[{"topic":"t","partition":0,"replicas":["1"]}]}',
      "replicas",
    ],
    [
      "a partition twice",
      '{"partitions":[{"topic":"t","partition":0,"replicas":[1]},{"topic":"t","partition":0,"replicas":[2]}]}',
      "t-0 is named twice",
    ],
  ])("%s is refused, with the file's name", (_, text, reason) => {
    const file = fileOf(text);
    expect(() => readReassignmentFile(file)).toThrow(reason);
    expect(() => readReassignmentFile(file)).toThrow(file);
  });
});

test("a proposal has different brokers in each partition, and brokers lead in turn", () => {
  const brokers = fc.uniqueArray(fc.nat(99), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(brokers, fc.nat(5), fc.nat(60), (list, extra, partition) => {
      const count = 1 + (extra % list.length);
      const replicas = spread(list, partition, count);
      expect(new Set(replicas).size).toBe(count);
      expect(replicas.every((id) => list.includes(id))).toBe(true);
      expect(replicas[0]).toBe(list[partition % list.length]);
    }),
  );
  const followers = [0, 3].map((partition) => spread([1, 2, 3], partition, 2)[1]);
  expect(followers).toEqual([2, 3]);
});
