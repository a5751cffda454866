/**
 * The topic configs that Kafka 4.2 knows: name, type, default, allowed range
 * (org.apache.kafka.storage.internals.log.LogConfig). CreateTopics refuses what is not here.
 *
 * Values are texts, as they are stored and sent. An INT or LONG is compared as a bigint, because
 * Long.MAX_VALUE is a default and a JavaScript number cannot hold it.
 */
import {
  MAX_MESSAGE_BYTES_DEFAULT,
  MAX_MESSAGE_BYTES_LIMIT,
  TIMESTAMP_AFTER_MAX_MS,
} from "../constants.ts";

export type ConfigType = "boolean" | "double" | "int" | "list" | "long" | "string";

export interface TopicConfigDef {
  readonly name: string;
  readonly type: ConfigType;
  readonly default: string;
  /** Bounds of a number, both inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** The values of a string, or the members of a list. */
  readonly oneOf?: readonly string[];
}

const INT_MAX = 2n ** 31n - 1n;
const LONG_MAX = 2n ** 63n - 1n;
const DAY_MS = 24 * 60 * 60 * 1000;

const bounded = (
  type: "double" | "int" | "long",
  name: string,
  fallback: number | bigint,
  min?: number,
  max?: number,
): TopicConfigDef => ({
  name,
  type,
  default: `${fallback}`,
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
});
const int = bounded.bind(null, "int");
const long = bounded.bind(null, "long");
const choice = (name: string, fallback: string, oneOf: readonly string[]): TopicConfigDef => ({
  name,
  type: "string",
  default: fallback,
  oneOf,
});
const flag = (name: string): TopicConfigDef => ({ name, type: "boolean", default: "false" });

/** Ordered by name, as Kafka answers them. */
export const TOPIC_CONFIGS: readonly TopicConfigDef[] = [
  { name: "cleanup.policy", type: "list", default: "delete", oneOf: ["compact", "delete"] },
  int("compression.gzip.level", -1, -1, 9),
  int("compression.lz4.level", 9, 1, 17),
  choice("compression.type", "producer", [
    "uncompressed",
    "zstd",
    "lz4",
    "snappy",
    "gzip",
    "producer",
  ]),
  int("compression.zstd.level", 3, -131_072, 22),
  long("delete.retention.ms", DAY_MS, 0),
  long("file.delete.delay.ms", 60_000, 0),
  long("flush.messages", LONG_MAX, 1),
  long("flush.ms", LONG_MAX, 0),
  { name: "follower.replication.throttled.replicas", type: "list", default: "" },
  int("index.interval.bytes", 4_096, 0),
  { name: "leader.replication.throttled.replicas", type: "list", default: "" },
  long("local.retention.bytes", -2, -2),
  long("local.retention.ms", -2, -2),
  long("max.compaction.lag.ms", LONG_MAX, 1),
  int("max.message.bytes", MAX_MESSAGE_BYTES_DEFAULT, 0, MAX_MESSAGE_BYTES_LIMIT),
  long("message.timestamp.after.max.ms", TIMESTAMP_AFTER_MAX_MS, 0),
  long("message.timestamp.before.max.ms", LONG_MAX, 0),
  choice("message.timestamp.type", "CreateTime", ["CreateTime", "LogAppendTime"]),
  bounded("double", "min.cleanable.dirty.ratio", 0.5, 0, 1),
  long("min.compaction.lag.ms", 0, 0),
  int("min.insync.replicas", 1, 1),
  flag("preallocate"),
  flag("remote.log.copy.disable"),
  flag("remote.log.delete.on.disable"),
  flag("remote.storage.enable"),
  long("retention.bytes", -1),
  long("retention.ms", 7 * DAY_MS, -1),
  int("segment.bytes", 1_073_741_824, 1_048_576),
  int("segment.index.bytes", 10_485_760, 4),
  long("segment.jitter.ms", 0, 0),
  long("segment.ms", 7 * DAY_MS, 1),
  flag("unclean.leader.election.enable"),
];

const BY_NAME: ReadonlyMap<string, TopicConfigDef> = new Map(
  TOPIC_CONFIGS.map((def) => [def.name, def]),
);

export type TopicConfigs = Readonly<Record<string, string>>;

/** What is wrong with configs that a user wants on a topic (INVALID_CONFIG), or null. */
export function topicConfigsProblem(configs: TopicConfigs): string | null {
  for (const [name, value] of Object.entries(configs)) {
    const def = BY_NAME.get(name);
    if (def === undefined) {
      return `Unknown topic config name: ${name}. Known names: ${[...BY_NAME.keys()].join(", ")}.`;
    }
    const expected = mismatch(def, value.trim());
    if (expected !== null) {
      return `Invalid value '${value}' for configuration ${name}: ${expected}.`;
    }
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

/** What the value must be, when it is not. */
function mismatch(def: TopicConfigDef, value: string): string | null {
  switch (def.type) {
    case "int":
      return integerMismatch(def, value, -INT_MAX - 1n, INT_MAX);
    case "long":
      return integerMismatch(def, value, -LONG_MAX - 1n, LONG_MAX);
    case "double":
      return doubleMismatch(def, value);
    case "boolean":
      return /^(true|false)$/i.test(value) ? null : "it must be true or false";
    case "string":
      return def.oneOf?.includes(value) === false
        ? `it must be one of ${def.oneOf.join(", ")}`
        : null;
    case "list":
      return listMismatch(def, value);
  }
}

function integerMismatch(
  def: TopicConfigDef,
  value: string,
  low: bigint,
  high: bigint,
): string | null {
  const min = def.min === undefined ? low : BigInt(def.min);
  const max = def.max === undefined ? high : BigInt(def.max);
  const number = /^[+-]?[0-9]{1,20}$/.test(value) ? BigInt(value) : null;
  if (number !== null && number >= min && number <= max) return null;
  return `it must be an integer from ${min} to ${max}`;
}

function doubleMismatch(def: TopicConfigDef, value: string): string | null {
  const number = value === "" ? Number.NaN : Number(value);
  const { min = -Infinity, max = Infinity } = def;
  if (number >= min && number <= max) return null;
  return `it must be a number from ${min} to ${max}`;
}

function listMismatch(def: TopicConfigDef, value: string): string | null {
  if (def.oneOf === undefined) return null;
  const members = splitList(value);
  const good = members.length > 0 && members.every((member) => def.oneOf?.includes(member));
  return good ? null : `it must be one or more of ${def.oneOf.join(", ")}, separated by commas`;
}

function splitList(value: string): string[] {
  return value
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

export interface EffectiveTopicConfig {
  readonly name: string;
  readonly value: string;
  /** Set on the topic itself; otherwise it is the default. */
  readonly isSet: boolean;
}

/** Every known config with the value that holds for a topic, ordered by name. */
export function effectiveTopicConfigs(configs: TopicConfigs): EffectiveTopicConfig[] {
  return TOPIC_CONFIGS.map(({ name, default: fallback }) => {
    const own = configs[name];
    return { name, value: own ?? fallback, isSet: own !== undefined };
  });
}

/** The text that holds for a topic: its own, or Kafka's default. Throws on a name not known here. */
export function topicConfigText(configs: TopicConfigs, name: string): string {
  const def = BY_NAME.get(name);
  if (def === undefined) throw new RangeError(`no topic config is called ${name}`);
  return (configs[name] ?? def.default).trim();
}
