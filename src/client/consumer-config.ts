import { assignors } from "./assignors/by-name.ts";
import { type CommonConfig, commonDefs, type Flag, type Numeric } from "./common-config.ts";
import {
  boolean,
  type ConfigDef,
  type ConfigValues,
  choice,
  int,
  optionalText,
  parseConfig,
  text,
} from "./config.ts";
import { ConfigError } from "./errors.ts";
import { resetStrategy } from "./reset-strategy.ts";
import type { Deserializer } from "./serializers.ts";

/** Kafka's consumer configs, with Kafka's defaults. Times are in milliseconds, sizes in bytes. */
export interface ConsumerConfig<K, V> extends CommonConfig {
  /** Default: the bytes as they are. */
  readonly "key.deserializer"?: Deserializer<K>;
  readonly "value.deserializer"?: Deserializer<V>;
  /** The server waits until it has so much. Default 1. */
  readonly "fetch.min.bytes"?: Numeric;
  /** A response holds no more, but for a first batch that is larger. Default 52428800. */
  readonly "fetch.max.bytes"?: Numeric;
  /** How long the server waits for fetch.min.bytes. Default 500. */
  readonly "fetch.max.wait.ms"?: Numeric;
  /** Default 1048576. */
  readonly "max.partition.fetch.bytes"?: Numeric;
  /** Records that one poll() returns. Default 500. */
  readonly "max.poll.records"?: Numeric;
  /**
   * Where to begin without a position, or with one that the log does not have. Default "latest".
   * "by_duration:PT1H" is the first record of the last hour.
   */
  readonly "auto.offset.reset"?: "latest" | "earliest" | "none" | `by_duration:${string}`;
  /** Default "read_uncommitted". */
  readonly "isolation.level"?: "read_uncommitted" | "read_committed";
  /** Verify each batch's checksum. Default true. */
  readonly "check.crcs"?: Flag;
  /**
   * The region (a broker's rack, such as "weur") where this client is: partitions with a replica in
   * sync there are read there (KIP-392). Default "": the leaders are read.
   */
  readonly "client.rack"?: string;
  /** How long calls other than poll() may take. Default 60000. */
  readonly "default.api.timeout.ms"?: Numeric;
  /** Default true. */
  readonly "allow.auto.create.topics"?: Flag;
  /** The group to read in; needed for subscribe() and for committing offsets. */
  readonly "group.id"?: string;
  /**
   * A name that is this member's alone, for ever: with it, a restart within session.timeout.ms goes
   * on with the same partitions and no rebalance (KIP-345).
   */
  readonly "group.instance.id"?: string;
  /** "consumer" is KIP-848's: the server assigns, members move one by one. Default "classic". */
  readonly "group.protocol"?: "classic" | "consumer";
  /** With "consumer": "uniform" or "range". The server's default when left out. */
  readonly "group.remote.assignor"?: string;
  /** With "classic": the most preferred first. Default ["range", "cooperative-sticky"]. */
  readonly "partition.assignment.strategy"?: string | readonly string[];
  /** Commit what poll() gave, every so often and before partitions are given up. Default true. */
  readonly "enable.auto.commit"?: Flag;
  /** Default 5000. */
  readonly "auto.commit.interval.ms"?: Numeric;
  /** With "classic": a member that is not heard of for so long is taken for dead. Default 45000. */
  readonly "session.timeout.ms"?: Numeric;
  /** With "classic", less than session.timeout.ms. Default 3000. */
  readonly "heartbeat.interval.ms"?: Numeric;
  /** A member that does not call poll() for so long leaves the group. Default 300000. */
  readonly "max.poll.interval.ms"?: Numeric;
  /** A RegExp given to subscribe() leaves out Kafka's own topics. Default true. */
  readonly "exclude.internal.topics"?: Flag;
}

function deserializer(): ConfigDef<Deserializer<unknown> | null> {
  return {
    parse(name, value) {
      if (value === undefined) return null;
      if (typeof (value as Partial<Deserializer<unknown>> | null)?.deserialize === "function") {
        return value as Deserializer<unknown>;
      }
      throw new ConfigError(
        name,
        `invalid value for ${name}: it must have a deserialize() function`,
      );
    },
  };
}

const defs = {
  ...commonDefs,
  "key.deserializer": deserializer(),
  "value.deserializer": deserializer(),
  "fetch.min.bytes": int(1, 0),
  "fetch.max.bytes": int(52_428_800, 0),
  "fetch.max.wait.ms": int(500, 0),
  "max.partition.fetch.bytes": int(1_048_576, 0),
  "max.poll.records": int(500, 1),
  "auto.offset.reset": resetStrategy(),
  "isolation.level": choice<"read_uncommitted" | "read_committed">("read_uncommitted", {
    read_uncommitted: "read_uncommitted",
    read_committed: "read_committed",
  }),
  "check.crcs": boolean(true),
  "client.rack": text(""),
  "default.api.timeout.ms": int(60_000, 0),
  "allow.auto.create.topics": boolean(true),
  "group.id": optionalText(),
  "group.instance.id": optionalText(),
  "group.protocol": choice<"classic" | "consumer">("classic", {
    classic: "classic",
    consumer: "consumer",
  }),
  "group.remote.assignor": optionalText(),
  "partition.assignment.strategy": assignors(),
  "enable.auto.commit": boolean(true),
  "auto.commit.interval.ms": int(5_000, 0),
  "session.timeout.ms": int(45_000, 1),
  "heartbeat.interval.ms": int(3_000, 1),
  "max.poll.interval.ms": int(300_000, 1),
  "exclude.internal.topics": boolean(true),
} as const;

export type ConsumerSettings = ConfigValues<typeof defs>;

/** What the server decides under group.protocol=consumer, and what it does not know under classic. */
const CLASSIC_ONLY = [
  "partition.assignment.strategy",
  "session.timeout.ms",
  "heartbeat.interval.ms",
] as const;
const CONSUMER_ONLY = ["group.remote.assignor"] as const;

/** @throws ConfigError */
export function parseConsumerConfig(config: object): ConsumerSettings {
  const settings = parseConfig(defs, config);
  const given = config as Readonly<Record<string, unknown>>;
  const protocol = settings["group.protocol"];
  for (const name of protocol === "consumer" ? CLASSIC_ONLY : CONSUMER_ONLY) {
    if (given[name] !== undefined) {
      throw new ConfigError(name, `${name} cannot be set when group.protocol is ${protocol}`);
    }
  }
  throwIfNoHeartbeats(settings);
  if (settings["group.id"] !== null) return settings;
  if (given["enable.auto.commit"] !== undefined && settings["enable.auto.commit"]) {
    throw new ConfigError(
      "enable.auto.commit",
      "enable.auto.commit cannot be true without a group.id: offsets are committed for a group",
    );
  }
  return { ...settings, "enable.auto.commit": false };
}

function throwIfNoHeartbeats(settings: ConsumerSettings): void {
  const { "session.timeout.ms": session, "heartbeat.interval.ms": interval } = settings;
  if (interval < session) return;
  throw new ConfigError(
    "heartbeat.interval.ms",
    `invalid value ${interval} for heartbeat.interval.ms: it must be less than ` +
      `session.timeout.ms, which is ${session}`,
  );
}
