/**
 * CreatePartitions, key 37, versions 0-3. More partitions for topics that are there, each topic by
 * itself. `count` is the new total.
 *
 * Errors of a topic: 29 without ALTER on it, 3 unknown, 37 not more than it has or too many, 38 no broker to put them on, 39
 * assignments, 42 a name given twice, or an internal topic: with another number of partitions of
 * __consumer_offsets, every group would be looked for where it is not. New partitions get as many replicas as partition 0 has. A
 * count that another request changed in between is looked at again.
 *
 * 1-3 are the same (quota behaviour and encoding only).
 *
 * Not done: timeoutMs, since nothing is waited for but the catalogue; controller mutation quotas.
 */
import { manualPlacementProblem, newPartition, placeReplicas } from "../../cluster/placement.ts";
import type { ClusterInfo, PartitionInfo, TopicInfo } from "../../cluster/types.ts";
import { TOPICS_PER_REQUEST_MAX } from "../../constants.ts";
import type { CreatePartitionsRequest } from "../../protocol/api/37-create-partitions.ts";
import { createPartitionsApi } from "../../protocol/api/37-create-partitions.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessTopic } from "../access.ts";
import { clusterOf } from "../cluster.ts";
import type { RequestContext } from "../context.ts";
import { inBackground } from "../context.ts";
import { defineHandler } from "../handler.ts";
import { throwIfTooManyPartitions } from "../topic-creation.ts";

type Wanted = CreatePartitionsRequest["topics"][number];

/** How often a lost race is run again. */
const ATTEMPTS_MAX = 5;

export const createPartitionsHandler = defineHandler(
  createPartitionsApi,
  [0, 3],
  async (ctx, request) => {
    if (request.topics.length > TOPICS_PER_REQUEST_MAX) {
      const text = `At most ${TOPICS_PER_REQUEST_MAX} topics are changed by one request; ${request.topics.length} were named.`;
      throw new KafkaError(ErrorCode.POLICY_VIOLATION, text);
    }
    const cluster = await clusterOf(ctx);
    const byName = Map.groupBy(request.topics, ({ name }) => name);
    const results = Array.from(byName, async ([name, [wanted, ...more]]) => {
      try {
        if (wanted === undefined || more.length > 0) {
          throw new KafkaError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
        }
        throwUnlessTopic(ctx, AclOperation.ALTER, name);
        await grow(ctx, cluster, wanted, request.validateOnly);
        return { name, errorCode: ErrorCode.NONE, errorMessage: null };
      } catch (error) {
        if (error instanceof KafkaError) return failed(name, error);
        throw error;
      }
    });
    return { results: await Promise.all(results) };
  },
  {
    failure: (error, request) => ({
      results: request.topics.map(({ name }) => failed(name, error)),
    }),
  },
);

function failed(name: string, error: KafkaError) {
  return { name, errorCode: error.code, errorMessage: error.message };
}

/** Throws KafkaError when the topic cannot grow so; nothing has changed then. */
async function grow(
  ctx: RequestContext,
  cluster: ClusterInfo,
  wanted: Wanted,
  validateOnly: boolean,
): Promise<void> {
  const { catalogue, partitions } = ctx.ports;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const found = await catalogue.topics(ctx.clusterId, [wanted.name], { fresh: true });
    const topic = found.get(wanted.name);
    if (topic === undefined) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    if (topic.internal) {
      const text = `The number of partitions of internal topic ${topic.name} is fixed.`;
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
    const added = planGrowth(ctx, cluster, topic, wanted);
    if (validateOnly) return;
    const { topicId, partitions: existing } = topic;
    if (await catalogue.addPartitions(ctx.clusterId, topicId, existing.length, added)) {
      const grown = { ...topic, partitions: [...existing, ...added] };
      inBackground(ctx, `open new partitions of ${topic.name}`, () =>
        partitions.open(ctx.clusterId, grown, added),
      );
      return;
    }
  }
  throw new KafkaError(
    ErrorCode.REQUEST_TIMED_OUT,
    `Topic '${wanted.name}' was changed by others ${ATTEMPTS_MAX} times in a row. Try again.`,
  );
}

/** ReplicationControlManager.createPartitions. */
function planGrowth(
  ctx: RequestContext,
  cluster: ClusterInfo,
  topic: TopicInfo,
  wanted: Wanted,
): PartitionInfo[] {
  const current = topic.partitions.length;
  if (wanted.count <= current) throw noIncrease(topic.name, current, wanted.count);
  throwIfTooManyPartitions(wanted.count);
  const replicationFactor = topic.partitions[0]?.replicas.length ?? 1;
  const lists =
    wanted.assignments === null
      ? placedLists(ctx, cluster, wanted.count - current, replicationFactor)
      : assignedLists(cluster, wanted.assignments, wanted.count, current, replicationFactor);
  return lists.map((list, index) => newPartition(cluster.brokers, current + index, list));
}

function noIncrease(name: string, current: number, count: number): KafkaError {
  const text =
    count === current
      ? `Topic already has ${current} partition(s).`
      : `The topic ${name} currently has ${current} partition(s); ${count} would not be an increase.`;
  return new KafkaError(ErrorCode.INVALID_PARTITIONS, text);
}

type Lists = readonly (readonly number[])[];

function placedLists(
  ctx: RequestContext,
  cluster: ClusterInfo,
  additional: number,
  replicationFactor: number,
): Lists {
  const placed = placeReplicas(cluster.brokers, additional, replicationFactor, ctx.random);
  if ("replicas" in placed) return placed.replicas;
  throw new KafkaError(
    ErrorCode.INVALID_REPLICATION_FACTOR,
    `Unable to replicate the partition ${replicationFactor} time(s): ${placed.refused}`,
  );
}

function assignedLists(
  cluster: ClusterInfo,
  assignments: NonNullable<Wanted["assignments"]>,
  count: number,
  current: number,
  replicationFactor: number,
): Lists {
  const additional = count - current;
  const lists = assignments.map(({ brokerIds }) => brokerIds);
  const problem =
    lists.length === additional
      ? manualPlacementProblem(cluster.brokers, lists, current, replicationFactor)
      : `Attempted to add ${additional} additional partition(s), but only ${lists.length} assignment(s) were specified.`;
  if (problem !== null) throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, problem);
  return lists;
}
