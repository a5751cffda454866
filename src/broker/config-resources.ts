/**
 * Topics and brokers as things that have configs (ConfigResource): what is set on one, what holds, and
 * who is to be told when it changes.
 */
import { brokerConfigDef, isClientConfig } from "../cluster/broker-configs.ts";
import { type BrokerSources, brokerSources } from "../cluster/config-sources.ts";
import { topicNameProblem } from "../cluster/topic-names.ts";
import {
  type ClusterInfo,
  type ConfigMap,
  EVERY_BROKER,
  type TopicInfo,
} from "../cluster/types.ts";
import { ConfigResourceType } from "../protocol/config-codes.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [8, "BROKER_LOGGER"],
  [16, "CLIENT_METRICS"],
  [32, "GROUP"],
]);

export type ConfigTarget =
  | { readonly kind: "topic"; readonly topic: TopicInfo }
  /** EVERY_BROKER: what holds for all of them. */
  | { readonly kind: "broker"; readonly brokerId: number };

/**
 * Whose configs a request means. Throws KafkaError: 3 and 17 for a topic, 42 for a broker that is not
 * there and for what has no configs here.
 *
 * @param topics what `topicsNamed` found; null reads the topic
 */
export async function configTarget(
  ctx: RequestContext,
  cluster: ClusterInfo,
  type: number,
  name: string,
  topics: ReadonlyMap<string, TopicInfo> | null = null,
): Promise<ConfigTarget> {
  if (type === ConfigResourceType.TOPIC) {
    return { kind: "topic", topic: await topicNamed(ctx, name, topics) };
  }
  if (type === ConfigResourceType.BROKER) {
    return { kind: "broker", brokerId: brokerNamed(cluster, name) };
  }
  const text = `Resources of type ${TYPE_NAMES.get(type) ?? type} have no configs in Kedge: topics (2) and brokers (4) do.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

async function topicNamed(
  ctx: RequestContext,
  name: string,
  topics: ReadonlyMap<string, TopicInfo> | null,
): Promise<TopicInfo> {
  const problem = topicNameProblem(name);
  if (problem !== null) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  const topic = (topics ?? (await readTopics(ctx, [name]))).get(name);
  if (topic !== undefined) return topic;
  const text = `The topic '${name}' does not exist.`;
  throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, text);
}

/** All topics that a request names, read in one statement; those that are not there are left out. */
export async function topicsNamed(
  ctx: RequestContext,
  resources: readonly { readonly resourceType: number; readonly resourceName: string }[],
): Promise<ReadonlyMap<string, TopicInfo>> {
  const names = resources
    .filter(({ resourceType }) => resourceType === ConfigResourceType.TOPIC)
    .map(({ resourceName }) => resourceName)
    .filter((name) => topicNameProblem(name) === null);
  return names.length === 0 ? new Map() : readTopics(ctx, [...new Set(names)]);
}

function readTopics({ ports, clusterId }: RequestContext, names: readonly string[]) {
  return ports.catalogue.topics(clusterId, names, { fresh: true });
}

function brokerNamed(cluster: ClusterInfo, name: string): number {
  if (name === "") return EVERY_BROKER;
  if (!/^\d{1,9}$/.test(name)) {
    const text = `Broker id must be an integer, but it is: ${name}`;
    throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
  }
  const brokerId = Number(name);
  if (cluster.brokers.some((broker) => broker.brokerId === brokerId)) return brokerId;
  const ids = cluster.brokers.map((broker) => broker.brokerId).join(", ");
  const text = `There is no broker ${name}: the brokers are ${ids}, and the empty name means all of them.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

/** What is set on the resource itself. */
export function ownConfigs(cluster: ClusterInfo, target: ConfigTarget): ConfigMap {
  return target.kind === "topic" ? target.topic.configs : (cluster.configs[target.brokerId] ?? {});
}

/**
 * What a topic falls back to when nobody asks for one broker's view: all of them share it but for
 * what is set on a broker alone.
 */
export function sharedSources(ctx: RequestContext, cluster: ClusterInfo): BrokerSources {
  return brokerSources(cluster, ctx.config.static, ctx.brokerId ?? EVERY_BROKER);
}

/** Throws KafkaError: 42 for a config that only a deployment sets, 40 for one that no broker has. */
export function throwUnlessDynamic(name: string): void {
  const def = brokerConfigDef(name);
  if (def !== undefined && def.mode !== "read-only") return;
  if (def !== undefined) {
    const text =
      `Cannot update these configs dynamically: [${name}]. ` +
      "It is read-only: set it in KEDGE_BROKER_CONFIG and deploy.";
    throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
  }
  const text = isClientConfig(name)
    ? `${name} is a config of clients: set it in the producer or consumer, a broker does not have it.`
    : `Unknown broker config name: ${name}.`;
  throw new KafkaError(ErrorCode.INVALID_CONFIG, text);
}
