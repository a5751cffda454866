import { describe, expect, test } from "vitest";
import { GROUP, GroupHarness, owns, range, reads, settle, stableGroup } from "./harness.ts";

describe("a group from nothing to stable", () => {
  test("GRP40 one member gets an id, joins, leads and assigns itself everything", () => {
    const h = new GroupHarness();
    const asked = h.join();
    expect(asked.body).toMatchObject({ errorCode: 79, memberId: "c-u1" });
    expect(h.state).toBe("Empty");

    const joined = h.join({ memberId: "c-u1" });
    h.pass(0);
    expect(joined.body).toMatchObject({
      errorCode: 0,
      generationId: 1,
      protocolType: "consumer",
      protocolName: "range",
      leader: "c-u1",
      memberId: "c-u1",
      skipAssignment: false,
      members: [{ memberId: "c-u1", groupInstanceId: null, metadata: reads("t") }],
    });
    expect(h.state).toBe("CompletingRebalance");

    const synced = h.sync("c-u1", {
      assignments: [{ memberId: "c-u1", assignment: owns("t", 0, 1, 2) }],
    });
    expect(synced.body).toMatchObject({ errorCode: 0, assignment: owns("t", 0, 1, 2) });
    expect(h.state).toBe("Stable");
    expect(h.heartbeat("c-u1", 1)).toBe(0);
  });

  test("GRP42 a second member makes the first rejoin, and followers wait for the leader", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    const second = h.enter();
    expect(second.waits).toBe(true);
    expect(h.heartbeat(a, 1)).toBe(27);

    const rejoined = h.join({ memberId: a });
    const b = second.body.memberId;
    expect(rejoined.body).toMatchObject({ generationId: 2, leader: a });
    expect(rejoined.body.members?.map(({ memberId }) => memberId)).toEqual([a, b]);
    expect(second.body).toMatchObject({ generationId: 2, leader: a, members: [] });

    const follower = h.sync(b);
    expect(follower.waits).toBe(true);
    const leader = h.sync(a, { assignments: [{ memberId: a, assignment: owns("t", 0) }] });
    expect(leader.body.assignment).toEqual(owns("t", 0));
    expect(follower.body).toMatchObject({ errorCode: 0, assignment: new Uint8Array(0) });
  });

  test("GRP70 members commit what they read, and a new coordinator knows it", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null, null]);
    const generationIdOrMemberEpoch = h.group.generationId;
    expect(h.commitCode({ "t-0": 5, "t-1": 7 }, { memberId: a, generationIdOrMemberEpoch })).toBe(
      0,
    );
    h.failOver();
    expect(h.committed()).toEqual({ "t-0": 5, "t-1": 7 });
    expect(h.heartbeat(a, generationIdOrMemberEpoch)).toBe(0);
  });

  test("GRP46 who leaves takes its partitions along, and the rest rebalance", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    expect(h.leave([{ memberId: b }]).body).toMatchObject({
      errorCode: 0,
      members: [{ errorCode: 0 }],
    });
    expect(h.heartbeat(a, h.group.generationId)).toBe(27);
    expect(settle(h)).toEqual([a]);
    h.leave([{ memberId: a }]);
    expect(h.state).toBe("Empty");
    expect(h.join({ memberId: a, groupId: GROUP, protocols: range() }).code).toBe(25);
  });
});
