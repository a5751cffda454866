/**
 * Metadata, key 3, versions 0-13. Brokers, and topics with their leaders.
 *
 * Every broker is a region; its address is where the gateway, or else the URL, takes requests for it. Topics: null
 * means all, an empty list none (in 0, where there is no null, empty means all). A name that nobody
 * has is created when the client and auto.create.topics.enable allow it; Kafka answers 3 first and
 * creates meanwhile, here the topic is in the same reply.
 *
 * Topics without DESCRIBE are left out of "all", and 29 when they are named; so is one that would have
 * to be created without CREATE on it or on the cluster.
 *
 * Errors of a topic: 3 unknown, 17 bad name, 42 no name (10, 11) or an id before 12, 100 unknown id,
 * and what CreateTopics would answer when creation fails. A partition whose leader is gone: 5.
 *
 * 4: allowAutoTopicCreation. 5: offline replicas. 7: leader epochs. 8-10: the cluster's authorized
 * operations. 10: topic ids. 12: topics by id. 13: an error for the whole (never set).
 *
 * Not done: LISTENER_NOT_FOUND and REPLICA_NOT_AVAILABLE, since there is one listener and replicas
 * have no address of their own.
 */
import { isReservedTopic, topicNameProblem } from "../../cluster/topic-names.ts";
import type { ClusterInfo, TopicInfo } from "../../cluster/types.ts";
import { PARTITIONS_PER_REQUEST_MAX, TOPICS_PER_REQUEST_MAX } from "../../constants.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { MetadataRequest, MetadataResponseInput } from "../../protocol/api/03-metadata.ts";
import { metadataApi } from "../../protocol/api/03-metadata.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayCluster, mayTopic } from "../access.ts";
import {
  clusterOperations,
  OPERATIONS_NOT_GIVEN,
  topicOperations,
} from "../authorized-operations.ts";
import { clusterOf, partitionDescriber } from "../cluster.ts";
import type { RequestContext } from "../context.ts";
import { logEntry } from "../context.ts";
import { defineHandler } from "../handler.ts";
import { createTopics } from "../topic-creation.ts";

type TopicAnswer = MetadataResponseInput["topics"][number];
type AskedTopic = NonNullable<MetadataRequest["topics"]>[number];

const FIRST_VERSION_BY_ID = 12;

export const metadataHandler = defineHandler(metadataApi, [0, 13], async (ctx, request) => {
  const cluster = await clusterOf(ctx);
  const answers = await topicAnswers(ctx, cluster, request);
  return {
    brokers: cluster.brokers
      .filter((broker) => !broker.fenced)
      .map(({ brokerId, rack }) => ({
        nodeId: brokerId,
        ...ctx.advertised(brokerId),
        rack,
      })),
    clusterId: cluster.clusterId,
    controllerId: cluster.controllerId,
    topics: answers,
    clusterAuthorizedOperations: clusterOperations(ctx, request.includeClusterAuthorizedOperations),
    errorCode: ErrorCode.NONE,
  };
});

async function topicAnswers(
  ctx: RequestContext,
  cluster: ClusterInfo,
  request: MetadataRequest,
): Promise<TopicAnswer[]> {
  const answer = answerer(ctx, cluster, request.includeTopicAuthorizedOperations);
  const { topics } = request;
  if (topics === null || (ctx.apiVersion === 0 && topics.length === 0)) {
    const all = await ctx.ports.catalogue.topics(ctx.clusterId, null);
    return [...all.values()].filter(({ name }) => mayDescribe(ctx, name)).map(answer);
  }
  if (!isWellFormed(ctx, topics)) {
    return topics.map(({ name, topicId }) => failed(name, topicId, ErrorCode.INVALID_REQUEST));
  }
  const ids = unique(topics.flatMap(({ topicId }) => (topicId === ZERO_UUID ? [] : [topicId])));
  const names = unique(
    topics.flatMap(({ name, topicId }) => (topicId === ZERO_UUID ? [name ?? ""] : [])),
  );
  return [
    ...(await answersById(ctx, ids, answer)),
    ...(await answersByName(ctx, cluster, names, request.allowAutoTopicCreation, answer)),
  ];
}

/** KafkaApis.handleTopicMetadataRequest: names cannot be missing, nor ids be given, before 12. */
function isWellFormed(ctx: RequestContext, topics: readonly AskedTopic[]): boolean {
  if (ctx.apiVersion >= FIRST_VERSION_BY_ID) return true;
  return topics.every(({ name, topicId }) => name !== null && topicId === ZERO_UUID);
}

function unique(keys: readonly string[]): string[] {
  return [...new Set(keys)];
}

async function answersById(
  ctx: RequestContext,
  ids: readonly string[],
  answer: (topic: TopicInfo) => TopicAnswer,
): Promise<TopicAnswer[]> {
  if (ids.length === 0) return [];
  const found = await ctx.ports.catalogue.topicsById(ctx.clusterId, ids);
  return ids.map((id) => {
    const topic = found.get(id);
    if (topic === undefined) return failed(null, id, ErrorCode.UNKNOWN_TOPIC_ID);
    if (!mayDescribe(ctx, topic.name)) return failed(null, id, REFUSED);
    return answer(topic);
  });
}

async function answersByName(
  ctx: RequestContext,
  cluster: ClusterInfo,
  names: readonly string[],
  mayCreate: boolean,
  answer: (topic: TopicInfo) => TopicAnswer,
): Promise<TopicAnswer[]> {
  const shown = names.filter((name) => mayDescribe(ctx, name));
  const found = await ctx.ports.catalogue.topics(ctx.clusterId, shown);
  const missing = shown.filter((name) => !found.has(name) && isOrdinary(name));
  const wanted = mayCreate && ctx.config.autoCreateTopicsEnable ? missing : [];
  const creatable = wanted.filter((name) => mayCreateTopic(ctx, name));
  const refused = new Set(names.filter((name) => !mayDescribe(ctx, name)));
  for (const name of wanted) if (!creatable.includes(name)) refused.add(name);
  const some = creatable.slice(0, creatableAtOnce(ctx));
  const created = some.length === 0 ? null : await create(ctx, cluster, some);
  return names.map((name) => {
    if (refused.has(name)) return failed(name, ZERO_UUID, REFUSED);
    const topic = found.get(name) ?? created?.get(name);
    if (topic === undefined) return failed(name, ZERO_UUID, unknownCode(name));
    if (topic instanceof KafkaError) return failed(name, ZERO_UUID, topic.code);
    return answer(topic);
  });
}

const REFUSED = ErrorCode.TOPIC_AUTHORIZATION_FAILED;

function mayDescribe(ctx: RequestContext, name: string): boolean {
  return mayTopic(ctx, AclOperation.DESCRIBE, name);
}

function mayCreateTopic(ctx: RequestContext, name: string): boolean {
  return mayCluster(ctx, AclOperation.CREATE) || mayTopic(ctx, AclOperation.CREATE, name);
}

/** The rest is unknown for now; a client asks again for what is unknown. */
function creatableAtOnce(ctx: RequestContext): number {
  const byPartitions = Math.floor(PARTITIONS_PER_REQUEST_MAX / ctx.config.numPartitions);
  return Math.max(1, Math.min(TOPICS_PER_REQUEST_MAX, byPartitions));
}

function isOrdinary(name: string): boolean {
  return topicNameProblem(name) === null && !isReservedTopic(name);
}

function unknownCode(name: string): number {
  return topicNameProblem(name) === null
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.INVALID_TOPIC_EXCEPTION;
}

/** Topics with the broker's defaults. One that another request created meanwhile is read. */
async function create(
  ctx: RequestContext,
  cluster: ClusterInfo,
  names: readonly string[],
): Promise<ReadonlyMap<string, TopicInfo | KafkaError>> {
  const defaults = { numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
  const specs = names.map((name) => ({ name, ...defaults }));
  const results = new Map<string, TopicInfo | KafkaError>(
    await createTopics(ctx, cluster, specs, { validateOnly: false }),
  );
  const raced = names.filter((name) => {
    const result = results.get(name);
    return result instanceof KafkaError && result.code === ErrorCode.TOPIC_ALREADY_EXISTS;
  });
  if (raced.length > 0) {
    const fresh = await ctx.ports.catalogue.topics(ctx.clusterId, raced, { fresh: true });
    for (const [name, topic] of fresh) results.set(name, topic);
  }
  logFailures(ctx, results);
  return results;
}

/** Metadata has no room for a message, so that the reason would be lost. */
function logFailures(
  ctx: RequestContext,
  results: ReadonlyMap<string, TopicInfo | KafkaError>,
): void {
  for (const [name, result] of results) {
    if (!(result instanceof KafkaError)) continue;
    const message = `automatic creation of topic '${name}' failed`;
    logEntry(ctx, { level: "warn", message, clientId: ctx.clientId, error: result.message });
  }
}

function failed(name: string | null, topicId: string, errorCode: number): TopicAnswer {
  return { errorCode, name, topicId, partitions: [] };
}

function answerer(
  ctx: RequestContext,
  cluster: ClusterInfo,
  withOperations: boolean,
): (t: TopicInfo) => TopicAnswer {
  const describe = partitionDescriber(cluster);
  return ({ name, topicId, internal, partitions }) => ({
    errorCode: ErrorCode.NONE,
    name,
    topicId,
    isInternal: internal,
    partitions: partitions.map(describe),
    topicAuthorizedOperations: withOperations ? topicOperations(ctx, name) : OPERATIONS_NOT_GIVEN,
  });
}
