/** `--topic orders` and `--topic orders:0,1`, as kafka-consumer-groups takes them. */
import type { Admin, TopicPartition } from "../client/mod.ts";
import { CommandFailure } from "./failure.ts";

/** Partitions null: all of them. @throws CommandFailure */
export function parseTopicArgument(text: string): {
  readonly topic: string;
  readonly partitions: readonly number[] | null;
} {
  const colon = text.indexOf(":");
  if (colon < 0) return { topic: text, partitions: null };
  const topic = text.slice(0, colon);
  const list = text.slice(colon + 1);
  if (topic === "" || list === "" || list.includes(":")) {
    throw new CommandFailure(`Invalid topic arg '${text}', expected topic name and partitions`);
  }
  const partitions = list.split(",").map((number) => {
    if (/^\d{1,10}$/.test(number)) return Number(number);
    throw new CommandFailure(`Invalid partition '${number}' specified in topic arg '${text}'`);
  });
  return { topic, partitions };
}

/** The partitions that the arguments name, each once. @throws CommandFailure, AdminError */
export async function partitionsNamed(
  admin: Admin,
  args: readonly string[],
): Promise<TopicPartition[]> {
  const parsed = args.map(parseTopicArgument);
  const whole = parsed.filter(({ partitions }) => partitions === null).map(({ topic }) => topic);
  const described = whole.length === 0 ? [] : await admin.describeTopics([...new Set(whole)]);
  const all = [
    ...parsed.flatMap(({ topic, partitions }) =>
      (partitions ?? []).map((partition) => ({ topic, partition })),
    ),
    ...described.flatMap(({ name, partitions }) =>
      partitions.map(({ partition }) => ({ topic: name, partition })),
    ),
  ];
  return [...new Map(all.map((one) => [`${one.topic}-${one.partition}`, one])).values()];
}
