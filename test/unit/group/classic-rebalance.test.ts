import { describe, expect, test } from "vitest";
import { GROUP, GroupHarness, owns, range, reads, settle, stableGroup } from "./harness.ts";

describe("a group from nothing to stable", () => {
  test("GRP42 one member gets an id, joins, leads and assigns itself everything", () => {
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

  test("GRP47 a second member makes the first rejoin, and followers wait for the leader", () => {
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

  test("GRP58 who leaves takes its partitions along, and the rest rebalance", () => {
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

describe("the first members of a group", () => {
  const DELAY = 3_000;
  const delayed = () => new GroupHarness({ initialRebalanceDelayMs: DELAY });

  test("GRP40 wait for others, and as long again after each that came", () => {
    const h = delayed();
    const first = h.enter();
    h.pass(DELAY - 1);
    const second = h.enter();
    h.pass(DELAY);
    expect([first.waits, second.waits]).toEqual([true, true]);
    h.pass(1);
    expect([first.body.generationId, second.body.generationId]).toEqual([1, 1]);
  });

  test("GRP40 do not wait longer when nobody comes", () => {
    const h = delayed();
    const first = h.enter();
    h.pass(DELAY - 1);
    expect(first.waits).toBe(true);
    h.pass(1);
    expect(first.code).toBe(0);
  });

  test("GRP40 wait no longer than their rebalance timeout in all", () => {
    const h = delayed();
    const joins = [h.enter({ rebalanceTimeoutMs: 7_000 })];
    for (let ms = 1_000; ms < 7_000; ms += 1_000) {
      h.pass(1_000);
      joins.push(h.enter({ rebalanceTimeoutMs: 1_000 }));
    }
    h.pass(999);
    expect(joins.every((join) => join.waits)).toBe(true);
    h.pass(1);
    expect(joins.map(({ code }) => code)).toEqual(joins.map(() => 0));
  });

  test("GRP40 who came in an earlier life of the group makes nobody wait", () => {
    const h = delayed();
    const short = { rebalanceTimeoutMs: DELAY };
    const first = h.enter(short);
    const second = h.enter(short);
    h.pass(DELAY);
    h.leave([{ memberId: first.body.memberId }, { memberId: second.body.memberId }]);
    expect(h.state).toBe("Empty");
    const third = h.enter({ rebalanceTimeoutMs: 60_000 });
    h.pass(DELAY);
    expect(third.code).toBe(0);
  });

  test("GRP40 who leaves meanwhile ends nothing; a group that all left is empty again", () => {
    const h = delayed();
    const first = h.enter();
    const { memberId } = [...h.group.members.all()][0] ?? { memberId: "" };
    h.leave([{ memberId }]);
    expect(first.code).toBe(25);
    expect(h.state).toBe("PreparingRebalance");
    h.pass(DELAY);
    expect(h.state).toBe("Empty");
    expect(h.group.generationId).toBe(1);
  });
});

describe("a join phase", () => {
  test("GRP41 waits for all members, and for who was given an id", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    const expected = h.join().body.memberId;
    const first = h.join({ memberId: a });
    const second = h.join({ memberId: b });
    expect([first.waits, second.waits]).toEqual([true, true]);
    h.join({ memberId: expected });
    expect(first.body.members).toHaveLength(3);
  });

  test("GRP41 waits for who was given an id no longer than for its session", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.join({ sessionTimeoutMs: 6_000 });
    const rejoined = h.join({ memberId: a });
    h.pass(5_999);
    expect(rejoined.waits).toBe(true);
    h.pass(1);
    expect(rejoined.code).toBe(0);
  });

  test("GRP41 drops dynamic members that do not rejoin, and keeps static ones", () => {
    const h = new GroupHarness();
    const long = { rebalanceTimeoutMs: 30_000, sessionTimeoutMs: 60_000 };
    const ids = stableGroup(h, [null, null, "s"], long);
    const [a = ""] = ids;
    const { generationId } = h.group;
    const rejoined = h.join({ ...long, memberId: a });
    h.pass(29_999);
    expect(rejoined.waits).toBe(true);
    h.pass(1);
    expect(rejoined.body).toMatchObject({ errorCode: 0, generationId: generationId + 1 });
    const groupInstanceIds = rejoined.body.members?.map((member) => member.groupInstanceId);
    expect(groupInstanceIds).toEqual([null, "s"]);
  });

  test("GRP42 the first that rejoined leads when the leader did not", () => {
    const h = new GroupHarness();
    const long = { sessionTimeoutMs: 60_000 };
    const [a = "", b = "", c = ""] = stableGroup(h, [null, null, null], long);
    h.leave([{ memberId: b }]);
    const rejoined = h.join({ ...long, memberId: c });
    h.pass(60_000);
    expect(rejoined.body).toMatchObject({ errorCode: 0, leader: c });
    expect(h.heartbeat(a, h.group.generationId)).toBe(25);
  });

  test("GRP44 begins anew when only static members are left and none rejoined", () => {
    const h = new GroupHarness();
    const long = { rebalanceTimeoutMs: 10_000, sessionTimeoutMs: 60_000 };
    const [s = "", d = ""] = stableGroup(h, ["s", null], long);
    h.leave([{ memberId: d }]);
    const { generationId } = h.group;
    h.pass(35_000);
    expect(h.state).toBe("PreparingRebalance");
    expect(h.group.generationId).toBe(generationId);
    const rejoined = h.join({ ...long, memberId: s, groupInstanceId: "s" });
    expect(rejoined.body).toMatchObject({ errorCode: 0, generationId: generationId + 1 });
  });

  test("GRP45 of which nobody is left makes the group empty, one generation on", () => {
    const h = new GroupHarness();
    stableGroup(h, ["s", null]);
    const { generationId } = h.group;
    h.pass(10_000);
    expect(h.state).toBe("Empty");
    expect(h.group).toMatchObject({ generationId: generationId + 1, protocolName: null });
    const { group } = Object.assign(new GroupHarness(), { machine: h.replayed() });
    expect(group).toMatchObject({ generationId: generationId + 1, protocolType: "consumer" });
  });
});

describe("SyncGroup", () => {
  test("GRP46 is refused by member, generation, protocol and state, in this order", () => {
    const h = new GroupHarness();
    const [a = "", s = ""] = stableGroup(h, [null, "s"]);
    const wrong = { generationId: 99, protocolName: "sticky" };
    const instance = { groupInstanceId: "s" };
    expect(h.sync("nobody", wrong).code).toBe(25);
    expect(h.sync(a, { ...wrong, groupInstanceId: "nobody" }).code).toBe(25);
    expect(h.sync(a, { ...wrong, ...instance }).code).toBe(82);
    expect(h.sync(s, { ...wrong, ...instance }).code).toBe(22);
    expect(h.sync(a, wrong).code).toBe(22);
    expect(h.sync(a, { protocolName: "sticky" }).code).toBe(23);
    expect(h.sync(a, { protocolType: "connect" }).code).toBe(23);
    expect(h.sync(a, { protocolType: "consumer", protocolName: "range" }).body).toMatchObject({
      errorCode: 0,
      protocolType: "consumer",
      protocolName: "range",
    });
    h.join({ memberId: a });
    expect(h.sync(a, { protocolName: "sticky" }).code).toBe(23);
    expect(h.sync(a).code).toBe(27);
    expect(h.sync(a, { groupId: "" }).code).toBe(24);
    expect(h.sync(a, { groupId: "none" }).code).toBe(25);
  });

  test("GRP47 only the leader's assignment counts, and it is one record", () => {
    const h = new GroupHarness();
    const [a = "", b = "", c = ""] = stableGroup(h, [null, null, null]);
    for (const memberId of [a, b, c]) h.join({ memberId });
    const records = h.log.length;
    const mine = [{ memberId: b, assignment: owns("t", 0, 1, 2) }];
    const follower = h.sync(b, { assignments: mine });
    expect(follower.waits).toBe(true);
    h.sync(a, { assignments: [{ memberId: b, assignment: owns("t", 1) }] });
    expect(h.log).toHaveLength(records + 1);
    expect(follower.body.assignment).toEqual(owns("t", 1));
    // Who comes late gets what is stored, which for the forgotten is nothing.
    expect(h.sync(c).body).toMatchObject({ errorCode: 0, assignment: new Uint8Array(0) });
    expect(h.sync(b, { assignments: [] }).body.assignment).toEqual(owns("t", 1));
  });

  test("GRP48 who waits for the assignment is told when a rebalance begins instead", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    for (const memberId of [a, b]) h.join({ memberId });
    const follower = h.sync(b);
    h.enter();
    expect(follower.code).toBe(27);
    expect(h.state).toBe("PreparingRebalance");
    expect(h.sync(a, { assignments: [] }).code).toBe(27);
  });

  test("GRP49 who does not sync in time is out, the leader too", () => {
    const h = new GroupHarness();
    const long = { rebalanceTimeoutMs: 10_000, sessionTimeoutMs: 60_000 };
    const [a = "", b = ""] = stableGroup(h, [null, null], long);
    for (const memberId of [a, b]) h.join({ ...long, memberId });
    const follower = h.sync(b);
    h.pass(9_999);
    expect(follower.waits).toBe(true);
    h.pass(1);
    expect(follower.code).toBe(27);
    expect(h.heartbeat(a, h.group.generationId)).toBe(25);
    expect(settle(h)).toEqual([b]);
  });

  test("GRP49 of a group that is stable already as well", () => {
    const h = new GroupHarness();
    const long = { rebalanceTimeoutMs: 10_000, sessionTimeoutMs: 60_000 };
    const [a = "", b = ""] = stableGroup(h, [null, null], long);
    for (const memberId of [a, b]) h.join({ ...long, memberId });
    h.sync(a);
    expect(h.state).toBe("Stable");
    h.pass(10_000);
    expect(h.heartbeat(a, h.group.generationId)).toBe(27);
    expect(settle(h)).toEqual([a]);
    h.pass(10_000);
    expect(h.heartbeat(b, h.group.generationId)).toBe(25);
  });

  test("GRP50 an assignment that does not fit is refused to all, and they rebalance", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    for (const memberId of [a, b]) h.join({ memberId });
    const follower = h.sync(b);
    const records = h.log.length;
    const assignment = new Uint8Array(4 * 1024 * 1024);
    const leader = h.sync(a, { assignments: [{ memberId: a, assignment }] });
    expect([leader.code, follower.code]).toEqual([-1, -1]);
    expect(h.log).toHaveLength(records);
    expect(h.state).toBe("PreparingRebalance");
    expect(settle(h)).toEqual([a, b]);
  });
});
