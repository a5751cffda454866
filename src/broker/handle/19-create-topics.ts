/**
 * CreateTopics, key 19, versions 2-7. New topics, each by itself: one that fails leaves the others.
 *
 * Needs CREATE on the cluster or on the topic (29); what it is made of is told with DESCRIBE_CONFIGS only.
 *
 * Errors of a topic: 17 bad name or one that collides with another in metrics ('.' and '_'), 36
 * exists, 37 partitions, 38 replication factor, 39 assignment, 40 configs, 42 a name given twice, an
 * internal topic, or an assignment beside counts, 44 too much in one request. A topic is there for
 * everybody when the reply leaves; its objects are made after it.
 *
 * 4: -1 means the broker's defaults (taken in 2 and 3 too). 5: the reply has partitions, factor and
 * configs. 7: the reply has the topic id; with validateOnly it is zero, since no topic has it.
 *
 * Not done: timeoutMs, since nothing is waited for but the catalogue; controller mutation quotas
 * (KIP-599).
 */

import { type BrokerSources, resolveTopicConfigs } from "../../cluster/config-sources.ts";
import type { ClusterInfo } from "../../cluster/types.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type { CreateTopicsRequest } from "../../protocol/api/19-create-topics.ts";
import { createTopicsApi } from "../../protocol/api/19-create-topics.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayCluster, mayTopic } from "../access.ts";
import { clusterOf } from "../cluster.ts";
import { sharedSources } from "../config-resources.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";
import type { NewTopic } from "../ports.ts";
import type { CreationResult, TopicSpec } from "../topic-creation.ts";
import { createTopics } from "../topic-creation.ts";

export const createTopicsHandler = defineHandler(
  createTopicsApi,
  [2, 7],
  async (ctx, request) => {
    const cluster = await clusterOf(ctx);
    const { once, twice } = byName(request.topics);
    const sources = sharedSources(ctx, cluster);
    const mine = once.filter(({ name }) => mayCreate(ctx, name));
    const refused = once.filter((spec) => !mine.includes(spec));
    const results = await createOrRefuse(ctx, cluster, mine, request.validateOnly);
    const duplicate = new KafkaError(ErrorCode.INVALID_REQUEST, "Duplicate topic name.");
    return {
      topics: [
        ...Array.from(results, ([name, result]) =>
          result instanceof KafkaError
            ? failed(name, result)
            : succeeded(ctx, result, request.validateOnly, sources),
        ),
        ...refused.map(({ name }) => failed(name, REFUSED)),
        ...twice.map((name) => failed(name, duplicate)),
      ],
    };
  },
  { failure: (error, request) => ({ topics: request.topics.map((t) => failed(t.name, error)) }) },
);

/** ControllerApis.createTopics: the cluster's CREATE covers every topic. */
function mayCreate(ctx: RequestContext, name: string): boolean {
  return mayCluster(ctx, AclOperation.CREATE) || mayTopic(ctx, AclOperation.CREATE, name);
}

const REFUSED = new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED, "Authorization failed.");

function byName(topics: CreateTopicsRequest["topics"]): { once: TopicSpec[]; twice: string[] } {
  const counts = new Map<string, number>();
  for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    once: topics.filter(({ name }) => counts.get(name) === 1),
    twice: Array.from(counts).flatMap(([name, count]) => (count > 1 ? [name] : [])),
  };
}

/** A request that is too large fails in each of its topics. */
async function createOrRefuse(
  ctx: RequestContext,
  cluster: ClusterInfo,
  specs: readonly TopicSpec[],
  validateOnly: boolean,
): Promise<ReadonlyMap<string, CreationResult>> {
  try {
    return await createTopics(ctx, cluster, specs, { validateOnly });
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return new Map(specs.map(({ name }) => [name, error]));
  }
}

function failed(name: string, error: KafkaError) {
  return { name, errorCode: error.code, errorMessage: error.message };
}

function succeeded(
  ctx: RequestContext,
  topic: NewTopic,
  validateOnly: boolean,
  sources: BrokerSources,
) {
  const topicId = validateOnly ? ZERO_UUID : topic.topicId;
  const created = { name: topic.name, topicId, errorCode: ErrorCode.NONE, errorMessage: null };
  if (!mayTopic(ctx, AclOperation.DESCRIBE_CONFIGS, topic.name)) {
    return {
      ...created,
      topicConfigErrorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
      numPartitions: -1,
      replicationFactor: -1,
      configs: null,
    };
  }
  return {
    ...created,
    numPartitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]?.replicas.length ?? -1,
    configs: resolveTopicConfigs(topic.configs, sources).map(({ name, value, source }) => ({
      name,
      value,
      readOnly: false,
      configSource: source,
      isSensitive: false,
    })),
  };
}
