/** How Kafka's tools choose topics and partitions by patterns. */
import { CommandFailure } from "./failure.ts";

/**
 * A regular expression that the whole name must match; a comma stands for "or" (Kafka's
 * IncludeList).
 *
 * @throws CommandFailure when it is no regular expression.
 */
export function topicFilter(pattern: string): (topic: string) => boolean {
  const expression = topicPattern(pattern);
  return (topic) => expression.test(topic);
}

/** The same as an expression, for who subscribes by it. @throws CommandFailure */
export function topicPattern(pattern: string): RegExp {
  const source = pattern
    .trim()
    .replaceAll(",", "|")
    .replaceAll(" ", "")
    .replaceAll(/^["']+|["']+$/g, "");
  try {
    return new RegExp(`^(?:${source})$`);
  } catch {
    throw new CommandFailure(`${source} is an invalid regex.`);
  }
}

export type PartitionFilter = (topic: string, partition: number) => boolean;

const TOPIC_PARTITION = /^([^:,]*)(?::(?:(\d*)|(\d*)-(\d*)))?$/;

/**
 * A list of `TOPIC[:PARTITION]`, where PARTITION is a number or a range `FROM-TO` (TO excluded) of
 * which either end may be left out (Kafka's GetOffsetShell).
 */
export function topicPartitionFilter(list: string): PartitionFilter {
  const rules = list.split(",").map((text) => {
    const match = TOPIC_PARTITION.exec(text);
    if (match === null || text === "") {
      throw new CommandFailure(`Invalid rule specification: ${text}`);
    }
    const [, topic, single, from, to] = match;
    const accepts = topicFilter(topic || ".*");
    if (single !== undefined && single !== "") {
      return (name: string, partition: number) => accepts(name) && partition === Number(single);
    }
    const lower = from ? Number(from) : 0;
    const upper = to ? Number(to) : Number.POSITIVE_INFINITY;
    return (name: string, partition: number) =>
      accepts(name) && partition >= lower && partition < upper;
  });
  return (topic, partition) => rules.some((rule) => rule(topic, partition));
}

/** `0,1,5` */
export function partitionNumbers(list: string): Set<number> {
  return new Set(
    list.split(",").map((text) => {
      if (!/^\d+$/.test(text.trim())) {
        throw new CommandFailure(
          `--partitions expects a comma separated list of numeric partition ids, but received: ${list}`,
        );
      }
      return Number(text);
    }),
  );
}
