/**
 * `__consumer_offsets` as the handlers find it: created by whoever needs it first (Kafka's
 * AutoTopicCreationManager), with the configs of GroupCoordinator.groupMetadataTopicConfigs. Its
 * objects are not opened: each is at its first use, for there are 150 of them and one group needs three.
 */
import { CONSUMER_OFFSETS_ID } from "../cluster/internal-topics.ts";
import { newPartition, placeReplicas } from "../cluster/placement.ts";
import { CONSUMER_OFFSETS_TOPIC } from "../cluster/topic-names.ts";
import type { TopicInfo } from "../cluster/types.ts";
import { OFFSETS_TOPIC_SEGMENT_BYTES } from "../constants.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import { clusterOf } from "./cluster.ts";
import type { RequestContext } from "./context.ts";
import type { NewTopic } from "./ports.ts";

const CONFIGS: Readonly<Record<string, string>> = {
  "cleanup.policy": "compact",
  "compression.type": "producer",
  "segment.bytes": String(OFFSETS_TOPIC_SEGMENT_BYTES),
};

/** Undefined when no group was ever coordinated here. */
export async function findOffsetsTopic(
  ctx: Pick<RequestContext, "clusterId" | "ports">,
): Promise<TopicInfo | undefined> {
  const found = await ctx.ports.catalogue.topicsById(ctx.clusterId, [CONSUMER_OFFSETS_ID]);
  return found.get(CONSUMER_OFFSETS_ID);
}

/**
 * Creates the topic if it is not there. Throws KafkaError COORDINATOR_NOT_AVAILABLE (retriable) when
 * no broker is there to hold it.
 */
export async function offsetsTopic(ctx: RequestContext): Promise<TopicInfo> {
  const known = await findOffsetsTopic(ctx);
  if (known !== undefined) return known;
  const topic = await plan(ctx);
  const { catalogue } = ctx.ports;
  if (await catalogue.createTopic(ctx.clusterId, topic)) return topic;
  // Another request was faster.
  const found = await catalogue.topicsById(ctx.clusterId, [topic.topicId], { fresh: true });
  const theirs = found.get(topic.topicId);
  if (theirs !== undefined) return theirs;
  const text = `${CONSUMER_OFFSETS_TOPIC} exists under another id than ${topic.topicId}: it was not made by Kedge.`;
  throw new KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, text);
}

async function plan(ctx: RequestContext): Promise<NewTopic> {
  const { brokers } = await clusterOf(ctx, true);
  const live = brokers.filter((broker) => !broker.fenced).length;
  const { offsetsTopicPartitions, offsetsTopicReplicationFactor } = ctx.config;
  const replicationFactor = Math.max(1, Math.min(offsetsTopicReplicationFactor, live));
  const placed = placeReplicas(brokers, offsetsTopicPartitions, replicationFactor, ctx.random);
  if ("refused" in placed) {
    throw new KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, placed.refused);
  }
  return {
    name: CONSUMER_OFFSETS_TOPIC,
    topicId: CONSUMER_OFFSETS_ID,
    internal: true,
    partitions: placed.replicas.map((list, partition) => newPartition(brokers, partition, list)),
    configs: CONFIGS,
  };
}
