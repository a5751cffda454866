import { describe, expect, test } from "vitest";
import type { Beat } from "./harness.ts";
import { assignedIn, Coordinator, requestOf } from "./harness.ts";

function withTopic(partitions = 3, config = {}): Coordinator {
  const coordinator = new Coordinator(config);
  coordinator.createTopic("t", partitions);
  return coordinator;
}

describe("what a heartbeat must be", () => {
  const join: Beat = { rebalanceTimeoutMs: 1, subscribedTopicNames: [], topicPartitions: [] };
  const long = ["x".repeat(250_001)];
  test.each<[string, number, Beat, number]>([
    ["no member id in version 1", 42, { ...join }, 1],
    ["no member id and an epoch in version 0", 42, { memberEpoch: 3 }, 0],
    ["no group id", 42, { ...join, groupId: "", memberId: "a" }, 1],
    ["an empty instance id", 42, { ...join, memberId: "a", instanceId: "" }, 1],
    ["an empty rack id", 42, { ...join, memberId: "a", rackId: " " }, 1],
    ["a join without rebalance timeout", 42, { ...join, memberId: "a", rebalanceTimeoutMs: -1 }, 1],
    ["a negative rebalance timeout", 42, { ...join, memberId: "a", rebalanceTimeoutMs: -2 }, 1],
    [
      "a join that says not what it reads",
      42,
      { ...join, memberId: "a", topicPartitions: null },
      1,
    ],
    ["a join without subscription", 42, { ...join, memberId: "a", subscribedTopicNames: null }, 1],
    ["a member epoch below -2", 42, { memberId: "a", memberEpoch: -3 }, 1],
    ["a static member's leave without instance id", 42, { memberId: "a", memberEpoch: -2 }, 1],
    ["too many names", 42, { ...join, memberId: "a", subscribedTopicNames: long }, 1],
    ["an assignor of its own", 112, { ...join, memberId: "a", serverAssignor: "mine" }, 1],
    [
      "a pattern that does not parse",
      128,
      { ...join, memberId: "a", subscribedTopicRegex: "(" },
      1,
    ],
    ["a pattern with lookahead", 128, { ...join, memberId: "a", subscribedTopicRegex: "(?=t)" }, 1],
    [
      "a pattern that is too large",
      128,
      { ...join, memberId: "a", subscribedTopicRegex: ".{1000}".repeat(5) },
      1,
    ],
    [
      "a pattern that is too long",
      128,
      { ...join, memberId: "a", subscribedTopicRegex: "a".repeat(1_025) },
      1,
    ],
    ["an unknown group", 69, { memberId: "a", memberEpoch: 1 }, 1],
  ])("GRP110 GRP102 %s is refused, says why, and leaves nothing", (_, code, beat, version) => {
    const coordinator = withTopic();
    const reply = coordinator.beat(beat, version);
    expect(reply).toMatchObject({ errorCode: code, memberId: null, memberEpoch: 0 });
    expect(reply.errorMessage).toMatch(/\w+ .*\.$/);
    expect(coordinator.log).toEqual([]);
    expect(coordinator.typeOf()).toBe(undefined);
  });

  test("GRP115 the coordinator makes the member id of version 0", () => {
    const coordinator = withTopic();
    const reply = coordinator.beat({ ...join, subscribedTopicNames: ["t"] }, 0);
    expect(reply).toMatchObject({ errorCode: 0, memberId: "uuid-0", memberEpoch: 1 });
    expect(assignedIn(reply, coordinator)).toBe("t:0,1,2");
  });

  test("GRP114 a full group takes only those who are in it", () => {
    const coordinator = withTopic(3, { consumerMaxSize: 2 });
    coordinator.join("a", ["t"]);
    coordinator.join("b", ["t"], { instanceId: "i" });
    expect(coordinator.join("c", ["t"]).errorCode).toBe(81);
    expect(coordinator.join("a", ["t"]).errorCode).toBe(0);
    coordinator.beat({ memberId: "b", memberEpoch: -2, instanceId: "i" });
    expect(coordinator.join("c", ["t"], { instanceId: "i" }).errorCode).toBe(0);
  });
});

describe("member epochs", () => {
  test("GRP111 only the present epoch, 0, and the one of a missed reply are taken", () => {
    const coordinator = withTopic();
    const { topicId } = coordinator.createTopic("t", 3);
    coordinator.join("a", ["t"]);
    coordinator.join("b", []);
    const beat = (memberEpoch: number, partitions: number[] | null) =>
      coordinator.beat({
        memberId: "a",
        memberEpoch,
        topicPartitions: partitions && [{ topicId, partitions }],
      });
    expect(beat(1, null).memberEpoch).toBe(2);
    const before = coordinator.log.length;
    expect(beat(3, [0]).errorCode).toBe(110);
    expect(beat(1, [0, 3]).errorCode).toBe(110);
    expect(beat(1, null).errorCode).toBe(110);
    expect(coordinator.log.length).toBe(before);
    const retry = beat(1, [0, 1]);
    expect(retry).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(assignedIn(retry, coordinator)).toBe("t:0,1,2");
    expect(beat(2, null).errorCode).toBe(0);
    const again = coordinator.join("a", ["t"]);
    expect(again).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(assignedIn(again, coordinator)).toBe("t:0,1,2");
    expect(coordinator.log.length).toBe(before);
  });

  test("GRP111 an unknown member is told so", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    expect(coordinator.beat({ memberId: "b", memberEpoch: 1 }).errorCode).toBe(25);
    expect(coordinator.beat({ memberId: "b", memberEpoch: -1 }).errorCode).toBe(25);
  });

  test("GRP112 GRP118 an empty heartbeat changes nothing and is told nothing; a full one is told all", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"], { rackId: "r", serverAssignor: "range" });
    owns(coordinator, [0, 1, 2]);
    const before = coordinator.log.length;
    expect(coordinator.beat({ memberId: "a", memberEpoch: 1 }).assignment).toBe(null);
    const full = coordinator.beat({
      memberId: "a",
      memberEpoch: 1,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    expect(assignedIn(full, coordinator)).toBe("t:0,1,2");
    expect(coordinator.log.length).toBe(before);
    const member = coordinator.group().state.member("a");
    expect(member).toMatchObject({
      rackId: "r",
      serverAssignor: "range",
      rebalanceTimeoutMs: 60_000,
    });
  });

  test("GRP118 a change is told until the member reads just that, though its epoch says nothing", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    for (let lost = 0; lost < 2; lost++) {
      const again = coordinator.beat({ memberId: "a", memberEpoch: 1 });
      expect(assignedIn(again, coordinator)).toBe("t:0,1,2");
    }
    expect(owns(coordinator, [0, 1]).assignment).not.toBe(null);
    expect(owns(coordinator, [0, 1, 2]).assignment).toBe(null);
    expect(coordinator.beat({ memberId: "a", memberEpoch: 1 }).assignment).toBe(null);
  });

  test("GRP118 a new coordinator tells each member once", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    owns(coordinator, [0, 1, 2]);
    coordinator.reload();
    const beat = () => coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(assignedIn(beat(), coordinator)).toBe("t:0,1,2");
    expect(beat().assignment).toBe(null);
  });

  /** Member a says what it reads of t. */
  function owns(coordinator: Coordinator, partitions: number[]) {
    const topicId = coordinator.topics.get("t")?.topicId ?? "";
    const topicPartitions = [{ topicId, partitions }];
    return coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions });
  }

  test("GRP119 a client that comes from elsewhere writes no record", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    const before = coordinator.log.length;
    const client = { clientId: "other", clientHost: "/10.0.0.1", apiVersion: 1, uuid: "u" };
    const body = requestOf({ memberId: "a", memberEpoch: 1 });
    const request = { api: "consumerGroupHeartbeat", body } as const;
    coordinator.step({ kind: "request", to: 1_000, client, request });
    expect(coordinator.replyTo(1_000)).toMatchObject({ errorCode: 0 });
    expect(coordinator.log.length).toBe(before);
  });

  test("GRP116 a member in a state of a newer version must come with nothing", () => {
    const coordinator = withTopic();
    coordinator.join("a", ["t"]);
    const { topicId } = coordinator.createTopic("t", 3);
    const last = coordinator.log.findLast(({ key }) => key[1] === 8);
    if (last?.value == null) throw new Error("there is no current assignment");
    const value = last.value.slice();
    value[10] = 7;
    coordinator.log.push({ key: last.key, value });
    coordinator.reload();
    const topicPartitions = [{ topicId, partitions: [0] }];
    const beat = (owned: Beat["topicPartitions"] | null) =>
      coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions: owned ?? null });
    expect(beat(null).errorCode).toBe(110);
    expect(beat(topicPartitions).errorCode).toBe(110);
    expect(beat([]).errorCode).toBe(0);
    expect(beat(null).errorCode).toBe(0);
  });
});

describe("static members", () => {
  function joined(): Coordinator {
    const coordinator = withTopic(4);
    coordinator.join("a", ["t"], { instanceId: "i" });
    coordinator.join("b", ["t"]);
    const { topicId } = coordinator.createTopic("t", 4);
    const topicPartitions = [{ topicId, partitions: [0, 1] }];
    coordinator.beat({ memberId: "a", memberEpoch: 1, instanceId: "i" });
    coordinator.beat({ memberId: "a", memberEpoch: 1, instanceId: "i", topicPartitions });
    coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(coordinator.group().stateName).toBe("Stable");
    return coordinator;
  }

  test("GRP113 who leaves for now gets back what it had, under its new member id", () => {
    const coordinator = joined();
    const left = coordinator.beat({ memberId: "a", memberEpoch: -2, instanceId: "i" });
    expect(left).toMatchObject({ errorCode: 0, memberEpoch: -2 });
    const { groupEpoch } = coordinator.group().state;
    const back = coordinator.join("a2", ["t"], { instanceId: "i" });
    expect(back).toMatchObject({ errorCode: 0, memberId: "a2", memberEpoch: 2 });
    expect(assignedIn(back, coordinator)).toBe("t:0,1");
    expect(coordinator.group().state.groupEpoch).toBe(groupEpoch);
    expect(coordinator.group().stateName).toBe("Stable");
    expect(coordinator.beat({ memberId: "a", memberEpoch: 2, instanceId: "i" }).errorCode).toBe(82);
    expect(coordinator.group().state.members.has("a")).toBe(false);
  });

  test("GRP113 an instance id in use is refused to another, and not to its own member", () => {
    const coordinator = joined();
    expect(coordinator.join("c", ["t"], { instanceId: "i" }).errorCode).toBe(111);
    const again = coordinator.join("a", ["t"], { instanceId: "i" });
    expect(again).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(assignedIn(again, coordinator)).toBe("t:0,1");
  });

  test("GRP113 who does not come back within its session timeout is out", () => {
    const coordinator = joined();
    coordinator.beat({ memberId: "a", memberEpoch: -2, instanceId: "i" });
    for (let beats = 0; beats < 9; beats++) {
      coordinator.wait(5_000);
      coordinator.beat({ memberId: "b", memberEpoch: 2 });
    }
    const reply = coordinator.beat({
      memberId: "b",
      memberEpoch: coordinator.group().state.member("b")?.memberEpoch ?? 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    expect(assignedIn(reply, coordinator)).toBe("t:0,1,2,3");
  });

  test("GRP113 what a leaving member was giving back is free", () => {
    const coordinator = withTopic(2);
    coordinator.join("a", ["t"], { instanceId: "i" });
    coordinator.join("b", ["t"]);
    coordinator.beat({ memberId: "a", memberEpoch: 1, instanceId: "i" });
    expect(assignedIn(coordinator.join("b", ["t"]), coordinator)).toBe("");
    coordinator.beat({ memberId: "a", memberEpoch: -2, instanceId: "i" });
    expect(assignedIn(coordinator.join("b", ["t"]), coordinator)).toBe("t:1");
  });

  test("GRP117 -1 takes a static member out for good", () => {
    const coordinator = joined();
    const reply = coordinator.beat({ memberId: "a", memberEpoch: -1, instanceId: "i" });
    expect(reply).toMatchObject({ errorCode: 0, memberEpoch: -1 });
    expect(assignedIn(coordinator.beat({ memberId: "b", memberEpoch: 2 }), coordinator)).toBe(
      "t:0,1,2,3",
    );
  });
});
