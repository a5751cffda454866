import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Assignor, AssignorGroup } from "../../../../src/group/assignors/assignor.ts";
import { assignRange } from "../../../../src/group/assignors/range.ts";
import { assignHeterogeneous } from "../../../../src/group/assignors/uniform-heterogeneous.ts";
import { assignHomogeneous } from "../../../../src/group/assignors/uniform-homogeneous.ts";
import {
  anyGroups,
  changed,
  countOf,
  expectBalanced,
  expectComplete,
  groupOf,
  homogeneousGroups,
  pairs,
  stays,
  withTargets,
} from "./invariants.ts";

function reassigned(
  groups: fc.Arbitrary<AssignorGroup>,
  assign: Assignor,
): fc.Arbitrary<AssignorGroup> {
  return groups.chain((group) => changed(withTargets(group, assign(group))));
}

describe("uniform, all members with the same topics", () => {
  const groups = fc.oneof(homogeneousGroups, reassigned(homogeneousGroups, assignHomogeneous));

  test("GRP131 every partition has one reader, and no two readers differ by more than one", () => {
    fc.assert(
      fc.property(groups, (group) => {
        const assignment = assignHomogeneous(group);
        expectComplete(group, assignment);
        const loads = group.members.map(({ memberId }) => countOf(assignment, memberId));
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThan(2);
      }),
      { numRuns: 500 },
    );
  });

  test("GRP132 no balanced assignment lets more partitions stay where they are", () => {
    fc.assert(
      fc.property(reassigned(homogeneousGroups, assignHomogeneous), (group) => {
        expect(stays(group, assignHomogeneous(group))).toBe(mostStays(group));
      }),
      { numRuns: 500 },
    );
  });

  test("GRP132 what is assigned again as it was is not touched", () => {
    fc.assert(
      fc.property(homogeneousGroups, (group) => {
        const assignment = assignHomogeneous(group);
        const again = assignHomogeneous(withTargets(group, assignment));
        for (const [memberId, target] of again) expect(target).toBe(assignment.get(memberId));
      }),
    );
  });
});

/** Each may keep what it has up to the least share, and the richest one more, as far as that goes. */
function mostStays(group: AssignorGroup): number {
  const topics = group.members[0]?.topicIds ?? [];
  const total = topics.reduce((sum, topicId) => sum + (group.partitions.get(topicId) ?? 0), 0);
  const least = Math.floor(total / group.members.length);
  const extras = total % group.members.length;
  const held = group.members.map(({ target }) => pairs(target).length);
  const kept = held.reduce((sum, count) => sum + Math.min(count, least), 0);
  return kept + Math.min(extras, held.filter((count) => count > least).length);
}

describe("uniform, members with topics of their own", () => {
  const groups = fc.oneof(anyGroups, reassigned(anyGroups, assignHeterogeneous));

  test("GRP131 every partition has one reader, and no single move would even two readers out", () => {
    fc.assert(
      fc.property(groups, (group) => {
        const assignment = assignHeterogeneous(group);
        expectComplete(group, assignment);
        expectBalanced(group, assignment);
      }),
      { numRuns: 500 },
    );
  });

  test("GRP132 what is assigned again as it was stays where it is", () => {
    fc.assert(
      fc.property(anyGroups, (group) => {
        const assignment = assignHeterogeneous(group);
        const again = withTargets(group, assignment);
        const total = group.members.reduce((sum, m) => sum + countOf(assignment, m.memberId), 0);
        expect(stays(again, assignHeterogeneous(again))).toBe(total);
      }),
    );
  });

  test("GRP132 a new reader takes its share and nothing else moves", () => {
    const before = groupOf(
      [
        { memberId: "a", topicIds: ["t", "u"] },
        { memberId: "b", topicIds: ["t"] },
      ],
      { t: 6, u: 3 },
    );
    const assigned = withTargets(before, assignHeterogeneous(before));
    const group = {
      ...assigned,
      members: [
        ...assigned.members,
        { memberId: "c", instanceId: null, topicIds: ["t"], target: new Map() },
      ],
    };
    const after = assignHeterogeneous(group);
    expect(["a", "b", "c"].map((id) => countOf(after, id))).toEqual([3, 3, 3]);
    expect(stays(group, after)).toBe(6);
  });
});

describe("range", () => {
  test("GRP133 every partition has one reader, in ranges that differ by one within a topic", () => {
    fc.assert(
      fc.property(anyGroups, (group) => {
        const assignment = assignRange(group);
        expectComplete(group, assignment);
        for (const topicId of group.partitions.keys()) {
          const readers = group.members.filter(({ topicIds }) => topicIds.includes(topicId));
          const sizes = readers.map(
            ({ memberId }) => assignment.get(memberId)?.get(topicId)?.length ?? 0,
          );
          if (sizes.length > 0) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(2);
        }
        for (const topics of assignment.values()) {
          for (const indexes of topics.values()) {
            const first = indexes[0] ?? 0;
            expect(indexes).toEqual(indexes.map((_, at) => first + at));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("GRP133 topics of the same size are cut in the same places", () => {
    const topicIds = ["t", "u"];
    const group = groupOf(
      ["c", "a", "b"].map((memberId) => ({ memberId, topicIds })),
      { t: 7, u: 7 },
    );
    const assignment = assignRange(group);
    expect(assignment.get("a")).toEqual(
      new Map([
        ["t", [0, 1, 2]],
        ["u", [0, 1, 2]],
      ]),
    );
    expect(assignment.get("b")).toEqual(
      new Map([
        ["t", [3, 4]],
        ["u", [3, 4]],
      ]),
    );
    expect(assignment.get("c")).toEqual(
      new Map([
        ["t", [5, 6]],
        ["u", [5, 6]],
      ]),
    );
  });

  test("GRP133 a static member keeps its place under another member id", () => {
    const topicIds = ["t"];
    const members = (id: string) => [
      { memberId: "b", topicIds },
      { memberId: id, instanceId: "i2", topicIds },
      { memberId: "z", instanceId: "i1", topicIds },
    ];
    const before = assignRange(groupOf(members("c"), { t: 3 }));
    const after = assignRange(groupOf(members("a"), { t: 3 }));
    expect(before.get("z")?.get("t")).toEqual([0]);
    expect(before.get("c")?.get("t")).toEqual([1]);
    expect(after.get("a")?.get("t")).toEqual([1]);
    expect(after.get("b")?.get("t")).toEqual([2]);
  });
});
