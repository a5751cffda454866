/** What any assignment must be, said slowly and plainly; and groups to try it on. */
import fc from "fast-check";
import { expect } from "vitest";
import type {
  AssignorGroup,
  AssignorMember,
  TopicPartitions,
} from "../../../../src/group/assignors/assignor.ts";

export type Assignment = ReadonlyMap<string, TopicPartitions>;

export interface MemberSpec {
  readonly memberId: string;
  readonly instanceId?: string | null;
  readonly topicIds: readonly string[];
  readonly target?: TopicPartitions;
}

export function groupOf(
  members: readonly MemberSpec[],
  partitions: Readonly<Record<string, number>>,
): AssignorGroup {
  const all: AssignorMember[] = members.map((member) => ({
    instanceId: null,
    target: new Map(),
    ...member,
  }));
  const first = JSON.stringify(all[0]?.topicIds);
  return {
    members: all,
    partitions: new Map(Object.entries(partitions)),
    homogeneous: all.every(({ topicIds }) => JSON.stringify(topicIds) === first),
  };
}

/** The group again, each member with what it was given. */
export function withTargets(group: AssignorGroup, assignment: Assignment): AssignorGroup {
  const members = group.members.map((member) => ({
    ...member,
    target: assignment.get(member.memberId) ?? new Map(),
  }));
  return { ...group, members };
}

export function pairs(partitions: TopicPartitions): string[] {
  return [...partitions].flatMap(([topicId, indexes]) => indexes.map((p) => `${topicId}-${p}`));
}

export function countOf(assignment: Assignment, memberId: string): number {
  return pairs(assignment.get(memberId) ?? new Map()).length;
}

export function expectComplete(group: AssignorGroup, assignment: Assignment): void {
  const given: string[] = [];
  for (const { memberId, topicIds } of group.members) {
    const mine = assignment.get(memberId);
    if (mine === undefined) throw new Error(`${memberId} is not in the assignment`);
    for (const [topicId, indexes] of mine) {
      expect(topicIds).toContain(topicId);
      expect(indexes.length).toBeGreaterThan(0);
      expect([...indexes]).toEqual([...indexes].sort((a, b) => a - b));
    }
    given.push(...pairs(mine));
  }
  const wanted = new Set(group.members.flatMap(({ topicIds }) => topicIds));
  const expected = [...wanted].flatMap((topicId) =>
    Array.from({ length: group.partitions.get(topicId) ?? 0 }, (_, p) => `${topicId}-${p}`),
  );
  expect(given.sort()).toEqual(expected.sort());
}

/** Moving any one partition to another of its readers would not make the two more even. */
export function expectBalanced(group: AssignorGroup, assignment: Assignment): void {
  for (const from of group.members) {
    const load = countOf(assignment, from.memberId);
    for (const topicId of assignment.get(from.memberId)?.keys() ?? []) {
      for (const to of group.members) {
        if (!to.topicIds.includes(topicId)) continue;
        expect(load - countOf(assignment, to.memberId)).toBeLessThan(2);
      }
    }
  }
}

/** How many partitions stay with who had them. */
export function stays(group: AssignorGroup, assignment: Assignment): number {
  let count = 0;
  for (const { memberId, target } of group.members) {
    const now = new Set(pairs(assignment.get(memberId) ?? new Map()));
    count += pairs(target).filter((pair) => now.has(pair)).length;
  }
  return count;
}

const topicIds = ["t0", "t1", "t2", "t3"];

function member(index: number, topics: fc.Arbitrary<string[]>): fc.Arbitrary<MemberSpec> {
  return fc.record({
    memberId: fc.constant(`m${String(index).padStart(2, "0")}`),
    instanceId: fc.option(fc.constant(`i${(index * 7) % 11}`), { nil: null }),
    topicIds: topics,
  });
}

const counts = fc
  .tuple(...topicIds.map(() => fc.integer({ min: 0, max: 12 })))
  .map((numbers) => Object.fromEntries(numbers.map((count, at) => [`t${at}`, count])));

function groups(topics: (shared: string[]) => fc.Arbitrary<string[]>): fc.Arbitrary<AssignorGroup> {
  return fc
    .tuple(fc.integer({ min: 1, max: 10 }), fc.subarray(topicIds), counts)
    .chain(([size, shared, partitions]) =>
      fc
        .tuple(...Array.from({ length: size }, (_, at) => member(at, topics(shared))))
        .map((members) => groupOf(members, partitions)),
    );
}

export const homogeneousGroups = groups((shared) => fc.constant(shared));
export const anyGroups = groups(() => fc.subarray(topicIds));

/** A group that was assigned, and what became of it: members come and go, topics grow. */
export function changed(group: AssignorGroup): fc.Arbitrary<AssignorGroup> {
  const grown = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 });
  return fc
    .tuple(fc.shuffledSubarray([...group.members], { minLength: 1 }), grown, fc.nat({ max: 3 }))
    .map(([stayers, growth, joiners]) => {
      const newcomers = Array.from({ length: joiners }, (_, at) => ({
        memberId: `n${at}`,
        instanceId: null,
        topicIds: stayers[0]?.topicIds ?? [],
        target: new Map<string, readonly number[]>(),
      }));
      const partitions = new Map(
        [...group.partitions].map(([topicId, count], at) => [topicId, count + (growth[at] ?? 0)]),
      );
      return { ...group, members: [...stayers, ...newcomers], partitions };
    });
}
