/** `kedge get-offsets`: kafka-get-offsets, `topic:partition:offset` a line. */
import { Command } from "commander";
import {
  type Admin,
  AdminError,
  type OffsetQuery,
  type OffsetResult,
  type OffsetSpec,
} from "../../client/mod.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure, prefixed } from "../failure.ts";
import {
  type PartitionFilter,
  partitionNumbers,
  topicFilter,
  topicPartitionFilter,
} from "../topic-filter.ts";

interface GetOffsetsOptions extends ConnectionOptions {
  topic?: string;
  partitions?: string;
  topicPartitions?: string;
  time: string;
  excludeInternalTopics?: true;
}

const SPECS: readonly OffsetSpec[] = [
  "latest",
  "earliest",
  "max-timestamp",
  "earliest-local",
  "latest-tiered",
  "earliest-pending-upload",
];

export function getOffsetsCommand(): Command {
  const command = new Command("get-offsets")
    .description("print offsets of partitions (kafka-get-offsets)")
    .option("--topic <topic>", "a regular expression; every topic when left out")
    .option("--partitions <list>", "partition numbers, by commas; all when left out")
    .option(
      "--topic-partitions <list>",
      "patterns such as topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3, in place of the two above",
    )
    .option(
      "--time <time>",
      "a timestamp in milliseconds, or -1 or latest / -2 or earliest / -3 or max-timestamp / " +
        "-4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload",
      "latest",
    )
    .option("--exclude-internal-topics", "leave internal topics out");
  return connectionOptions(command).action((options: GetOffsetsOptions) =>
    prefixed("Error occurred: ", () => getOffsets(options)),
  );
}

async function getOffsets(options: GetOffsetsOptions): Promise<void> {
  const filter = filterOf(options);
  const spec = offsetSpec(options.time);
  await withAdmin(options, "GetOffsetShell", async (admin) => {
    const listings = await admin.listTopics({ listInternal: !options.excludeInternalTopics });
    const topics = await admin.describeTopics(listings.map(({ name }) => name));
    const queries = topics
      .flatMap(({ name, partitions }) =>
        partitions.map(({ partition }) => ({ topic: name, partition, spec })),
      )
      .filter(({ topic, partition }) => filter(topic, partition));
    if (queries.length === 0) {
      throw new CommandFailure("Could not match any topic-partitions with the specified filters");
    }
    const lines = (await offsetsOf(admin, queries))
      .filter(({ offset }) => offset !== -1)
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
      .map(({ topic, partition, offset }) => `${topic}:${partition}:${offset}`);
    if (lines.length > 0) console.log(lines.join("\n"));
  });
}

const nameOf = ({ topic, partition }: { topic: string; partition: number }): string =>
  `${topic}-${partition}`;

function filterOf(options: GetOffsetsOptions): PartitionFilter {
  const { topic, partitions, topicPartitions } = options;
  if (topicPartitions !== undefined) {
    if (topic !== undefined || partitions !== undefined) {
      throw new CommandFailure("--topic-partitions cannot be used with --topic or --partitions");
    }
    return topicPartitionFilter(topicPartitions);
  }
  const accepts = topicFilter(topic ?? ".*");
  const numbers = partitions ? partitionNumbers(partitions) : null;
  return (name, partition) => accepts(name) && (numbers === null || numbers.has(partition));
}

/** @throws CommandFailure when it is neither a word nor a number that stands for a time. */
export function offsetSpec(time: string): OffsetSpec {
  const word = SPECS.find((spec) => spec === time);
  if (word !== undefined) return word;
  if (!/^-?\d+$/.test(time)) {
    throw new CommandFailure(
      `Malformed time argument ${time}. Please use -1 or latest / -2 or earliest / -3 or ` +
        "max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or " +
        "earliest-pending-upload, or a specified long format timestamp",
    );
  }
  const timestamp = Number(time);
  return SPECS[-1 - timestamp] ?? { timestamp };
}

/** Partitions with an error are named on stderr and left out. */
async function offsetsOf(
  admin: Admin,
  queries: readonly OffsetQuery[],
): Promise<readonly OffsetResult[]> {
  try {
    return await admin.listOffsets(queries);
  } catch (error) {
    if (!(error instanceof AdminError)) throw error;
    const failed = new Map(error.failures.map((failure) => [failure.name, failure.error]));
    for (const [name, cause] of failed) {
      console.error(
        `Skip getting offsets for topic-partition ${name} due to error: ${cause.message}`,
      );
    }
    const rest = queries.filter((query) => !failed.has(nameOf(query)));
    return rest.length === 0 || rest.length === queries.length ? [] : offsetsOf(admin, rest);
  }
}
