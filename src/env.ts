/** The bindings and variables of the deployment, parsed once into what the rest reads. */
import type { BrokerConfig } from "./broker/context.ts";
import { staticConfigProblem } from "./cluster/broker-configs.ts";
import { brokerConfigValue, NO_SOURCES } from "./cluster/config-sources.ts";
import type { ConfigMap } from "./cluster/types.ts";
import type { GroupConfig } from "./group/config.ts";
import { assert } from "./lib/assert.ts";
import type { GroupCoordinator } from "./objects/group-coordinator.ts";
import type { Partition } from "./objects/partition.ts";

export interface Env {
  readonly CATALOGUE: D1Database;
  readonly PARTITION: DurableObjectNamespace<Partition>;
  /** REST consumer instances, by cluster, group and name; called by itty-durable, not by RPC. */
  readonly CONSUMER_INSTANCE: DurableObjectNamespace;
  /** The replicas of __consumer_offsets. */
  readonly GROUP_COORDINATOR: DurableObjectNamespace<GroupCoordinator>;
  /** The cluster that this deployment serves; its row is in the catalogue. */
  readonly KEDGE_CLUSTER_ID: string;
  /** Secret. Without it the deployment refuses everything but health. */
  readonly KEDGE_API_KEY?: string;
  /** "loopback": no key is asked for. Only `npm start` and `npm run dev` set it. */
  readonly KEDGE_OPEN?: string;
  /** Origins that browsers may call from, comma-separated; "*" for all. */
  readonly KEDGE_CORS_ORIGINS?: string;
  /** sticky (default) or round-robin: where REST puts records without a key. */
  readonly KEDGE_PARTITIONER?: string;
  /** Static broker configs under Kafka's names, as a JSON object of strings. */
  readonly KEDGE_BROKER_CONFIG?: string;
}

const MINUTE_MS = 60_000;

let parsed: { text: string; config: BrokerConfig } | null = null;

/** Throws an Error that names the variable and the value when it cannot be read. */
export function brokerConfig(env: Env): BrokerConfig {
  const text = env.KEDGE_BROKER_CONFIG ?? "";
  if (parsed?.text !== text) parsed = { text, config: parseBrokerConfig(text) };
  return parsed.config;
}

export function parseBrokerConfig(text: string): BrokerConfig {
  const given = parseStatics(text);
  const value = (name: string): string => {
    const found = brokerConfigValue(name, { ...NO_SOURCES, static: given });
    assert(found !== null, `${name} has a default`);
    return found;
  };
  return {
    static: given,
    numPartitions: Number(value("num.partitions")),
    defaultReplicationFactor: Number(value("default.replication.factor")),
    autoCreateTopicsEnable: value("auto.create.topics.enable").toLowerCase() === "true",
    offsetsTopicPartitions: Number(value("offsets.topic.num.partitions")),
    offsetsTopicReplicationFactor: Number(value("offsets.topic.replication.factor")),
    group: groupConfig(value),
  };
}

function groupConfig(value: (name: string) => string): GroupConfig {
  const number = (name: string): number => Number(value(name));
  const policy = value("group.consumer.migration.policy");
  const config: GroupConfig = {
    initialRebalanceDelayMs: number("group.initial.rebalance.delay.ms"),
    minSessionTimeoutMs: number("group.min.session.timeout.ms"),
    maxSessionTimeoutMs: number("group.max.session.timeout.ms"),
    maxSize: number("group.max.size"),
    offsetMetadataMaxBytes: number("offset.metadata.max.bytes"),
    offsetsRetentionMs: number("offsets.retention.minutes") * MINUTE_MS,
    offsetsRetentionCheckMs: number("offsets.retention.check.interval.ms"),
    consumerSessionTimeoutMs: number("group.consumer.session.timeout.ms"),
    consumerHeartbeatIntervalMs: number("group.consumer.heartbeat.interval.ms"),
    consumerMaxSize: number("group.consumer.max.size"),
    consumerMigrationPolicy: policy.toLowerCase() as GroupConfig["consumerMigrationPolicy"],
  };
  const { minSessionTimeoutMs: min, maxSessionTimeoutMs: max } = config;
  if (min <= max) return config;
  throw new Error(
    `KEDGE_BROKER_CONFIG has group.min.session.timeout.ms=${min} above group.max.session.timeout.ms=${max}`,
  );
}

function parseStatics(text: string): ConfigMap {
  if (text === "") return {};
  const wrong = (what: string): Error => new Error(`KEDGE_BROKER_CONFIG ${what}: it is ${text}`);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw wrong("is not JSON");
  }
  if (typeof given !== "object" || given === null) throw wrong("is not a JSON object");
  const configs = Object.entries(given).map(([name, value]) => [name, String(value)] as const);
  for (const [name, value] of configs) {
    const problem = staticConfigProblem(name, value);
    if (problem !== null) throw new Error(`KEDGE_BROKER_CONFIG: ${problem}`);
  }
  return Object.fromEntries(configs);
}
