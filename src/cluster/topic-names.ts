/** Kafka's rules for topic names (org.apache.kafka.common.internals.Topic). */
import { TOPIC_NAME_CHARS_MAX } from "../constants.ts";

export const CONSUMER_OFFSETS_TOPIC = "__consumer_offsets";
export const TRANSACTION_STATE_TOPIC = "__transaction_state";

/** Names that belong to the cluster itself; `__cluster_metadata` has no counterpart in Kedge. */
const RESERVED: ReadonlySet<string> = new Set([
  CONSUMER_OFFSETS_TOPIC,
  TRANSACTION_STATE_TOPIC,
  "__share_group_state",
  "__cluster_metadata",
]);

/** A topic that only Kedge itself creates. */
export function isReservedTopic(name: string): boolean {
  return RESERVED.has(name);
}

const LEGAL = /^[a-zA-Z0-9._-]+$/;

/** What is wrong with the name (INVALID_TOPIC_EXCEPTION), or null. */
export function topicNameProblem(name: string): string | null {
  const reason = illegal(name);
  return reason === null ? null : `Topic name is invalid: ${reason}`;
}

function illegal(name: string): string | null {
  if (name === "") return "the empty string is not allowed";
  if (name === "." || name === "..") return `'${name}' is not allowed`;
  if (name.length > TOPIC_NAME_CHARS_MAX) {
    const start = name.slice(0, 40);
    return `the length of '${start}…', ${name.length}, is longer than the max allowed length ${TOPIC_NAME_CHARS_MAX}`;
  }
  if (!LEGAL.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return null;
}

/**
 * Metric names write '.' as '_', so two topics that differ only there would share their metrics:
 * Kafka refuses the second one.
 */
export function mayCollide(name: string): boolean {
  return name.includes(".") || name.includes("_");
}

/** The name as metrics write it; two topics collide when these are equal. */
export function unifiedTopicName(name: string): string {
  return name.replaceAll(".", "_");
}
