import { BATCH_SIZE_DEFAULT } from "../constants.ts";
import { Compression } from "../protocol/batch-header.ts";
import { type CommonConfig, commonDefs, type Flag, type Numeric } from "./common-config.ts";
import {
  boolean,
  type ConfigDef,
  type ConfigValues,
  choice,
  INT_MAX,
  int,
  parseConfig,
} from "./config.ts";
import { ConfigError } from "./errors.ts";
import {
  type PartitionerFunction,
  type PartitionerName,
  parsePartitioner,
} from "./partitioners.ts";
import type { Serializer } from "./serializers.ts";

/** Kafka's producer configs, with Kafka's defaults. Times are in milliseconds, sizes in bytes. */
export interface ProducerConfig<K, V> extends CommonConfig {
  /** Default: strings as UTF-8, Uint8Arrays as they are. */
  readonly "key.serializer"?: Serializer<K>;
  readonly "value.serializer"?: Serializer<V>;
  /** Who must have a record before it counts as written. Default "all". */
  readonly acks?: "all" | "-1" | "0" | "1" | -1 | 0 | 1;
  /** Size at which a batch is closed. Default 16384. */
  readonly "batch.size"?: Numeric;
  /** How long a batch waits for more records. Default 5. */
  readonly "linger.ms"?: Numeric;
  /** Default "none". */
  readonly "compression.type"?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  /** Each record written once and in order, whatever is retried. Default true. */
  readonly "enable.idempotence"?: Flag;
  /** Requests to one leader that may be under way at once. Default 5. */
  readonly "max.in.flight.requests.per.connection"?: Numeric;
  /** From send() to success or failure, all retries included. Default 120000. */
  readonly "delivery.timeout.ms"?: Numeric;
  /** Default 2147483647: delivery.timeout.ms is what ends it. */
  readonly retries?: Numeric;
  /** Bytes of records that wait for delivery. Default 33554432. */
  readonly "buffer.memory"?: Numeric;
  /** How long send() waits for metadata and for memory. Default 60000. */
  readonly "max.block.ms"?: Numeric;
  /** Largest record, and largest request. Default 1048576. */
  readonly "max.request.size"?: Numeric;
  /** Where records without a partition go. Default "sticky" (KIP-794). */
  readonly "partitioner.class"?: PartitionerName | PartitionerFunction;
  /** Spread records with a key like those without one. Default false. */
  readonly "partitioner.ignore.keys"?: Flag;
}

/** acks=all on the wire. */
export const ACKS_ALL = -1;
/** The server remembers that many batches of a producer (ProducerStateEntry). */
const IDEMPOTENT_IN_FLIGHT_MAX = 5;

function serializer(): ConfigDef<Serializer<unknown> | null> {
  return {
    parse(name, value) {
      if (value === undefined) return null;
      if (typeof (value as Partial<Serializer<unknown>> | null)?.serialize === "function") {
        return value as Serializer<unknown>;
      }
      throw new ConfigError(name, `invalid value for ${name}: it must have a serialize() function`);
    },
  };
}

const defs = {
  ...commonDefs,
  "key.serializer": serializer(),
  "value.serializer": serializer(),
  acks: choice(ACKS_ALL, { all: ACKS_ALL, "-1": ACKS_ALL, "0": 0, "1": 1 }),
  "batch.size": int(BATCH_SIZE_DEFAULT, 0),
  "linger.ms": int(5, 0),
  "compression.type": choice<number>(Compression.NONE, {
    none: Compression.NONE,
    gzip: Compression.GZIP,
    snappy: Compression.SNAPPY,
    lz4: Compression.LZ4,
    zstd: Compression.ZSTD,
  }),
  "enable.idempotence": boolean(true),
  "max.in.flight.requests.per.connection": int(5, 1),
  "delivery.timeout.ms": int(120_000, 0),
  retries: int(INT_MAX, 0),
  "buffer.memory": int(32 * 1024 * 1024, 0, Number.MAX_SAFE_INTEGER),
  "max.block.ms": int(60_000, 0, Number.MAX_SAFE_INTEGER),
  "max.request.size": int(1_048_576, 0),
  "partitioner.class": { parse: parsePartitioner } as ConfigDef<
    PartitionerName | PartitionerFunction
  >,
  "partitioner.ignore.keys": boolean(false),
} as const;

export type ProducerSettings = ConfigValues<typeof defs>;

/** @throws ConfigError */
export function parseProducerConfig(config: object): ProducerSettings {
  const settings = parseConfig(defs, config);
  return {
    ...settings,
    "delivery.timeout.ms": deliveryTimeout(settings, config),
    "enable.idempotence": idempotence(settings, config),
  };
}

function deliveryTimeout(settings: ProducerSettings, given: object): number {
  const name = "delivery.timeout.ms";
  const timeout = settings[name];
  const least = settings["linger.ms"] + settings["request.timeout.ms"];
  if (timeout >= least) return timeout;
  if (!Object.hasOwn(given, name)) return least;
  throw new ConfigError(
    name,
    `${name} is ${timeout}: it must be at least linger.ms + request.timeout.ms, which is ${least}`,
  );
}

/** Off where other configs rule it out, unless it was asked for by name (ProducerConfig's rule). */
function idempotence(settings: ProducerSettings, given: object): boolean {
  const name = "enable.idempotence";
  if (!settings[name]) return false;
  const inFlight = settings["max.in.flight.requests.per.connection"];
  const conflict =
    settings.acks !== ACKS_ALL
      ? "acks must be all"
      : settings.retries === 0
        ? "retries must not be 0"
        : inFlight > IDEMPOTENT_IN_FLIGHT_MAX
          ? `max.in.flight.requests.per.connection must be at most ${IDEMPOTENT_IN_FLIGHT_MAX}`
          : null;
  if (conflict === null) return true;
  if (Object.hasOwn(given, name)) throw new ConfigError(name, `with ${name}=true, ${conflict}`);
  return false;
}
