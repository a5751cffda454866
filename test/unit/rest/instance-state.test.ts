import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import {
  adopted,
  fenced,
  heard,
  heartbeatRequest,
  isFenced,
  leaveRequest,
  releasable,
  released,
  surplus,
  unnamed,
} from "../../../src/rest/instances/member.ts";
import {
  advanced,
  assignedByHand,
  newInstance,
  sought,
  subscribed,
  uncommitted,
  undone,
  unsubscribed,
  withCommitted,
} from "../../../src/rest/instances/state.ts";
import type { Assigned, InstanceData } from "../../../src/rest/instances/types.ts";
import { INSTANCE_GIVE_UP_MS } from "../../../src/rest/limits.ts";
import { INSTANCE_CONFIG_DEFAULT } from "../../../src/rest/v2/instance-config.ts";

const A = "AAAAAAAAAAAAAAAAAAAAAA";
const B = "BBBBBBBBBBBBBBBBBBBBBA";
const NAMES = new Map([
  [A, "a"],
  [B, "b"],
]);
const NOW = 1_000;

function assigned(
  topic: "a" | "b",
  partition: number,
  position: number | null = null,
  committed: number | null = null,
): Assigned {
  return { topic, topicId: topic === "a" ? A : B, partition, position, committed };
}

function member(assignedNow: readonly Assigned[] = [], epoch = 3): InstanceData {
  const fresh = newInstance(INSTANCE_CONFIG_DEFAULT, { group: "g", name: "i" }, NOW);
  const data = subscribed(fresh, { topics: ["a", "b"], pattern: null }, "m");
  return {
    ...data,
    member: { memberId: "m", epoch, target: null, giveUpAtMs: null },
    assigned: assignedNow,
  };
}

function answer(memberEpoch: number, topicPartitions: [string, number[]][] | null) {
  const assignment =
    topicPartitions === null
      ? null
      : {
          topicPartitions: topicPartitions.map(([topicId, partitions]) => ({
            ...{ topicId, partitions },
          })),
        };
  return {
    ...{ throttleTimeMs: 0, errorCode: 0, errorMessage: null, memberId: "m", memberEpoch },
    ...{ heartbeatIntervalMs: 5_000, assignment },
  };
}

const place = (topic: string, partition: number) => ({ topic, partition });

describe("positions of a consumer instance", () => {
  test("REST23: a read moves what it read from; what was moved meanwhile is lost to it", () => {
    const data = member([assigned("a", 0, 5), assigned("a", 1, 8), assigned("a", 2)]);
    const done = advanced(
      data,
      [
        { ...place("a", 0), planned: 5, from: 5, to: 9 },
        { ...place("a", 1), planned: 7, from: 7, to: 8 },
        { ...place("a", 2), planned: null, from: 3, to: 4 },
        { ...place("b", 0), planned: 0, from: 0, to: 1 },
      ],
      true,
    );
    expect(done.data.assigned.map(({ position }) => position)).toEqual([9, 8, 4]);
    expect(done.lost).toEqual([place("a", 1), place("b", 0)]);
    expect(done.data.sequence).toBe(data.sequence + 1);
  });

  test("REST29: a read that is undone goes back to where it began, once", () => {
    const data = member([assigned("a", 0, 5), assigned("a", 1)]);
    const advances = [
      { ...place("a", 0), planned: 5, from: 5, to: 9 },
      { ...place("a", 1), planned: null, from: 3, to: 4 },
    ];
    const back = undone(advanced(data, advances, true).data);
    expect(back.assigned.map(({ position }) => position)).toEqual([5, 3]);
    expect([back.sequence, back.lastRead]).toEqual([data.sequence, null]);
    expect(advanced(data, advances, false).data).toMatchObject({
      ...{ sequence: data.sequence, lastRead: null },
    });
  });

  test("what is not committed is what a commit would move forward, or what was sought", () => {
    const data = member([
      assigned("a", 0, 5, 5),
      assigned("a", 1, 6, 5),
      assigned("a", 2, 4, 5),
      assigned("b", 0, 4, null),
      assigned("b", 1),
    ]);
    expect(uncommitted(data.assigned)).toEqual([
      { ...place("a", 1), offset: 6 },
      { ...place("b", 0), offset: 4 },
    ]);
    const back = sought(data, [{ ...place("a", 0), offset: 1 }]);
    expect(uncommitted(back?.assigned ?? [])).toContainEqual({ ...place("a", 0), offset: 1 });
    const done = withCommitted(data, [
      { ...place("a", 1), offset: 6 },
      { ...place("b", 0), offset: 4 },
    ]);
    expect(uncommitted(done.assigned)).toEqual([]);
  });

  test("a seek moves all or nothing", () => {
    const data = member([assigned("a", 0, 5)]);
    expect(sought(data, [{ ...place("a", 0), offset: 1 }])?.assigned[0]?.position).toBe(1);
    const wrong = [
      { ...place("a", 0), offset: 1 },
      { ...place("a", 7), offset: 1 },
    ];
    expect(sought(data, wrong)).toBeNull();
  });

  test("an assignment by hand keeps the positions of partitions that stay, each once", () => {
    const fresh = newInstance(INSTANCE_CONFIG_DEFAULT, { group: "g", name: "i" }, NOW);
    const first = assignedByHand(fresh, [place("a", 0), place("a", 0), place("a", 1)]);
    expect(first.assigned).toHaveLength(2);
    const moved = sought(first, [{ ...place("a", 1), offset: 4 }]);
    const second = assignedByHand(moved ?? first, [place("a", 1), place("b", 2)]);
    expect(second.assigned.map(({ position }) => position)).toEqual([4, null]);
    expect(unsubscribed(second).assigned).toEqual([]);
  });
});

describe("a consumer instance as a member", () => {
  test("a heartbeat says everything, each time; one that joins has nothing yet", () => {
    const data = member([assigned("a", 0), assigned("b", 1), assigned("a", 2)]);
    expect(heartbeatRequest(data, data.member ?? fail())).toMatchObject({
      ...{ groupId: "g", memberId: "m", memberEpoch: 3, instanceId: null },
      ...{ subscribedTopicNames: ["a", "b"], subscribedTopicRegex: "" },
      topicPartitions: [
        { topicId: A, partitions: [0, 2] },
        { topicId: B, partitions: [1] },
      ],
    });
    const joining = member([], 0);
    expect(heartbeatRequest(joining, joining.member ?? fail())).toMatchObject({
      ...{ memberEpoch: 0, topicPartitions: [], rebalanceTimeoutMs: expect.any(Number) },
    });
    const byPattern = subscribed(data, { topics: null, pattern: "o.*" }, "other");
    expect(heartbeatRequest(byPattern, byPattern.member ?? fail())).toMatchObject({
      ...{ memberId: "m", subscribedTopicNames: [], subscribedTopicRegex: "o.*" },
    });
    expect(leaveRequest(data, data.member ?? fail())).toMatchObject({ memberEpoch: -1 });
  });

  test("what the group gives is taken with its name; a topic without one is left out", () => {
    const data = heard(
      member([assigned("a", 0, 5)]),
      answer(4, [
        [A, [0, 1]],
        [B, [2]],
      ]),
      NOW,
    );
    expect(data.member).toMatchObject({ epoch: 4, giveUpAtMs: null });
    expect(unnamed(data)).toEqual([B]);
    expect(adopted(data, NAMES).assigned).toEqual([
      ...[assigned("a", 0, 5), assigned("a", 1), assigned("b", 2)],
    ]);
    expect(adopted(data, new Map([[A, "a"]])).assigned).toHaveLength(2);
    expect(heard(adopted(data, NAMES), answer(5, null), NOW).assigned).toHaveLength(3);
  });

  test("REST25: a partition that is wanted back goes at once when all of it is committed", () => {
    const data = heard(
      member([assigned("a", 0, 5, 5), assigned("a", 1, 6, 5), assigned("b", 0)]),
      answer(4, []),
      NOW,
    );
    expect(surplus(data.assigned, data.member?.target ?? null)).toHaveLength(3);
    const free = releasable(data, false, NOW);
    expect(free.map(({ topic, partition }) => place(topic, partition))).toEqual([
      ...[place("a", 0), place("b", 0)],
    ]);
    const left = released(data, free);
    expect(left.assigned).toEqual([assigned("a", 1, 6, 5)]);
    expect(left.member?.giveUpAtMs).toBe(NOW + INSTANCE_GIVE_UP_MS);
  });

  test("REST25: otherwise when the client is here, or after a while, which does not begin anew", () => {
    const first = heard(member([assigned("a", 1, 6, 5)]), answer(4, []), NOW);
    expect(releasable(first, false, NOW)).toEqual([]);
    expect(releasable(first, true, NOW)).toHaveLength(1);
    const later = heard(first, answer(4, null), NOW + 5_000);
    expect(later.member?.giveUpAtMs).toBe(NOW + INSTANCE_GIVE_UP_MS);
    expect(releasable(later, false, NOW + INSTANCE_GIVE_UP_MS - 1)).toEqual([]);
    const gone = releasable(later, false, NOW + INSTANCE_GIVE_UP_MS);
    expect(gone).toHaveLength(1);
    expect(released(later, gone).member?.giveUpAtMs).toBeNull();
  });

  test("REST26: a fenced member has nothing, and joins again under its own id", () => {
    expect(isFenced(ErrorCode.FENCED_MEMBER_EPOCH)).toBe(true);
    expect(isFenced(ErrorCode.UNKNOWN_MEMBER_ID)).toBe(true);
    expect(isFenced(ErrorCode.COORDINATOR_NOT_AVAILABLE)).toBe(false);
    const data = fenced(member([assigned("a", 0, 5)]));
    expect(data).toMatchObject({ assigned: [], member: { memberId: "m", epoch: 0 } });
  });
});

function fail(): never {
  throw new Error("a subscribed instance is a member");
}
