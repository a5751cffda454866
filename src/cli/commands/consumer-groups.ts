/** `kedge consumer-groups`: kafka-consumer-groups. */
import { Command } from "commander";
import {
  type Admin,
  AdminError,
  type ConsumerGroupDescription,
  type ConsumerGroupListing,
  ErrorCode,
  type GroupType,
  KafkaError,
} from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import { row, widest } from "../columns.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure, failureText } from "../failure.ts";
import {
  doesNotExist,
  keyOf,
  memberLines,
  offsetLines,
  partitionsOf,
  stateLines,
  stateNote,
} from "../group-describe.ts";
import {
  inRange,
  newOffsets,
  planFromFile,
  type ResetScenario,
  throwIfNoScenario,
} from "../group-reset.ts";
import { type NewOffset, resetCsv } from "../reset-csv.ts";
import { partitionsNamed } from "../topic-arguments.ts";

interface Options extends ConnectionOptions, ResetScenario {
  list?: true;
  describe?: true;
  delete?: true;
  resetOffsets?: true;
  deleteOffsets?: true;
  group?: string[];
  allGroups?: true;
  topic?: string[];
  allTopics?: true;
  members?: true;
  offsets?: true;
  state?: true | string;
  type?: true | string;
  verbose?: true;
  dryRun?: true;
  execute?: true;
  export?: true;
  timeout: number;
}

const ACTIONS = ["list", "describe", "delete", "resetOffsets", "deleteOffsets"] as const;
const STATES = [
  ...["PreparingRebalance", "CompletingRebalance", "Stable", "Dead", "Empty"],
  ...["Assigning", "Reconciling", "NotReady"],
];
const TYPES: readonly GroupType[] = ["classic", "consumer"];

export function consumerGroupsCommand(): Command {
  const collect = (text: string, before: string[] = []): string[] => [...before, text];
  const command = new Command("consumer-groups")
    .description("list, describe, delete groups, reset their offsets (kafka-consumer-groups)")
    .option("--list", "list all consumer groups")
    .option("--describe", "describe a group and its lag, by partition")
    .option("--delete", "delete groups that have no members")
    .option("--reset-offsets", "set the offsets of a group that has no members")
    .option("--delete-offsets", "forget a group's offsets of topics")
    .option("--group <group>", "the group; may be given many times", collect)
    .option("--all-groups", "apply to all consumer groups")
    .option(
      "--topic <topic[:p,p]>",
      "a topic or partitions of it; may be given many times",
      collect,
    )
    .option("--all-topics", "every topic that the group has offsets for")
    .option("--members", "with --describe: the members")
    .option("--offsets", "with --describe: the offsets (default)")
    .option("--state [states]", "with --describe: the group; with --list: show or filter states")
    .option("--type [types]", "with --list: show types, or only classic or consumer groups")
    .option("--verbose", "with --describe: more columns")
    .option("--to-earliest", "to the first record that is there")
    .option("--to-latest", "to the end")
    .option("--to-current", "to what is committed")
    .option("--to-offset <offset>", "to this offset", integer(0))
    .option("--shift-by <n>", "by so many records, back with -n", integer(Number.MIN_SAFE_INTEGER))
    .option("--to-datetime <datetime>", "to the first record since YYYY-MM-DDTHH:mm:SS.sss")
    .option("--by-duration <duration>", "to the first record since PnDTnHnMnS ago")
    .option("--from-file <file>", "to the offsets in a CSV file that --export wrote")
    .option("--dry-run", "show the new offsets and change nothing (default)")
    .option("--execute", "set the new offsets")
    .option("--export", "print the new offsets as CSV")
    .option("--timeout <ms>", "how long a call may take", integer(0), 30_000);
  return connectionOptions(command).action(run);
}

async function run(options: Options): Promise<void> {
  throwIfMisplaced(options);
  await withAdmin(options, "kedge-consumer-groups", async (admin) => {
    if (options.list) return list(admin, options);
    if (options.describe) return describe(admin, options);
    if (options.delete) return remove(admin, options);
    if (options.resetOffsets) return reset(admin, options);
    return deleteOffsets(admin, options);
  });
}

function throwIfMisplaced(options: Options): void {
  const { group, topic, allGroups, describe, members, offsets, state } = options;
  if (ACTIONS.filter((name) => options[name]).length !== 1) {
    throw new CommandFailure(
      "Command must include exactly one action: --list, --describe, --delete, --reset-offsets, --delete-offsets",
    );
  }
  if (group !== undefined && allGroups) {
    throw new CommandFailure("--group and --all-groups: give one of them");
  }
  const hasGroups = group !== undefined || allGroups;
  const needsGroups = describe || options.delete || options.resetOffsets;
  if (needsGroups && !hasGroups) {
    const action = describe ? "--describe" : options.delete ? "--delete" : "--reset-offsets";
    throw new CommandFailure(`Option ${action} takes one of these options: --group, --all-groups`);
  }
  if (describe && [members, offsets, state].filter(Boolean).length > 1) {
    throw new CommandFailure(
      "Option --describe takes at most one of these options: --members, --offsets, --state",
    );
  }
  if (describe && typeof state === "string") {
    throw new CommandFailure("Option --describe does not take a value for --state");
  }
  if (options.delete && topic !== undefined) {
    throw new CommandFailure("--delete removes whole groups: --delete-offsets takes --topic");
  }
  if (options.deleteOffsets && (group?.length !== 1 || topic === undefined)) {
    throw new CommandFailure("Option --delete-offsets takes one --group, and --topic");
  }
  if (options.resetOffsets) throwIfNotReset(options);
}

function throwIfNotReset(options: Options): void {
  throwIfNoScenario(options);
  if (options.dryRun && options.execute) {
    throw new CommandFailure("Option --reset-offsets only accepts one of --execute and --dry-run");
  }
  const hasScope = options.topic !== undefined || options.allTopics;
  if (!hasScope && options.fromFile === undefined) {
    throw new CommandFailure("One of the reset scopes should be defined: --all-topics, --topic.");
  }
}

async function groupsOf(admin: Admin, { group, allGroups, timeout }: Options): Promise<string[]> {
  if (!allGroups) return [...new Set(group)];
  const listings = await admin.listConsumerGroups({ timeoutMs: timeout });
  return listings.map(({ groupId }) => groupId);
}

async function list(admin: Admin, { state, type, timeout: timeoutMs }: Options): Promise<void> {
  const states = typeof state === "string" ? named(state, STATES, "state") : [];
  const types = typeof type === "string" ? named(type, TYPES, "types") : [];
  const listings = await admin.listConsumerGroups({ states, types, timeoutMs });
  if (state === undefined && type === undefined) {
    for (const { groupId } of listings) console.log(groupId);
    return;
  }
  for (const line of listingLines(listings, type !== undefined, state !== undefined)) {
    console.log(line);
  }
}

/** @throws CommandFailure that names the words there are. */
function named<T extends string>(text: string, known: readonly T[], what: string): T[] {
  return text.split(",").map((word) => {
    const found = known.find((one) => one.toLowerCase() === word.trim().toLowerCase());
    if (found !== undefined) return found;
    throw new CommandFailure(
      `Invalid ${what} list '${text}'. Valid ${what === "state" ? "states" : what} are: ${known.join(", ")}`,
    );
  });
}

function listingLines(
  listings: readonly ConsumerGroupListing[],
  withType: boolean,
  withState: boolean,
): string[] {
  const cells = (group: string, type: string, state: string): string[] => [
    ...[group, ...(withType ? [type] : []), ...(withState ? [state] : [])],
  ];
  const width = widest(
    15,
    listings.map(({ groupId }) => groupId),
  );
  const widths = [width + 10, 20, 20];
  return [
    row(widths, cells("GROUP", "TYPE", "STATE")),
    ...listings.map(({ groupId, type, state }) =>
      row(widths, cells(groupId, capitalized(type ?? "unknown"), state ?? "Unknown")),
    ),
  ];
}

const capitalized = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

async function describe(admin: Admin, options: Options): Promise<void> {
  const verbose = options.verbose ?? false;
  for (const groupId of (await groupsOf(admin, options)).sort()) {
    const group = await descriptionOf(admin, groupId, options);
    if (group === null) {
      failWith(doesNotExist(groupId));
      continue;
    }
    const note = stateNote(group);
    if (note !== null) console.error(note);
    const lines = options.members
      ? memberLines(group, verbose)
      : options.state
        ? stateLines(group, verbose)
        : await offsetTable(admin, group, options);
    if (lines.length > 0) console.log(`\n${lines.join("\n")}`);
  }
}

/** Kafka's tools tell one group's error and go on with the next. */
function failWith(message: string): void {
  console.error(`\nError: ${message}`);
  process.exitCode = 1;
}

/** Null when there is no such group. */
async function descriptionOf(
  admin: Admin,
  groupId: string,
  { timeout: timeoutMs }: Options,
): Promise<ConsumerGroupDescription | null> {
  try {
    const [found] = await admin.describeConsumerGroups([groupId], { timeoutMs });
    return found === undefined || found.state === "Dead" ? null : found;
  } catch (error) {
    if (codeOf(error) === ErrorCode.GROUP_ID_NOT_FOUND) return null;
    throw error;
  }
}

function codeOf(error: unknown): number | null {
  const cause = error instanceof AdminError ? error.failures[0]?.error : error;
  return cause instanceof KafkaError ? cause.code : null;
}

async function offsetTable(
  admin: Admin,
  group: ConsumerGroupDescription,
  { verbose = false, timeout: timeoutMs }: Pick<Options, "timeout"> & { verbose?: boolean },
): Promise<string[]> {
  const committed = await admin.listConsumerGroupOffsets(group.groupId, { timeoutMs });
  const ends = new Map<string, number>();
  for (const [, places] of Map.groupBy(partitionsOf(group, committed), ({ topic }) => topic)) {
    const queries = places.map((one) => ({ ...one, spec: "latest" as const }));
    // A topic that was deleted: its end is unknown, and the others' are shown.
    const found = await admin.listOffsets(queries, { timeoutMs }).catch((error: unknown) => {
      if (error instanceof AdminError) return [];
      throw error;
    });
    for (const one of found) ends.set(keyOf(one), one.offset);
  }
  return offsetLines({ group, committed, ends }, verbose);
}

async function remove(admin: Admin, options: Options): Promise<void> {
  const groups = await groupsOf(admin, options);
  const failed = new Map<string, string>();
  for (const group of groups) {
    try {
      await admin.deleteConsumerGroups([group], { timeoutMs: options.timeout });
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      failed.set(group, failureText(error));
    }
  }
  const done = groups.filter((group) => !failed.has(group)).map((group) => `'${group}'`);
  if (failed.size === 0) {
    console.log(`Deletion of requested consumer groups (${done.join(", ")}) was successful.`);
    return;
  }
  failWith("Deletion of some consumer groups failed:");
  for (const [group, why] of failed) {
    console.error(`* Group '${group}' could not be deleted due to: ${why}`);
  }
  if (done.length > 0) {
    console.log(`\nThese consumer groups were deleted successfully: ${done.join(", ")}`);
  }
}

async function reset(admin: Admin, options: Options): Promise<void> {
  if (!options.execute && !options.dryRun) {
    console.error("WARN: No action will be performed as the --execute option is missing.");
  }
  const groups = await groupsOf(admin, options);
  const file = options.fromFile === undefined ? null : planFromFile(options.fromFile, groups);
  const plan = new Map<string, NewOffset[]>();
  for (const group of groups) {
    const description = await descriptionOf(admin, group, options);
    if (description !== null && description.state !== "Empty") {
      failWith(
        `Assignments can only be reset if the group '${group}' is inactive, but the current state ` +
          `is ${description.state}.`,
      );
      continue;
    }
    if (file !== null && !file.has(group)) {
      failWith(`No reset plan for group ${group} found`);
      continue;
    }
    const offsets =
      file === null
        ? await newOffsets(admin, group, options, await scopeOf(admin, group, options), Date.now())
        : await inRange(admin, file.get(group) ?? []);
    offsets.sort((a, b) =>
      a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
    );
    if (options.execute && offsets.length > 0) {
      await admin.alterConsumerGroupOffsets(group, offsets, { timeoutMs: options.timeout });
    }
    plan.set(group, offsets);
  }
  if (options.export) process.stdout.write(resetCsv(plan, groups.length > 1));
  else printPlan(plan);
}

async function scopeOf(admin: Admin, group: string, { topic, allTopics }: Options) {
  if (!allTopics) return partitionsNamed(admin, topic ?? []);
  const committed = await admin.listConsumerGroupOffsets(group);
  return committed.map((one) => ({ topic: one.topic, partition: one.partition }));
}

const RESET_WIDTHS = [30, 30, 10, 15];

function printPlan(plan: ReadonlyMap<string, readonly NewOffset[]>): void {
  if (plan.size === 0) return;
  console.log(`\n${row(RESET_WIDTHS, ["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"])}`);
  for (const [group, offsets] of plan) {
    for (const { topic, partition, offset } of offsets) {
      console.log(row(RESET_WIDTHS, [group, topic, partition, offset]));
    }
  }
}

async function deleteOffsets(admin: Admin, options: Options): Promise<void> {
  const [group = ""] = options.group ?? [];
  const topics = options.topic ?? [];
  const places = await partitionsNamed(admin, topics);
  const failed = new Map<string, string>();
  try {
    await admin.deleteConsumerGroupOffsets(group, places, { timeoutMs: options.timeout });
    console.log(
      `Request succeed for deleting offsets with topic ${topics.join(", ")} group ${group}`,
    );
  } catch (error) {
    const whole = wholeFailure(group, error);
    if (whole !== null) throw new CommandFailure(`Error: ${whole}`, { cause: error });
    if (!(error instanceof AdminError)) throw error;
    failWith("Encounter some partition level error, see the follow-up details:");
    for (const { name, error: why } of error.failures) failed.set(name, why.message);
  }
  const widths = [30, 15, 15];
  console.log(`\n${row(widths, ["TOPIC", "PARTITION", "STATUS"])}`);
  for (const one of places) {
    const why = failed.get(keyOf(one));
    const status = why === undefined ? "Successful" : `Error: ${why}`;
    console.log(row(widths, [one.topic, one.partition, status]));
  }
}

/** What went wrong with the group as a whole, null when it was about partitions. */
function wholeFailure(group: string, error: unknown): string | null {
  switch (codeOf(error)) {
    case ErrorCode.INVALID_GROUP_ID:
      return `'${group}' is not valid.`;
    case ErrorCode.GROUP_ID_NOT_FOUND:
      return `'${group}' does not exist.`;
    case ErrorCode.GROUP_AUTHORIZATION_FAILED:
      return `Access to '${group}' is not authorized.`;
    case ErrorCode.NON_EMPTY_GROUP:
      return `Deleting offsets of a consumer group '${group}' is forbidden if the group is not empty.`;
    default:
      return null;
  }
}
