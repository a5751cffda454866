import { describe, expect, test } from "vitest";
import { Coordinator } from "./harness.ts";
import { World } from "./sim-world.ts";

const SEEDS = Array.from({ length: 25 }, (_, seed) => seed);

describe("a group under fire", () => {
  test.each([
    ["members of the consumer protocol", 0],
    ["half of the members speak the classic protocol", 0.5],
    ["most members speak the classic protocol", 0.8],
  ])(
    "GRP101 GRP121 GRP122 GRP171 %s: one reader at a time, and in the end one for each partition",
    (_, classic) => {
      for (const seed of SEEDS) {
        try {
          new World(seed, { clients: 6, steps: 200, classic }).run();
        } catch (error) {
          throw new Error(`seed ${seed}, ${classic}: ${error}`, { cause: error });
        }
      }
    },
  );
});

describe("cost", () => {
  const MEMBERS = 1_000;

  function full(): Coordinator {
    const coordinator = new Coordinator();
    coordinator.createTopic("t", MEMBERS);
    for (let member = 0; member < MEMBERS; member++) coordinator.join(`m${member}`, ["t"]);
    return coordinator;
  }

  /** All members' heartbeats, with what they are told to read, until nothing changes. */
  function settle(coordinator: Coordinator): void {
    const { state } = coordinator.group();
    for (let round = 0; round < 5 && coordinator.group().stateName !== "Stable"; round++) {
      for (const { memberId, memberEpoch, assigned } of [...state.members.values()]) {
        const topicPartitions = Array.from(assigned, ([topicId, partitions]) => ({
          topicId,
          partitions,
        }));
        coordinator.beat({ memberId, memberEpoch, topicPartitions });
      }
    }
  }

  test("GRP153 a thousand members join, share a thousand partitions and cost nothing from then on", () => {
    const coordinator = full();
    settle(coordinator);
    expect(coordinator.group().stateName).toBe("Stable");
    const { state } = coordinator.group();
    for (const { assigned } of state.members.values()) {
      expect([...assigned.values()].map((partitions) => partitions.length)).toEqual([1]);
    }
    const before = coordinator.log.length;
    let ticks = 0;
    for (let second = 0; second < 60; second += 3) {
      coordinator.nowMs += 3_000;
      for (; coordinator.machine.deadline() <= coordinator.nowMs; ticks++) {
        coordinator.step({ kind: "tick" });
      }
      for (const { memberId, memberEpoch } of [...state.members.values()]) {
        coordinator.beat({ memberId, memberEpoch });
      }
    }
    expect(coordinator.log.length).toBe(before);
    expect(ticks).toBeLessThanOrEqual(3);
  });
});
