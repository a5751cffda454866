import { describe, expect, test } from "vitest";
import { GROUP, GroupHarness, range, reads, settle, stableGroup } from "./harness.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const WEEK = 7 * DAY;
/** offsets.retention.check.interval.ms */
const BEAT = 10 * MINUTE;

/** Heartbeats of all members while time passes. */
function live(h: GroupHarness, ids: readonly string[], ms: number): void {
  const step = 25_000;
  for (let passed = 0; passed < ms; passed += step) {
    for (const memberId of ids) h.heartbeat(memberId, h.group.generationId);
    h.pass(Math.min(step, ms - passed));
  }
}

const LONG = { sessionTimeoutMs: 1_800_000 };

describe("groups without members", () => {
  test("GRP81 keep their offsets for seven days after the last member", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null], LONG);
    const as = { memberId: a, generationIdOrMemberEpoch: h.group.generationId };
    h.commit({ "t-0": 1 }, as);
    live(h, [a], 20 * MINUTE);
    h.leave([{ memberId: a }]);
    h.pass(WEEK - 1);
    expect(h.committed()).toEqual({ "t-0": 1 });
    h.pass(BEAT);
    expect(h.state).toBe("Dead");
    expect([...h.replayed().groups.all()]).toEqual([]);
  });

  test("GRP81 also those that were committed later", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.leave([{ memberId: a }]);
    h.pass(BEAT - 1);
    h.commit({ "t-0": 1 });
    h.pass(WEEK + 1);
    expect(h.committed()).toEqual({});
  });

  test("GRP81 a new coordinator goes by the same time", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.commit({ "t-0": 1 }, { memberId: a, generationIdOrMemberEpoch: h.group.generationId });
    h.leave([{ memberId: a }]);
    h.pass(6 * DAY);
    h.failOver();
    h.pass(DAY - 1);
    expect(h.committed()).toEqual({ "t-0": 1 });
    h.pass(BEAT);
    expect(h.state).toBe("Dead");
  });

  test("GRP81 who joins in time keeps them", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.commit({ "t-0": 1 }, { memberId: a, generationIdOrMemberEpoch: h.group.generationId });
    h.leave([{ memberId: a }]);
    h.pass(WEEK - MINUTE);
    const ids = stableGroup(h, [null], LONG);
    live(h, ids, DAY);
    expect(h.committed()).toEqual({ "t-0": 1 });
  });

  test("GRP82 simple groups keep each offset for seven days after its commit", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1, "t-1": 1 });
    h.pass(DAY);
    h.commit({ "t-1": 2, "t-2": 2 });
    h.pass(WEEK - DAY - 1);
    expect(h.committed()).toEqual({ "t-0": 1, "t-1": 2, "t-2": 2 });
    h.pass(BEAT);
    expect(h.committed()).toEqual({ "t-1": 2, "t-2": 2 });
    h.pass(DAY);
    expect(h.state).toBe("Dead");
  });

  test("GRP80 a retention of the commit's own comes before all rules", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1 }, { retentionTimeMs: MINUTE });
    h.commit({ "t-1": 1 }, { retentionTimeMs: 2 * WEEK });
    h.pass(MINUTE + BEAT);
    expect(h.committed()).toEqual({ "t-1": 1 });
    h.failOver();
    h.pass(WEEK + DAY);
    expect(h.committed()).toEqual({ "t-1": 1 });
    h.pass(WEEK);
    expect(h.committed()).toEqual({});
  });

  test("GRP80 a later commit without one takes it back", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1 }, { retentionTimeMs: MINUTE });
    h.commit({ "t-0": 2 });
    h.pass(DAY);
    expect(h.committed()).toEqual({ "t-0": 2 });
  });
});

describe("groups with members", () => {
  const joinReading = (h: GroupHarness, ...topics: string[]) =>
    stableGroup(h, [null], { ...LONG, protocols: range(reads(...topics)) });

  test("GRP83 expire what nobody reads any more, seven days after its commit", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1, "old-0": 1 });
    const ids = joinReading(h, "t");
    live(h, ids, WEEK - 1);
    expect(h.committed()).toEqual({ "t-0": 1, "old-0": 1 });
    live(h, ids, BEAT);
    expect(h.committed()).toEqual({ "t-0": 1 });
  });

  test("GRP83 and what they ceased to read long after its commit, on the next beat", () => {
    const h = new GroupHarness();
    const [a = ""] = joinReading(h, "t", "u");
    const generationIdOrMemberEpoch = h.group.generationId;
    h.commit({ "t-0": 1, "u-0": 1 }, { memberId: a, generationIdOrMemberEpoch });
    live(h, [a], WEEK + DAY);
    expect(h.committed()).toEqual({ "t-0": 1, "u-0": 1 });
    h.join({ ...LONG, memberId: a, protocols: range(reads("t")) });
    settle(h);
    live(h, [a], BEAT);
    expect(h.committed()).toEqual({ "t-0": 1 });
  });

  test("GRP83 not of a group that rebalances, nor of one of no consumers", () => {
    const h = new GroupHarness();
    h.commit({ "old-0": 1 }, { retentionTimeMs: MINUTE });
    const rebalancing = { rebalanceTimeoutMs: 3 * BEAT, sessionTimeoutMs: 3 * BEAT };
    const [a = ""] = stableGroup(h, [null], { ...rebalancing, protocols: range(reads("t")) });
    h.enter(rebalancing);
    h.pass(2 * BEAT - MINUTE);
    expect(h.state).toBe("PreparingRebalance");
    expect(h.committed()).toEqual({ "old-0": 1 });
    h.join({ ...rebalancing, memberId: a });
    settle(h);
    h.pass(BEAT);
    expect(h.committed()).toEqual({});

    const connect = new GroupHarness();
    connect.commit({ "old-0": 1 });
    const ids = stableGroup(connect, [null], { ...LONG, protocolType: "connect" });
    live(connect, ids, WEEK + BEAT);
    expect(connect.committed()).toEqual({ "old-0": 1 });
  });
});

describe("the end of a group", () => {
  test("GRP84 without an offset it goes a beat after it was last asked something", () => {
    const h = new GroupHarness();
    const { memberId } = h.join().body;
    expect(h.state).toBe("Empty");
    h.pass(BEAT - 1);
    expect(h.state).toBe("Empty");
    expect(memberId).not.toBe("");
    h.pass(BEAT);
    expect(h.state).toBe("Dead");
    expect([...h.replayed().groups.all()]).toEqual([]);
  });

  test("GRP84 also when its offsets were deleted, or read by nobody", () => {
    const h = new GroupHarness();
    h.commit({ "t-0": 1 });
    h.ask<"topicDeleted">({ api: "topicDeleted", body: { topics: ["t"] } });
    expect(h.state).toBe("Empty");
    h.pass(2 * BEAT);
    expect(h.state).toBe("Dead");
  });

  test("GRP84 not while somebody is in it", () => {
    const h = new GroupHarness();
    const ids = stableGroup(h, [null], LONG);
    live(h, ids, DAY);
    expect(h.state).toBe("Stable");
  });

  test("GRP84 a group read from the log gets a beat as well", () => {
    const h = new GroupHarness();
    h.join();
    h.pass(BEAT / 2);
    h.failOver();
    h.pass(BEAT - 1);
    expect(h.state).toBe("Empty");
    h.pass(BEAT);
    expect(h.state).toBe("Dead");
  });
});

describe("the cost of expiry", () => {
  test("GRP86 a group with nothing due costs no tick for seven days", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    h.commit({ "t-0": 1 }, { memberId: a, generationIdOrMemberEpoch: h.group.generationId });
    h.leave([{ memberId: a }]);
    h.commit({ "t-0": 1 }, { groupId: "simple" });
    // What the members' sessions left behind, and a look at what the group reads.
    expect(h.ticksIn(2 * BEAT)).toBeLessThanOrEqual(3);
    expect(h.ticksIn(WEEK - 2 * BEAT - 1)).toBe(0);
    expect(h.ticksIn(BEAT)).toBe(1);
    expect(h.machine.deadline()).toBe(Infinity);
  });

  test("GRP85 many groups share a beat", () => {
    const h = new GroupHarness();
    h.nowMs = Math.ceil(h.nowMs / BEAT) * BEAT + 1;
    for (let i = 0; i < 50; i++) {
      h.commit({ "t-0": 1 }, { groupId: `g${i}` });
      h.pass(10_000);
    }
    expect(h.ticksIn(WEEK + BEAT)).toBe(1);
    expect([...h.machine.groups.all()]).toEqual([]);
  });

  test("GRP85 500 offsets a turn, the rest at once", () => {
    const h = new GroupHarness();
    const offsets = Array.from({ length: 1_200 }, (_, at) => [`t-${at}`, 1]);
    h.commit(Object.fromEntries(offsets));
    const wanted = h.machine.deadline();
    expect(wanted % BEAT).toBe(0);
    h.pass(wanted - h.nowMs - 1);
    expect(Object.keys(h.committed())).toHaveLength(1_200);
    expect(h.ticksIn(1)).toBe(3);
    expect(h.state).toBe("Dead");
    expect(h.log).toHaveLength(1_200 + 1_200 + 1);
  });

  test("GRP85 who joins or commits while offsets expire keeps what is new", () => {
    const h = new GroupHarness();
    const offsets = Array.from({ length: 1_200 }, (_, at) => [`t-${at}`, 1]);
    h.commit(Object.fromEntries(offsets));
    h.nowMs = h.machine.deadline();
    h.machine.step(h.nowMs, { kind: "tick" }, { facts: h.log, messages: [], replies: [] });
    expect(Object.keys(h.committed())).toHaveLength(700);
    h.commit({ "t-0": 5, "t-1199": 6 });
    h.pass(0);
    expect(h.committed()).toEqual({ "t-0": 5, "t-1199": 6 });
    expect(h.state).toBe("Empty");
    expect(h.machine.groups.get(GROUP)).toBeDefined();
  });
});
