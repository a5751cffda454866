/**
 * DescribeTopicPartitions, key 75, version 0 (KIP-966). Topics with their partitions, ordered by
 * name, in pages of at most DESCRIBE_PARTITIONS_MAX partitions; nextCursor says where the next page
 * begins. No topics means all.
 *
 * Topics without DESCRIBE are 29 when they are named, else left out.
 *
 * Errors of a topic: 3 unknown, 17 bad name (neither when all were asked for). The request is
 * refused with 42 when the cursor's partition is negative or its topic is not one of those named.
 * The response has no place for an error of the whole: each topic named has it, and where none is
 * named the connection is closed.
 *
 * Not done: eligible leader replicas. They are empty and not null, though the schema allows null:
 * Kafka's brokers always send lists, and Java's Admin (4.1, 4.2) fails on a null.
 */
import { topicNameProblem } from "../../cluster/topic-names.ts";
import type { ClusterInfo, TopicInfo } from "../../cluster/types.ts";
import { DESCRIBE_PARTITIONS_MAX } from "../../constants.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponseInput,
} from "../../protocol/api/75-describe-topic-partitions.ts";
import { describeTopicPartitionsApi } from "../../protocol/api/75-describe-topic-partitions.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayTopic } from "../access.ts";
import { topicOperations } from "../authorized-operations.ts";
import { clusterOf, partitionDescriber } from "../cluster.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";

type Cursor = NonNullable<DescribeTopicPartitionsRequest["cursor"]>;
type DescribedTopic = DescribeTopicPartitionsResponseInput["topics"][number];

/** Topics read from the catalogue at a time: a page is seldom more than one such read. */
const TOPICS_PER_READ = 100;

export const describeTopicPartitionsHandler = defineHandler(
  describeTopicPartitionsApi,
  [0, 0],
  async (ctx, request) => {
    const cluster = await clusterOf(ctx);
    const isShown = (name: string): boolean => mayTopic(ctx, AclOperation.DESCRIBE, name);
    const asked = await namesToDescribe(ctx, request);
    const names = asked.filter(isShown);
    const limit = Math.max(1, Math.min(request.responsePartitionLimit, DESCRIBE_PARTITIONS_MAX));
    const page = new Page(ctx, cluster, limit, request.cursor, request.topics.length === 0);
    for (let at = 0; at < names.length && !page.isFull; at += TOPICS_PER_READ) {
      const some = names.slice(at, at + TOPICS_PER_READ);
      const found = await ctx.ports.catalogue.topics(ctx.clusterId, some);
      for (const name of some) page.add(name, found.get(name));
    }
    const refused = request.topics.length === 0 ? [] : asked.filter((name) => !isShown(name));
    const errorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED;
    const topics = [...page.topics, ...refused.map((name) => failed(name, errorCode))];
    return { topics, nextCursor: page.nextCursor };
  },
  {
    failure: (error, request) => {
      // An empty answer would say that there are no topics.
      if (request.topics.length === 0) throw error;
      const topics = request.topics.map(({ name }) => failed(name, error.code));
      return { topics, nextCursor: null };
    },
  },
);

/** In order, from the cursor's topic on, each once. */
async function namesToDescribe(
  ctx: RequestContext,
  request: DescribeTopicPartitionsRequest,
): Promise<string[]> {
  const { cursor, topics } = request;
  if (cursor !== null && cursor.partitionIndex < 0) {
    const text = `DescribeTopicPartitionsRequest cursor partition must be valid: ${cursor.partitionIndex}`;
    throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
  }
  if (cursor !== null && topics.length > 0 && !topics.some((t) => t.name === cursor.topicName)) {
    const text = `DescribeTopicPartitionsRequest topic list should contain the cursor topic: ${cursor.topicName}`;
    throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
  }
  const asked = topics.length > 0 ? topics : await ctx.ports.catalogue.listTopics(ctx.clusterId);
  const from = cursor?.topicName ?? "";
  return [...new Set(asked.map(({ name }) => name))].filter((name) => name >= from).sort();
}

function failed(name: string, errorCode: number): DescribedTopic {
  return { errorCode, name, topicId: ZERO_UUID, partitions: [] };
}

/** A page as it fills: KRaftMetadataCache.describeTopicResponse. */
class Page {
  readonly topics: DescribedTopic[] = [];
  nextCursor: Cursor | null = null;
  readonly #ctx: RequestContext;
  readonly #describe: ReturnType<typeof partitionDescriber>;
  readonly #start: Cursor | null;
  readonly #all: boolean;
  #room: number;

  constructor(
    ctx: RequestContext,
    cluster: ClusterInfo,
    limit: number,
    start: Cursor | null,
    all: boolean,
  ) {
    this.#ctx = ctx;
    this.#describe = partitionDescriber(cluster);
    this.#room = limit;
    this.#start = start;
    this.#all = all;
  }

  get isFull(): boolean {
    return this.nextCursor !== null;
  }

  add(name: string, topic: TopicInfo | undefined): void {
    if (this.isFull) return;
    if (this.#room === 0) this.nextCursor = { topicName: name, partitionIndex: 0 };
    else if (topic !== undefined) this.#addPartitions(topic);
    else if (!this.#all) this.topics.push(failed(name, unknownCode(name)));
  }

  #addPartitions(topic: TopicInfo): void {
    const { name, topicId, internal } = topic;
    const from = this.#start?.topicName === name ? this.#start.partitionIndex : 0;
    const part = topic.partitions.slice(from, from + this.#room);
    this.topics.push({
      errorCode: ErrorCode.NONE,
      name,
      topicId,
      isInternal: internal,
      partitions: part.map((partition) => ({
        ...this.#describe(partition),
        errorCode: ErrorCode.NONE,
        eligibleLeaderReplicas: [],
        lastKnownElr: [],
      })),
      topicAuthorizedOperations: topicOperations(this.#ctx, name),
    });
    this.#room -= part.length;
    const end = from + part.length;
    if (end < topic.partitions.length) this.nextCursor = { topicName: name, partitionIndex: end };
  }
}

function unknownCode(name: string): number {
  return topicNameProblem(name) === null
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.INVALID_TOPIC_EXCEPTION;
}
