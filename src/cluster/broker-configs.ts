/**
 * The broker configs that Kedge knows, under Kafka's names (KafkaConfig, ServerLogConfigs,
 * GroupCoordinatorConfig). Kafka's others are of machines, sockets and disks that are not there.
 */
import {
  FETCH_BYTES_MAX,
  MAX_MESSAGE_BYTES_DEFAULT,
  MAX_MESSAGE_BYTES_LIMIT,
  OFFSET_METADATA_BYTES_LIMIT,
  OFFSETS_TOPIC_PARTITIONS_DEFAULT,
  OFFSETS_TOPIC_REPLICATION_FACTOR_DEFAULT,
  PARTITIONS_PER_TOPIC_MAX,
  PRODUCER_ID_EXPIRATION_MS,
  REPLICA_LAG_TIME_MAX_MS_DEFAULT,
  REQUEST_BYTES_MAX,
  TIMESTAMP_AFTER_MAX_MS,
} from "../constants.ts";
import {
  type ConfigDef,
  choice,
  configValueProblem,
  double,
  flag,
  int,
  LONG_MAX,
  list,
  long,
  text,
} from "./config-def.ts";

/**
 * Who may change it while brokers run (Kafka's "dynamic update mode"): nobody, each broker for itself
 * or the whole cluster, or the whole cluster only (it may be given for one broker all the same).
 */
export type UpdateMode = "read-only" | "per-broker" | "cluster-wide";

export interface BrokerConfigDef extends ConfigDef {
  readonly mode: UpdateMode;
  /** Broker configs that it falls back to: log.retention.ms to log.retention.minutes (DynamicBrokerConfig.brokerConfigSynonyms). */
  readonly synonyms: readonly string[];
}

const fixed = (def: ConfigDef): BrokerConfigDef => ({ ...def, mode: "read-only", synonyms: [] });
const dynamic = (def: ConfigDef, ...synonyms: string[]): BrokerConfigDef => ({
  ...def,
  mode: "cluster-wide",
  synonyms,
});

const DAY_MS = 24 * 60 * 60 * 1000;
const TOPIC_DEFAULT = "What a topic has that does not set";
const COMPRESSION = ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"] as const;

const LOG_CONFIGS: readonly BrokerConfigDef[] = [
  dynamic(int("compression.gzip.level", -1, -1, `${TOPIC_DEFAULT} compression.gzip.level.`, 9)),
  dynamic(int("compression.lz4.level", 9, 1, `${TOPIC_DEFAULT} compression.lz4.level.`, 17)),
  dynamic(
    choice("compression.type", "producer", COMPRESSION, `${TOPIC_DEFAULT} compression.type.`),
  ),
  dynamic(
    int("compression.zstd.level", 3, -131_072, `${TOPIC_DEFAULT} compression.zstd.level.`, 22),
  ),
  dynamic(
    long("log.cleaner.delete.retention.ms", DAY_MS, 0, `${TOPIC_DEFAULT} delete.retention.ms.`),
  ),
  dynamic(
    long(
      "log.cleaner.max.compaction.lag.ms",
      LONG_MAX,
      1,
      `${TOPIC_DEFAULT} max.compaction.lag.ms.`,
    ),
  ),
  dynamic(
    double(
      "log.cleaner.min.cleanable.ratio",
      0.5,
      0,
      `${TOPIC_DEFAULT} min.cleanable.dirty.ratio.`,
      1,
    ),
  ),
  dynamic(
    long("log.cleaner.min.compaction.lag.ms", 0, 0, `${TOPIC_DEFAULT} min.compaction.lag.ms.`),
  ),
  dynamic(
    list("log.cleanup.policy", "delete", `${TOPIC_DEFAULT} cleanup.policy.`, ["compact", "delete"]),
  ),
  dynamic(long("log.flush.interval.messages", LONG_MAX, 1, `${TOPIC_DEFAULT} flush.messages.`)),
  dynamic(
    long("log.flush.interval.ms", null, 0, `${TOPIC_DEFAULT} flush.ms.`),
    "log.flush.scheduler.interval.ms",
  ),
  fixed(
    long("log.flush.scheduler.interval.ms", LONG_MAX, 0, "Stands in for log.flush.interval.ms."),
  ),
  dynamic(int("log.index.interval.bytes", 4_096, 0, `${TOPIC_DEFAULT} index.interval.bytes.`)),
  dynamic(int("log.index.size.max.bytes", 10_485_760, 4, `${TOPIC_DEFAULT} segment.index.bytes.`)),
  dynamic(long("log.local.retention.bytes", -2, -2, `${TOPIC_DEFAULT} local.retention.bytes.`)),
  dynamic(long("log.local.retention.ms", -2, -2, `${TOPIC_DEFAULT} local.retention.ms.`)),
  dynamic(
    long(
      "log.message.timestamp.after.max.ms",
      TIMESTAMP_AFTER_MAX_MS,
      0,
      `${TOPIC_DEFAULT} message.timestamp.after.max.ms.`,
    ),
  ),
  dynamic(
    long(
      "log.message.timestamp.before.max.ms",
      LONG_MAX,
      0,
      `${TOPIC_DEFAULT} message.timestamp.before.max.ms.`,
    ),
  ),
  dynamic(
    choice(
      "log.message.timestamp.type",
      "CreateTime",
      ["CreateTime", "LogAppendTime"],
      `${TOPIC_DEFAULT} message.timestamp.type.`,
    ),
  ),
  dynamic(flag("log.preallocate", false, `${TOPIC_DEFAULT} preallocate.`)),
  dynamic(long("log.retention.bytes", -1, null, `${TOPIC_DEFAULT} retention.bytes.`)),
  fixed(
    long(
      "log.retention.check.interval.ms",
      300_000,
      1,
      "How often Kafka looks for old segments; here each partition's alarm is set for when it is due.",
    ),
  ),
  fixed(int("log.retention.hours", 168, null, "Stands in for log.retention.ms, in hours.")),
  fixed(int("log.retention.minutes", null, null, "Stands in for log.retention.ms, in minutes.")),
  dynamic(
    long("log.retention.ms", null, null, `${TOPIC_DEFAULT} retention.ms.`),
    "log.retention.minutes",
    "log.retention.hours",
  ),
  fixed(int("log.roll.hours", 168, 1, "Stands in for log.roll.ms, in hours.")),
  fixed(int("log.roll.jitter.hours", 0, 0, "Stands in for log.roll.jitter.ms, in hours.")),
  dynamic(
    long("log.roll.jitter.ms", null, 0, `${TOPIC_DEFAULT} segment.jitter.ms.`),
    "log.roll.jitter.hours",
  ),
  dynamic(long("log.roll.ms", null, 1, `${TOPIC_DEFAULT} segment.ms.`), "log.roll.hours"),
  dynamic(int("log.segment.bytes", 1_073_741_824, 1_048_576, `${TOPIC_DEFAULT} segment.bytes.`)),
  dynamic(long("log.segment.delete.delay.ms", 60_000, 0, `${TOPIC_DEFAULT} file.delete.delay.ms.`)),
  dynamic(
    int(
      "message.max.bytes",
      MAX_MESSAGE_BYTES_DEFAULT,
      0,
      `${TOPIC_DEFAULT} max.message.bytes.`,
      MAX_MESSAGE_BYTES_LIMIT,
    ),
  ),
  dynamic(int("min.insync.replicas", 1, 1, `${TOPIC_DEFAULT} min.insync.replicas.`)),
  dynamic(
    flag(
      "unclean.leader.election.enable",
      false,
      `${TOPIC_DEFAULT} unclean.leader.election.enable.`,
    ),
  ),
];

const GROUP_CONFIGS: readonly BrokerConfigDef[] = [
  fixed(
    int(
      "group.consumer.heartbeat.interval.ms",
      5_000,
      1,
      "How often members of consumer groups are told to send a heartbeat.",
    ),
  ),
  fixed(
    int("group.consumer.max.size", 2_147_483_647, 1, "Members that a consumer group may have."),
  ),
  fixed({
    ...choice(
      "group.consumer.migration.policy",
      "bidirectional",
      ["bidirectional", "upgrade", "downgrade", "disabled"],
      "Whether classic groups become consumer groups when a member asks for it, and back.",
    ),
    anyCase: true,
  }),
  fixed(
    int(
      "group.consumer.session.timeout.ms",
      45_000,
      1,
      "A member of a consumer group that is silent for so long is taken out.",
    ),
  ),
  fixed(
    int(
      "group.initial.rebalance.delay.ms",
      3_000,
      0,
      "How long a new classic group waits for more members.",
    ),
  ),
  fixed(
    int(
      "group.max.session.timeout.ms",
      1_800_000,
      1,
      "The longest session.timeout.ms of a classic member.",
    ),
  ),
  fixed(int("group.max.size", 2_147_483_647, 1, "Members that a classic group may have.")),
  fixed(
    int(
      "group.min.session.timeout.ms",
      6_000,
      1,
      "The shortest session.timeout.ms of a classic member.",
    ),
  ),
  fixed(
    int(
      "offset.metadata.max.bytes",
      4_096,
      0,
      "The longest text that may be committed with an offset.",
      OFFSET_METADATA_BYTES_LIMIT,
    ),
  ),
  fixed(
    int(
      "offsets.commit.timeout.ms",
      5_000,
      1,
      "How long a commit waits for the replicas of __consumer_offsets.",
    ),
  ),
  fixed(
    long(
      "offsets.retention.check.interval.ms",
      600_000,
      1,
      "Offsets that are due go with a delay of up to this.",
    ),
  ),
  fixed(
    int(
      "offsets.retention.minutes",
      10_080,
      1,
      "Offsets of a group without members are kept for so long.",
    ),
  ),
  fixed(
    int(
      "offsets.topic.num.partitions",
      OFFSETS_TOPIC_PARTITIONS_DEFAULT,
      1,
      "Partitions of __consumer_offsets, when it is created.",
      PARTITIONS_PER_TOPIC_MAX,
    ),
  ),
  fixed(
    int(
      "offsets.topic.replication.factor",
      OFFSETS_TOPIC_REPLICATION_FACTOR_DEFAULT,
      1,
      "Replicas of __consumer_offsets, at most one a live broker.",
    ),
  ),
];

const CLUSTER_CONFIGS: readonly BrokerConfigDef[] = [
  fixed(
    flag("auto.create.topics.enable", true, "Creates a topic that a client asks the metadata of."),
  ),
  fixed(
    flag(
      "auto.leader.rebalance.enable",
      true,
      "The sweep gives leadership back to preferred leaders.",
    ),
  ),
  fixed(text("broker.id", null, "The broker's id.")),
  fixed(text("broker.rack", null, "The broker's region.")),
  fixed(int("default.replication.factor", 1, 1, "Replicas of a topic that does not say.")),
  fixed(flag("delete.topic.enable", true, "Topics may be deleted.")),
  fixed(
    int(
      "fetch.max.bytes",
      FETCH_BYTES_MAX,
      1_024,
      "What one Fetch answers at the most, but for a larger first batch.",
    ),
  ),
  fixed(text("node.id", null, "The broker's id.")),
  fixed(int("num.partitions", 1, 1, "Partitions of a topic that does not say.")),
  dynamic(
    int(
      "producer.id.expiration.ms",
      PRODUCER_ID_EXPIRATION_MS,
      1,
      "An idempotent producer that is silent for so long is forgotten.",
    ),
  ),
  fixed(
    long(
      "replica.lag.time.max.ms",
      REPLICA_LAG_TIME_MAX_MS_DEFAULT,
      1,
      "A follower that is behind for so long leaves the ISR.",
    ),
  ),
  fixed(int("socket.request.max.bytes", REQUEST_BYTES_MAX, 1, "The largest request.")),
];

/** Ordered by name, as Kafka answers them. */
export const BROKER_CONFIGS: readonly BrokerConfigDef[] = [
  ...LOG_CONFIGS,
  ...GROUP_CONFIGS,
  ...CLUSTER_CONFIGS,
].toSorted((a, b) => (a.name < b.name ? -1 : 1));

const BY_NAME: ReadonlyMap<string, BrokerConfigDef> = new Map(
  BROKER_CONFIGS.map((def) => [def.name, def]),
);

export function brokerConfigDef(name: string): BrokerConfigDef | undefined {
  return BY_NAME.get(name);
}

/** What each broker says of itself: given by the catalogue, and by nobody else. */
const OF_THE_BROKER: ReadonlySet<string> = new Set(["broker.id", "broker.rack", "node.id"]);

/** What is wrong with a config of the deployment (KEDGE_BROKER_CONFIG), or null. */
export function staticConfigProblem(name: string, value: string): string | null {
  const def = BY_NAME.get(name);
  if (def === undefined || OF_THE_BROKER.has(name)) {
    return `${name} is not a broker config that can be set. Known: ${settable().join(", ")}.`;
  }
  return configValueProblem(def, value);
}

function settable(): string[] {
  return BROKER_CONFIGS.map(({ name }) => name).filter((name) => !OF_THE_BROKER.has(name));
}

/** Client configs, which no broker takes: what a user may have meant them for. */
const OF_CLIENTS: ReadonlySet<string> = new Set([
  ...["acks", "batch.size", "linger.ms", "buffer.memory", "enable.idempotence", "retries"],
  ...["max.in.flight.requests.per.connection", "max.request.size", "partitioner.class"],
  ...["delivery.timeout.ms", "key.serializer", "value.serializer", "transactional.id"],
  ...["auto.offset.reset", "enable.auto.commit", "auto.commit.interval.ms", "fetch.min.bytes"],
  ...["fetch.max.wait.ms", "max.poll.records", "max.poll.interval.ms", "session.timeout.ms"],
  ...["heartbeat.interval.ms", "group.id", "group.instance.id", "group.protocol"],
  ...["isolation.level", "key.deserializer", "value.deserializer", "bootstrap.servers"],
  ...["client.id", "client.rack", "partition.assignment.strategy", "request.timeout.ms"],
]);

export function isClientConfig(name: string): boolean {
  return OF_CLIENTS.has(name);
}
