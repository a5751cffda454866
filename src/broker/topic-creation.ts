/**
 * How topics come to be: for CreateTopics, and for Metadata when it creates what a client names.
 * The checks and their order are those of Kafka's ReplicationControlManager.createTopics.
 */
import { manualPlacementProblem, newPartition, placeReplicas } from "../cluster/placement.ts";
import { topicConfigsProblem } from "../cluster/topic-configs.ts";
import { newTopicId } from "../cluster/topic-id.ts";
import {
  isReservedTopic,
  mayCollide,
  topicNameProblem,
  unifiedTopicName,
} from "../cluster/topic-names.ts";
import type { ClusterInfo } from "../cluster/types.ts";
import {
  PARTITIONS_PER_REQUEST_MAX,
  PARTITIONS_PER_TOPIC_MAX,
  TOPICS_PER_REQUEST_MAX,
} from "../constants.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";
import { inBackground } from "./context.ts";
import type { NewTopic } from "./ports.ts";

/** What a client asks for; -1 stands for the broker's default. */
export interface TopicSpec {
  readonly name: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly assignments: readonly {
    readonly partitionIndex: number;
    readonly brokerIds: readonly number[];
  }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export type CreationResult = NewTopic | KafkaError;

/**
 * Creates what can be created, each topic by itself, and opens its partitions after the reply.
 * The names must differ. Throws KafkaError when the request as a whole is refused.
 */
export async function createTopics(
  ctx: RequestContext,
  cluster: ClusterInfo,
  specs: readonly TopicSpec[],
  options: { readonly validateOnly: boolean },
): Promise<Map<string, CreationResult>> {
  throwIfTooMany(ctx, specs);
  const problems = await nameProblems(ctx, specs);
  const results = await Promise.all(
    specs.map(async (spec): Promise<[string, CreationResult]> => {
      const problem = problems(spec.name);
      const planned = problem ?? caught(() => planTopic(ctx, cluster, spec));
      if (planned instanceof KafkaError || options.validateOnly) return [spec.name, planned];
      return [spec.name, await store(ctx, planned)];
    }),
  );
  return new Map(results);
}

/** The error for each name, from the outside of the topic: its form, its like, its existence. */
async function nameProblems(
  ctx: RequestContext,
  specs: readonly TopicSpec[],
): Promise<(name: string) => KafkaError | null> {
  const anyLegal = specs.some(({ name }) => topicNameProblem(name) === null);
  const listed = anyLegal ? await ctx.ports.catalogue.listTopics(ctx.clusterId) : [];
  const existing = new Set(listed.map(({ name }) => name));
  const unified = new Map(
    listed.filter(({ name }) => mayCollide(name)).map(({ name }) => [unifiedTopicName(name), name]),
  );
  return (name) => {
    const illegal = topicNameProblem(name);
    if (illegal !== null) return new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, illegal);
    if (isReservedTopic(name)) {
      const text = `Creation of internal topic ${name} is prohibited: Kedge creates it when it is needed.`;
      return new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
    if (existing.has(name)) return alreadyExists(name);
    const other = mayCollide(name) ? unified.get(unifiedTopicName(name)) : undefined;
    if (other === undefined) return null;
    const text = `Topic '${name}' collides with existing topic: ${other}`;
    return new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, text);
  };
}

function alreadyExists(name: string): KafkaError {
  return new KafkaError(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
}

/** ReplicationControlManager.validateTotalNumberOfPartitions, and a bound on the topics. */
function throwIfTooMany(ctx: RequestContext, specs: readonly TopicSpec[]): void {
  if (specs.length > TOPICS_PER_REQUEST_MAX) {
    throw new KafkaError(
      ErrorCode.POLICY_VIOLATION,
      `Excessively large number of topics per request: ${specs.length}, at most ${TOPICS_PER_REQUEST_MAX} are allowed.`,
    );
  }
  const total = specs.reduce((sum, spec) => sum + Math.max(0, partitionsWanted(ctx, spec)), 0);
  if (specs.length > 1 && total > PARTITIONS_PER_REQUEST_MAX) {
    throw new KafkaError(
      ErrorCode.POLICY_VIOLATION,
      `Excessively large number of partitions per request: ${total}, at most ${PARTITIONS_PER_REQUEST_MAX} are allowed.`,
    );
  }
}

function partitionsWanted(ctx: RequestContext, spec: TopicSpec): number {
  if (spec.assignments.length > 0) return spec.assignments.length;
  return spec.numPartitions === -1 ? ctx.config.numPartitions : spec.numPartitions;
}

/** Throws KafkaError with what Kafka would answer for the topic. */
function planTopic(ctx: RequestContext, cluster: ClusterInfo, spec: TopicSpec): NewTopic {
  const configs = configsOf(spec);
  const replicas =
    spec.assignments.length > 0
      ? assignedReplicas(cluster, spec)
      : placedReplicas(ctx, cluster, spec);
  return {
    name: spec.name,
    topicId: newTopicId(ctx.random),
    internal: false,
    partitions: replicas.map((list, partition) => newPartition(cluster.brokers, partition, list)),
    configs,
  };
}

function configsOf(spec: TopicSpec): Record<string, string> {
  const nulls = spec.configs.filter(({ value }) => value === null).map(({ name }) => name);
  if (nulls.length > 0) {
    const text = `Null value not supported for topic configs: ${nulls.join(",")}`;
    throw new KafkaError(ErrorCode.INVALID_CONFIG, text);
  }
  const configs = Object.fromEntries(spec.configs.map(({ name, value }) => [name, value ?? ""]));
  const problem = topicConfigsProblem(configs);
  if (problem !== null) throw new KafkaError(ErrorCode.INVALID_CONFIG, problem);
  return configs;
}

function assignedReplicas(cluster: ClusterInfo, spec: TopicSpec): readonly (readonly number[])[] {
  const both = "A manual partition assignment was specified, but";
  if (spec.replicationFactor !== -1) {
    const text = `${both} replication factor was not set to -1.`;
    throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
  }
  if (spec.numPartitions !== -1) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `${both} numPartitions was not set to -1.`);
  }
  throwIfTooManyPartitions(spec.assignments.length);
  const lists = listsInOrder(spec);
  const problem = manualPlacementProblem(cluster.brokers, lists, 0, null);
  if (problem !== null) throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, problem);
  return lists;
}

/** The lists by partition number; each number once, without gaps. */
function listsInOrder({ assignments }: TopicSpec): (readonly number[])[] {
  const byPartition = new Map<number, readonly number[]>();
  for (const { partitionIndex, brokerIds } of assignments) {
    if (byPartition.has(partitionIndex)) {
      throw new KafkaError(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        `Found multiple manual partition assignments for partition ${partitionIndex}`,
      );
    }
    byPartition.set(partitionIndex, brokerIds);
  }
  return Array.from(assignments, (_, partition) => {
    const list = byPartition.get(partition);
    if (list !== undefined) return list;
    throw new KafkaError(
      ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      `partitions should be a consecutive 0-based integer sequence, and ${partition} is missing`,
    );
  });
}

function placedReplicas(
  ctx: RequestContext,
  cluster: ClusterInfo,
  spec: TopicSpec,
): readonly (readonly number[])[] {
  const wanted = spec.replicationFactor;
  if (wanted < -1 || wanted === 0) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      "Replication factor must be larger than 0, or -1 to use the default value.",
    );
  }
  if (spec.numPartitions < -1 || spec.numPartitions === 0) {
    throw new KafkaError(
      ErrorCode.INVALID_PARTITIONS,
      "Number of partitions was set to an invalid non-positive value.",
    );
  }
  const partitions = partitionsWanted(ctx, spec);
  throwIfTooManyPartitions(partitions);
  const replicationFactor = wanted === -1 ? ctx.config.defaultReplicationFactor : wanted;
  const placed = placeReplicas(cluster.brokers, partitions, replicationFactor, ctx.random);
  if ("refused" in placed) {
    throw new KafkaError(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Unable to replicate the partition ${replicationFactor} time(s): ${placed.refused}`,
    );
  }
  return placed.replicas;
}

export function throwIfTooManyPartitions(partitions: number): void {
  if (partitions <= PARTITIONS_PER_TOPIC_MAX) return;
  throw new KafkaError(
    ErrorCode.INVALID_PARTITIONS,
    `A topic has at most ${PARTITIONS_PER_TOPIC_MAX} partitions; ${partitions} were asked for.`,
  );
}

/** Another creator of the same name may have been faster. */
async function store(ctx: RequestContext, topic: NewTopic): Promise<CreationResult> {
  try {
    const created = await ctx.ports.catalogue.createTopic(ctx.clusterId, topic);
    if (!created) return alreadyExists(topic.name);
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
  const { partitions } = ctx.ports;
  inBackground(ctx, `open topic ${topic.name}`, () =>
    partitions.open(ctx.clusterId, topic, topic.partitions),
  );
  return topic;
}

function caught<T>(plan: () => T): T | KafkaError {
  try {
    return plan();
  } catch (error) {
    if (error instanceof KafkaError) return error;
    throw error;
  }
}
