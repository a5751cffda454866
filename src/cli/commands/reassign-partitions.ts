/** `kedge reassign-partitions`: kafka-reassign-partitions. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import type { Admin, PartitionReassignment } from "../../client/mod.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure } from "../failure.ts";
import type { Assignment } from "../partitions-json.ts";
import {
  assignmentJson,
  nameOf,
  readReassignmentFile,
  readTopicsFile,
} from "../partitions-json.ts";

interface ReassignOptions extends ConnectionOptions {
  execute?: true;
  verify?: true;
  cancel?: true;
  list?: true;
  generate?: true;
  additional?: true;
  wait?: true;
  reassignmentJsonFile?: string;
  topicsToMoveJsonFile?: string;
  brokerList?: number[];
}

const ACTIONS = ["execute", "verify", "cancel", "list", "generate"] as const;
type Action = (typeof ACTIONS)[number];

/** Which actions an option goes with, and whether they need it. */
const GOES_WITH: readonly (readonly [keyof ReassignOptions, string, readonly Action[], boolean])[] =
  [
    [
      ...(["reassignmentJsonFile", "--reassignment-json-file"] as const),
      ...([["execute", "verify", "cancel"], true] as const),
    ],
    ["topicsToMoveJsonFile", "--topics-to-move-json-file", ["generate"], true],
    ["brokerList", "--broker-list", ["generate"], true],
    ["additional", "--additional", ["execute"], false],
    ["wait", "--wait", ["execute", "verify"], false],
  ];

const POLL_MS = 500;

export function reassignPartitionsCommand(): Command {
  const command = new Command("reassign-partitions")
    .description("move the replicas of partitions to other brokers (kafka-reassign-partitions)")
    .option("--execute", "start the moves of the file")
    .option("--verify", "say how far the moves of the file are")
    .option("--cancel", "take the moves of the file back")
    .option("--list", "list all moves under way")
    .option("--generate", "propose a file for the topics of another, without moving anything")
    .option("--reassignment-json-file <file>", "as --generate prints it")
    .option("--topics-to-move-json-file <file>", '{"topics": [{"topic": "orders"}], "version": 1}')
    .option("--broker-list <ids>", "with --generate: the brokers to move to, 1,2,3", parseBrokers)
    .option("--additional", "with --execute: even while other moves are under way")
    .option(
      "--wait",
      "with --execute or --verify: until the moves are done, with a line of progress",
    );
  return connectionOptions(command).action(runReassign);
}

function parseBrokers(text: string): number[] {
  const brokers = text.split(",").map((one) => (/^\s*\d+\s*$/.test(one) ? Number(one) : -1));
  if (brokers.includes(-1))
    throw new CommandFailure(`--broker-list ${text}: it must be like 1,2,3`);
  if (new Set(brokers).size === brokers.length) return brokers;
  throw new CommandFailure(`--broker-list ${text}: a broker is named twice`);
}

async function runReassign(options: ReassignOptions): Promise<void> {
  const action = theAction(options);
  const file = options.reassignmentJsonFile;
  const wanted = file === undefined ? [] : readReassignmentFile(file);
  await withAdmin(options, "kedge-reassign-partitions", async (admin) => {
    switch (action) {
      case "execute":
        await execute(admin, wanted, options.additional === true);
        if (options.wait) await untilDone(admin, wanted);
        return;
      case "verify":
        if (options.wait) await untilDone(admin, wanted);
        return verify(admin, wanted);
      case "cancel":
        return cancel(admin, wanted);
      case "list":
        return list(await admin.listPartitionReassignments());
      case "generate":
        return generate(admin, options);
    }
  });
}

function theAction(options: ReassignOptions): Action {
  const [action, ...more] = ACTIONS.filter((one) => options[one]);
  if (action === undefined || more.length > 0) {
    const all = ACTIONS.map((one) => `--${one}`).join(", ");
    throw new CommandFailure(`Command must include exactly one action: ${all}`);
  }
  for (const [name, flag, actions, required] of GOES_WITH) {
    const given = options[name] !== undefined;
    if (given && !actions.includes(action)) {
      throw new CommandFailure(`Option "${flag}" can't be used with action "--${action}"`);
    }
    if (!given && required && actions.includes(action)) {
      throw new CommandFailure(`Missing required argument "${flag}" for action "--${action}"`);
    }
  }
  return action;
}

/** What the partitions have now. @throws CommandFailure for one that is not there. */
async function current(admin: Admin, wanted: readonly Assignment[]): Promise<Assignment[]> {
  const topics = await admin.describeTopics([...new Set(wanted.map(({ topic }) => topic))]);
  const byName = new Map(topics.map((topic) => [topic.name, topic.partitions]));
  return wanted.map(({ topic, partition }) => {
    const found = byName.get(topic)?.find((one) => one.partition === partition);
    if (found !== undefined) return { topic, partition, replicas: found.replicas };
    throw new CommandFailure(`Unable to find partition: ${topic}-${partition}`);
  });
}

async function execute(
  admin: Admin,
  wanted: readonly Assignment[],
  additional: boolean,
): Promise<void> {
  if (!additional && (await admin.listPartitionReassignments()).length > 0) {
    throw new CommandFailure(
      "Cannot execute because there is an existing partition assignment. Use --additional to " +
        "override this and create a new partition assignment in addition to the existing one.",
    );
  }
  const before = await current(admin, wanted);
  console.log(
    `Current partition replica assignment\n\n${assignmentJson(before)}\n\n` +
      "Save this to use as the --reassignment-json-file option during rollback",
  );
  await admin.alterPartitionReassignments(wanted);
  const plural = wanted.length === 1 ? "" : "s";
  console.log(
    `Successfully started partition reassignment${plural} for ${wanted.map(nameOf).join(",")}`,
  );
}

/** The moves of these partitions that are under way, by name. */
async function moving(
  admin: Admin,
  wanted: readonly Assignment[],
): Promise<Map<string, PartitionReassignment>> {
  const found = await admin.listPartitionReassignments(wanted);
  return new Map(found.map((one) => [nameOf(one), one]));
}

async function verify(admin: Admin, wanted: readonly Assignment[]): Promise<void> {
  const under = await moving(admin, wanted);
  console.log("Status of partition reassignment:");
  for (const [index, { replicas }] of (await current(admin, wanted)).entries()) {
    const target = wanted[index];
    if (target === undefined) continue;
    const name = nameOf(target);
    if (under.has(name)) {
      console.log(`Reassignment of partition ${name} is still in progress.`);
    } else if (replicas.join() === target.replicas.join()) {
      console.log(`Reassignment of partition ${name} is completed.`);
    } else {
      console.log(
        `There is no active reassignment of partition ${name}, but replica set is ` +
          `${replicas.join(",")} rather than ${target.replicas.join(",")}.`,
      );
    }
  }
}

/** On a terminal one line that changes; elsewhere a line for each change. */
async function untilDone(admin: Admin, wanted: readonly Assignment[]): Promise<void> {
  const isTerminal = process.stderr.isTTY === true;
  let last = -1;
  for (;;) {
    const left = (await moving(admin, wanted)).size;
    const done = wanted.length - left;
    if (done !== last) {
      const share = Math.floor((100 * done) / wanted.length);
      const line = `${done} of ${wanted.length} partition(s) moved (${share} %)`;
      process.stderr.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
    }
    last = done;
    if (left === 0) break;
    await sleep(POLL_MS);
  }
  if (isTerminal) process.stderr.write("\n");
}

async function cancel(admin: Admin, wanted: readonly Assignment[]): Promise<void> {
  const under = await moving(admin, wanted);
  const active = wanted.filter((one) => under.has(nameOf(one)));
  if (active.length === 0) {
    console.log("None of the specified partition reassignments are active.");
    return;
  }
  await admin.alterPartitionReassignments(active.map((one) => ({ ...one, replicas: null })));
  const plural = active.length === 1 ? "" : "s";
  console.log(
    `Successfully cancelled partition reassignment${plural} for: ${active.map(nameOf).join(",")}`,
  );
}

function list(moves: readonly PartitionReassignment[]): void {
  if (moves.length === 0) {
    console.log("No partition reassignments found.");
    return;
  }
  console.log("Current partition reassignments:");
  for (const move of moves) {
    const adding =
      move.addingReplicas.length > 0 ? ` adding: ${move.addingReplicas.join(",")}.` : "";
    const removing =
      move.removingReplicas.length > 0 ? ` removing: ${move.removingReplicas.join(",")}.` : "";
    console.log(`${nameOf(move)}: replicas: ${move.replicas.join(",")}.${adding}${removing}`);
  }
}

async function generate(admin: Admin, options: ReassignOptions): Promise<void> {
  const { brokerList = [], topicsToMoveJsonFile: file = "" } = options;
  const topics = await admin.describeTopics(readTopicsFile(file));
  const now = topics.flatMap(({ name: topic, partitions }) =>
    partitions.map(({ partition, replicas }) => ({ topic, partition, replicas })),
  );
  const wide = now.find(({ replicas }) => replicas.length > brokerList.length);
  if (wide !== undefined) {
    throw new CommandFailure(
      `${nameOf(wide)} has ${wide.replicas.length} replicas, more than the ` +
        `${brokerList.length} broker(s) of --broker-list`,
    );
  }
  const proposed = now.map((one) => ({
    ...one,
    replicas: spread(brokerList, one.partition, one.replicas.length),
  }));
  console.log(`Current partition replica assignment\n${assignmentJson(now)}\n`);
  console.log(`Proposed partition reassignment configuration\n${assignmentJson(proposed)}`);
}

/** Brokers lead in turn; who follows a leader shifts with every round of them. */
export function spread(brokers: readonly number[], partition: number, count: number): number[] {
  const at = partition % brokers.length;
  const others = [...brokers.slice(at + 1), ...brokers.slice(0, at)];
  const shift = Math.floor(partition / brokers.length) % Math.max(1, others.length);
  const followers = [...others.slice(shift), ...others.slice(0, shift)];
  return [...brokers.slice(at, at + 1), ...followers.slice(0, count - 1)];
}
