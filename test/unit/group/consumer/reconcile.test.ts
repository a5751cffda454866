import { describe, expect, test } from "vitest";
import { assignedIn, Coordinator, requestOf } from "./harness.ts";

describe("reconciliation", () => {
  test("GRP120 GRP121 GRP123 GRP124 a partition changes hands only once its reader said that it gave it back", () => {
    const coordinator = new Coordinator();
    const { topicId } = coordinator.createTopic("t", 3);
    coordinator.join("a", ["t"]);
    const joined = coordinator.join("b", ["t"]);
    expect(joined.memberEpoch).toBe(2);
    expect(assignedIn(joined, coordinator)).toBe("");
    const told = coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(told.memberEpoch).toBe(1);
    expect(assignedIn(told, coordinator)).toBe("t:0,1");
    expect(coordinator.group().stateName).toBe("Reconciling");
    const topicPartitions = [{ topicId, partitions: [0, 1, 2] }];
    const reads = coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions });
    expect(reads.memberEpoch).toBe(1);
    const still = coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(still.assignment).toBe(null);
    const kept = [{ topicId, partitions: [0, 1] }];
    const gave = coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions: kept });
    expect(gave.memberEpoch).toBe(2);
    const got = coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(assignedIn(got, coordinator)).toBe("t:2");
    expect(coordinator.group().stateName).toBe("Stable");
    const intervals = [joined, told, still, gave, got].map((reply) => reply.heartbeatIntervalMs);
    expect(intervals, "GRP124").toEqual([1_000, 5_000, 1_000, 5_000, 5_000]);
  });

  test("GRP120 a member that waits and gets nothing writes no record", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 3);
    coordinator.join("a", ["t"]);
    coordinator.join("b", ["t"]);
    const before = coordinator.log.length;
    for (let beats = 0; beats < 5; beats++) coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(coordinator.log.length).toBe(before);
  });

  test("GRP123 a group passes through Empty, Assigning, Reconciling and Stable", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 1);
    coordinator.join("a", ["t"]);
    expect(coordinator.group().stateName).toBe("Stable");
    coordinator.join("b", ["t"]);
    expect(coordinator.group().stateName).toBe("Reconciling");
    coordinator.beat({ memberId: "b", memberEpoch: -1 });
    expect(coordinator.group().stateName).toBe("Assigning");
    coordinator.beat({ memberId: "a", memberEpoch: -1 });
    expect(coordinator.group().stateName).toBe("Empty");
  });

  test("GRP125 a join that comes again, late, takes nothing from its member", () => {
    const coordinator = new Coordinator();
    const { topicId } = coordinator.createTopic("t", 2);
    const client = coordinator.client();
    const join = (memberId: string) => ({
      api: "consumerGroupHeartbeat" as const,
      body: requestOf({
        memberId,
        memberEpoch: 0,
        rebalanceTimeoutMs: 60_000,
        subscribedTopicNames: ["t"],
        topicPartitions: [],
      }),
    });
    const late = { kind: "request", client, request: join("a") } as const;
    coordinator.step({ ...late, to: 1_000 });
    coordinator.answerQuestions();
    const reads = [{ topicId, partitions: [0, 1] }];
    coordinator.beat({ memberId: "a", memberEpoch: 1 });
    coordinator.join("b", ["t"]);
    coordinator.step({ ...late, to: 1_001 });
    expect(coordinator.replyTo(1_001)).toMatchObject({ errorCode: 0, memberEpoch: 1 });
    coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(coordinator.group().state.member("b")?.assigned.size).toBe(0);
    // Who comes back under its member id has nothing, and says so by another request.
    coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions: reads });
    expect(coordinator.join("a", ["t"]).memberEpoch).toBe(2);
    const b = coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(b.assignment?.topicPartitions).toHaveLength(1);
  });

  test("GRP130 who changes its subscription gives the old topic back before it has the new one", () => {
    const coordinator = new Coordinator();
    const t = coordinator.createTopic("t", 1);
    coordinator.createTopic("u", 1);
    coordinator.join("a", ["t"]);
    const changed = coordinator.beat({
      memberId: "a",
      memberEpoch: 1,
      subscribedTopicNames: ["u"],
    });
    expect(changed.memberEpoch).toBe(1);
    expect(assignedIn(changed, coordinator)).toBe("");
    const reads = [{ topicId: t.topicId, partitions: [0] }];
    const holds = coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions: reads });
    expect(holds.memberEpoch).toBe(1);
    expect(assignedIn(holds, coordinator)).toBe("");
    const gave = coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions: [] });
    expect(gave.memberEpoch).toBe(2);
    expect(assignedIn(gave, coordinator)).toBe("u:0");
  });

  test("GRP130 the assignor that most ask for is used, and a change of it is a new assignment", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 3);
    coordinator.createTopic("u", 3);
    coordinator.join("b", ["t", "u"]);
    expect(coordinator.group().assignorName).toBe("uniform");
    coordinator.join("a", ["t", "u"], { serverAssignor: "range" });
    expect(coordinator.group().assignorName).toBe("range");
    const { state } = coordinator.group();
    expect([...state.target("a").values()]).toEqual([
      [0, 1],
      [0, 1],
    ]);
    const epoch = state.groupEpoch;
    coordinator.beat({ memberId: "a", memberEpoch: 2, serverAssignor: "uniform" });
    expect(state.groupEpoch).toBe(epoch + 1);
  });
});

describe("clocks", () => {
  test("GRP150 a member that is not heard of for a session timeout loses what it has", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"]);
    coordinator.join("b", ["t"]);
    coordinator.wait(44_999);
    expect(coordinator.group().state.members.size).toBe(2);
    coordinator.beat({ memberId: "b", memberEpoch: 2 });
    coordinator.wait(1);
    const reply = coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(assignedIn(reply, coordinator)).toBe("t:0,1");
    expect(coordinator.beat({ memberId: "a", memberEpoch: 1 }).errorCode).toBe(25);
  });

  test("GRP150 a member whose first heartbeat waited for topics has a session like any other", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    const to = coordinator.send({
      memberId: "a",
      rebalanceTimeoutMs: 1_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [],
    });
    expect(coordinator.replies.has(to)).toBe(false);
    coordinator.answerQuestions();
    expect(coordinator.replyTo(to).memberEpoch).toBe(1);
    coordinator.wait(45_000);
    expect(coordinator.group().isEmpty).toBe(true);
  });

  test("GRP151 who does not give back within its rebalance timeout is out, however alive", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"], { rebalanceTimeoutMs: 12_000 });
    coordinator.join("b", ["t"]);
    for (let beats = 0; beats < 3; beats++) {
      expect(coordinator.beat({ memberId: "a", memberEpoch: 1 }).errorCode).toBe(0);
      coordinator.wait(5_000);
    }
    expect(coordinator.beat({ memberId: "a", memberEpoch: 1 }).errorCode).toBe(25);
    expect(assignedIn(coordinator.beat({ memberId: "b", memberEpoch: 2 }), coordinator)).toBe(
      "t:0,1",
    );
  });

  test("GRP151 giving back stops the clock", () => {
    const coordinator = new Coordinator();
    const { topicId } = coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"], { rebalanceTimeoutMs: 12_000 });
    coordinator.join("b", ["t"]);
    coordinator.beat({ memberId: "a", memberEpoch: 1 });
    const topicPartitions = [{ topicId, partitions: [0] }];
    coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions });
    coordinator.wait(20_000);
    expect(coordinator.beat({ memberId: "a", memberEpoch: 2 }).errorCode).toBe(0);
  });

  test("GRP152 after a failover every clock runs from the beginning", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"], { rebalanceTimeoutMs: 30_000 });
    coordinator.join("b", ["t"]);
    coordinator.beat({ memberId: "a", memberEpoch: 1 });
    coordinator.wait(29_000);
    coordinator.reload();
    coordinator.wait(29_000);
    coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect([...coordinator.group().state.members.keys()]).toEqual(["a", "b"]);
    coordinator.wait(1_000);
    expect([...coordinator.group().state.members.keys()]).toEqual(["b"]);
    coordinator.wait(15_000);
    expect(coordinator.group().isEmpty).toBe(true);
  });

  test("GRP144 a group without members wants no tick and asks nothing", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"]);
    coordinator.beat({ memberId: "a", memberEpoch: -1 });
    expect(coordinator.group().deadline()).toBe(Infinity);
    coordinator.wait(3_600_000);
    expect(coordinator.questions).toEqual([]);
  });
});
