/** `kedge leader-election`: kafka-leader-election. */
import { Command, InvalidArgumentError } from "commander";
import type { ElectionOutcome, ElectionType, TopicPartition } from "../../client/mod.ts";
import { ErrorCode } from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure } from "../failure.ts";
import { nameOf, readElectionFile } from "../partitions-json.ts";

interface ElectionOptions extends ConnectionOptions {
  electionType: ElectionType;
  topic?: string;
  partition?: number;
  allTopicPartitions?: true;
  pathToJsonFile?: string;
}

export function leaderElectionCommand(): Command {
  const command = new Command("leader-election")
    .description("elect leaders of partitions (kafka-leader-election)")
    .requiredOption(
      "--election-type <type>",
      "preferred: the first replica leads again; unclean: any live replica, and records may be lost",
      parseType,
    )
    .option("--topic <topic>", "the topic of --partition")
    .option("--partition <n>", "the partition to elect a leader for", integer(0))
    .option("--all-topic-partitions", "elect leaders for all partitions that need one")
    .option("--path-to-json-file <file>", '{"partitions": [{"topic": "orders", "partition": 0}]}');
  return connectionOptions(command).action(runElection);
}

function parseType(text: string): ElectionType {
  const type = text.toLowerCase();
  if (type === "preferred" || type === "unclean") return type;
  throw new InvalidArgumentError("It must be preferred or unclean.");
}

async function runElection(options: ElectionOptions): Promise<void> {
  const targets = targetsOf(options);
  const outcomes = await withAdmin(options, "kedge-leader-election", (admin) =>
    admin.electLeaders(options.electionType, targets),
  );
  report(options.electionType.toUpperCase(), outcomes);
}

/** Null: all. */
function targetsOf(options: ElectionOptions): TopicPartition[] | null {
  const { topic, partition, allTopicPartitions, pathToJsonFile } = options;
  const given = [topic, allTopicPartitions, pathToJsonFile].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new CommandFailure(
      "One and only one of the following options is required: --topic, --all-topic-partitions, " +
        "--path-to-json-file",
    );
  }
  if ((topic === undefined) !== (partition === undefined)) {
    throw new CommandFailure("--topic and --partition go together");
  }
  if (topic !== undefined && partition !== undefined) return [{ topic, partition }];
  return pathToJsonFile === undefined ? null : readElectionFile(pathToJsonFile);
}

function report(type: string, outcomes: readonly ElectionOutcome[]): void {
  const done = outcomes.filter(({ error }) => error === null);
  const notNeeded = outcomes.filter(({ error }) => error?.code === ErrorCode.ELECTION_NOT_NEEDED);
  const failed = outcomes.filter((one) => !done.includes(one) && !notNeeded.includes(one));
  if (done.length > 0) {
    const names = done.map(nameOf).join(", ");
    console.log(`Successfully completed leader election (${type}) for partitions ${names}`);
  }
  if (notNeeded.length > 0) {
    console.log(`Valid replica already elected for partitions ${notNeeded.map(nameOf).join(", ")}`);
  }
  if (outcomes.length === 0) console.log("Valid replica already elected for all partitions");
  for (const one of failed) {
    console.log(
      `Error completing leader election (${type}) for partition: ${nameOf(one)}: ${one.error?.message}`,
    );
  }
  if (failed.length > 0) {
    throw new CommandFailure(`${failed.length} replica(s) could not be elected`);
  }
}
