import { describe, expect, test } from "vitest";
import type { GroupConfig } from "../../../../src/group/config.ts";
import {
  classicBeat,
  classicJoin,
  classicJoinTwice,
  classicLeave,
  classicSync,
  sendClassicJoin,
} from "./classic-join.ts";
import { assignedIn, Coordinator } from "./harness.ts";

const ALL = [{ topic: "t", partitions: [0, 1] }];

function withTopic(config: Partial<GroupConfig> = {}): Coordinator {
  const coordinator = new Coordinator({ initialRebalanceDelayMs: 0, ...config });
  coordinator.createTopic("t", 2);
  return coordinator;
}

/** A classic group of one member, which reads all of `t`. */
function classicGroup(coordinator: Coordinator, instanceId: string | null = null): string {
  const { memberId } = classicJoin(coordinator, { instanceId, version: 3 });
  expect(classicSync(coordinator, memberId, 1, { [memberId]: ALL }, instanceId)).toBe("t:0,1");
  return memberId;
}

describe("classic members of a consumer group", () => {
  function consumerGroup(): Coordinator {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    return coordinator;
  }

  test("GRP161 GRP162 a classic member joins, syncs, and has its share once the other gave it back", () => {
    const coordinator = consumerGroup();
    const asked = classicJoin(coordinator, {});
    expect(asked.errorCode).toBe(79);
    const joined = classicJoin(coordinator, { memberId: asked.memberId });
    expect(joined).toMatchObject({
      errorCode: 0,
      generationId: 2,
      protocolType: "consumer",
      protocolName: "cooperative",
      leader: "",
      members: [],
      memberId: asked.memberId,
    });
    const { memberId } = joined;
    expect(classicSync(coordinator, memberId, 2)).toBe("");
    expect(classicBeat(coordinator, memberId, 2)).toBe(0);
    const { topicId } = coordinator.createTopic("t", 2);
    coordinator.beat({ memberId: "a", memberEpoch: 1 });
    const topicPartitions = [{ topicId, partitions: [0] }];
    coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions });
    expect(classicBeat(coordinator, memberId, 2), "GRP163").toBe(27);
    expect(classicJoin(coordinator, { memberId }).generationId).toBe(2);
    expect(classicSync(coordinator, memberId, 2)).toBe("t:1");
    expect(coordinator.group().stateName).toBe("Stable");
  });

  test("GRP163 GRP171 a cooperative member is told to give back, and says so with its next join", () => {
    const coordinator = withTopic();
    const memberId = classicGroup(coordinator);
    const joined = coordinator.join("a", ["t"]);
    expect(assignedIn(joined, coordinator)).toBe("");
    expect(classicBeat(coordinator, memberId, 1)).toBe(27);
    expect(classicJoin(coordinator, { memberId, owned: ALL }).generationId).toBe(1);
    expect(classicSync(coordinator, memberId, 1)).toBe("t:0");
    expect(classicBeat(coordinator, memberId, 1)).toBe(27);
    expect(coordinator.beat({ memberId: "a", memberEpoch: 2 }).assignment).toBe(null);
    const owned = [{ topic: "t", partitions: [0] }];
    expect(classicJoin(coordinator, { memberId, owned }).generationId).toBe(2);
    expect(assignedIn(coordinator.beat({ memberId: "a", memberEpoch: 2 }), coordinator)).toBe(
      "t:1",
    );
    expect(classicSync(coordinator, memberId, 2)).toBe("t:0");
    expect(classicBeat(coordinator, memberId, 2)).toBe(0);
  });

  test("GRP161 what does not fit the group is refused and changes nothing", () => {
    const coordinator = consumerGroup();
    classicJoinTwice(coordinator);
    const before = coordinator.log.length;
    const codeOf = (join: Parameters<typeof classicJoin>[1]) =>
      classicJoin(coordinator, join).errorCode;
    expect(codeOf({ memberId: "x", protocol: "other" })).toBe(23);
    expect(codeOf({ memberId: "x", protocolType: "connect" })).toBe(23);
    expect(codeOf({ memberId: "x", metadata: Uint8Array.of(0, 1, 9) })).toBe(23);
    expect(codeOf({ memberId: "x", owned: ALL })).toBe(25);
    expect(codeOf({ memberId: "x", instanceId: "i" })).toBe(25);
    expect(coordinator.log.length).toBe(before);
  });

  test("GRP160 under policy disabled nobody joins with the classic protocol", () => {
    const coordinator = withTopic({ consumerMigrationPolicy: "disabled" });
    coordinator.join("a", ["t"]);
    expect(classicJoin(coordinator, {}).errorCode).toBe(23);
  });

  test("GRP162 GRP163 strangers, other generations and members of the other protocol are refused", () => {
    const coordinator = consumerGroup();
    const { memberId, generationId = -1 } = classicJoinTwice(coordinator);
    expect(classicSync(coordinator, "x", generationId)).toBe(25);
    expect(classicSync(coordinator, "a", 1)).toBe(25);
    expect(classicSync(coordinator, memberId, generationId - 1)).toBe(22);
    expect(classicBeat(coordinator, "x", generationId)).toBe(25);
    expect(classicBeat(coordinator, memberId, generationId + 1)).toBe(22);
    coordinator.join("b", ["t"]);
    expect(classicSync(coordinator, memberId, generationId)).toBe(27);
  });

  test("GRP165 who does not rejoin when it must is out after its rebalance timeout", () => {
    const coordinator = consumerGroup();
    const { memberId, generationId = -1 } = classicJoinTwice(coordinator);
    expect(classicSync(coordinator, memberId, generationId)).toBe("");
    coordinator.join("b", ["t"]);
    for (const code of [27, 27, 27, 25]) {
      expect(classicBeat(coordinator, memberId, generationId)).toBe(code);
      coordinator.wait(5_000);
    }
  });

  test("GRP165 who does not sync is out after its rebalance timeout, who is silent after its session", () => {
    const coordinator = consumerGroup();
    const { memberId, generationId = -1 } = classicJoinTwice(coordinator);
    coordinator.wait(8_000);
    expect(classicBeat(coordinator, memberId, generationId)).toBe(0);
    coordinator.wait(8_000);
    expect(classicBeat(coordinator, memberId, generationId)).toBe(25);
    const silent = classicJoinTwice(coordinator);
    classicSync(coordinator, silent.memberId, silent.generationId ?? -1);
    coordinator.wait(10_000);
    expect([...coordinator.group().state.members.keys()]).toEqual(["a"]);
  });

  test("GRP162 after a failover an assignment of topics that are not known is not given out", () => {
    const coordinator = consumerGroup();
    const { memberId, generationId = -1 } = classicJoinTwice(coordinator);
    coordinator.reload();
    const body = {
      ...{ groupId: "g", generationId, memberId, groupInstanceId: null },
      ...{ protocolType: "consumer", protocolName: "cooperative", assignments: [] },
    };
    const to = coordinator.request({ api: "syncGroup", body }, 5);
    expect(coordinator.replies.has(to)).toBe(false);
    coordinator.catalogueIsDown = true;
    coordinator.wait(2_000);
    expect(coordinator.replies.get(to)).toMatchObject({ body: { errorCode: 27 } });
  });

  test("commits of both kinds of members are checked by their epochs", () => {
    const coordinator = consumerGroup();
    const { memberId, generationId = -1 } = classicJoinTwice(coordinator);
    const check = (id: string, epoch: number, apiVersion = 9) =>
      coordinator.group().checkCommit(undefined as never, {
        memberId: id,
        generationIdOrMemberEpoch: epoch,
        groupInstanceId: null,
        apiVersion,
      });
    expect([check("a", 1), check("a", 0), check("a", 2), check("a", 1, 8)]).toEqual([
      0, 113, 113, 35,
    ]);
    expect([check(memberId, generationId, 7), check(memberId, 1)]).toEqual([0, 22]);
    expect([check("x", 1), check("", -1)]).toEqual([25, 25]);
    const group = coordinator.group();
    expect([
      group.checkFetch(null, -1),
      group.checkFetch("a", 1),
      group.checkFetch("a", 2),
    ]).toEqual([0, 0, 113]);
    expect([group.checkFetch("x", 1), group.checkFetch(memberId, 1)]).toEqual([25, 22]);
  });
});

describe("upgrade", () => {
  test("GRP170 the members stay, with what they have, as of their generation", () => {
    const coordinator = withTopic();
    const memberId = classicGroup(coordinator);
    const reply = coordinator.join("a", ["t"]);
    expect(reply).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    const { state } = coordinator.group();
    expect(state.member(memberId)).toMatchObject({ memberEpoch: 1, rebalanceTimeoutMs: 15_000 });
    expect([...(state.member(memberId)?.assigned.values() ?? [])]).toEqual([[0, 1]]);
    expect(coordinator.group().stateName).toBe("Reconciling");
    coordinator.reload();
    expect(coordinator.typeOf()).toBe("consumer");
    const described = coordinator.ask({ api: "consumerGroupDescribe", body: { groups: ["g"] } }, 1);
    expect(described.groups[0]?.members.map((member) => member.memberType)).toEqual([0, 1]);
  });

  test("GRP170 who waits in the classic group is told to join again", () => {
    const coordinator = withTopic();
    const memberId = classicGroup(coordinator);
    const waiting = sendClassicJoin(coordinator, { version: 3 });
    expect(classicBeat(coordinator, memberId, 1)).toBe(27);
    coordinator.join("a", ["t"]);
    expect(coordinator.replies.get(waiting)).toMatchObject({ body: { errorCode: 27 } });
  });

  test.each<[string, Partial<GroupConfig>]>([
    ["policy disabled", { consumerMigrationPolicy: "disabled" }],
    ["policy downgrade", { consumerMigrationPolicy: "downgrade" }],
    ["a group that is too large", { consumerMaxSize: 0 }],
  ])("GRP170 %s forbids it: 69, and the group goes on", (_, config) => {
    const coordinator = withTopic(config);
    const memberId = classicGroup(coordinator);
    const before = coordinator.log.length;
    const reply = coordinator.join("a", ["t"]);
    expect(reply.errorCode).toBe(69);
    expect(reply.errorMessage).toMatch(/^Cannot upgrade classic group g to consumer group because/);
    expect(coordinator.log.length).toBe(before);
    expect(classicBeat(coordinator, memberId, 1)).toBe(0);
  });

  test("GRP170 a group that speaks another protocol, or bytes that nobody can read, is not upgraded", () => {
    const connect = withTopic();
    const { memberId } = classicJoin(connect, { version: 3, protocolType: "connect" });
    expect(memberId).not.toBe("");
    expect(connect.join("a", ["t"]).errorCode).toBe(69);
    const broken = withTopic();
    classicJoin(broken, { version: 3, metadata: Uint8Array.of(0, 1, 9) });
    expect(broken.join("a", ["t"]).errorCode).toBe(69);
    expect(broken.typeOf()).toBe("classic");
  });

  test("GRP170 GRP142 while its topics are not known it is 14, and nothing is changed", () => {
    const coordinator = withTopic();
    const memberId = classicGroup(coordinator);
    coordinator.catalogueIsDown = true;
    const to = coordinator.send({
      memberId: "a",
      rebalanceTimeoutMs: 1,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    for (let beats = 0; beats < 4; beats++) coordinator.wait(500);
    expect(coordinator.replyTo(to).errorCode).toBe(14);
    expect(classicBeat(coordinator, memberId, 1)).toBe(0);
  });

  test("GRP171 what a member read when it last joined is not given away before it said so", () => {
    const coordinator = withTopic();
    const memberId = classicGroup(coordinator);
    const to = sendClassicJoin(coordinator, { memberId, owned: ALL });
    expect(coordinator.replies.get(to)).toMatchObject({ body: { generationId: 2 } });
    // The leader takes partition 1 away from it; it has not heard of that when the group is upgraded.
    const body = {
      ...{ groupId: "g", generationId: 2, memberId, groupInstanceId: null },
      ...{ protocolType: "consumer", protocolName: "cooperative" },
    };
    const kept = new Uint8Array([
      0, 3, 0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 1, 0, 0, 0, 0, 255, 255, 255, 255,
    ]);
    coordinator.request(
      { api: "syncGroup", body: { ...body, assignments: [{ memberId, assignment: kept }] } },
      5,
    );
    expect(assignedIn(coordinator.join("a", ["t"]), coordinator)).toBe("");
    const owned = [{ topic: "t", partitions: [0] }];
    classicJoin(coordinator, { memberId, owned });
    expect(assignedIn(coordinator.beat({ memberId: "a", memberEpoch: 3 }), coordinator)).toBe(
      "t:1",
    );
  });

  test("GRP113 a static member goes from the classic to the consumer protocol and keeps what it had", () => {
    const coordinator = withTopic();
    classicGroup(coordinator, "i");
    const reply = coordinator.join("a", ["t"], { instanceId: "i" });
    expect(reply).toMatchObject({ errorCode: 0, memberId: "a" });
    expect(assignedIn(reply, coordinator)).toBe("t:0,1");
    expect(coordinator.group().state.members.size).toBe(1);
  });
});

describe("downgrade", () => {
  function mixed(): { coordinator: Coordinator; memberId: string } {
    const coordinator = withTopic();
    const memberId = classicGroup(coordinator);
    coordinator.join("a", ["t"]);
    classicJoin(coordinator, { memberId, owned: [{ topic: "t", partitions: [0] }] });
    classicSync(coordinator, memberId, 2);
    coordinator.beat({ memberId: "a", memberEpoch: 2 });
    expect(coordinator.group().stateName).toBe("Stable");
    return { coordinator, memberId };
  }

  test("GRP172 when the last member of the consumer protocol leaves, the others rebalance among themselves", () => {
    const { coordinator, memberId } = mixed();
    coordinator.beat({ memberId: "a", memberEpoch: -1 });
    expect(coordinator.typeOf()).toBe("classic");
    expect(coordinator.machine.groups.get("g")?.stateName).toBe("PreparingRebalance");
    expect(classicBeat(coordinator, memberId, 2)).toBe(27);
    const owned = [{ topic: "t", partitions: [0] }];
    const joined = classicJoin(coordinator, { memberId, owned });
    expect(joined).toMatchObject({ errorCode: 0, generationId: 3, leader: memberId });
    expect(classicSync(coordinator, memberId, 3, { [memberId]: ALL })).toBe("t:0,1");
  });

  test("GRP172 when its session ends, too; and whoever loads the group rebalances it", () => {
    const { coordinator, memberId } = mixed();
    for (let beats = 0; beats < 9; beats++) {
      coordinator.wait(5_000);
      if (coordinator.typeOf() === "consumer") classicBeat(coordinator, memberId, 2);
    }
    expect(coordinator.typeOf()).toBe("classic");
    coordinator.reload();
    expect(coordinator.typeOf()).toBe("classic");
    expect(classicBeat(coordinator, memberId, 2)).toBe(27);
    coordinator.wait(10_000);
    expect(coordinator.machine.groups.get("g")?.isEmpty).toBe(true);
  });

  test.each<GroupConfig["consumerMigrationPolicy"]>(["upgrade", "disabled"])(
    "GRP172 under policy %s it stays a consumer group",
    (consumerMigrationPolicy) => {
      const { coordinator, memberId } = mixed();
      Object.assign(coordinator.config, { consumerMigrationPolicy });
      coordinator.beat({ memberId: "a", memberEpoch: -1 });
      expect(coordinator.typeOf()).toBe("consumer");
      coordinator.join("b", []);
      coordinator.beat({ memberId: "b", memberEpoch: -1 });
      expect(classicBeat(coordinator, memberId, 2)).toBe(27);
    },
  );

  test("GRP172 a classic member that replaces the last other one takes its place, and nobody rebalances", () => {
    const coordinator = withTopic();
    const memberId = classicGroup(coordinator);
    coordinator.join("a", ["t"], { instanceId: "i" });
    classicJoin(coordinator, { memberId, owned: [{ topic: "t", partitions: [0] }] });
    classicSync(coordinator, memberId, 2);
    coordinator.beat({ memberId: "a", memberEpoch: 2, instanceId: "i" });
    const joined = classicJoin(coordinator, { instanceId: "i" });
    expect(coordinator.typeOf()).toBe("classic");
    expect(joined).toMatchObject({ errorCode: 0, generationId: 2, leader: memberId });
    expect(classicSync(coordinator, joined.memberId, 2, {}, "i")).toBe("t:1");
    expect(classicBeat(coordinator, memberId, 2)).toBe(0);
    coordinator.reload();
    expect(coordinator.machine.groups.get("g")?.stateName).toBe("Stable");
  });

  test("GRP172 while topics are not known it stays as it is, and goes when they are", () => {
    const { coordinator, memberId } = mixed();
    coordinator.reload();
    coordinator.catalogueIsDown = true;
    coordinator.beat({ memberId: "a", memberEpoch: -1 });
    expect(coordinator.typeOf()).toBe("consumer");
    coordinator.catalogueIsDown = false;
    coordinator.nowMs += 600;
    classicBeat(coordinator, memberId, 2);
    expect(coordinator.typeOf()).toBe("classic");
  });

  test("GRP173 a group without members changes its kind with the next join", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    coordinator.beat({ memberId: "a", memberEpoch: -1 });
    const memberId = classicGroup(coordinator);
    expect(coordinator.typeOf()).toBe("classic");
    expect(classicLeave(coordinator, { memberId })).toEqual([0]);
    expect(assignedIn(coordinator.join("a", ["t"]), coordinator)).toBe("t:0,1");
    expect(coordinator.typeOf()).toBe("consumer");
  });

  test("GRP164 LeaveGroup takes out members of either protocol, by id or by instance id", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    coordinator.join("b", ["t"], { instanceId: "i" });
    const codes = classicLeave(
      coordinator,
      { memberId: "x" },
      { memberId: "y", groupInstanceId: "i" },
      { memberId: "", groupInstanceId: "i" },
      { memberId: "a" },
    );
    expect(codes).toEqual([25, 82, 0, 0]);
    expect(coordinator.group().isEmpty).toBe(true);
  });
});
