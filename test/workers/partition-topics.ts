/** Topics in the catalogue, and the objects of their partitions. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { AppendRequest, ReadRequest } from "../../src/broker/ports.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { newTopicId } from "../../src/cluster/topic-id.ts";
import type { TopicInfo } from "../../src/cluster/types.ts";
import type { Env } from "../../src/env.ts";
import type { Partition } from "../../src/objects/partition.ts";
import { partitionName } from "../../src/objects/partition-name.ts";

export const workerEnv = env as unknown as Env;
export const CLUSTER = "kedge";

export type PartitionStub = DurableObjectStub<Partition>;

let topics = 0;

export function topicOf(
  partitions = 1,
  leaderEpoch = 0,
  configs: TopicInfo["configs"] = {},
): TopicInfo {
  return {
    name: `topic-${topics++}`,
    topicId: newTopicId(Math.random),
    internal: false,
    configs,
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      partition,
      leader: 1,
      leaderEpoch,
      partitionEpoch: 0,
      replicas: [1],
      isr: [1],
    })),
  };
}

export async function createTopic(topic: TopicInfo): Promise<TopicInfo> {
  await createCatalogue(workerEnv.CATALOGUE).createTopic(CLUSTER, topic);
  return topic;
}

/** A new stub each time: one that threw may be broken for good. */
export function stubOf(topic: TopicInfo, partition = 0, brokerId = 1): PartitionStub {
  const address = { clusterId: CLUSTER, topicId: topic.topicId, partition, brokerId };
  return workerEnv.PARTITION.getByName(partitionName(address));
}

/** The object of partition 0 of a topic that the catalogue knows and whose records stay: no alarm. */
export async function newPartition(leaderEpoch = 0): Promise<PartitionStub> {
  return stubOf(await createTopic(topicOf(1, leaderEpoch, { "retention.ms": "-1" })));
}

export function append(batch: Uint8Array, more: Partial<AppendRequest> = {}): AppendRequest {
  return { batch, acks: -1, timeoutMs: 1_000, leaderEpoch: -1, logAppendTime: false, ...more };
}

export function read(fetchOffset: number, more: Partial<ReadRequest> = {}): ReadRequest {
  return {
    fetchOffset,
    maxBytes: 1 << 20,
    minOneBatch: true,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    readCommitted: false,
    fromFollower: false,
    ...more,
  };
}

export function listOffset(timestamp: number, currentLeaderEpoch = -1) {
  return { timestamp, currentLeaderEpoch, readCommitted: false };
}

/** Runs in the object itself, beside its own methods. */
export function inside<R>(
  stub: PartitionStub,
  run: (partition: Partition, state: DurableObjectState) => R | Promise<R>,
): Promise<R> {
  return runInDurableObject<Partition, R>(stub, run);
}

/** How many rows of chunks the object has; 0 when it has no tables. */
export function chunkRows(stub: PartitionStub): Promise<number> {
  return inside(stub, (_, { storage }) => {
    const tables = storage.sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'chunk'").toArray();
    if (tables.length === 0) return 0;
    return Number(storage.sql.exec("SELECT count(*) AS n FROM chunk").one().n);
  });
}
