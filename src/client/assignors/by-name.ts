import type { ConfigDef } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { PartitionAssignor } from "./assignor.ts";
import { cooperativeStickyAssignor } from "./cooperative-sticky.ts";
import { rangeAssignor } from "./range.ts";
import { roundRobinAssignor } from "./round-robin.ts";
import { stickyAssignor } from "./sticky.ts";

const JAVA_PACKAGE = "org.apache.kafka.clients.consumer.";

/** By Kafka's name, and by the name of Kafka's class, as Java's configs have it. */
const ASSIGNORS: ReadonlyMap<string, PartitionAssignor> = new Map([
  ["range", rangeAssignor],
  ["RangeAssignor", rangeAssignor],
  ["roundrobin", roundRobinAssignor],
  ["RoundRobinAssignor", roundRobinAssignor],
  ["sticky", stickyAssignor],
  ["StickyAssignor", stickyAssignor],
  ["cooperative-sticky", cooperativeStickyAssignor],
  ["CooperativeStickyAssignor", cooperativeStickyAssignor],
]);

/** Kafka's own default: with range first, members go over to cooperative-sticky one by one. */
const DEFAULT = [rangeAssignor, cooperativeStickyAssignor] as const;

/** partition.assignment.strategy: names by commas or as an array, the most preferred first. */
export function assignors(): ConfigDef<readonly PartitionAssignor[]> {
  return {
    parse(name, value) {
      if (value === undefined) return DEFAULT;
      const given = typeof value === "string" ? value.split(",") : value;
      if (!Array.isArray(given) || given.length === 0) throw unknown(name, value);
      const found = given.map((entry) => assignorOf(name, entry));
      return [...new Map(found.map((assignor) => [assignor.name, assignor])).values()];
    },
  };
}

function assignorOf(name: string, entry: unknown): PartitionAssignor {
  const word = String(entry).trim();
  const short = word.startsWith(JAVA_PACKAGE) ? word.slice(JAVA_PACKAGE.length) : word;
  const assignor = ASSIGNORS.get(short);
  if (assignor === undefined) throw unknown(name, entry);
  return assignor;
}

function unknown(name: string, value: unknown): ConfigError {
  return new ConfigError(
    name,
    `invalid value ${JSON.stringify(value)} for ${name}: it must be one or more of range, ` +
      "roundrobin, sticky, cooperative-sticky",
  );
}
