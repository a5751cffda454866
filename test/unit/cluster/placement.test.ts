import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  manualPlacementProblem,
  newPartition,
  type Placement,
  placeReplicas,
} from "../../../src/cluster/placement.ts";
import type { BrokerInfo } from "../../../src/cluster/types.ts";
import { Prng } from "../../../src/lib/prng.ts";

function brokersOn(...racks: readonly number[]): BrokerInfo[] {
  let brokerId = 0;
  return racks.flatMap((count, rack) =>
    Array.from({ length: count }, () => ({
      brokerId: brokerId++,
      rack: `rack-${rack}`,
      hint: "weur",
      fenced: false,
    })),
  );
}

const random = (seed: number): (() => number) => {
  const prng = new Prng(seed);
  return () => prng.float();
};

function placed(placement: Placement): readonly (readonly number[])[] {
  if ("refused" in placement) throw new Error(placement.refused);
  return placement.replicas;
}

const tally = (values: readonly (number | string)[]): number[] =>
  Array.from(Map.groupBy(values, (value) => value).values(), (group) => group.length);
const spread = (counts: readonly number[], of: number): number =>
  Math.max(...counts, 0) - (counts.length < of ? 0 : Math.min(...counts));

const clusters = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 })
  .map((racks) => brokersOn(...racks));
const seeds = fc.integer();

describe("placement of replicas", () => {
  test("CLU1: every partition has the replicas asked for, no broker twice, none fenced", () => {
    fc.assert(
      fc.property(
        clusters,
        fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 6 }),
        seeds,
        (brokers, fences, partitions, factor, seed) => {
          const some = brokers.map((b, at) => ({ ...b, fenced: fences[at] === true }));
          const live = some.filter((b) => !b.fenced).map((b) => b.brokerId);
          const result = placeReplicas(some, partitions, factor, random(seed));
          if (factor > live.length) {
            expect("refused" in result).toBe(true);
            return;
          }
          const lists = placed(result);
          expect(lists).toHaveLength(partitions);
          for (const list of lists) {
            expect(new Set(list).size).toBe(factor);
            for (const id of list) expect(live).toContain(id);
          }
        },
      ),
    );
  });

  test("CLU1: a partition's replicas are on as many racks as there can be", () => {
    fc.assert(
      fc.property(clusters, fc.integer({ min: 1, max: 20 }), seeds, (brokers, partitions, seed) => {
        const rackOf = new Map(brokers.map((b) => [b.brokerId, b.rack]));
        const racks = new Set(rackOf.values()).size;
        for (const factor of [1, 2, 3].filter((n) => n <= brokers.length)) {
          for (const list of placed(placeReplicas(brokers, partitions, factor, random(seed)))) {
            const used = new Set(list.map((id) => rackOf.get(id)));
            expect(used.size).toBe(Math.min(factor, racks));
          }
        }
      }),
    );
  });

  test("CLU2: racks lead equally often, give or take one", () => {
    fc.assert(
      fc.property(clusters, fc.integer({ min: 1, max: 100 }), seeds, (brokers, count, seed) => {
        const rackOf = new Map(brokers.map((b) => [b.brokerId, b.rack]));
        const racks = new Set(rackOf.values()).size;
        const lists = placed(placeReplicas(brokers, count, 1, random(seed)));
        const leaders = lists.map((list) => rackOf.get(list[0] ?? -1) ?? "");
        expect(tally(leaders).reduce((a, b) => a + b)).toBe(count);
        if (count >= racks) expect(spread(tally(leaders), racks)).toBeLessThanOrEqual(1);
        else expect(Math.max(...tally(leaders))).toBe(1);
      }),
    );
  });

  test("CLU2: on racks of one size every broker leads, and follows, about equally often", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        seeds,
        (perRack, racks, rounds, seed) => {
          const brokers = brokersOn(...Array.from({ length: racks }, () => perRack));
          const partitions = rounds * brokers.length;
          const lists = placed(placeReplicas(brokers, partitions, 2, random(seed)));
          const leaders = tally(lists.map((list) => list[0] ?? -1));
          expect(spread(leaders, brokers.length)).toBe(0);
          const followers = tally(lists.map((list) => list[1] ?? -1));
          expect(spread(followers, brokers.length)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test("CLU3: when a broker dies, what it led goes to several others", () => {
    const lists = placed(placeReplicas(brokersOn(1, 1, 1, 1, 1, 1), 600, 2, random(1)));
    const heirs = lists.filter((list) => list[0] === 0).map((list) => list[1] ?? -1);
    expect(new Set(heirs).size).toBe(5);
  });

  test("the first broker of a new topic is not always the same", () => {
    const brokers = brokersOn(1, 1, 1);
    const first = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(
      (seed) => placed(placeReplicas(brokers, 1, 1, random(seed)))[0]?.[0],
    );
    expect(new Set(first).size).toBe(3);
  });

  test("the same randomness gives the same placement", () => {
    const brokers = brokersOn(2, 3, 1);
    const again = () => placed(placeReplicas(brokers, 50, 3, random(7)));
    expect(again()).toEqual(again());
  });

  test("CLU4: too few brokers: the refusal says how many there are, and how many are fenced", () => {
    const brokers = brokersOn(1, 1, 1);
    const refusal = (some: BrokerInfo[], factor: number) =>
      placeReplicas(some, 1, factor, random(1));
    expect(refusal(brokers, 4)).toEqual({
      refused:
        "The target replication factor of 4 cannot be reached because only 3 broker(s) are available.",
    });
    const one = brokers.map((b) => ({ ...b, fenced: b.brokerId > 0 }));
    expect(refusal(one, 2)).toEqual({
      refused:
        "The target replication factor of 2 cannot be reached because only 1 broker(s) are available (2 more fenced).",
    });
    const none = brokers.map((b) => ({ ...b, fenced: true }));
    expect(refusal(none, 1)).toEqual({ refused: "All brokers are currently fenced." });
    expect(refusal([], 1)).toEqual({ refused: "All brokers are currently fenced." });
  });
});

describe("CLU4: replica lists that a user wrote", () => {
  const brokers = brokersOn(1, 1, 1).map((b) => ({ ...b, fenced: b.brokerId === 2 }));

  test.each([
    [[[0]], null],
    [
      [
        [0, 1],
        [1, 0],
      ],
      null,
    ],
    [[[0, 2]], null],
    [[[0], []], "empty replica list"],
    [[[0, 7]], "includes broker 7, but no such broker is registered. The brokers are 0, 1, 2."],
    [[[-1]], "includes broker -1, but no such broker"],
    [[[1, 0, 1]], "includes the broker 1 more than once"],
    [[[0, 1], [0]], "a partition with 1 replica(s)"],
    [[[0], [2]], "for partition 5 are fenced"],
  ])("%j: %s", (lists, problem) => {
    const found = manualPlacementProblem(brokers, lists, 4, null);
    if (problem === null) expect(found).toBeNull();
    else expect(found).toContain(problem);
  });

  test("they must be as long as the topic's other lists", () => {
    expect(manualPlacementProblem(brokers, [[0, 1]], 1, 2)).toBeNull();
    expect(manualPlacementProblem(brokers, [[0]], 1, 2)).toContain("which have 2 replica(s)");
  });
});

describe("a new partition", () => {
  test("CLU5: is led by its first replica that is not fenced, and only those are in sync", () => {
    const brokers = brokersOn(1, 1, 1).map((b) => ({ ...b, fenced: b.brokerId === 2 }));
    expect(newPartition(brokers, 3, [2, 1, 0])).toEqual({
      partition: 3,
      leader: 1,
      leaderEpoch: 0,
      partitionEpoch: 0,
      replicas: [2, 1, 0],
      isr: [1, 0],
    });
    expect(() => newPartition(brokers, 0, [2])).toThrow("no unfenced replica");
  });
});
