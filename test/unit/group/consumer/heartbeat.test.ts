import { describe, expect, test } from "vitest";
import { assignedIn, Coordinator } from "./harness.ts";

describe("joins", () => {
  test("GRP141 the first heartbeat of the first member returns its assignment", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 3);
    const reply = coordinator.join("a", ["t"]);
    expect(reply).toMatchObject({ errorCode: 0, memberId: "a", memberEpoch: 1 });
    expect(reply.heartbeatIntervalMs).toBe(5_000);
    expect(assignedIn(reply, coordinator)).toBe("t:0,1,2");
  });

  test("GRP121 a partition changes hands only once its reader said that it gave it back", () => {
    const coordinator = new Coordinator();
    const { topicId } = coordinator.createTopic("t", 3);
    coordinator.join("a", ["t"]);
    const joined = coordinator.join("b", ["t"]);
    expect(joined).toMatchObject({ memberEpoch: 2 });
    expect(assignedIn(joined, coordinator)).toBe("");
    const told = coordinator.beat({ memberId: "a", memberEpoch: 1 });
    expect(told.memberEpoch).toBe(1);
    expect(assignedIn(told, coordinator)).toBe("t:0,1");
    expect(coordinator.group().stateName).toBe("Reconciling");
    const still = coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(assignedIn(still, coordinator)).toBe(null);
    const topicPartitions = [{ topicId, partitions: [0, 1] }];
    const gave = coordinator.beat({ memberId: "a", memberEpoch: 1, topicPartitions });
    expect(gave.memberEpoch).toBe(2);
    const got = coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(assignedIn(got, coordinator)).toBe("t:2");
    expect(coordinator.group().stateName).toBe("Stable");
  });

  test("GRP150 a member that is not heard of for a session timeout loses what it has", () => {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", 2);
    coordinator.join("a", ["t"]);
    coordinator.join("b", ["t"]);
    coordinator.wait(30_000);
    coordinator.beat({ memberId: "b", memberEpoch: 2 });
    coordinator.wait(15_000);
    const reply = coordinator.beat({ memberId: "b", memberEpoch: 2 });
    expect(assignedIn(reply, coordinator)).toBe("t:0,1");
    expect(coordinator.beat({ memberId: "a", memberEpoch: 1 }).errorCode).toBe(25);
  });
});
