import { type CommonConfig, commonDefs, type Flag, type Numeric } from "./common-config.ts";
import {
  boolean,
  type ConfigDef,
  type ConfigValues,
  choice,
  int,
  parseConfig,
  text,
} from "./config.ts";
import { ConfigError } from "./errors.ts";
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
  /** Where to begin without a position, or with one that the log does not have. Default "latest". */
  readonly "auto.offset.reset"?: "latest" | "earliest" | "none";
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

export type ResetStrategy = "latest" | "earliest" | "none";

const defs = {
  ...commonDefs,
  "key.deserializer": deserializer(),
  "value.deserializer": deserializer(),
  "fetch.min.bytes": int(1, 0),
  "fetch.max.bytes": int(52_428_800, 0),
  "fetch.max.wait.ms": int(500, 0),
  "max.partition.fetch.bytes": int(1_048_576, 0),
  "max.poll.records": int(500, 1),
  "auto.offset.reset": choice<ResetStrategy>("latest", {
    latest: "latest",
    earliest: "earliest",
    none: "none",
  }),
  "isolation.level": choice<"read_uncommitted" | "read_committed">("read_uncommitted", {
    read_uncommitted: "read_uncommitted",
    read_committed: "read_committed",
  }),
  "check.crcs": boolean(true),
  "client.rack": text(""),
  "default.api.timeout.ms": int(60_000, 0),
  "allow.auto.create.topics": boolean(true),
} as const;

export type ConsumerSettings = ConfigValues<typeof defs>;

/** @throws ConfigError */
export function parseConsumerConfig(config: object): ConsumerSettings {
  return parseConfig(defs, config);
}
