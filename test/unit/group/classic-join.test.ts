import { describe, expect, test } from "vitest";
import { GROUP, GroupHarness, range, reads, settle, stableGroup } from "./harness.ts";

const offers = (...names: string[]) => names.map((name) => ({ name, metadata: reads("t") }));

describe("what is refused whatever the group", () => {
  test.each([
    ["an empty group id", { groupId: "" }, 24],
    ["a group id that is too long", { groupId: "g".repeat(4_097) }, 24],
    ["a session timeout below the least", { sessionTimeoutMs: 5_999 }, 26],
    ["a session timeout above the most", { sessionTimeoutMs: 1_800_001 }, 26],
    ["an instance id that is too long", { groupInstanceId: "i".repeat(4_097) }, 42],
    ["a protocol type that is too long", { protocolType: "p".repeat(4_097) }, 42],
    ["a protocol name that is too long", { protocols: offers("p".repeat(4_097)) }, 42],
    [
      "too many protocols",
      { protocols: offers(...Array.from({ length: 65 }, (_, i) => `${i}`)) },
      42,
    ],
    ["too much metadata", { protocols: range(new Uint8Array(256 * 1024 + 1)) }, 42],
  ])("GRP30 %s", (_what, body, code) => {
    const h = new GroupHarness();
    expect(h.join({ ...body, memberId: "m" }).body).toMatchObject({
      errorCode: code,
      memberId: "m",
      members: [],
    });
    expect(h.join(body).code).toBe(code);
    expect(h.log).toEqual([]);
    expect(h.machine.deadline()).toBe(Infinity);
  });

  test("GRP30 a client's name makes its member id, and may not be too long either", () => {
    expect(new GroupHarness().join({}, { clientId: "c".repeat(4_097) }).code).toBe(42);
  });

  test("GRP30 of two protocols with one name the first counts", () => {
    const h = new GroupHarness();
    const protocols = [...range(reads("a")), ...range(reads("b")), ...offers("sticky")];
    const joined = h.enter({ protocols });
    h.pass(0);
    expect(joined.body.members?.[0]?.metadata).toEqual(reads("a"));
    h.sync(joined.body.memberId);
    h.leave([{ memberId: joined.body.memberId }]);
    // The names were counted once each, so nothing is left of them.
    expect(h.enter({ protocols: offers("other") }).waits).toBe(false);
  });
});

describe("the group that is joined", () => {
  test("GRP31 a member without an id makes it, with a record; one with an id does not", () => {
    const h = new GroupHarness();
    expect(h.join({ memberId: "m" }).code).toBe(25);
    expect(h.state).toBe("Dead");
    h.join();
    expect(h.state).toBe("Empty");
    expect(h.log).toHaveLength(1);
    expect(h.replayed().groups.get(GROUP)).toMatchObject({ stateName: "Empty", protocolType: "" });
  });

  test.each([
    ["no protocol type", { protocolType: "" }],
    ["no protocol", { protocols: [] }],
  ])("GRP31 with %s it is not made", (_what, body) => {
    const h = new GroupHarness();
    expect(h.join(body).code).toBe(23);
    expect(h.log).toEqual([]);
  });

  test("GRP33 the protocol type must be the group's, and a protocol common to all", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null], { protocols: offers("range", "sticky") });
    stableGroup(h, [null], { protocols: offers("sticky", "cooperative") });
    expect(h.join({ protocolType: "connect", protocols: offers("sticky") }).code).toBe(23);
    expect(h.join({ protocols: offers("range", "cooperative") }).code).toBe(23);
    expect(h.join({ protocols: offers("sticky") }).code).toBe(79);
    expect(h.join({ memberId: a, protocols: offers("range") }).body).toMatchObject({
      errorCode: 23,
      memberId: a,
    });
    expect(h.state).toBe("Stable");
  });
});

describe("member ids", () => {
  test("GRP32 from v4 on an id is given first, and joins within the session timeout", () => {
    const h = new GroupHarness();
    const { memberId } = h.join({ sessionTimeoutMs: 6_000 }, { clientId: "app" }).body;
    expect(memberId).toBe("app-u1");
    expect(h.group.members.pendingSize).toBe(1);
    h.pass(5_999);
    expect(h.join({ memberId, sessionTimeoutMs: 6_000 }).waits).toBe(false);
    expect(h.group.members.pendingSize).toBe(0);

    const { memberId: late } = h.join({ sessionTimeoutMs: 6_000 }).body;
    h.pass(6_000);
    expect(h.join({ memberId: late }).code).toBe(25);
  });

  test("GRP32 before v4 it joins at once", () => {
    const h = new GroupHarness();
    expect(h.join({}, { apiVersion: 3, clientId: "old" }).body).toMatchObject({
      errorCode: 0,
      memberId: "old-u1",
      leader: "old-u1",
    });
  });

  test("GRP32 a static member joins at once, under its instance's name", () => {
    const h = new GroupHarness();
    expect(h.join({ groupInstanceId: "i" }).body).toMatchObject({
      errorCode: 0,
      memberId: "i-u1",
      members: [{ memberId: "i-u1", groupInstanceId: "i" }],
    });
  });

  test("GRP32 the id that a dynamic member was given is none of a static one's", () => {
    const h = new GroupHarness();
    const { memberId } = h.join().body;
    expect(h.join({ memberId, groupInstanceId: "i" }).code).toBe(25);
    expect(h.group.members.pendingSize).toBe(1);
  });

  test("GRP37 a request that comes twice makes one member", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null]);
    const once = { uuid: "once", apiVersion: 9 };
    expect([h.join({}, once).code, h.join({}, once).code]).toEqual([79, 79]);
    expect(h.group.members.pendingSize).toBe(1);
    h.join({ memberId: "c-once" });

    const old = { uuid: "old", apiVersion: 3 };
    const [first, second] = [h.join({}, old), h.join({}, old)];
    expect(first.code).toBe(27);
    h.join({ memberId: a });
    expect(second.body).toMatchObject({ errorCode: 0, memberId: "c-old" });

    const instance = { groupInstanceId: "i" };
    const older = h.join(instance, { uuid: "static" });
    const again = h.join(instance, { uuid: "static" });
    expect(older.code).toBe(27);
    settle(h);
    expect(again.body).toMatchObject({ errorCode: 0, memberId: "i-static" });
    expect(h.group.members.size).toBe(4);
  });

  test("GRP32 at most 10,000 are expected", () => {
    const h = new GroupHarness();
    for (let i = 0; i < 10_000; i++) h.join();
    expect(h.join().code).toBe(81);
    h.pass(10_000);
    expect(h.join().code).toBe(79);
  });

  test("GRP38 v0 rebalances within the session timeout", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null], { sessionTimeoutMs: 20_000 });
    h.join({ sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000 }, { apiVersion: 0 });
    const longest = [...h.group.members.all()].map(({ offer }) => offer.rebalanceTimeoutMs);
    expect(longest).toEqual([60_000, 10_000]);
    expect(h.group.members.get(a)?.offer.sessionTimeoutMs).toBe(20_000);
  });
});

describe("a full group", () => {
  test("GRP34 takes no newcomer, but those that it has", () => {
    const h = new GroupHarness({ maxSize: 2 });
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    expect(h.join().body).toMatchObject({ errorCode: 81, memberId: "" });
    expect(h.state).toBe("Stable");
    expect(h.join({ memberId: b }).code).toBe(0);
    expect(h.join({ memberId: a }).waits).toBe(true);
    expect(settle(h)).toEqual([a, b]);
  });

  test("GRP34 that is too large loses those who rejoin last", () => {
    const h = new GroupHarness();
    const [a = "", b = "", c = ""] = stableGroup(h, [null, null, null]);
    const small = new GroupHarness({ maxSize: 2 });
    small.log.push(...h.log);
    small.failOver();
    expect(small.state).toBe("PreparingRebalance");
    expect(small.heartbeat(a, small.group.generationId)).toBe(27);
    const joins = [small.join({ memberId: c }), small.join({ memberId: b })];
    expect(small.join({ memberId: a }).body).toMatchObject({ errorCode: 81, memberId: "" });
    expect(joins.map(({ code }) => code)).toEqual([0, 0]);
    expect(settle(small)).toEqual([b, c]);
  });

  test("GRP34 a static member that comes back takes no room", () => {
    const h = new GroupHarness({ maxSize: 1 });
    stableGroup(h, ["i"]);
    expect(h.join({ groupInstanceId: "j" }).code).toBe(81);
    expect(h.join({ groupInstanceId: "i" }).code).toBe(0);
  });

  /** Fifteen of these, and one more that is small, fit in 4 MiB. */
  const large = { protocols: range(new Uint8Array(256 * 1024)) };

  test("GRP34 is also one whose record would be larger than 4 MiB", () => {
    const h = new GroupHarness();
    const joins = Array.from({ length: 16 }, (_, at) =>
      h.join({ ...large, groupInstanceId: `i${at}` }),
    );
    expect(joins.at(-1)?.code).toBe(81);
    expect(h.group.members.size).toBe(15);
    expect(h.join({ groupInstanceId: "small" }).waits).toBe(true);
  });

  test("GRP34 a member that grows too large is out, and the others go on without it", () => {
    const h = new GroupHarness();
    const instances = Array.from({ length: 15 }, (_, at) => `i${at}`);
    for (const groupInstanceId of instances) h.join({ ...large, groupInstanceId });
    const ids = stableGroup(h, [null]);
    const small = ids.find((id) => id.startsWith("c-")) ?? "";
    expect(h.join({ ...large, memberId: small }).body).toMatchObject({
      errorCode: 81,
      memberId: "",
    });
    expect(h.state).toBe("PreparingRebalance");
    expect(settle(h)).toHaveLength(15);
  });
});

describe("who rejoins", () => {
  test("GRP35 a follower with nothing new keeps its generation, a leader begins another", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    const { generationId } = h.group;
    expect(h.join({ memberId: b }).body).toMatchObject({
      errorCode: 0,
      generationId,
      leader: a,
      members: [],
    });
    expect(h.state).toBe("Stable");
    expect(h.join({ memberId: a }).waits).toBe(true);
    expect(h.state).toBe("PreparingRebalance");
  });

  test("GRP35 a follower that reads something else begins a rebalance", () => {
    const h = new GroupHarness();
    const [, b = ""] = stableGroup(h, [null, null]);
    expect(h.join({ memberId: b, protocols: range(reads("u")) }).waits).toBe(true);
    expect(h.state).toBe("PreparingRebalance");
  });

  test("GRP35 before the assignment each may ask again for what it was told", () => {
    const h = new GroupHarness();
    const a = h.enter();
    const b = h.enter();
    h.pass(1);
    h.join({ memberId: a.body.memberId });
    expect(h.state).toBe("CompletingRebalance");
    const { generationId } = h.group;
    for (const { memberId } of [a.body, b.body]) {
      const again = h.join({ memberId }).body;
      expect(again).toMatchObject({ errorCode: 0, generationId });
      expect(again.members?.length).toBe(memberId === again.leader ? 2 : 0);
    }
    expect(h.join({ memberId: b.body.memberId, protocols: range(reads("u")) }).waits).toBe(true);
    expect(h.state).toBe("PreparingRebalance");
  });

  test("GRP36 of two joins of one member the older is answered 27", () => {
    const h = new GroupHarness();
    const [a = ""] = stableGroup(h, [null, null]);
    const first = h.join({ memberId: a });
    const second = h.join({ memberId: a });
    expect(first.body).toMatchObject({ errorCode: 27, memberId: a });
    expect(second.waits).toBe(true);
  });

  test("GRP36 of two syncs of one member the older is answered 27", () => {
    const h = new GroupHarness();
    const [a = "", b = ""] = stableGroup(h, [null, null]);
    h.join({ memberId: a });
    h.join({ memberId: b });
    const first = h.sync(b);
    const second = h.sync(b);
    expect(first.code).toBe(27);
    expect(second.waits).toBe(true);
    h.sync(a);
    expect(second.code).toBe(0);
  });
});
