/**
 * DescribeConfigs, key 32, versions 1-4. Every config of a topic or a broker, with its value, where that
 * comes from and what it would be without (synonyms). The empty broker name is "all brokers": only what
 * was set for all of them.
 *
 * Errors of a resource: 3 no such topic, 17 no topic name, 42 no such broker, or nothing that has
 * configs here (loggers, client metrics, groups).
 *
 * 3: types, and documentation when asked for. No config is sensitive: secrets are not configs here.
 */
import { brokerConfigDef } from "../../cluster/broker-configs.ts";
import type { ConfigDef, ConfigType } from "../../cluster/config-def.ts";
import {
  brokerSources,
  ConfigSource,
  type ResolvedConfig,
  resolveBrokerConfigs,
  resolveTopicConfigs,
} from "../../cluster/config-sources.ts";
import { topicConfigDef } from "../../cluster/topic-configs.ts";
import { type ClusterInfo, EVERY_BROKER } from "../../cluster/types.ts";
import { assert } from "../../lib/assert.ts";
import type { DescribeConfigsRequest } from "../../protocol/api/32-describe-configs.ts";
import { describeConfigsApi } from "../../protocol/api/32-describe-configs.ts";
import { KafkaError } from "../../protocol/errors.ts";
import { clusterOf } from "../cluster.ts";
import { answer } from "../config-changes.ts";
import {
  type ConfigTarget,
  configTarget,
  sharedSources,
  topicsNamed,
} from "../config-resources.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";

type Resource = DescribeConfigsRequest["resources"][number];

/** DescribeConfigsResponse.ConfigType */
const TYPE_CODES: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
  password: 9,
};

export const describeConfigsHandler = defineHandler(
  describeConfigsApi,
  [1, 4],
  async (ctx, request) => {
    const cluster = await clusterOf(ctx, true);
    const topics = await topicsNamed(ctx, request.resources);
    const results = request.resources.map(async (resource) => {
      try {
        const { resourceType, resourceName } = resource;
        const target = await configTarget(ctx, cluster, resourceType, resourceName, topics);
        return {
          ...answer(resource, null),
          configs: describe(ctx, cluster, target, resource, request),
        };
      } catch (error) {
        if (error instanceof KafkaError) return { ...answer(resource, error), configs: [] };
        throw error;
      }
    });
    return { results: await Promise.all(results) };
  },
  {
    failure: (error, request) => ({
      results: request.resources.map((resource) => ({ ...answer(resource, error), configs: [] })),
    }),
  },
);

function describe(
  ctx: RequestContext,
  cluster: ClusterInfo,
  target: ConfigTarget,
  { configurationKeys: keys }: Resource,
  { includeSynonyms, includeDocumentation }: DescribeConfigsRequest,
) {
  const isWanted = (name: string): boolean =>
    keys === null || keys.length === 0 || keys.includes(name);
  return resolve(ctx, cluster, target)
    .filter(({ name }) => isWanted(name))
    .map(({ name, value, source, synonyms }) => {
      const { def, readOnly } = defOf(target, name);
      return {
        name,
        value,
        readOnly,
        configSource: source,
        isSensitive: false,
        synonyms: includeSynonyms ? synonyms : [],
        configType: TYPE_CODES[def.type],
        documentation: includeDocumentation ? def.doc : null,
      };
    });
}

function resolve(
  ctx: RequestContext,
  cluster: ClusterInfo,
  target: ConfigTarget,
): readonly ResolvedConfig[] {
  if (target.kind === "topic") {
    return resolveTopicConfigs(target.topic.configs, sharedSources(ctx, cluster));
  }
  const { brokerId } = target;
  const sources = brokerSources(cluster, staticsOf(ctx, cluster, brokerId), brokerId);
  const all = resolveBrokerConfigs(sources);
  if (brokerId !== EVERY_BROKER) return all;
  return all.filter(({ source }) => source === ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG);
}

/** The deployment's configs, with what the catalogue says of the broker. */
function staticsOf(ctx: RequestContext, { brokers }: ClusterInfo, brokerId: number) {
  const broker = brokers.find((candidate) => candidate.brokerId === brokerId);
  if (broker === undefined) return ctx.config.static;
  const id = String(brokerId);
  return { ...ctx.config.static, "broker.id": id, "node.id": id, "broker.rack": broker.rack };
}

function defOf(target: ConfigTarget, name: string): { def: ConfigDef; readOnly: boolean } {
  const broker = target.kind === "broker" ? brokerConfigDef(name) : undefined;
  const def = broker ?? topicConfigDef(name);
  assert(def !== undefined, `what was resolved is known: ${name}`);
  return { def, readOnly: broker?.mode === "read-only" };
}
