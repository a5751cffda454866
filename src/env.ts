/** The bindings and variables of the deployment, parsed once into what the rest reads. */
import type { BrokerConfig } from "./broker/context.ts";
import {
  MAX_MESSAGE_BYTES_DEFAULT,
  OFFSET_METADATA_BYTES_LIMIT,
  OFFSETS_TOPIC_PARTITIONS_DEFAULT,
  OFFSETS_TOPIC_REPLICATION_FACTOR_DEFAULT,
  PARTITIONS_PER_TOPIC_MAX,
} from "./constants.ts";
import { GROUP_CONFIG_DEFAULT, type GroupConfig } from "./group/config.ts";
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

const DEFAULTS: BrokerConfig = {
  numPartitions: 1,
  defaultReplicationFactor: 1,
  autoCreateTopicsEnable: true,
  messageMaxBytes: MAX_MESSAGE_BYTES_DEFAULT,
  logMessageTimestampType: "CreateTime",
  offsetsTopicPartitions: OFFSETS_TOPIC_PARTITIONS_DEFAULT,
  offsetsTopicReplicationFactor: OFFSETS_TOPIC_REPLICATION_FACTOR_DEFAULT,
  group: GROUP_CONFIG_DEFAULT,
};

const MINUTE_MS = 60_000;
/** What Kafka's own configs of type INT hold. */
const INT_MAX = 2_147_483_647;
const MIGRATION_POLICIES = ["bidirectional", "upgrade", "downgrade", "disabled"] as const;

let parsed: { text: string; config: BrokerConfig } | null = null;

/** Throws an Error that names the variable and the value when it cannot be read. */
export function brokerConfig(env: Env): BrokerConfig {
  const text = env.KEDGE_BROKER_CONFIG ?? "";
  if (parsed?.text !== text) parsed = { text, config: parseBrokerConfig(text) };
  return parsed.config;
}

export function parseBrokerConfig(text: string): BrokerConfig {
  if (text === "") return DEFAULTS;
  const wrong = (what: string): Error => new Error(`KEDGE_BROKER_CONFIG ${what}: it is ${text}`);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw wrong("is not JSON");
  }
  if (typeof given !== "object" || given === null) throw wrong("is not a JSON object");
  let config = DEFAULTS;
  for (const [name, value] of Object.entries(given)) {
    config = { ...config, ...parseOne(config, name, String(value), wrong) };
  }
  const { minSessionTimeoutMs: min, maxSessionTimeoutMs: max } = config.group;
  if (min <= max) return config;
  throw wrong(`has group.min.session.timeout.ms=${min} above group.max.session.timeout.ms=${max}`);
}

function parseOne(
  { group }: BrokerConfig,
  name: string,
  value: string,
  wrong: (what: string) => Error,
): Partial<BrokerConfig> {
  const whole = (min: number, max = Number.MAX_SAFE_INTEGER): number => {
    const number = Number(value);
    if (Number.isSafeInteger(number) && number >= min && number <= max) return number;
    const upTo = max === Number.MAX_SAFE_INTEGER ? "" : ` to ${max}`;
    throw wrong(`has ${name}=${value}, which is not a whole number from ${min}${upTo}`);
  };
  const ofGroups = (change: Partial<GroupConfig>) => ({ group: { ...group, ...change } });
  switch (name) {
    case "num.partitions":
      return { numPartitions: whole(1) };
    case "default.replication.factor":
      return { defaultReplicationFactor: whole(1) };
    case "message.max.bytes":
      return { messageMaxBytes: whole(0) };
    case "auto.create.topics.enable":
      if (value !== "true" && value !== "false") throw wrong(`has ${name}=${value}`);
      return { autoCreateTopicsEnable: value === "true" };
    case "log.message.timestamp.type":
      if (value !== "CreateTime" && value !== "LogAppendTime") throw wrong(`has ${name}=${value}`);
      return { logMessageTimestampType: value };
    case "offsets.topic.num.partitions":
      return { offsetsTopicPartitions: whole(1, PARTITIONS_PER_TOPIC_MAX) };
    case "offsets.topic.replication.factor":
      return { offsetsTopicReplicationFactor: whole(1) };
    case "offsets.retention.minutes":
      return ofGroups({ offsetsRetentionMs: whole(1, INT_MAX) * MINUTE_MS });
    case "offsets.retention.check.interval.ms":
      return ofGroups({ offsetsRetentionCheckMs: whole(1) });
    case "offset.metadata.max.bytes":
      return ofGroups({ offsetMetadataMaxBytes: whole(0, OFFSET_METADATA_BYTES_LIMIT) });
    case "group.initial.rebalance.delay.ms":
      return ofGroups({ initialRebalanceDelayMs: whole(0, INT_MAX) });
    case "group.min.session.timeout.ms":
      return ofGroups({ minSessionTimeoutMs: whole(1, INT_MAX) });
    case "group.max.session.timeout.ms":
      return ofGroups({ maxSessionTimeoutMs: whole(1, INT_MAX) });
    case "group.max.size":
      return ofGroups({ maxSize: whole(1, INT_MAX) });
    case "group.consumer.session.timeout.ms":
      return ofGroups({ consumerSessionTimeoutMs: whole(1, INT_MAX) });
    case "group.consumer.heartbeat.interval.ms":
      return ofGroups({ consumerHeartbeatIntervalMs: whole(1, INT_MAX) });
    case "group.consumer.max.size":
      return ofGroups({ consumerMaxSize: whole(1, INT_MAX) });
    case "group.consumer.migration.policy": {
      const policy = MIGRATION_POLICIES.find((known) => known === value.toLowerCase());
      if (policy === undefined) throw wrong(`has ${name}=${value}`);
      return ofGroups({ consumerMigrationPolicy: policy });
    }
    default:
      throw wrong(`names ${name}, which is not a static broker config`);
  }
}
