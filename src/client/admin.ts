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
import { apiByKey } from "../protocol/api/registry.ts";
import { AdminCalls, errorOf, failureOf, partitionName, throwIfAny } from "./admin-calls.ts";
import type { ConfigAlteration, ConfigResource, DescribedConfigs } from "./admin-config-types.ts";
import { describeConfigs, incrementalAlterConfigs } from "./admin-configs.ts";
import type {
  ConsumerGroupDescription,
  ConsumerGroupListing,
  GroupType,
  MemberToRemove,
} from "./admin-group-types.ts";
import * as groups from "./admin-groups.ts";
import { describeTopics } from "./admin-topics.ts";
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
import { ErrorCode, KafkaError } from "./errors.ts";
import type { CommittedOffset, OffsetToCommit } from "./group-offsets.ts";
import { listOffsetsWithRetry, type OffsetQuery, type OffsetResult } from "./list-offsets.ts";
import type { ClientOptions } from "./options.ts";
import type { TopicPartition } from "./topics.ts";

export interface AdminConfig extends CommonConfig {
  /** How long a call may take, retries included. Default 60000. */
  readonly "default.api.timeout.ms"?: Numeric;
}

const defs = { ...commonDefs, "default.api.timeout.ms": int(60_000, 0) } as const;

/**
 * Topics, groups, offsets and the cluster (Kafka's Admin). Calls that name several things reject with an
 * AdminError that says which of them failed; what it does not name was done.
 */
export class Admin {
  readonly #client: BrokerClient;
  readonly #calls: AdminCalls;

  /** @throws ConfigError */
  constructor(config: AdminConfig, options: ClientOptions = {}) {
    const settings = parseConfig(defs, config);
    this.#client = new BrokerClient(settings, options);
    this.#calls = new AdminCalls(this.#client, settings["default.api.timeout.ms"]);
  }

  /** @param options.validateOnly checks all, creates nothing */
  async createTopics(
    topics: readonly NewTopic[],
    options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<CreatedTopic[]> {
    const { validateOnly = false } = options;
    const created = new Map<string, CreatedTopic>();
    await this.#calls.forEach(
      "creating topics",
      topics,
      nameOf,
      options,
      async (left, timeoutMs) => {
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
      },
    );
    return topics.map(({ name }) => created.get(name) as CreatedTopic);
  }

  async deleteTopics(names: readonly string[], options: CallOptions = {}): Promise<void> {
    const same = (name: string) => name;
    await this.#calls.forEach("deleting topics", names, same, options, async (left, timeoutMs) => {
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
    await this.#calls.forEach(
      "creating partitions",
      topics,
      nameOf,
      options,
      async (left, timeoutMs) => {
        const body = {
          topics: left.map(({ name, count }) => ({ name, count, assignments: null })),
          timeoutMs,
          validateOnly,
        };
        return (await this.#client.request(createPartitionsApi, body, { timeoutMs })).results;
      },
    );
  }

  /** All topics, by name. */
  async listTopics(
    options: CallOptions & { readonly listInternal?: boolean } = {},
  ): Promise<TopicListing[]> {
    const { listInternal = false } = options;
    return this.#calls.retry("listing topics", options, async (timeoutMs) => {
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
    return describeTopics(this.#calls, names, options);
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
    await this.#calls.forEach(
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
      timeoutMs: this.#calls.timeoutMs(options),
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
    return this.#calls.retry("electing leaders", options, async (timeoutMs) => {
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
    await this.#calls.forEach(what, targets, partitionName, options, async (left, timeoutMs) => {
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
    return this.#calls.retry("listing reassignments", options, async (timeoutMs) => {
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

  /**
   * Configs of topics and brokers, in the order asked for; of all brokers (the name "") only what was
   * set for all of them.
   *
   * @param options.includeSynonyms also what would hold without the value that does
   */
  async describeConfigs(
    resources: readonly (ConfigResource & { readonly configNames?: readonly string[] })[],
    options: CallOptions & {
      readonly includeSynonyms?: boolean;
      readonly includeDocumentation?: boolean;
    } = {},
  ): Promise<DescribedConfigs[]> {
    return describeConfigs(this.#calls, resources, options);
  }

  /**
   * Changes single configs; what is not named stays as it is. Of a resource all changes are made or
   * none (INVALID_CONFIG, INVALID_REQUEST).
   *
   * @param options.validateOnly checks all, changes nothing
   */
  async incrementalAlterConfigs(
    alterations: readonly ConfigAlteration[],
    options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<void> {
    return incrementalAlterConfigs(this.#calls, alterations, options);
  }

  /**
   * All groups of consumers, by id.
   *
   * @param options.states only those in one of these states, such as "Stable"; case does not matter
   */
  async listConsumerGroups(
    options: CallOptions & {
      readonly states?: readonly string[];
      readonly types?: readonly GroupType[];
    } = {},
  ): Promise<ConsumerGroupListing[]> {
    return groups.listConsumerGroups(this.#calls, options);
  }

  /** State, members and their partitions, in the order asked for. */
  async describeConsumerGroups(
    groupIds: readonly string[],
    options: CallOptions = {},
  ): Promise<ConsumerGroupDescription[]> {
    return groups.describeConsumerGroups(this.#calls, groupIds, options);
  }

  /**
   * What a group committed, by topic and partition; partitions without an offset are left out. A
   * group that does not exist has none.
   *
   * @param options.partitions only these
   * @param options.requireStable wait for transactions that may still commit offsets
   */
  async listConsumerGroupOffsets(
    groupId: string,
    options: CallOptions & {
      readonly partitions?: readonly TopicPartition[];
      readonly requireStable?: boolean;
    } = {},
  ): Promise<CommittedOffset[]> {
    return groups.listConsumerGroupOffsets(this.#calls, groupId, options);
  }

  /** Sets where a group goes on. It must have no members (UNKNOWN_MEMBER_ID); it is made if need be. */
  async alterConsumerGroupOffsets(
    groupId: string,
    offsets: readonly OffsetToCommit[],
    options: CallOptions = {},
  ): Promise<void> {
    return groups.alterConsumerGroupOffsets(this.#calls, groupId, offsets, options);
  }

  /** Forgets groups and their offsets. They must have no members (NON_EMPTY_GROUP). */
  async deleteConsumerGroups(
    groupIds: readonly string[],
    options: CallOptions = {},
  ): Promise<void> {
    return groups.deleteConsumerGroups(this.#calls, groupIds, options);
  }

  /** Forgets offsets of topics to which no member subscribes (GROUP_SUBSCRIBED_TO_TOPIC). */
  async deleteConsumerGroupOffsets(
    groupId: string,
    partitions: readonly TopicPartition[],
    options: CallOptions = {},
  ): Promise<void> {
    return groups.deleteConsumerGroupOffsets(this.#calls, groupId, partitions, options);
  }

  /**
   * Makes members leave, static ones too; a consumer that still runs joins again by itself.
   *
   * @param members null: all
   */
  async removeMembersFromConsumerGroup(
    groupId: string,
    members: readonly MemberToRemove[] | null,
    options: CallOptions & { readonly reason?: string } = {},
  ): Promise<void> {
    return groups.removeMembersFromConsumerGroup(this.#calls, groupId, members, options);
  }

  /** @param options.includeFencedBrokers also those that an operator took out */
  async describeCluster(
    options: CallOptions & { readonly includeFencedBrokers?: boolean } = {},
  ): Promise<ClusterDescription> {
    const { includeFencedBrokers = false } = options;
    return this.#calls.retry("describing the cluster", options, async (timeoutMs) => {
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
    const versions = await this.#calls.retry("asking for versions", options, () =>
      this.#client.versions(),
    );
    return [...versions]
      .map(([apiKey, range]) => ({ apiKey, name: apiByKey(apiKey)?.name ?? null, ...range }))
      .sort((a, b) => a.apiKey - b.apiKey);
  }

  /** Nothing is kept open; here so that all clients can be closed alike. */
  async close(): Promise<void> {}
}

const nameOf = ({ name }: { readonly name: string }) => name;

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
