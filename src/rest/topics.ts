/** What the REST routes need to know of a topic. */
import { AclOperation, throwUnlessTopic } from "../broker/access.ts";
import type { RequestContextBase } from "../broker/context.ts";
import { call } from "../broker/dispatch.ts";
import type { PartitionInfo, TopicInfo } from "../cluster/types.ts";
import { metadataApi } from "../protocol/api/03-metadata.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { PartitionChoices } from "../protocol/partitioner.ts";

/**
 * For a caller who may do this with it: 29 otherwise, be it there or not. Throws KafkaError 3 when there
 * is none. `fresh` asks the catalogue's primary.
 */
export async function findTopic(
  ctx: RequestContextBase,
  name: string,
  operation: number,
  opts: { fresh?: boolean } = {},
): Promise<TopicInfo> {
  throwUnlessTopic(ctx, operation, name);
  const found = (await ctx.ports.catalogue.topics(ctx.clusterId, [name], opts)).get(name);
  if (found === undefined) throw unknownTopic(name);
  return found;
}

/**
 * The topic to produce to. One that does not exist is made when the cluster makes topics on demand
 * (auto.create.topics.enable), as for any Kafka producer: the Metadata handler decides.
 *
 * Throws KafkaError 29, 3, or what stood in the way of making it (17 for a bad name).
 */
export async function findOrCreateTopic(ctx: RequestContextBase, name: string): Promise<TopicInfo> {
  throwUnlessTopic(ctx, AclOperation.WRITE, name);
  const found = (await ctx.ports.catalogue.topics(ctx.clusterId, [name])).get(name);
  if (found !== undefined) return found;
  if (!ctx.config.autoCreateTopicsEnable) throw unknownTopic(name);
  const { topics } = await call(ctx, metadataApi, {
    topics: [{ name }],
    allowAutoTopicCreation: true,
  });
  const code = topics[0]?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  // A topic that was made this moment may be announced as "no leader yet": it is there.
  const made = code === ErrorCode.NONE || code === ErrorCode.LEADER_NOT_AVAILABLE;
  if (!made && code !== ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
    throw new KafkaError(code, `topic "${name}" does not exist and cannot be created`);
  }
  return findTopic(ctx, name, AclOperation.WRITE, { fresh: true });
}

/** As much of a partition as the metadata routes show. */
export type PartitionView = Pick<PartitionInfo, "partition" | "leader" | "replicas" | "isr">;

export interface TopicView {
  readonly name: string;
  readonly internal: boolean;
  /** Ordered by partition number, without gaps. */
  readonly partitions: readonly PartitionView[];
}

/** What the Metadata handler says of a topic; it is not created. Throws KafkaError. */
export async function describeTopic(ctx: RequestContextBase, name: string): Promise<TopicView> {
  const [topic] = await describeTopics(ctx, [name]);
  if (topic === undefined) throw unknownTopic(name);
  return topic;
}

/** Null: all topics. Ordered by name. Throws KafkaError for one that cannot be described. */
export async function describeTopics(
  ctx: RequestContextBase,
  names: readonly string[] | null,
): Promise<TopicView[]> {
  const request = {
    topics: names?.map((name) => ({ name })) ?? null,
    allowAutoTopicCreation: false,
  };
  const response = await call(ctx, metadataApi, request);
  if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode);
  const views = response.topics.map(({ errorCode, name, isInternal, partitions }): TopicView => {
    if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) throw unknownTopic(name ?? "");
    if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, `topic "${name}"`);
    const views = partitions.map(partitionView).sort((a, b) => a.partition - b.partition);
    return { name: name ?? "", internal: isInternal, partitions: views };
  });
  return views.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function partitionView(partition: {
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
}): PartitionView {
  const { partitionIndex, leaderId, replicaNodes, isrNodes } = partition;
  return { partition: partitionIndex, leader: leaderId, replicas: replicaNodes, isr: isrNodes };
}

export function unknownTopic(name: string): KafkaError {
  return new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Topic not found: "${name}"`);
}

const choicesByTopic = new WeakMap<TopicInfo, PartitionChoices>();

/** The partitions to choose from. The same object for the same TopicInfo: the partitioner relies on it. */
export function choicesOf(topic: TopicInfo): PartitionChoices {
  const known = choicesByTopic.get(topic);
  if (known !== undefined) return known;
  const available = topic.partitions.filter((p) => p.leader >= 0).map((p) => p.partition);
  const choices = { count: topic.partitions.length, available };
  choicesByTopic.set(topic, choices);
  return choices;
}
