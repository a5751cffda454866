import { ZERO_UUID } from "../lib/uuid.ts";
import { metadataApi } from "../protocol/api/03-metadata.ts";
import { createTopicsApi } from "../protocol/api/19-create-topics.ts";
import { deleteTopicsApi } from "../protocol/api/20-delete-topics.ts";
import { deleteRecordsApi } from "../protocol/api/21-delete-records.ts";
import { createPartitionsApi } from "../protocol/api/37-create-partitions.ts";
import { electLeadersApi } from "../protocol/api/43-elect-leaders.ts";
import { alterPartitionReassignmentsApi } from "../protocol/api/45-alter-partition-reassignments.ts";
import { listPartitionReassignmentsApi } from "../protocol/api/46-list-partition-reassignments.ts";
import { describeClusterApi } from "../protocol/api/60-describe-cluster.ts";
import {
  type DescribeTopicPartitionsRequestInput,
  type DescribeTopicPartitionsResponse,
  describeTopicPartitionsApi,
} from "../protocol/api/75-describe-topic-partitions.ts";
import { apiByKey } from "../protocol/api/registry.ts";
import type {
  ApiVersion,
  CallOptions,
  ClusterDescription,
  CreatedTopic,
  ElectionOutcome,
  ElectionType,
  NewTopic,
  PartitionReassignment,
  TopicDescription,
  TopicListing,
} from "./admin-types.ts";
import { BrokerClient } from "./broker-client.ts";
import { type CommonConfig, commonDefs, type Numeric } from "./common-config.ts";
import { int, parseConfig } from "./config.ts";
import { AdminError, type AdminFailure, ErrorCode, errorMessage, KafkaError } from "./errors.ts";
import { listOffsetsWithRetry, type OffsetQuery, type OffsetResult } from "./list-offsets.ts";
import type { ClientOptions } from "./options.ts";
import type { TopicPartition } from "./topics.ts";

export interface AdminConfig extends CommonConfig {
  /** How long a call may take, retries included. Default 60000. */
  readonly "default.api.timeout.ms"?: Numeric;
}

interface NamedOutcome {
  readonly name: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

const defs = { ...commonDefs, "default.api.timeout.ms": int(60_000, 0) } as const;
/** Answers of describeTopics come in pages of so many partitions, Kafka's own default. */
const PARTITIONS_PER_PAGE = 2000;

/**
 * Topics, offsets and the cluster (Kafka's Admin). Calls that name several things reject with an
 * AdminError that says which of them failed; what it does not name was done.
 */
export class Admin {
  readonly #client: BrokerClient;
  readonly #timeoutMs: number;

  /** @throws ConfigError */
  constructor(config: AdminConfig, options: ClientOptions = {}) {
    const settings = parseConfig(defs, config);
    this.#client = new BrokerClient(settings, options);
    this.#timeoutMs = settings["default.api.timeout.ms"];
  }

  /** @param options.validateOnly checks all, creates nothing */
  async createTopics(
    topics: readonly NewTopic[],
    options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<CreatedTopic[]> {
    const { validateOnly = false } = options;
    const created = new Map<string, CreatedTopic>();
    await this.#forEach("creating topics", topics, nameOf, options, async (left, timeoutMs) => {
      const body = { topics: left.map(creatableTopic), timeoutMs, validateOnly };
      const response = await this.#client.request(createTopicsApi, body, { timeoutMs });
      for (const topic of response.topics) {
        const configs = (topic.configs ?? []).map(({ name, value }) => [name, value] as const);
        created.set(topic.name, {
          name: topic.name,
          topicId: topic.topicId,
          numPartitions: topic.numPartitions,
          replicationFactor: topic.replicationFactor,
          configs: Object.fromEntries(configs),
        });
      }
      return response.topics;
    });
    return topics.map(({ name }) => created.get(name) as CreatedTopic);
  }

  async deleteTopics(names: readonly string[], options: CallOptions = {}): Promise<void> {
    const same = (name: string) => name;
    await this.#forEach("deleting topics", names, same, options, async (left, timeoutMs) => {
      const topics = left.map((name) => ({ name, topicId: ZERO_UUID }));
      const body = { topics, topicNames: left, timeoutMs };
      const { responses } = await this.#client.request(deleteTopicsApi, body, { timeoutMs });
      return responses.map(({ name, ...outcome }) => ({ name: name ?? "", ...outcome }));
    });
  }

  /**
   * Adds partitions until each topic has `count`. Keys go to other partitions from then on.
   */
  async createPartitions(
    topics: readonly { readonly name: string; readonly count: number }[],
    options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<void> {
    const { validateOnly = false } = options;
    await this.#forEach("creating partitions", topics, nameOf, options, async (left, timeoutMs) => {
      const body = {
        topics: left.map(({ name, count }) => ({ name, count, assignments: null })),
        timeoutMs,
        validateOnly,
      };
      return (await this.#client.request(createPartitionsApi, body, { timeoutMs })).results;
    });
  }

  /**
   * Asks about each thing until it is done or its error is final.
   *
   * @throws AdminError naming what failed
   */
  async #forEach<T>(
    what: string,
    things: readonly T[],
    nameOfThing: (thing: T) => string,
    options: CallOptions,
    ask: (left: readonly T[], timeoutMs: number) => Promise<readonly NamedOutcome[]>,
  ): Promise<void> {
    const failures = new Map<string, KafkaError>();
    let left = things;
    if (left.length === 0) return;
    const attempt = async (timeoutMs: number) => {
      const outcomes = await ask(left, timeoutMs);
      const errors = new Map(outcomes.map((outcome) => [outcome.name, errorOf(outcome)]));
      for (const thing of left) {
        const name = nameOfThing(thing);
        const error = errors.has(name) ? errors.get(name) : notAnswered();
        if (error === null || error === undefined) failures.delete(name);
        else failures.set(name, error);
      }
      left = left.filter((thing) => failures.get(nameOfThing(thing))?.retriable === true);
      const [first] = left;
      if (first !== undefined) throw failures.get(nameOfThing(first));
    };
    try {
      await this.#client.retry(what, options.timeoutMs ?? this.#timeoutMs, attempt);
    } catch (error) {
      // With an answer for everything, the errors in it say more than that time ran out.
      if (failures.size === 0 || !(error instanceof KafkaError)) throw error;
    }
    throwIfAny(things.map(nameOfThing).flatMap((name) => failureOf(name, failures.get(name))));
  }

  /** All topics, by name. */
  async listTopics(
    options: CallOptions & { readonly listInternal?: boolean } = {},
  ): Promise<TopicListing[]> {
    const { listInternal = false } = options;
    return this.#retry("listing topics", options, async (timeoutMs) => {
      const body = { topics: null, allowAutoTopicCreation: false };
      const { topics } = await this.#client.request(metadataApi, body, { timeoutMs });
      return topics
        .filter(({ isInternal }) => listInternal || !isInternal)
        .map(({ name, topicId, isInternal }) => ({ name: name ?? "", topicId, isInternal }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  /** Partitions, leaders and replicas of the topics, in the order given. */
  async describeTopics(
    names: readonly string[],
    options: CallOptions = {},
  ): Promise<TopicDescription[]> {
    if (names.length === 0) return [];
    const versions = await this.#retry("describing topics", options, () => this.#client.versions());
    const found = versions.has(describeTopicPartitionsApi.key)
      ? await this.#describeInPages(names, options)
      : await this.#describeByMetadata(names, options);
    const failures = names.flatMap((name) => {
      const code = found.get(name)?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      return failureOf(name, code === ErrorCode.NONE ? null : new KafkaError(code));
    });
    throwIfAny(failures);
    return names.map((name) => (found.get(name) as DescribedTopic).description);
  }

  async #describeInPages(
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
      const page: DescribeTopicPartitionsResponse = await this.#retry(
        "describing topics",
        options,
        (timeoutMs) => this.#client.request(describeTopicPartitionsApi, body, { timeoutMs }),
      );
      for (const topic of page.topics) addToDescriptions(found, topic);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return found;
  }

  async #describeByMetadata(
    names: readonly string[],
    options: CallOptions,
  ): Promise<Map<string, DescribedTopic>> {
    const found = new Map<string, DescribedTopic>();
    const body = {
      topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
      allowAutoTopicCreation: false,
    };
    const { topics } = await this.#retry("describing topics", options, (timeoutMs) =>
      this.#client.request(metadataApi, body, { timeoutMs }),
    );
    for (const topic of topics) addToDescriptions(found, topic);
    return found;
  }

  /**
   * Deletes the records before an offset; offset -1 deletes all up to the high watermark.
   *
   * @returns where each log begins now
   */
  async deleteRecords(
    before: readonly (TopicPartition & { readonly offset: number })[],
    options: CallOptions = {},
  ): Promise<(TopicPartition & { readonly lowWatermark: number })[]> {
    const marks = new Map<string, number>();
    await this.#forEach(
      "deleting records",
      before,
      partitionName,
      options,
      async (left, timeoutMs) => {
        const byTopic = Map.groupBy(left, ({ topic }) => topic);
        const topics = [...byTopic].map(([name, partitions]) => ({
          name,
          partitions: partitions.map(({ partition: partitionIndex, offset }) => ({
            partitionIndex,
            offset,
          })),
        }));
        const body = { topics, timeoutMs };
        const response = await this.#client.request(deleteRecordsApi, body, { timeoutMs });
        return response.topics.flatMap(({ name: topic, partitions }) =>
          partitions.map(({ partitionIndex: partition, errorCode, lowWatermark }) => {
            const name = partitionName({ topic, partition });
            marks.set(name, lowWatermark);
            return { name, errorCode, errorMessage: null };
          }),
        );
      },
    );
    return before.map(({ topic, partition }) => {
      const lowWatermark = marks.get(partitionName({ topic, partition })) as number;
      return { topic, partition, lowWatermark };
    });
  }

  /** Offsets at the ends of logs, or by time, in the order asked for. */
  async listOffsets(
    queries: readonly OffsetQuery[],
    options: CallOptions & {
      readonly isolationLevel?: "read_uncommitted" | "read_committed";
    } = {},
  ): Promise<OffsetResult[]> {
    const answers = await listOffsetsWithRetry(this.#client, queries, {
      readCommitted: options.isolationLevel === "read_committed",
      timeoutMs: options.timeoutMs ?? this.#timeoutMs,
    });
    throwIfAny(answers.flatMap((answer) => failureOf(partitionName(answer), answer.error)));
    return answers.map(({ result }) => result as OffsetResult);
  }

  /**
   * Elects leaders; null for every partition of the cluster, and then partitions that need no
   * election are left out of the outcomes.
   */
  async electLeaders(
    type: ElectionType,
    partitions: readonly TopicPartition[] | null,
    options: CallOptions = {},
  ): Promise<ElectionOutcome[]> {
    return this.#retry("electing leaders", options, async (timeoutMs) => {
      const byTopic = partitions === null ? null : Map.groupBy(partitions, ({ topic }) => topic);
      const topicPartitions =
        byTopic === null
          ? null
          : Array.from(byTopic, ([topic, some]) => ({
              ...{ topic, partitions: some.map(({ partition }) => partition) },
            }));
      const electionType = type === "preferred" ? 0 : 1;
      const body = { electionType, topicPartitions, timeoutMs };
      const response = await this.#client.request(electLeadersApi, body, { timeoutMs });
      if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode);
      return response.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
        partitionResult.map(({ partitionId, errorCode, errorMessage: message }) => ({
          ...{ topic, partition: partitionId },
          error: errorOf({ name: topic, errorCode, errorMessage: message }),
        })),
      );
    });
  }

  /** Starts to move partitions to these replicas, the preferred leader first; null takes it back. */
  async alterPartitionReassignments(
    targets: readonly (TopicPartition & { readonly replicas: readonly number[] | null })[],
    options: CallOptions = {},
  ): Promise<void> {
    const what = "reassigning partitions";
    await this.#forEach(what, targets, partitionName, options, async (left, timeoutMs) => {
      const topics = Array.from(
        Map.groupBy(left, ({ topic }) => topic),
        ([name, some]) => ({
          name,
          partitions: some.map(({ partition, replicas }) => ({
            ...{ partitionIndex: partition, replicas },
          })),
        }),
      );
      const api = alterPartitionReassignmentsApi;
      const response = await this.#client.request(api, { topics, timeoutMs }, { timeoutMs });
      if (response.errorCode !== ErrorCode.NONE) {
        throw new KafkaError(response.errorCode, response.errorMessage ?? undefined);
      }
      return response.responses.flatMap(({ name: topic, partitions }) =>
        partitions.map(({ partitionIndex: partition, ...outcome }) => ({
          ...outcome,
          name: partitionName({ topic, partition }),
        })),
      );
    });
  }

  /** The moves of replicas that are under way, of these partitions or of all. */
  async listPartitionReassignments(
    partitions: readonly TopicPartition[] | null = null,
    options: CallOptions = {},
  ): Promise<PartitionReassignment[]> {
    return this.#retry("listing reassignments", options, async (timeoutMs) => {
      const byTopic = partitions === null ? null : Map.groupBy(partitions, ({ topic }) => topic);
      const topics =
        byTopic === null
          ? null
          : Array.from(byTopic, ([name, some]) => ({
              ...{ name, partitionIndexes: some.map(({ partition }) => partition) },
            }));
      const api = listPartitionReassignmentsApi;
      const response = await this.#client.request(api, { topics, timeoutMs }, { timeoutMs });
      if (response.errorCode !== ErrorCode.NONE) {
        throw new KafkaError(response.errorCode, response.errorMessage ?? undefined);
      }
      return response.topics.flatMap(({ name: topic, partitions: moving }) =>
        moving.map(({ partitionIndex, replicas, addingReplicas, removingReplicas }) => ({
          ...{ topic, partition: partitionIndex, replicas, addingReplicas, removingReplicas },
        })),
      );
    });
  }

  /** @param options.includeFencedBrokers also those that an operator took out */
  async describeCluster(
    options: CallOptions & { readonly includeFencedBrokers?: boolean } = {},
  ): Promise<ClusterDescription> {
    const { includeFencedBrokers = false } = options;
    return this.#retry("describing the cluster", options, async (timeoutMs) => {
      const body = { includeClusterAuthorizedOperations: false, includeFencedBrokers };
      const response = await this.#client.request(describeClusterApi, body, { timeoutMs });
      if (response.errorCode !== ErrorCode.NONE) {
        throw new KafkaError(response.errorCode, response.errorMessage ?? undefined);
      }
      const nodes = response.brokers.map(({ brokerId: id, host, port, rack, isFenced }) => ({
        ...{ id, host, port, rack, isFenced },
      }));
      const controller = nodes.find(({ id }) => id === response.controllerId) ?? null;
      return { clusterId: response.clusterId, controller, nodes };
    });
  }

  /** What the server speaks, by API key. */
  async apiVersions(options: CallOptions = {}): Promise<ApiVersion[]> {
    const versions = await this.#retry("asking for versions", options, () =>
      this.#client.versions(),
    );
    return [...versions]
      .map(([apiKey, range]) => ({ apiKey, name: apiByKey(apiKey)?.name ?? null, ...range }))
      .sort((a, b) => a.apiKey - b.apiKey);
  }

  #retry<T>(
    what: string,
    options: CallOptions,
    attempt: (leftMs: number) => Promise<T>,
  ): Promise<T> {
    return this.#client.retry(what, options.timeoutMs ?? this.#timeoutMs, attempt);
  }

  /** Nothing is kept open; here so that all clients can be closed alike. */
  async close(): Promise<void> {}
}

const nameOf = ({ name }: { readonly name: string }) => name;
const partitionName = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`;

function creatableTopic(topic: NewTopic) {
  const { assignments = [], configs = {} } = topic;
  const manual = assignments.length > 0;
  return {
    name: topic.name,
    numPartitions: manual ? -1 : (topic.numPartitions ?? -1),
    replicationFactor: manual ? -1 : (topic.replicationFactor ?? -1),
    assignments: assignments.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
    configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
  };
}

function errorOf({ errorCode, errorMessage: message }: NamedOutcome): KafkaError | null {
  return errorCode === ErrorCode.NONE ? null : new KafkaError(errorCode, message ?? undefined);
}

function notAnswered(): KafkaError {
  const code = ErrorCode.UNKNOWN_SERVER_ERROR;
  return new KafkaError(code, `${errorMessage(code)} (the answer leaves it out)`);
}

function failureOf(name: string, error: KafkaError | null | undefined): AdminFailure[] {
  return error === null || error === undefined ? [] : [{ name, error }];
}

function throwIfAny(failures: readonly AdminFailure[]): void {
  if (failures.length > 0) throw new AdminError(failures);
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
