/** Moves of replicas and elections on request, through their handlers. */
import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { advanceReassignments } from "../../../src/broker/reassignments.ts";
import { sweep } from "../../../src/broker/sweep.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import type { PartitionInfo } from "../../../src/cluster/types.ts";
import { electLeadersApi } from "../../../src/protocol/api/43-elect-leaders.ts";
import { alterPartitionReassignmentsApi } from "../../../src/protocol/api/45-alter-partition-reassignments.ts";
import { listPartitionReassignmentsApi } from "../../../src/protocol/api/46-list-partition-reassignments.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { brokerUnderTest } from "../../support/broker-context.ts";

const REPLICAS: readonly (readonly number[])[] = [[1, 2], [2, 3, 1], [1]];

async function world() {
  const broker = brokerUnderTest();
  const { catalogue, ctx } = broker;
  const topicId = newTopicId(Math.random);
  await catalogue.createTopic("kedge", {
    ...{ name: "t", topicId, internal: false, configs: {} },
    partitions: REPLICAS.map((replicas, partition) => ({
      ...{ partition, leader: replicas[0] ?? -1, leaderEpoch: 0, partitionEpoch: 0 },
      ...{ replicas, isr: replicas },
    })),
  });
  const row = async (partition: number): Promise<PartitionInfo> => {
    const found = (await catalogue.topics("kedge", ["t"])).get("t")?.partitions[partition];
    if (found === undefined) throw new Error(`there is no partition ${partition}`);
    return found;
  };
  /** What a leader does when a follower has caught up, or has not for long. */
  const setIsr = async (partition: number, isr: readonly number[]): Promise<void> => {
    const { leader, leaderEpoch, replicas, partitionEpoch } = await row(partition);
    const next = { leader, leaderEpoch, replicas, isr };
    const done = await catalogue.changePartition("kedge", topicId, partition, partitionEpoch, next);
    expect(done).toBe("done");
  };
  const alter = async (
    partitions: readonly [number, readonly number[] | null][],
    more: { topic?: string; allowReplicationFactorChange?: boolean } = {},
  ) => {
    const { topic: name = "t", ...rest } = more;
    const response = await call(ctx, alterPartitionReassignmentsApi, {
      ...rest,
      topics: [
        {
          name,
          partitions: partitions.map(([index, replicas]) => ({ partitionIndex: index, replicas })),
        },
      ],
    });
    expect(response.errorCode).toBe(0);
    return response.responses.flatMap((topic) => topic.partitions);
  };
  const list = async (indexes?: number[]) => {
    const topics = indexes === undefined ? null : [{ name: "t", partitionIndexes: indexes }];
    const response = await call(ctx, listPartitionReassignmentsApi, { topics });
    expect(response.errorCode).toBe(0);
    return response.topics.flatMap(({ partitions }) => partitions);
  };
  return { ...broker, topicId, row, setIsr, alter, list };
}

describe("a move of replicas", () => {
  test("CLU11: adds, waits until the added are in sync, and then removes", async () => {
    const { alter, list, row, setIsr, background, partitions, topicId } = await world();
    expect(await alter([[0, [3, 2]]])).toMatchObject([{ partitionIndex: 0, errorCode: 0 }]);
    expect(await row(0)).toMatchObject({
      leader: 1,
      leaderEpoch: 0,
      replicas: [3, 2, 1],
      isr: [1, 2],
    });
    await background();
    expect(partitions.opened).toEqual([{ topic: "t", partitions: [0] }]);
    expect(partitions.refreshed).toContain(`${topicId}/0/1`);
    expect(await list()).toEqual([
      { partitionIndex: 0, replicas: [3, 2, 1], addingReplicas: [3], removingReplicas: [1] },
    ]);
    await setIsr(0, [1, 2, 3]);
    expect(await list([0, 1])).toEqual([]);
    // The old leader was removed: the first of the target leads, under a new epoch.
    expect(await row(0)).toMatchObject({
      leader: 3,
      leaderEpoch: 1,
      replicas: [3, 2],
      isr: [2, 3],
    });
  });

  test("CLU12: what was removed is destroyed, and named by the row until it is", async () => {
    const { alter, row, setIsr, background, partitions, ctx } = await world();
    await alter([[0, [3, 2]]]);
    await background();
    await setIsr(0, [1, 2, 3]);
    partitions.failure = new Error("no answer");
    await expect(advanceReassignments(ctx, null)).rejects.toThrow("no answer");
    expect((await row(0)).reassignment).toEqual({ adding: [], removing: [1] });
    expect(partitions.destroyedReplicas).toEqual([]);
    const report = await sweep(ctx);
    expect(report.failures).toEqual([]);
    expect(partitions.destroyedReplicas).toEqual([{ topic: "t", partition: 0, brokerIds: [1] }]);
    expect((await row(0)).reassignment).toBeUndefined();
  });

  test("that only removes is over at once; the leader's epoch grows with it", async () => {
    const { alter, list, row, background, partitions } = await world();
    await alter([[1, [2, 1]]]);
    expect(await row(1)).toMatchObject({
      leader: 2,
      leaderEpoch: 1,
      replicas: [2, 1],
      isr: [2, 1],
    });
    expect(await list()).toEqual([]);
    await background();
    expect(partitions.destroyedReplicas).toEqual([{ topic: "t", partition: 1, brokerIds: [3] }]);
    expect(await row(1)).not.toHaveProperty("reassignment");
  });

  test("to another order keeps the leader and its epoch", async () => {
    const { alter, row } = await world();
    await alter([[1, [1, 3, 2]]]);
    expect(await row(1)).toMatchObject({ leader: 2, leaderEpoch: 0, replicas: [1, 3, 2] });
  });

  test("to what it is changes nothing", async () => {
    const { alter, row } = await world();
    expect(await alter([[1, [2, 3, 1]]])).toMatchObject([{ errorCode: 0 }]);
    expect((await row(1)).partitionEpoch).toBe(0);
  });

  test("CLU11: that is cancelled is as it was, also when the added one leads", async () => {
    const { alter, list, row, setIsr, background, partitions } = await world();
    await alter([[2, [3, 2]]]);
    await background();
    await setIsr(2, [1, 3]);
    expect((await list()).map((move) => move.addingReplicas)).toEqual([[3, 2]]);
    expect(await alter([[2, null]])).toMatchObject([{ errorCode: 0 }]);
    expect(await row(2)).toMatchObject({ leader: 1, leaderEpoch: 1, replicas: [1], isr: [1] });
    expect(await list()).toEqual([]);
    await background();
    expect(partitions.destroyedReplicas).toEqual([{ topic: "t", partition: 2, brokerIds: [3, 2] }]);
  });

  test("CLU11: is not cancelled when only added replicas are in sync", async () => {
    const { alter, row, setIsr, catalogue, topicId } = await world();
    await alter([[2, [3, 2]]]);
    await setIsr(2, [1, 3]);
    const { replicas, partitionEpoch } = await row(2);
    const next = { leader: 3, leaderEpoch: 1, replicas, isr: [3] };
    await catalogue.changePartition("kedge", topicId, 2, partitionEpoch, next);
    const [answer] = await alter([[2, null]]);
    expect(answer?.errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(answer?.errorMessage).toContain("would require an unclean leader election");
    expect(await row(2)).toMatchObject({ ...next, replicas: [3, 2, 1] });
  });

  test("takes the place of one that is under way, and drops what only that one added", async () => {
    const { alter, row, background, partitions } = await world();
    await alter([[2, [3]]]);
    await alter([[2, [2]]]);
    expect(await row(2)).toMatchObject({ leader: 1, replicas: [2, 1], isr: [1] });
    await background();
    expect(partitions.destroyedReplicas).toContainEqual({
      topic: "t",
      partition: 2,
      brokerIds: [3],
    });
    expect((await row(2)).reassignment).toEqual({ adding: [2], removing: [1] });
  });

  const { INVALID_REPLICA_ASSIGNMENT, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
  test.each<[string, number, readonly number[] | null, number, string]>([
    ["an empty list", 0, [], INVALID_REPLICA_ASSIGNMENT, "empty replica list"],
    ["an unknown broker", 0, [1, 9], INVALID_REPLICA_ASSIGNMENT, "includes broker 9"],
    ["a broker twice", 0, [1, 1], INVALID_REPLICA_ASSIGNMENT, "more than once"],
    ["an unknown partition", 7, [1], UNKNOWN_TOPIC_OR_PARTITION, "no partition 7 of a topic 't'"],
    ["nothing to cancel", 0, null, ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, "in progress"],
  ])("is refused: %s", async (_, partition, replicas, code, text) => {
    const { alter, row } = await world();
    const [answer] = await alter([[partition, replicas]]);
    expect([answer?.errorCode, answer?.errorMessage]).toEqual([
      code,
      expect.stringContaining(text),
    ]);
    expect((await row(0)).partitionEpoch).toBe(0);
  });

  test("is refused for a deleted topic, for a partition named twice, and for another factor", async () => {
    const { alter, row } = await world();
    expect((await alter([[0, [1]]], { topic: "gone" }))[0]?.errorCode).toBe(3);
    const twice = await alter([
      [0, [1]],
      [0, [2]],
    ]);
    expect(twice.map((one) => one.errorCode)).toEqual([ErrorCode.INVALID_REQUEST]);
    const [factor] = await alter([[0, [1, 2, 3]]], { allowReplicationFactorChange: false });
    expect(factor?.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
    expect(factor?.errorMessage).toContain("from 2 to 3");
    expect((await row(0)).partitionEpoch).toBe(0);
  });

  test("to a fenced broker waits for it", async () => {
    const { alter, list, catalogue, topicId, row } = await world();
    catalogue.setFenced("kedge", 3, true);
    await alter([[0, [3, 2]]]);
    const { leader, leaderEpoch, replicas, partitionEpoch } = await row(0);
    const next = { leader, leaderEpoch, replicas, isr: [1, 2, 3] };
    const outcome = await catalogue.changePartition("kedge", topicId, 0, partitionEpoch, next);
    expect(outcome).toBe("ineligible");
    expect(await list()).toHaveLength(1);
  });
});

describe("ElectLeaders", () => {
  async function elect(
    { ctx }: Awaited<ReturnType<typeof world>>,
    electionType: number,
    partitions: number[] | null,
    topic = "t",
  ) {
    const response = await call(ctx, electLeadersApi, {
      electionType,
      topicPartitions: partitions === null ? null : [{ topic, partitions }],
    });
    const results = response.replicaElectionResults.flatMap((one) => one.partitionResult);
    return {
      errorCode: response.errorCode,
      codes: Object.fromEntries(results.map((one) => [one.partitionId, one.errorCode])),
    };
  }

  test("CLU13: the preferred replica leads again, if it is in sync and not fenced", async () => {
    const it = await world();
    const { catalogue, topicId, row } = it;
    for (const partition of [0, 1]) {
      const { replicas } = await row(partition);
      const isr = partition === 0 ? replicas : [1];
      const next = { leader: replicas.at(-1) ?? -1, leaderEpoch: 1, replicas, isr };
      await catalogue.changePartition("kedge", topicId, partition, 0, next);
    }
    expect(await elect(it, 0, [0, 1, 2, 9])).toEqual({
      errorCode: 0,
      codes: { 0: 0, 1: 80, 2: 84, 9: 3 },
    });
    expect(await row(0)).toMatchObject({ leader: 1, leaderEpoch: 2, isr: [1, 2] });
    expect((await elect(it, 0, null)).codes).toEqual({ 1: 80 });
    expect((await elect(it, 0, [0], "no")).codes).toEqual({ 0: 3 });
    expect((await elect(it, 7, [0])).errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("CLU13: unclean: only where there is no leader, and then a live replica, alone in sync", async () => {
    const it = await world();
    const { catalogue, topicId, row } = it;
    catalogue.setFenced("kedge", 1, true);
    const next = { leader: -1, leaderEpoch: 1, replicas: [1, 2], isr: [1] };
    await catalogue.changePartition("kedge", topicId, 0, 0, next);
    expect((await elect(it, 0, [0])).codes).toEqual({ 0: 80 });
    expect((await elect(it, 1, [0, 1, 2])).codes).toEqual({ 0: 0, 1: 84, 2: 83 });
    expect(await row(0)).toMatchObject({ leader: 2, leaderEpoch: 2, isr: [2] });
  });
});

describe("the sweep", () => {
  test("CLU14: gives leaders back, and empties what deleted topics left", async () => {
    const { ctx, catalogue, topicId, row, partitions } = await world();
    const next = { leader: 2, leaderEpoch: 1, replicas: [1, 2], isr: [1, 2] };
    await catalogue.changePartition("kedge", topicId, 0, 0, next);
    catalogue.setFenced("kedge", 3, true);
    await catalogue.createTopic("kedge", {
      ...{ name: "old", topicId: newTopicId(Math.random), internal: false, configs: {} },
      partitions: [],
    });
    const old = (await catalogue.topics("kedge", ["old"])).get("old");
    await catalogue.deleteTopic("kedge", "old", old?.topicId ?? "");
    const report = await sweep(ctx);
    expect(report).toMatchObject({ repaired: 1, preferred: 1, topicsForgotten: 1, failures: [] });
    expect(await row(0)).toMatchObject({ leader: 1, leaderEpoch: 2 });
    expect(await row(1)).toMatchObject({ leader: 2, isr: [2, 1] });
    expect(partitions.destroyed).toEqual(["old"]);
    expect(await catalogue.deletedTopics("kedge")).toEqual([]);
    const idle = await sweep(ctx);
    expect(idle).toMatchObject({ repaired: 0, preferred: 0, topicsForgotten: 0 });
  });

  test("CLU14: a part that fails leaves the others, and what it left is done by the next", async () => {
    const { ctx, catalogue, topicId, row, partitions } = await world();
    await catalogue.deleteTopic("kedge", "t", topicId);
    await catalogue.createTopic("kedge", {
      ...{ name: "t", topicId: newTopicId(Math.random), internal: false, configs: {} },
      partitions: [
        {
          partition: 0,
          leader: 2,
          leaderEpoch: 0,
          partitionEpoch: 0,
          replicas: [1, 2],
          isr: [1, 2],
        },
      ],
    });
    partitions.failure = new Error("no answer");
    const report = await sweep(ctx);
    expect(report.failures).toEqual(["deleted topics: no answer"]);
    expect((await row(0)).leader).toBe(1);
    expect(await catalogue.deletedTopics("kedge")).toHaveLength(1);
    expect((await sweep(ctx)).topicsForgotten).toBe(1);
  });
});
