import { describe, expect, test } from "vitest";
import { GROUP, GroupHarness, settle, stableGroup } from "./harness.ts";

describe("heartbeats", () => {
  test("GRP55 are refused by group, member, instance and generation, in this order", () => {
    const h = new GroupHarness();
    const [s = "", d = ""] = stableGroup(h, ["s", null]);
    const { generationId } = h.group;
    expect(
      h.ask<"heartbeat">({
        api: "heartbeat",
        body: { groupId: "", generationId, memberId: s, groupInstanceId: null },
      }).code,
    ).toBe(24);
    expect(
      h.ask<"heartbeat">({
        api: "heartbeat",
        body: { groupId: "none", generationId, memberId: s, groupInstanceId: null },
      }).code,
    ).toBe(25);
    expect(h.heartbeat("nobody", 99)).toBe(25);
    expect(h.heartbeat(d, 99, "s")).toBe(82);
    expect(h.heartbeat(d, 99, "nobody")).toBe(25);
    expect(h.heartbeat(s, generationId - 1, "s")).toBe(22);
    expect(h.heartbeat(s, generationId, "s")).toBe(0);
    expect(h.heartbeat(s, generationId)).toBe(0);
  });

  test("GRP55 are told of a join phase, and of none before the assignment", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    h.join({ memberId: a });
    expect(h.heartbeat(b, h.group.generationId)).toBe(27);
    h.join({ memberId: b });
    expect(h.state).toBe("CompletingRebalance");
    expect(h.heartbeat(b, h.group.generationId)).toBe(0);
  });

  test("GRP55 of who is only expected are unknown", () => {
    const h = new GroupHarness();
    stableGroup(h, [null]);
    const { memberId } = h.join().body;
    expect(h.heartbeat(memberId, h.group.generationId)).toBe(25);
  });
});

describe("sessions", () => {
  test("GRP56 end a session timeout after the last sign of life, and the rest rebalance", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null], { sessionTimeoutMs: 10_000 });
    const { generationId } = h.group;
    h.pass(6_000);
    expect(h.heartbeat(a, generationId)).toBe(0);
    h.pass(3_998);
    expect(h.heartbeat(b, generationId)).toBe(0);
    h.pass(6_001);
    expect(h.heartbeat(a, generationId)).toBe(0);
    h.pass(3_998);
    expect(h.state).toBe("Stable");
    h.pass(1);
    expect(h.heartbeat(b, generationId)).toBe(25);
    expect(h.heartbeat(a, generationId)).toBe(27);
    expect(settle(h)).toEqual([a]);
  });

  test("GRP56 go on with commits, in a join phase too", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null], { sessionTimeoutMs: 6_000 });
    const as = { memberId: a, generationIdOrMemberEpoch: h.group.generationId };
    h.pass(5_000);
    expect(h.commitCode({ "t-0": 1 }, as)).toBe(0);
    h.enter();
    h.pass(5_000);
    expect(h.commitCode({ "t-0": 2 }, as)).toBe(0);
    h.pass(5_999);
    expect(h.heartbeat(a, h.group.generationId)).toBe(27);
  });

  test("GRP56 do not end while the member's own request waits", () => {
    const h = new GroupHarness();
    const short = { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 60_000 };
    const [a = "", b = ""] = stableGroup(h, [null, null], short);
    const waiting = h.join({ ...short, memberId: a });
    for (let ms = 0; ms < 40_000; ms += 5_000) {
      h.pass(5_000);
      expect(h.heartbeat(b, h.group.generationId)).toBe(27);
    }
    expect(waiting.waits).toBe(true);
    h.join({ ...short, memberId: b });
    expect(waiting.code).toBe(0);
    const follower = h.sync(b);
    h.pass(5_000);
    expect(h.heartbeat(a, h.group.generationId)).toBe(0);
    h.pass(5_000);
    expect(follower.waits).toBe(true);
    h.sync(a);
    expect(follower.code).toBe(0);
    h.pass(5_999);
    expect(h.heartbeat(b, h.group.generationId)).toBe(0);
  });

  /** A member of a short session and one of a long one, the leader. */
  const pair = () => {
    const h = new GroupHarness();
    h.enter({ sessionTimeoutMs: 60_000 });
    h.pass(1);
    const ids = stableGroup(h, [null], { sessionTimeoutMs: 6_000 });
    return { h, ids };
  };

  test("GRP56 begin anew with the end of a join phase, however long the join waited", () => {
    const { h, ids } = pair();
    const [long = "", short = ""] = ids;
    h.enter({ sessionTimeoutMs: 60_000 });
    const waiting = h.join({ sessionTimeoutMs: 6_000, memberId: short });
    h.pass(20_000);
    expect(waiting.waits).toBe(true);
    h.join({ sessionTimeoutMs: 60_000, memberId: long });
    expect(waiting.code).toBe(0);
    const { generationId } = h.group;
    h.pass(5_999);
    expect(h.heartbeat(long, generationId)).toBe(0);
    h.pass(1);
    expect(h.heartbeat(long, generationId)).toBe(27);
    expect(h.heartbeat(short, generationId)).toBe(25);
  });

  test("GRP56 begin anew when a sync that waited is refused", () => {
    const { h, ids } = pair();
    const [long = "", short = ""] = ids;
    h.join({ sessionTimeoutMs: 60_000, memberId: long });
    h.join({ sessionTimeoutMs: 6_000, memberId: short });
    const waiting = h.sync(short);
    h.pass(20_000);
    expect(waiting.waits).toBe(true);
    h.enter({ sessionTimeoutMs: 60_000 });
    expect(waiting.code).toBe(27);
    h.pass(5_999);
    expect(h.group.members.get(short)).toBeDefined();
    h.pass(1);
    expect(h.group.members.get(short)).toBeUndefined();
  });

  test("GRP22 all begin anew with a new coordinator, in the generation that was stored", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null], { sessionTimeoutMs: 10_000 });
    const { generationId } = h.group;
    h.pass(9_999);
    const newcomer = h.join({}, { apiVersion: 0 });
    h.failOver(16);
    expect(newcomer.code).toBe(16);
    expect(h.state).toBe("Stable");
    h.pass(9_999);
    expect(h.heartbeat(a, generationId)).toBe(0);
    h.pass(1);
    expect(h.heartbeat(b, generationId)).toBe(25);
    expect(h.heartbeat(a, generationId)).toBe(27);
  });

  test("GRP22 who was in the middle of a rebalance joins again", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    const { generationId } = h.group;
    for (const memberId of [a, b]) h.join({ memberId });
    const follower = h.sync(b);
    h.failOver(16);
    expect(follower.code).toBe(16);
    expect(h.group).toMatchObject({ state: "Stable", generationId });
    expect(h.sync(b, { generationId: generationId + 1 }).code).toBe(22);
    expect(h.heartbeat(a, generationId + 1)).toBe(22);
    const again = [h.join({ memberId: a }), h.join({ memberId: b })];
    expect(again.map(({ body }) => body.generationId)).toEqual([
      generationId + 1,
      generationId + 1,
    ]);
  });

  test("GRP57 a newcomer's join waits five minutes at most", () => {
    const h = new GroupHarness();
    const forever = { rebalanceTimeoutMs: 3_600_000, sessionTimeoutMs: 1_800_000 };
    const [a = ""] = stableGroup(h, [null], forever);
    const newcomer = h.enter({ rebalanceTimeoutMs: 60_000 });
    h.pass(299_999);
    expect(newcomer.waits).toBe(true);
    h.pass(1);
    expect(newcomer.body).toMatchObject({ errorCode: 25, memberId: "" });
    expect(h.state).toBe("PreparingRebalance");
    expect(settle(h)).toEqual([a]);
  });
});

describe("LeaveGroup", () => {
  test("GRP58 answers each of many, and the group rebalances once", () => {
    const h = new GroupHarness();
    const ids = stableGroup(h, [null, "s", "t", null]);
    const [a = ""] = ids;
    const dynamic = ids.filter((id) => id.startsWith("c-") && id !== a);
    const { memberId: expected } = h.join().body;
    const { body } = h.leave([
      { memberId: dynamic[0] ?? "" },
      { groupInstanceId: "s" },
      { memberId: "wrong", groupInstanceId: "t" },
      { groupInstanceId: "nobody" },
      { memberId: "nobody" },
      { memberId: expected },
    ]);
    expect(body.errorCode).toBe(0);
    expect(body.members?.map(({ errorCode }) => errorCode)).toEqual([0, 0, 82, 25, 25, 0]);
    expect(body.members?.[1]).toEqual({ memberId: "", groupInstanceId: "s", errorCode: 0 });
    expect(h.group.members.size).toBe(2);
    expect(h.group.members.pendingSize).toBe(0);
    expect(h.state).toBe("PreparingRebalance");
  });

  test("GRP58 before v3 it is one member, and its code is the answer's", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    expect(h.leave([{ memberId: "nobody" }], 2).body).toEqual({ errorCode: 25, members: [] });
    expect(h.leave([{ memberId: a }], 2).body).toEqual({ errorCode: 0, members: [] });
    expect(h.state).toBe("Empty");
  });

  test("GRP58 of a group that is not there nobody is known", () => {
    const h = new GroupHarness();
    const members = [{ memberId: "m", groupInstanceId: null, errorCode: 25 }];
    expect(h.leave([{ memberId: "m" }]).body).toEqual({ errorCode: 0, members });
    expect(h.leave([{ memberId: "m" }], 1).body).toEqual({ errorCode: 25, members: [] });
    const empty = { groupId: "", memberId: "", members: [] };
    expect(h.ask<"leaveGroup">({ api: "leaveGroup", body: empty }).code).toBe(24);
  });

  test("GRP58 who is only expected leaves a stable group as it is, and ends a join phase", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    const { memberId } = h.join().body;
    h.leave([{ memberId }]);
    expect(h.state).toBe("Stable");
    const { memberId: other } = h.join().body;
    const rejoined = h.join({ memberId: a });
    expect(rejoined.waits).toBe(true);
    h.leave([{ memberId: other }]);
    expect(rejoined.code).toBe(0);
  });

  test("GRP59 whose join or sync waits is answered 25", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    const joining = h.join({ memberId: a });
    h.leave([{ memberId: a }]);
    expect(joining.body).toMatchObject({ errorCode: 25, memberId: "" });
    h.join({ memberId: b });
    const newcomer = h.enter();
    h.join({ memberId: b });
    const syncing = h.sync(newcomer.body.memberId);
    expect(syncing.waits).toBe(true);
    h.leave([{ memberId: newcomer.body.memberId }]);
    expect(syncing.code).toBe(25);
    expect(settle(h)).toEqual([b]);
  });
});

describe("cost", () => {
  const MEMBERS = 1_000;

  test("GRP90 a thousand members rebalance, and the leader alone is told of them", () => {
    const h = new GroupHarness();
    const ids = stableGroup(
      h,
      Array.from({ length: MEMBERS }, () => null),
    );
    const rejoins = ids.map((memberId) => h.join({ memberId }));
    expect(rejoins.filter(({ body }) => (body.members?.length ?? 0) > 0)).toHaveLength(1);
    expect(rejoins[0]?.body.members).toHaveLength(MEMBERS);
    expect(new Set(rejoins.map(({ body }) => body.generationId)).size).toBe(1);
    expect(h.replayed().groups.get(GROUP)?.stateName).toBe("Stable");
  });

  test("GRP91 heartbeats move no alarm but once a session timeout", () => {
    const h = new GroupHarness();
    const ids = stableGroup(h, ["a", "b", "c"], { sessionTimeoutMs: 45_000 });
    const { generationId } = h.group;
    let moved = 0;
    let ticks = 0;
    for (let ms = 0; ms < 450_000; ms += 3_000) {
      ticks += h.ticksIn(3_000);
      for (const memberId of ids) {
        const before = h.machine.deadline();
        expect(h.heartbeat(memberId, generationId)).toBe(0);
        if (h.machine.deadline() !== before) moved++;
      }
    }
    expect(moved).toBe(0);
    expect(ticks).toBeLessThanOrEqual(11);
  });
});
