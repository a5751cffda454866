import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import {
  isReservedTopic,
  mayCollide,
  topicNameProblem,
  unifiedTopicName,
} from "../../../src/cluster/topic-names.ts";
import { Prng } from "../../../src/lib/prng.ts";
import { uuidToBytes } from "../../../src/lib/uuid.ts";

describe("CLU6: topic names", () => {
  test.each(["a", "A-z_0.9", "...", "a".repeat(249), "__consumer_offsets", "-"])(
    "%s is legal",
    (name) => {
      expect(topicNameProblem(name)).toBeNull();
    },
  );

  test.each([
    ["", "the empty string is not allowed"],
    [".", "'.' is not allowed"],
    ["..", "'..' is not allowed"],
    ["a".repeat(250), "longer than the max allowed length 249"],
    ["a b", "'a b' contains one or more characters other than"],
    ["a/b", "contains one or more characters other than"],
    ["ü", "contains one or more characters other than"],
    ["a\n", "contains one or more characters other than"],
    ["\0", "contains one or more characters other than"],
  ])("%j is not: %s", (name, problem) => {
    expect(topicNameProblem(name)).toContain(problem);
  });

  test("any other text is legal exactly when Kafka's pattern says so", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (name) => {
        const legal = /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== "." && name !== "..";
        expect(topicNameProblem(name) === null).toBe(legal);
      }),
    );
  });

  test("names collide when they differ in '.' and '_' only", () => {
    expect(["a.b", "a_b", "ab", "a-b"].map(mayCollide)).toEqual([true, true, false, false]);
    expect(unifiedTopicName("a.b_c.d")).toBe(unifiedTopicName("a_b.c_d"));
    expect(unifiedTopicName("a.b")).not.toBe(unifiedTopicName("ab"));
  });

  test("internal topics are reserved", () => {
    const names = ["__consumer_offsets", "__transaction_state", "__cluster_metadata", "consumer"];
    expect(names.map(isReservedTopic)).toEqual([true, true, true, false]);
  });
});

describe("topic ids", () => {
  test("are version 4 UUIDs in Kafka's form, and never look like an option", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const prng = new Prng(seed);
        const id = newTopicId(() => prng.float());
        const bytes = uuidToBytes(id);
        expect(id).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
        expect((bytes?.[6] ?? 0) >> 4).toBe(4);
        expect((bytes?.[8] ?? 0) >> 6).toBe(2);
      }),
    );
  });

  test("one that begins with '-' is drawn again", () => {
    const draws = [...Array(16).fill(0.97), ...Array(16).fill(0.5)];
    const first = uuidToBytes(newTopicId(() => draws.shift() ?? 0))?.[0];
    expect(first).toBe(0x80);
  });

  test("a thousand of them differ", () => {
    const prng = new Prng(1);
    const ids = Array.from({ length: 1_000 }, () => newTopicId(() => prng.float()));
    expect(new Set(ids).size).toBe(1_000);
  });
});
