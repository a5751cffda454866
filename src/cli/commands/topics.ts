/** `kedge topics`: kafka-topics. */
import { Command, Option } from "commander";
import type { Admin, DescribedConfigs, TopicDescription } from "../../client/mod.ts";
import { ErrorCode, KafkaError } from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure, prefixed } from "../failure.ts";
import { addProperty, type Properties } from "../properties.ts";
import { topicFilter } from "../topic-filter.ts";

interface TopicsOptions extends ConnectionOptions {
  create?: true;
  list?: true;
  describe?: true;
  delete?: true;
  alter?: true;
  topic?: string;
  topicId?: string;
  partitions?: number;
  replicationFactor?: number;
  replicaAssignment?: number[][];
  config?: Properties;
  ifExists?: true;
  ifNotExists?: true;
  excludeInternal?: true;
  underReplicatedPartitions?: true;
  unavailablePartitions?: true;
  atMinIsrPartitions?: true;
  underMinIsrPartitions?: true;
}

const ACTIONS = ["create", "list", "describe", "delete", "alter"] as const;
type Action = (typeof ACTIONS)[number];

/** Which actions an option goes with; the others go with every action. */
const GOES_WITH: readonly (readonly [keyof TopicsOptions, string, readonly Action[]])[] = [
  ["config", "--config", ["create"]],
  ["partitions", "--partitions", ["create", "alter"]],
  ["replicationFactor", "--replication-factor", ["create"]],
  ["replicaAssignment", "--replica-assignment", ["create"]],
  ["ifExists", "--if-exists", ["alter", "delete", "describe"]],
  ["ifNotExists", "--if-not-exists", ["create"]],
  ["excludeInternal", "--exclude-internal", ["list", "describe"]],
  ["underReplicatedPartitions", "--under-replicated-partitions", ["describe"]],
  ["unavailablePartitions", "--unavailable-partitions", ["describe"]],
  ["atMinIsrPartitions", "--at-min-isr-partitions", ["describe"]],
  ["underMinIsrPartitions", "--under-min-isr-partitions", ["describe"]],
  ["topicId", "--topic-id", ["describe"]],
];

export function topicsCommand(): Command {
  const command = new Command("topics")
    .description("create, list, describe, delete or alter topics (kafka-topics)")
    .option("--create", "create a new topic")
    .option("--list", "list all available topics")
    .option("--describe", "show partitions, leaders and replicas of the given topics, or of all")
    .option("--delete", "delete the given topics")
    .option("--alter", "raise the number of partitions")
    .option("--topic <topic>", "the topic; a regular expression, except with --create")
    .option("--topic-id <id>", "the id of the topic to describe")
    .option("--partitions <n>", "how many partitions the topic has, or shall have", integer(1))
    .option("--replication-factor <n>", "how many replicas each partition has", integer(1))
    .option(
      "--replica-assignment <list>",
      "the brokers of each partition: colons in a partition, commas between, 1:2,2:3",
      parseAssignment,
    )
    .addOption(
      new Option("--config <name=value>", "a topic config; may be given many times").argParser(
        addProperty,
      ),
    )
    .option("--if-exists", "do nothing when the topic does not exist")
    .option("--if-not-exists", "do nothing when the topic exists")
    .option("--exclude-internal", "leave internal topics out")
    .option("--under-replicated-partitions", "describe only partitions that lack replicas")
    .option("--unavailable-partitions", "describe only partitions without a leader")
    .option(
      "--at-min-isr-partitions",
      "describe only partitions whose ISR is as small as min.insync.replicas",
    )
    .option(
      "--under-min-isr-partitions",
      "describe only partitions whose ISR is smaller than min.insync.replicas",
    );
  return connectionOptions(command).action(runTopics);
}

async function runTopics(options: TopicsOptions): Promise<void> {
  const action = theAction(options);
  throwIfMisplaced(options, action);
  await prefixed("Error while executing topic command : ", () =>
    withAdmin(options, "kedge-topics", (admin) => {
      switch (action) {
        case "create":
          return create(admin, options);
        case "list":
          return list(admin, options);
        case "describe":
          return describe(admin, options);
        case "delete":
          return remove(admin, options);
        case "alter":
          return alter(admin, options);
      }
    }),
  );
}

function theAction(options: TopicsOptions): Action {
  const given = ACTIONS.filter((action) => options[action]);
  if (given.length === 1 && given[0] !== undefined) return given[0];
  throw new CommandFailure(
    "Command must include exactly one action: --list, --describe, --create, --alter or --delete",
  );
}

function throwIfMisplaced(options: TopicsOptions, action: Action): void {
  for (const [name, flag, actions] of GOES_WITH) {
    if (options[name] === undefined || actions.includes(action)) continue;
    throw new CommandFailure(`Option "${flag}" can't be used with option "--${action}"`);
  }
  if (options.topic === undefined && !["list", "describe"].includes(action)) {
    throw new CommandFailure('Missing required argument "--topic"');
  }
  if (action === "alter" && options.partitions === undefined) {
    throw new CommandFailure('Missing required argument "--partitions"');
  }
  const both = options.partitions !== undefined || options.replicationFactor !== undefined;
  if (options.replicaAssignment !== undefined && both) {
    throw new CommandFailure(
      'Option "--replica-assignment" can\'t be used with --partitions or --replication-factor',
    );
  }
}

/** `1:2,2:3`: partition 0 on brokers 1 and 2, partition 1 on brokers 2 and 3. */
export function parseAssignment(text: string): number[][] {
  const partitions = text.split(",").map((brokers) =>
    brokers.split(":").map((broker) => {
      if (/^\s*\d+\s*$/.test(broker)) return Number(broker);
      throw new CommandFailure(
        `--replica-assignment ${text}: ${broker || "nothing"} is no broker id`,
      );
    }),
  );
  partitions.forEach((brokers, partition) => {
    if (new Set(brokers).size !== brokers.length) {
      const twice = brokers.filter((broker, i) => brokers.indexOf(broker) !== i);
      throw new CommandFailure(
        `Partition replica lists may not contain duplicate entries: ${twice.join(",")}`,
      );
    }
    if (brokers.length !== partitions[0]?.length) {
      throw new CommandFailure(
        `Partition ${partition} has different replication factor: [${brokers.join(", ")}]`,
      );
    }
  });
  return partitions;
}

async function create(admin: Admin, options: TopicsOptions): Promise<void> {
  const name = options.topic ?? "";
  if (/[._]/.test(name)) {
    console.log(
      "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') " +
        "could collide. To avoid issues it is best to use either, but not both.",
    );
  }
  try {
    await admin.createTopics([
      {
        name,
        ...(options.partitions === undefined ? {} : { numPartitions: options.partitions }),
        ...(options.replicationFactor === undefined
          ? {}
          : { replicationFactor: options.replicationFactor }),
        ...(options.replicaAssignment === undefined
          ? {}
          : { assignments: options.replicaAssignment }),
        configs: options.config ?? {},
      },
    ]);
  } catch (error) {
    const exists = error instanceof KafkaError && error.code === ErrorCode.TOPIC_ALREADY_EXISTS;
    if (exists && options.ifNotExists) return;
    throw error;
  }
  console.log(`Created topic ${name}.`);
}

/** The names of the topics that the options choose, in order. */
async function chosen(admin: Admin, options: TopicsOptions): Promise<string[]> {
  const all = await admin.listTopics({ listInternal: !options.excludeInternal });
  if (options.topicId !== undefined) {
    const found = all.filter((topic) => topic.topicId === options.topicId);
    if (found.length === 0 && !options.ifExists) {
      throw new CommandFailure(`TopicId '${options.topicId}' does not exist as expected`);
    }
    return found.map((topic) => topic.name);
  }
  const names = all.map((topic) => topic.name).sort();
  return options.topic === undefined ? names : names.filter(topicFilter(options.topic));
}

/** As `chosen`, but none at all is an error unless --if-exists was given. */
async function chosenOrFail(admin: Admin, options: TopicsOptions): Promise<string[]> {
  const names = await chosen(admin, options);
  if (names.length === 0 && options.topic !== undefined && !options.ifExists) {
    throw new CommandFailure(`Topic '${options.topic}' does not exist as expected`);
  }
  return names;
}

async function list(admin: Admin, options: TopicsOptions): Promise<void> {
  const names = await chosen(admin, options);
  if (names.length > 0) console.log(names.join("\n"));
}

async function remove(admin: Admin, options: TopicsOptions): Promise<void> {
  await admin.deleteTopics(await chosenOrFail(admin, options));
}

async function alter(admin: Admin, options: TopicsOptions): Promise<void> {
  const count = options.partitions ?? 0;
  const names = await chosenOrFail(admin, options);
  await admin.createPartitions(names.map((name) => ({ name, count })));
}

async function describe(admin: Admin, options: TopicsOptions): Promise<void> {
  const names = await chosenOrFail(admin, options);
  const { atMinIsrPartitions: atMin, underMinIsrPartitions: underMin } = options;
  const onlySome =
    options.underReplicatedPartitions || options.unavailablePartitions || atMin || underMin;
  const isAsked = !onlySome || atMin || underMin;
  const configs = isAsked ? await configsOf(admin, names) : new Map<string, TopicConfigs>();
  const lines: string[] = [];
  for (const topic of await admin.describeTopics(names)) {
    const entries = configs.get(topic.name) ?? [];
    if (!onlySome) lines.push(topicLine(topic, entries));
    const min = Number(entries.find(({ name }) => name === "min.insync.replicas")?.value ?? 1);
    for (const partition of topic.partitions) {
      const shown =
        !onlySome ||
        (options.underReplicatedPartitions && partition.isr.length < partition.replicas.length) ||
        (options.unavailablePartitions && partition.leader === null) ||
        (atMin && partition.isr.length === min) ||
        (underMin && partition.isr.length < min);
      if (shown) lines.push(partitionLine(topic.name, partition));
    }
  }
  if (lines.length > 0) console.log(lines.join("\n"));
}

type TopicConfigs = DescribedConfigs["entries"];

/** An answer has some 2 KB a topic. */
const TOPICS_PER_REQUEST = 200;

async function configsOf(
  admin: Admin,
  names: readonly string[],
): Promise<Map<string, TopicConfigs>> {
  const found = new Map<string, TopicConfigs>();
  for (let at = 0; at < names.length; at += TOPICS_PER_REQUEST) {
    const some = names.slice(at, at + TOPICS_PER_REQUEST);
    const asked = some.map((name) => ({ type: "topic" as const, name }));
    for (const { name, entries } of await admin.describeConfigs(asked)) found.set(name, entries);
  }
  return found;
}

/** Configs as kafka-topics has them: all that somebody set, on the topic or for it. */
function topicLine(topic: TopicDescription, entries: TopicConfigs): string {
  const set = entries.filter(({ isDefault }) => !isDefault);
  return [
    `Topic: ${topic.name}`,
    `TopicId: ${topic.topicId}`,
    `PartitionCount: ${topic.partitions.length}`,
    `ReplicationFactor: ${topic.partitions[0]?.replicas.length ?? 0}`,
    `Configs: ${set.map(({ name, value }) => `${name}=${value}`).join(",")}`,
  ].join("\t");
}

function partitionLine(topic: string, partition: TopicDescription["partitions"][number]): string {
  const ids = (nodes: readonly number[] | null): string => nodes?.join(",") ?? "N/A";
  return [
    `\tTopic: ${topic}`,
    `Partition: ${partition.partition}`,
    `Leader: ${partition.leader ?? "none"}`,
    `Replicas: ${ids(partition.replicas)}`,
    `Isr: ${ids(partition.isr)}`,
    `Elr: ${ids(partition.eligibleLeaderReplicas)}`,
    `LastKnownElr: ${ids(partition.lastKnownElr)}`,
  ].join("\t");
}
