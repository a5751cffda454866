/** The bindings and variables of the deployment, parsed once into what the rest reads. */
import type { BrokerConfig } from "./broker/context.ts";
import { MAX_MESSAGE_BYTES_DEFAULT } from "./constants.ts";
import type { Partition } from "./objects/partition.ts";

export interface Env {
  readonly CATALOGUE: D1Database;
  readonly PARTITION: DurableObjectNamespace<Partition>;
  /** REST consumer instances, by cluster, group and name; called by itty-durable, not by RPC. */
  readonly CONSUMER_INSTANCE: DurableObjectNamespace;
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
};

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
    config = { ...config, ...parseOne(name, String(value), wrong) };
  }
  return config;
}

function parseOne(
  name: string,
  value: string,
  wrong: (what: string) => Error,
): Partial<BrokerConfig> {
  const whole = (min: number): number => {
    const number = Number(value);
    if (Number.isSafeInteger(number) && number >= min) return number;
    throw wrong(`has ${name}=${value}, which is not a whole number from ${min}`);
  };
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
    default:
      throw wrong(`names ${name}, which is not a static broker config`);
  }
}
