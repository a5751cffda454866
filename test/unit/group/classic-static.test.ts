import { describe, expect, test } from "vitest";
import { GroupHarness, owns, range, reads, settle, stableGroup } from "./harness.ts";

const back = (h: GroupHarness, groupInstanceId: string, apiVersion = 9, protocols = range()) =>
  h.join({ groupInstanceId, protocols }, { apiVersion, clientId: "again", clientHost: "/new" });

describe("a static member that comes back", () => {
  test("GRP60 takes over the old one's place and assignment, under a new id", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, ["i", "j"]);
    const { generationId } = h.group;
    const { memberId } = back(h, "j").body;
    expect(memberId).not.toBe(b);
    expect(h.sync(memberId, { groupInstanceId: "j" }).body.assignment).toEqual(owns("t", 1));
    expect(h.heartbeat(memberId, generationId, "j")).toBe(0);
    expect(h.heartbeat(a, generationId, "i")).toBe(0);
  });

  test("GRP60 fences every later request of the old one", () => {
    const h = new GroupHarness();
    const [, b = ""] = stableGroup(h, ["i", "j"]);
    const generationIdOrMemberEpoch = h.group.generationId;
    back(h, "j");
    const old = { memberId: b, groupInstanceId: "j" };
    expect(h.heartbeat(b, generationIdOrMemberEpoch, "j")).toBe(82);
    expect(h.join(old).code).toBe(82);
    expect(h.sync(b, { groupInstanceId: "j" }).code).toBe(82);
    expect(h.commitCode({ "t-0": 1 }, { ...old, generationIdOrMemberEpoch })).toBe(82);
    expect(h.leave([old]).body.members?.[0]?.errorCode).toBe(82);
    expect(h.committed()).toEqual({});
  });

  test("GRP60 without its instance's name the old one is unknown", () => {
    const h = new GroupHarness();
    const [, b = ""] = stableGroup(h, ["i", "j"]);
    back(h, "j");
    expect(h.heartbeat(b, h.group.generationId)).toBe(25);
  });

  test("GRP60 fences what waits for the old one", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, ["i", "j"]);
    const joining = h.join({ memberId: a, groupInstanceId: "i" });
    const again = back(h, "i");
    expect(joining.body).toMatchObject({ errorCode: 82, memberId: a });
    expect(again.waits).toBe(true);
    h.join({ memberId: b, groupInstanceId: "j" });
    expect(again.body).toMatchObject({ errorCode: 0, leader: again.body.memberId });
    const syncing = h.sync(b, { groupInstanceId: "j" });
    back(h, "j");
    expect(syncing.code).toBe(82);
  });
});

describe("in a stable group", () => {
  test("GRP61 a follower is back without a rebalance, and the record says so", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, ["i", "j"]);
    const { generationId } = h.group;
    const records = h.log.length;
    const { body } = back(h, "j");
    expect(body).toMatchObject({
      errorCode: 0,
      generationId,
      leader: a,
      members: [],
      skipAssignment: false,
    });
    expect(h.state).toBe("Stable");
    expect(h.log).toHaveLength(records + 1);
    h.failOver();
    const members = Array.from(h.group.members.all(), ({ memberId }) => memberId);
    expect(members.sort()).toEqual([a, body.memberId].sort());
    expect(h.group.members.get(body.memberId)).toMatchObject({
      assignment: owns("t", 1),
      clientId: "again",
      clientHost: "/new",
    });
  });

  test("GRP61 a leader of v9 is told to lead without assigning", () => {
    const h = new GroupHarness();
    const [, b = ""] = stableGroup(h, ["i", "j"]);
    const { body } = back(h, "i");
    expect(body).toMatchObject({ errorCode: 0, leader: body.memberId, skipAssignment: true });
    const ids = body.members?.map(({ memberId }) => memberId) ?? [];
    expect([...ids].sort()).toEqual([b, body.memberId].sort());
    expect(h.group.members.leaderId).toBe(body.memberId);
    expect(h.state).toBe("Stable");
  });

  test("GRP61 a leader of before v9 is told of its old id, lest it assigns", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, ["i", "j"]);
    const { body } = back(h, "i", 8);
    expect(body).toMatchObject({ errorCode: 0, leader: a, members: [], skipAssignment: false });
    expect(body.memberId).not.toBe(a);
    expect(h.group.members.leaderId).toBe(body.memberId);
  });

  test("GRP61 it may read something else without a rebalance, and the group knows", () => {
    const h = new GroupHarness();
    stableGroup(h, ["i"]);
    back(h, "i", 9, range(reads("u")));
    expect(h.state).toBe("Stable");
    expect([h.group.isSubscribedTo("t"), h.group.isSubscribedTo("u")]).toEqual([false, true]);
  });

  test("GRP61 and begins no rebalance later, when it had not synced before it went", () => {
    const h = new GroupHarness();
    const times = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 10_000 };
    const [a = "", b = ""] = stableGroup(h, ["i", "j"], times);
    h.join({ ...times, memberId: a, groupInstanceId: "i" });
    h.join({ ...times, memberId: b, groupInstanceId: "j" });
    h.sync(a, { groupInstanceId: "i" });
    expect(h.state).toBe("Stable");
    expect(h.join({ ...times, groupInstanceId: "j" }).code).toBe(0);
    h.pass(10_000);
    expect(h.state).toBe("Stable");
  });

  test("GRP61 that its new metadata makes too large for one record rebalances", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, ["i", "j"]);
    h.join({ memberId: a, groupInstanceId: "i" });
    h.join({ memberId: b, groupInstanceId: "j" });
    const assignment = new Uint8Array(4 * 1024 * 1024 - 1_000);
    const assigned = h.sync(a, {
      groupInstanceId: "i",
      assignments: [{ memberId: a, assignment }],
    });
    expect(assigned.code).toBe(0);
    const records = h.log.length;
    expect(back(h, "j", 9, range(new Uint8Array(1_000))).waits).toBe(true);
    expect(h.state).toBe("PreparingRebalance");
    expect(h.log).toHaveLength(records);
  });

  test("GRP62 another protocol begins a rebalance", () => {
    const h = new GroupHarness();
    const both = [...range(), { name: "sticky", metadata: reads("t") }];
    const sticky = [{ name: "sticky", metadata: reads("t") }];
    const [a = "", b = ""] = stableGroup(h, ["i", "j"], { protocols: both });
    const again = back(h, "j", 9, sticky);
    expect(again.waits).toBe(true);
    expect(h.state).toBe("PreparingRebalance");
    h.join({ memberId: a, groupInstanceId: "i", protocols: both });
    expect(again.body).toMatchObject({ errorCode: 0, protocolName: "sticky", leader: a });
    expect(h.heartbeat(b, h.group.generationId, "j")).toBe(82);
  });
});

describe("in the middle of a rebalance", () => {
  test("GRP62 before the assignment another rebalance begins", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, ["i", "j"]);
    h.join({ memberId: a, groupInstanceId: "i" });
    h.join({ memberId: b, groupInstanceId: "j" });
    const leader = h.sync(b, { groupInstanceId: "j" });
    expect(h.state).toBe("CompletingRebalance");
    const again = back(h, "i");
    expect(h.state).toBe("PreparingRebalance");
    expect(leader.code).toBe(27);
    expect(again.waits).toBe(true);
    expect(settle(h)).toEqual([again.body.memberId, b]);
  });

  test("GRP62 in a join phase it has rejoined", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, ["i", "j"]);
    const first = h.join({ memberId: a, groupInstanceId: "i" });
    const again = back(h, "j");
    expect([first.code, again.code]).toEqual([0, 0]);
    expect(again.body).toMatchObject({ leader: a, members: [] });
  });

  test("GRP51 who did not join a generation is no part of it, though it knows the number", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, ["i", "j"], {
      rebalanceTimeoutMs: 5_000,
      sessionTimeoutMs: 30_000,
    });
    h.join({ memberId: a, groupInstanceId: "i", rebalanceTimeoutMs: 5_000 });
    h.pass(5_000);
    const { generationId } = h.group;
    h.sync(a, {
      groupInstanceId: "i",
      assignments: [{ memberId: a, assignment: owns("t", 0, 1) }],
    });
    expect(h.state).toBe("Stable");
    const as = { memberId: b, groupInstanceId: "j", generationIdOrMemberEpoch: generationId };
    expect(h.heartbeat(b, generationId, "j")).toBe(22);
    expect(h.commitCode({ "t-1": 1 }, as)).toBe(22);
    expect(h.sync(b, { groupInstanceId: "j" }).code).toBe(22);
    const joined = h.join({ memberId: b, groupInstanceId: "j" });
    expect(joined.body).toMatchObject({ errorCode: 0, generationId });
    expect(h.heartbeat(b, generationId, "j")).toBe(0);
  });

  test("GRP41 who is gone for good leaves with its session", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, ["i", "j"], { sessionTimeoutMs: 30_000 });
    const { generationId } = h.group;
    for (let ms = 0; ms < 30_000; ms += 5_000) {
      expect(h.heartbeat(a, generationId, "i")).toBe(0);
      h.pass(5_000);
    }
    expect(h.heartbeat(a, generationId, "i")).toBe(27);
    expect(settle(h)).toEqual([a]);
  });
});
