/**
 * The topic configs that Kafka 4.2 knows (org.apache.kafka.storage.internals.log.LogConfig), each with
 * the broker configs that stand in for it where a topic does not set it (ServerTopicConfigSynonyms).
 * CreateTopics refuses what is not here.
 */
import {
  MAX_MESSAGE_BYTES_DEFAULT,
  MAX_MESSAGE_BYTES_LIMIT,
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
} from "./config-def.ts";

export interface BrokerSynonym {
  readonly name: string;
  /** What a number of the broker's is multiplied by: log.retention.hours is in hours. */
  readonly factor: number;
}

export interface TopicConfigDef extends ConfigDef {
  readonly default: string;
  /** Broker configs that it falls back to, the first that is set. */
  readonly synonyms: readonly BrokerSynonym[];
}

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `falls(def, "log.retention.ms", ["log.retention.hours", HOUR_MS])`. */
function falls(
  def: ConfigDef,
  ...synonyms: readonly (string | readonly [string, number])[]
): TopicConfigDef {
  return {
    ...def,
    default: def.default ?? "",
    synonyms: synonyms.map((entry) =>
      typeof entry === "string" ? { name: entry, factor: 1 } : { name: entry[0], factor: entry[1] },
    ),
  };
}

const COMPRESSION = ["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"] as const;

/** Ordered by name, as Kafka answers them. */
export const TOPIC_CONFIGS: readonly TopicConfigDef[] = [
  falls(
    list(
      "cleanup.policy",
      "delete",
      "delete drops old segments by time and size, compact keeps the newest record of each key; both together do both.",
      ["compact", "delete"],
    ),
    "log.cleanup.policy",
  ),
  falls(
    int(
      "compression.gzip.level",
      -1,
      -1,
      "Level of gzip where the log compresses; -1 is its default.",
      9,
    ),
    "compression.gzip.level",
  ),
  falls(
    int("compression.lz4.level", 9, 1, "Level of lz4 where the log compresses.", 17),
    "compression.lz4.level",
  ),
  falls(
    choice(
      "compression.type",
      "producer",
      COMPRESSION,
      "The codec that batches are stored in; producer keeps them as they were sent.",
    ),
    "compression.type",
  ),
  falls(
    int("compression.zstd.level", 3, -131_072, "Level of zstd where the log compresses.", 22),
    "compression.zstd.level",
  ),
  falls(
    long(
      "delete.retention.ms",
      DAY_MS,
      0,
      "How long a compacted topic keeps a tombstone after it was cleaned, so that readers see the deletion.",
    ),
    "log.cleaner.delete.retention.ms",
  ),
  falls(
    long(
      "file.delete.delay.ms",
      60_000,
      0,
      "Kept for Kafka's tools; a Durable Object has no files.",
    ),
    "log.segment.delete.delay.ms",
  ),
  falls(
    long(
      "flush.messages",
      LONG_MAX,
      1,
      "Kept for Kafka's tools; every write is durable before it is acknowledged.",
    ),
    "log.flush.interval.messages",
  ),
  falls(
    long(
      "flush.ms",
      LONG_MAX,
      0,
      "Kept for Kafka's tools; every write is durable before it is acknowledged.",
    ),
    "log.flush.interval.ms",
    "log.flush.scheduler.interval.ms",
  ),
  falls(
    list(
      "follower.replication.throttled.replicas",
      "",
      "Kept for Kafka's tools; copies are bounded by a window, not by a rate.",
    ),
  ),
  falls(
    int(
      "index.interval.bytes",
      4_096,
      0,
      "Kept for Kafka's tools; the log is indexed by SQLite's primary key.",
    ),
    "log.index.interval.bytes",
  ),
  falls(
    list(
      "leader.replication.throttled.replicas",
      "",
      "Kept for Kafka's tools; copies are bounded by a window, not by a rate.",
    ),
  ),
  falls(
    long("local.retention.bytes", -2, -2, "Of tiered storage, which is not available."),
    "log.local.retention.bytes",
  ),
  falls(
    long("local.retention.ms", -2, -2, "Of tiered storage, which is not available."),
    "log.local.retention.ms",
  ),
  falls(
    long(
      "max.compaction.lag.ms",
      LONG_MAX,
      1,
      "A record of a compacted topic is cleaned at the latest after so long, whatever the dirty ratio.",
    ),
    "log.cleaner.max.compaction.lag.ms",
  ),
  falls(
    int(
      "max.message.bytes",
      MAX_MESSAGE_BYTES_DEFAULT,
      0,
      "The largest record batch that the topic takes, compressed as it was sent.",
      MAX_MESSAGE_BYTES_LIMIT,
    ),
    "message.max.bytes",
  ),
  falls(
    long(
      "message.timestamp.after.max.ms",
      TIMESTAMP_AFTER_MAX_MS,
      0,
      "How far ahead of the broker's clock a record's timestamp may be.",
    ),
    "log.message.timestamp.after.max.ms",
  ),
  falls(
    long(
      "message.timestamp.before.max.ms",
      LONG_MAX,
      0,
      "How far behind the broker's clock a record's timestamp may be.",
    ),
    "log.message.timestamp.before.max.ms",
  ),
  falls(
    choice(
      "message.timestamp.type",
      "CreateTime",
      ["CreateTime", "LogAppendTime"],
      "Whose clock a record's timestamp is: the producer's, or the log's.",
    ),
    "log.message.timestamp.type",
  ),
  falls(
    double(
      "min.cleanable.dirty.ratio",
      0.5,
      0,
      "The part of the log that is not cleaned yet at which compaction begins.",
      1,
    ),
    "log.cleaner.min.cleanable.ratio",
  ),
  falls(
    long("min.compaction.lag.ms", 0, 0, "A record stays uncompacted for at least so long."),
    "log.cleaner.min.compaction.lag.ms",
  ),
  falls(
    int(
      "min.insync.replicas",
      1,
      1,
      "How many replicas must be in sync for acks=all to be accepted.",
    ),
    "min.insync.replicas",
  ),
  falls(
    flag("preallocate", false, "Kept for Kafka's tools; a Durable Object has no files."),
    "log.preallocate",
  ),
  falls(flag("remote.log.copy.disable", false, "Of tiered storage, which is not available.")),
  falls(flag("remote.log.delete.on.disable", false, "Of tiered storage, which is not available.")),
  falls(
    flag(
      "remote.storage.enable",
      false,
      "Tiered storage, which is not available: only false is taken.",
    ),
  ),
  falls(
    long(
      "retention.bytes",
      -1,
      null,
      "A partition drops its oldest segments while it is larger than this; -1 is no bound but the object's own.",
    ),
    "log.retention.bytes",
  ),
  falls(
    long(
      "retention.ms",
      7 * DAY_MS,
      -1,
      "A segment is dropped when its newest record is older than this; -1 keeps it.",
    ),
    "log.retention.ms",
    ["log.retention.minutes", MINUTE_MS],
    ["log.retention.hours", HOUR_MS],
  ),
  falls(
    int(
      "segment.bytes",
      1_073_741_824,
      1_048_576,
      "Where the log starts a new segment, the unit of retention and compaction.",
    ),
    "log.segment.bytes",
  ),
  falls(
    int(
      "segment.index.bytes",
      10_485_760,
      4,
      "Kept for Kafka's tools; the log is indexed by SQLite's primary key.",
    ),
    "log.index.size.max.bytes",
  ),
  falls(
    long(
      "segment.jitter.ms",
      0,
      0,
      "Subtracted at random from segment.ms, so that segments do not all roll at once.",
    ),
    "log.roll.jitter.ms",
    ["log.roll.jitter.hours", HOUR_MS],
  ),
  falls(
    long(
      "segment.ms",
      7 * DAY_MS,
      1,
      "The log starts a new segment after so long, even if the last is not full.",
    ),
    "log.roll.ms",
    ["log.roll.hours", HOUR_MS],
  ),
  falls(
    flag(
      "unclean.leader.election.enable",
      false,
      "Lets a replica lead that was not in sync when no other is alive: records may be lost.",
    ),
    "unclean.leader.election.enable",
  ),
];

const BY_NAME: ReadonlyMap<string, TopicConfigDef> = new Map(
  TOPIC_CONFIGS.map((def) => [def.name, def]),
);

export type TopicConfigs = Readonly<Record<string, string>>;

export function topicConfigDef(name: string): TopicConfigDef | undefined {
  return BY_NAME.get(name);
}

/** What is wrong with configs that a user wants on a topic (INVALID_CONFIG), or null. */
export function topicConfigsProblem(configs: TopicConfigs): string | null {
  for (const [name, value] of Object.entries(configs)) {
    const def = BY_NAME.get(name);
    if (def === undefined) {
      return `Unknown topic config name: ${name}. Known names: ${[...BY_NAME.keys()].join(", ")}.`;
    }
    const problem = configValueProblem(def, value);
    if (problem !== null) return problem;
  }
  return contradiction(configs);
}

function contradiction(configs: TopicConfigs): string | null {
  const minLag = topicConfigText(configs, "min.compaction.lag.ms");
  const maxLag = topicConfigText(configs, "max.compaction.lag.ms");
  if (BigInt(minLag) > BigInt(maxLag)) {
    return (
      `Conflicting topic configs: min.compaction.lag.ms (${minLag}) must not be greater than ` +
      `max.compaction.lag.ms (${maxLag}).`
    );
  }
  if (topicConfigText(configs, "remote.storage.enable").toLowerCase() === "true") {
    return "Invalid value 'true' for configuration remote.storage.enable: tiered storage is not available, leave it false.";
  }
  return null;
}

/** The text that holds for a topic: its own, or Kafka's default. Throws on a name not known here. */
export function topicConfigText(configs: TopicConfigs, name: string): string {
  const def = BY_NAME.get(name);
  if (def === undefined) throw new RangeError(`no topic config is called ${name}`);
  return (configs[name] ?? def.default).trim();
}
