import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { partitionForKey } from "../../../src/lib/murmur2.ts";
import { Prng } from "../../../src/lib/prng.ts";
import type { PartitionChoices } from "../../../src/protocol/partitioner.ts";
import {
  isPartitionerName,
  Partitioner,
  RoundRobinRule,
  StickyRule,
} from "../../../src/protocol/partitioner.ts";

const all = (count: number): PartitionChoices => ({
  count,
  available: Array.from({ length: count }, (_, i) => i),
});
const key = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("keys", () => {
  test("a key goes where murmur2 says, under every rule, and an empty key is a key", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 500 }),
        (k, count) => {
          for (const name of ["sticky", "round-robin"] as const) {
            const at = new Partitioner(name).partition("t", k, all(count), () => 0.5);
            expect(at).toBe(partitionForKey(k, count));
          }
        },
      ),
    );
  });

  test("a key does not avoid a partition without a leader", () => {
    const at = partitionForKey(key("foobar"), 3);
    const choices = { count: 3, available: [0, 1, 2].filter((p) => p !== at) };
    expect(new Partitioner("sticky").partition("t", key("foobar"), choices, () => 0)).toBe(at);
  });

  test("ignoreKeys spreads records with a key like the others", () => {
    const partitioner = new Partitioner("round-robin", { ignoreKeys: true });
    const seen = [1, 2, 3].map(() => partitioner.partition("t", key("k"), all(3), () => 0));
    expect(seen).toEqual([0, 1, 2]);
  });

  test("bytes of keyed records do not move the sticky partition", () => {
    const partitioner = new Partitioner("sticky", { batchSize: 10 });
    const first = partitioner.partition("t", null, all(100), () => 0.42);
    partitioner.appended("t", key("k"), first, 1_000);
    expect(partitioner.partition("t", null, all(100), () => 0.9)).toBe(first);
  });
});

describe("sticky", () => {
  test("stays until batch.size bytes were appended, then draws again", () => {
    const rule = new StickyRule(100);
    expect(rule.next(all(10), () => 0.35)).toBe(3);
    rule.appended(3, 99, true);
    expect(rule.next(all(10), () => 0.99)).toBe(3);
    rule.appended(3, 1, true);
    expect(rule.next(all(10), () => 0.99)).toBe(9);
  });

  test("does not leave an unfinished batch before twice batch.size", () => {
    const rule = new StickyRule(100);
    rule.next(all(10), () => 0);
    rule.appended(0, 199, false);
    expect(rule.next(all(10), () => 0.99)).toBe(0);
    rule.appended(0, 1, false);
    expect(rule.next(all(10), () => 0.99)).toBe(9);
  });

  test("leaves a partition that lost its leader, or that is gone", () => {
    const rule = new StickyRule(100);
    expect(rule.next(all(4), () => 0.99)).toBe(3);
    expect(rule.next({ count: 4, available: [1] }, () => 0.99)).toBe(1);
    expect(rule.next({ count: 1, available: [0] }, () => 0.99)).toBe(0);
  });

  test("picks among all when none has a leader", () => {
    expect(new StickyRule(1).next({ count: 4, available: [] }, () => 0.5)).toBe(2);
  });

  test("refuses a batch.size below 1", () => {
    expect(() => new StickyRule(0)).toThrow("batch.size is 0");
  });

  test("spreads evenly, and never to a partition without a leader", () => {
    const random = new Prng(7);
    const rule = new StickyRule(10);
    const choices = { count: 5, available: [0, 1, 3, 4] };
    const counts = new Array<number>(5).fill(0);
    for (let i = 0; i < 8_000; i++) {
      const at = rule.next(choices, () => random.float());
      counts[at] = (counts[at] ?? 0) + 1;
      rule.appended(at, 10, true);
    }
    expect(counts[2]).toBe(0);
    for (const p of [0, 1, 3, 4]) expect(Math.abs((counts[p] ?? 0) - 2_000)).toBeLessThan(250);
  });
});

describe("round robin", () => {
  test("walks the available partitions in order", () => {
    const rule = new RoundRobinRule();
    const choices = { count: 4, available: [0, 2, 3] };
    const seen = Array.from({ length: 6 }, () => rule.next(choices, () => 0));
    expect(seen).toEqual([0, 2, 3, 0, 2, 3]);
  });

  test("walks all of them when none has a leader", () => {
    const rule = new RoundRobinRule();
    const seen = Array.from({ length: 4 }, () => rule.next({ count: 3, available: [] }, () => 0));
    expect(seen).toEqual([0, 1, 2, 0]);
  });

  test("gives every partition the same number of records from any start", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (count, start) => {
          const rule = new RoundRobinRule();
          const counts = new Array<number>(count).fill(0);
          for (let i = 0; i < count * 3; i++) {
            const at = rule.next(all(count), () => start);
            counts[at] = (counts[at] ?? 0) + 1;
          }
          expect(counts).toEqual(new Array<number>(count).fill(3));
        },
      ),
    );
  });
});

describe("many topics", () => {
  test("each has a state of its own, and the longest known is forgotten at the bound", () => {
    const partitioner = new Partitioner("sticky", { topicsMax: 2 });
    const at = (topic: string, r: number) => partitioner.partition(topic, null, all(10), () => r);
    expect([at("a", 0.1), at("b", 0.2)]).toEqual([1, 2]);
    expect([at("a", 0.9), at("b", 0.9)]).toEqual([1, 2]);
    expect(at("c", 0.3)).toBe(3);
    expect(at("b", 0.9)).toBe(2);
    expect(at("a", 0.9)).toBe(9);
  });

  test("a topic without partitions is a bug of the caller", () => {
    const choose = () => new Partitioner("sticky").partition("t", null, all(0), () => 0);
    expect(choose).toThrow("topic t has no partitions");
  });

  test("names are checked", () => {
    expect(isPartitionerName("sticky")).toBe(true);
    expect(isPartitionerName("murmur2")).toBe(false);
  });
});
