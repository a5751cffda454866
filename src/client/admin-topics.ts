/** describeTopics: in pages where the server has them (key 75), else by Metadata. */
import { ZERO_UUID } from "../lib/uuid.ts";
import { metadataApi } from "../protocol/api/03-metadata.ts";
import {
  type DescribeTopicPartitionsRequestInput,
  type DescribeTopicPartitionsResponse,
  describeTopicPartitionsApi,
} from "../protocol/api/75-describe-topic-partitions.ts";
import { type AdminCalls, failureOf, throwIfAny } from "./admin-calls.ts";
import type { CallOptions, TopicDescription } from "./admin-types.ts";
import { ErrorCode, KafkaError } from "./errors.ts";

/** Answers come in pages of so many partitions, Kafka's own default. */
const PARTITIONS_PER_PAGE = 2000;
const WHAT = "describing topics";

export async function describeTopics(
  calls: AdminCalls,
  names: readonly string[],
  options: CallOptions,
): Promise<TopicDescription[]> {
  if (names.length === 0) return [];
  const versions = await calls.retry(WHAT, options, () => calls.client.versions());
  const found = versions.has(describeTopicPartitionsApi.key)
    ? await describeInPages(calls, names, options)
    : await describeByMetadata(calls, names, options);
  const failures = names.flatMap((name) => {
    const code = found.get(name)?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return failureOf(name, code === ErrorCode.NONE ? null : new KafkaError(code));
  });
  throwIfAny(failures);
  return names.map((name) => (found.get(name) as DescribedTopic).description);
}

async function describeInPages(
  calls: AdminCalls,
  names: readonly string[],
  options: CallOptions,
): Promise<Map<string, DescribedTopic>> {
  const found = new Map<string, DescribedTopic>();
  // The server answers in this order too, which is what makes a cursor work.
  const topics = [...new Set(names)].sort().map((name) => ({ name }));
  let cursor: DescribeTopicPartitionsResponse["nextCursor"] = null;
  do {
    const body: DescribeTopicPartitionsRequestInput = {
      topics,
      responsePartitionLimit: PARTITIONS_PER_PAGE,
      cursor,
    };
    const page: DescribeTopicPartitionsResponse = await calls.retry(WHAT, options, (timeoutMs) =>
      calls.client.request(describeTopicPartitionsApi, body, { timeoutMs }),
    );
    for (const topic of page.topics) addToDescriptions(found, topic);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

async function describeByMetadata(
  calls: AdminCalls,
  names: readonly string[],
  options: CallOptions,
): Promise<Map<string, DescribedTopic>> {
  const found = new Map<string, DescribedTopic>();
  const body = {
    topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
    allowAutoTopicCreation: false,
  };
  const { topics } = await calls.retry(WHAT, options, (timeoutMs) =>
    calls.client.request(metadataApi, body, { timeoutMs }),
  );
  for (const topic of topics) addToDescriptions(found, topic);
  return found;
}

interface DescribedTopic {
  readonly errorCode: number;
  readonly description: TopicDescription;
}

/** A topic's answer, or a further page of it. */
function addToDescriptions(
  found: Map<string, DescribedTopic>,
  topic: {
    readonly errorCode: number;
    readonly name: string | null;
    readonly topicId: string;
    readonly isInternal: boolean;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly leaderId: number;
      readonly leaderEpoch: number;
      readonly replicaNodes: readonly number[];
      readonly isrNodes: readonly number[];
      readonly eligibleLeaderReplicas?: readonly number[] | null;
      readonly lastKnownElr?: readonly number[] | null;
    }[];
  },
): void {
  const name = topic.name ?? "";
  const partitions = topic.partitions.map((partition) => ({
    partition: partition.partitionIndex,
    leader: partition.leaderId < 0 ? null : partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicas: partition.replicaNodes,
    isr: partition.isrNodes,
    eligibleLeaderReplicas: partition.eligibleLeaderReplicas ?? null,
    lastKnownElr: partition.lastKnownElr ?? null,
  }));
  const before = found.get(name)?.description.partitions ?? [];
  found.set(name, {
    errorCode: topic.errorCode,
    description: {
      name,
      topicId: topic.topicId,
      isInternal: topic.isInternal,
      partitions: [...before, ...partitions].sort((a, b) => a.partition - b.partition),
    },
  });
}
