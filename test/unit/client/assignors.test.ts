import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AssignorMember, PartitionAssignor } from "../../../src/client/assignors/assignor.ts";
import { cooperativeStickyAssignor } from "../../../src/client/assignors/cooperative-sticky.ts";
import { rangeAssignor } from "../../../src/client/assignors/range.ts";
import { roundRobinAssignor } from "../../../src/client/assignors/round-robin.ts";
import { stickyAssignor } from "../../../src/client/assignors/sticky.ts";
import type { TopicPartition } from "../../../src/client/topics.ts";
import {
  decodeStickyUserData,
  encodeStickyUserData,
} from "../../../src/protocol/consumer-protocol.ts";

type Assignment = Map<string, TopicPartition[]>;

const name = ({ topic, partition }: TopicPartition) => `${topic}p${partition}`;

function shown(assignment: Assignment): Record<string, string> {
  return Object.fromEntries(
    [...assignment].map(([memberId, places]) => [memberId, places.map(name).join(" ")]),
  );
}

function byTopic(places: readonly TopicPartition[]) {
  return Array.from(
    Map.groupBy(places, ({ topic }) => topic),
    ([topic, some]) => ({ topic, partitions: some.map(({ partition }) => partition) }),
  );
}

/** A member as it joins under an assignor, with what it had before. */
function member(
  assignor: PartitionAssignor,
  memberId: string,
  topics: readonly string[],
  more: { owned?: readonly TopicPartition[]; generationId?: number; instanceId?: string } = {},
): AssignorMember {
  const { owned = [], generationId = -1, instanceId = null } = more;
  return {
    memberId,
    groupInstanceId: instanceId,
    subscription: {
      topics,
      userData: assignor.userData({ partitions: owned, generationId }),
      ownedPartitions: assignor.cooperative ? byTopic(owned) : [],
      generationId,
      rackId: null,
    },
  };
}

const counts = (record: Record<string, number>) => new Map(Object.entries(record));

describe("range", () => {
  const assign = (topics: Record<string, number>, members: AssignorMember[]) =>
    shown(rangeAssignor.assign(counts(topics), members));
  const of = (id: string, topics: string[], instanceId?: string) =>
    member(rangeAssignor, id, topics, instanceId === undefined ? {} : { instanceId });

  it("gives runs, topic by topic (the example of Kafka's RangeAssignor)", () => {
    const both = ["t0", "t1"];
    expect(assign({ t0: 3, t1: 3 }, [of("C1", both), of("C0", both)])).toEqual({
      C0: "t0p0 t0p1 t1p0 t1p1",
      C1: "t0p2 t1p2",
    });
  });

  it("orders static members by instance, before the others", () => {
    const members = [of("a", ["t"]), of("b", ["t"], "i2"), of("c", ["t"], "i1")];
    expect(assign({ t: 4 }, members)).toEqual({ c: "tp0 tp1", b: "tp2", a: "tp3" });
  });

  it("leaves out topics that nobody reads, or that do not exist", () => {
    expect(assign({ t: 1, u: 1 }, [of("a", ["t", "none"]), of("b", [])])).toEqual({
      a: "tp0",
      b: "",
    });
  });
});

describe("roundrobin", () => {
  const assign = (topics: Record<string, number>, members: AssignorMember[]) =>
    shown(roundRobinAssignor.assign(counts(topics), members));
  const of = (id: string, topics: string[]) => member(roundRobinAssignor, id, topics);

  it("deals all partitions in turn (the examples of Kafka's RoundRobinAssignor)", () => {
    const both = ["t0", "t1"];
    expect(assign({ t1: 3, t0: 3 }, [of("C0", both), of("C1", both)])).toEqual({
      C0: "t0p0 t0p2 t1p1",
      C1: "t0p1 t1p0 t1p2",
    });
    expect(
      assign({ t0: 1, t1: 2, t2: 3 }, [
        of("C0", ["t0"]),
        of("C1", ["t0", "t1"]),
        of("C2", ["t0", "t1", "t2"]),
      ]),
    ).toEqual({ C0: "t0p0", C1: "t1p0", C2: "t1p1 t2p0 t2p1 t2p2" });
  });
});

const sticky = [stickyAssignor, cooperativeStickyAssignor];

describe.each(sticky)("$name", (assignor) => {
  const both = ["t0", "t1"];

  it("gives what is free in turn", () => {
    const members = ["C0", "C1", "C2"].map((id) => member(assignor, id, ["t0", "t1", "t2"]));
    expect(shown(assignor.assign(counts({ t0: 2, t1: 2, t2: 2 }), members))).toEqual({
      C0: "t0p0 t1p1",
      C1: "t0p1 t2p0",
      C2: "t1p0 t2p1",
    });
  });

  it("believes the later generation, and neither of one", () => {
    const t0 = { topic: "t0", partition: 0 };
    const t1 = { topic: "t0", partition: 1 };
    const old = member(assignor, "a", both, { owned: [t0, t1], generationId: 3 });
    const young = member(assignor, "b", both, { owned: [t0], generationId: 4 });
    const assignment = assignor.assign(counts({ t0: 2 }), [old, young]);
    expect(shown(assignment)).toEqual({ a: "t0p1", b: "t0p0" });
    // The order in which they joined does not matter.
    expect(shown(assignor.assign(counts({ t0: 2 }), [young, old]))).toEqual(shown(assignment));
    const rival = member(assignor, "c", both, { owned: [t0], generationId: 4 });
    const disputed = assignor.assign(counts({ t0: 1 }), [rival, young]);
    expect([...disputed.values()].flat().length).toBeLessThanOrEqual(1);
  });

  it("forgets partitions and topics that are gone", () => {
    const owned = [
      { topic: "t0", partition: 7 },
      { topic: "gone", partition: 0 },
      { topic: "t1", partition: 0 },
    ];
    const one = member(assignor, "a", ["t0"], { owned, generationId: 1 });
    expect(shown(assignor.assign(counts({ t0: 1, t1: 1 }), [one]))).toEqual({ a: "t0p0" });
  });
});

describe("user data", () => {
  it("of sticky is Kafka's version 1", () => {
    const owned = [{ topic: "t", partition: 1 }];
    const data = stickyAssignor.userData({ partitions: owned, generationId: 5 });
    const hex = "00000001 0001 74 00000001 00000001 00000005".replaceAll(" ", "");
    expect(Buffer.from(data as Uint8Array).toString("hex")).toBe(hex);
    expect(stickyAssignor.userData({ partitions: [], generationId: -1 })).toBeNull();
  });

  it("of older members has no generation", () => {
    const whole = encodeStickyUserData({
      previousAssignment: [{ topic: "t", partitions: [1] }],
      generation: 5,
    });
    expect(decodeStickyUserData(whole.subarray(0, -4))).toEqual({
      previousAssignment: [{ topic: "t", partitions: [1] }],
      generation: -1,
    });
  });

  it("that cannot be read is no claim", () => {
    const one = member(stickyAssignor, "a", ["t"]);
    const broken = { ...one, subscription: { ...one.subscription, userData: Uint8Array.of(9) } };
    expect(shown(stickyAssignor.assign(counts({ t: 1 }), [broken]))).toEqual({ a: "tp0" });
  });

  it("of cooperative-sticky is the generation, for members before version 2", () => {
    const data = cooperativeStickyAssignor.userData({ partitions: [], generationId: 5 });
    expect(data).toEqual(Uint8Array.of(0, 0, 0, 5));
    const old = (id: string, generation: number): AssignorMember => ({
      memberId: id,
      groupInstanceId: null,
      subscription: {
        topics: ["t"],
        userData: Uint8Array.of(0, 0, 0, generation),
        ownedPartitions: [{ topic: "t", partitions: [0] }],
        generationId: -1,
        rackId: null,
      },
    });
    const members = [old("a", 3), old("b", 2)];
    expect(shown(cooperativeStickyAssignor.assign(counts({ t: 1 }), members))).toEqual({
      a: "tp0",
      b: "",
    });
  });
});

/** A group that goes through a few rebalances: who is there, what they read, how long topics are. */
const TOPICS = ["t0", "t1", "t2", "t3"];
const round = fc.record({
  members: fc.uniqueArray(fc.constantFrom(..."abcdefgh"), { minLength: 1 }),
  sizes: fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 4, maxLength: 4 }),
  reads: fc.array(fc.subarray(TOPICS), { minLength: 8, maxLength: 8 }),
});

interface Round {
  readonly members: readonly string[];
  readonly sizes: readonly number[];
  readonly reads: readonly (readonly string[])[];
}

const countsOf = ({ sizes }: Round) =>
  new Map(TOPICS.map((topic, i) => [topic, sizes[i] as number] as const));
const readsOf = ({ reads }: Round, id: string, alike: boolean) =>
  alike ? TOPICS : (reads["abcdefgh".indexOf(id)] as readonly string[]);

/** Members as they join in a round, after an assignment. */
function joined(
  assignor: PartitionAssignor,
  now: Round,
  before: Assignment,
  generationId: number,
  alike: boolean,
): AssignorMember[] {
  return now.members.map((id) => {
    const topics = readsOf(now, id, alike);
    const owned = (before.get(id) ?? []).filter(({ topic }) => topics.includes(topic));
    return member(assignor, id, topics, {
      owned,
      generationId: before.has(id) ? generationId : -1,
    });
  });
}

/** Assigns until nothing moves any more, as cooperative members do. */
function settle(
  assignor: PartitionAssignor,
  now: Round,
  before: Assignment,
  alike: boolean,
): { assignment: Assignment; rounds: number } {
  let assignment = before;
  for (let rounds = 1; ; rounds++) {
    const members = joined(assignor, now, assignment, rounds, alike);
    const next = assignor.assign(countsOf(now), members);
    if (assignor.cooperative) expectNoTheft(members, next);
    const same = JSON.stringify(sortedShown(next)) === JSON.stringify(sortedShown(assignment));
    assignment = next;
    if (!assignor.cooperative || same) return { assignment, rounds };
    expect(rounds).toBeLessThan(6);
  }
}

const sortedShown = (assignment: Assignment) =>
  [...assignment].map(([id, places]) => [id, places.map(name).sort()]).sort();

/** Nobody gets what another has not given up (KIP-429). */
function expectNoTheft(members: readonly AssignorMember[], next: Assignment): void {
  const owner = new Map<string, string>();
  for (const { memberId, subscription } of members) {
    for (const { topic, partitions } of subscription.ownedPartitions) {
      for (const partition of partitions) owner.set(name({ topic, partition }), memberId);
    }
  }
  for (const [memberId, places] of next) {
    const stolen = places.map(name).filter((place) => (owner.get(place) ?? memberId) !== memberId);
    if (stolen.length > 0) throw new Error(`${memberId} was given ${stolen}, which others have`);
  }
}

/** Every partition that somebody reads, once, and by somebody who reads it. */
function expectWhole(now: Round, assignment: Assignment, alike: boolean): void {
  const reading = TOPICS.filter((topic) =>
    now.members.some((id) => readsOf(now, id, alike).includes(topic)),
  );
  const all = reading.flatMap((topic) =>
    Array.from({ length: countsOf(now).get(topic) as number }, (_, partition) =>
      name({ topic, partition }),
    ),
  );
  expect([...assignment.values()].flat().map(name).sort()).toEqual(all.sort());
  expect([...assignment.keys()].sort()).toEqual([...now.members].sort());
  for (const [id, places] of assignment) {
    const unread = places.filter(({ topic }) => !readsOf(now, id, alike).includes(topic));
    if (unread.length > 0)
      throw new Error(`${id} was given ${unread.map(name)}, which it reads not`);
  }
}

/** No partition could move to somebody who has two fewer. */
function expectBalanced(now: Round, assignment: Assignment, alike: boolean): void {
  for (const places of assignment.values()) {
    for (const { topic } of places) {
      for (const [other, theirs] of assignment) {
        if (!readsOf(now, other, alike).includes(topic)) continue;
        if (theirs.length + 1 < places.length) throw new Error(`${topic} could go to ${other}`);
      }
    }
  }
}

describe.each([rangeAssignor, roundRobinAssignor, ...sticky])("$name, at random", (assignor) => {
  it.each([true, false])("gives every partition once (all read the same: %s)", (alike) => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 4 }), (rounds) => {
        let assignment: Assignment = new Map();
        for (const now of rounds) {
          ({ assignment } = settle(assignor, now, assignment, alike));
          expectWhole(now, assignment, alike);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("does not depend on the order in which members joined", () => {
    fc.assert(
      fc.property(round, round, (first, second) => {
        const { assignment } = settle(assignor, first, new Map(), false);
        const members = joined(assignor, second, assignment, 1, false);
        const one = assignor.assign(countsOf(second), members);
        const other = assignor.assign(countsOf(second), members.toReversed());
        expect(sortedShown(other)).toEqual(sortedShown(one));
      }),
    );
  });
});

describe.each(sticky)("$name, at random", (assignor) => {
  it.each([true, false])("is balanced, and moves nothing twice (all alike: %s)", (alike) => {
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 4 }), (rounds) => {
        let before: Assignment = new Map();
        for (const now of rounds) {
          const { assignment } = settle(assignor, now, before, alike);
          expectBalanced(now, assignment, alike);
          // Nothing happened: nothing moves.
          const again = settle(assignor, now, assignment, alike).assignment;
          expect(sortedShown(again)).toEqual(sortedShown(assignment));
          before = assignment;
        }
      }),
      { numRuns: 200 },
    );
  });

  it("keeps as much as balance allows, when all read the same", () => {
    fc.assert(
      fc.property(round, round, (first, second) => {
        const before = settle(assignor, first, new Map(), true).assignment;
        const now = { ...second, sizes: first.sizes };
        const after = settle(assignor, now, before, true).assignment;
        const total = first.sizes.reduce((a, b) => a + b);
        const quota = Math.floor(total / now.members.length);
        let more = total % now.members.length;
        let most = 0;
        for (const id of now.members) {
          const had = before.get(id)?.length ?? 0;
          const extra = had > quota && more > 0 ? 1 : 0;
          more -= extra;
          most += Math.min(had, quota + extra);
        }
        let kept = 0;
        for (const [id, places] of after) {
          const had = new Set((before.get(id) ?? []).map(name));
          kept += places.filter((place) => had.has(name(place))).length;
        }
        expect(kept).toBe(most);
      }),
      { numRuns: 200 },
    );
  });
});

it("a thousand members and partitions are divided whole", () => {
  const members = Array.from({ length: 1000 }, (_, i) =>
    member(cooperativeStickyAssignor, `m${i}`, i % 2 === 0 ? ["t", "u"] : ["t"]),
  );
  const assignment = cooperativeStickyAssignor.assign(counts({ t: 1000, u: 500 }), members);
  const sizes = [...assignment.values()].map(({ length }) => length);
  expect(sizes.reduce((a, b) => a + b)).toBe(1500);
  expect(Math.max(...sizes) - Math.min(...sizes)).toBe(1);
});
