/** `kedge brokers`: the regions, and taking one out and back. Kafka has no such tool. */
import { Command } from "commander";
import type { Admin } from "../../client/mod.ts";
import { integer } from "../arguments.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure } from "../failure.ts";
import { Rest } from "../rest.ts";
import { printTable } from "../table.ts";

interface BrokersOptions extends ConnectionOptions {
  list?: true;
  fence?: number;
  unfence?: number;
  force?: true;
}

/** What the service says of a broker that was fenced or unfenced. */
interface Fencing {
  readonly leaders_moved: number;
  readonly isrs_shrunk: number;
  readonly leaderless: number;
  readonly pending: number;
}

export function brokersCommand(): Command {
  const command = new Command("brokers")
    .description("list the brokers, which are regions, or take one out and back")
    .option("--list", "list the brokers, with what they lead and hold")
    .option("--fence <id>", "take the broker out: others lead what it led", integer(0))
    .option("--unfence <id>", "take the broker back", integer(0))
    .option("--force", "with --fence: even the last broker that is not fenced");
  return connectionOptions(command).action(runBrokers);
}

async function runBrokers(options: BrokersOptions): Promise<void> {
  const { fence, unfence } = options;
  if ([options.list, fence, unfence].filter((given) => given !== undefined).length !== 1) {
    throw new CommandFailure(
      "Command must include exactly one action: --list, --fence or --unfence",
    );
  }
  if (options.force && fence === undefined) {
    throw new CommandFailure('Option "--force" can only be used with option "--fence"');
  }
  await withAdmin(options, "kedge-brokers", async (admin) => {
    if (options.list) return list(admin);
    const rest = new Rest(options, (await admin.describeCluster()).clusterId);
    if (fence !== undefined) {
      const force = options.force === true ? "?force=true" : "";
      const done = await rest.post<Fencing>(`/brokers/${fence}:fence${force}`);
      console.log(`Fenced broker ${fence}: ${told(done)}.`);
    } else {
      const done = await rest.post<Fencing>(`/brokers/${unfence}:unfence`);
      console.log(`Unfenced broker ${unfence}: ${told(done)}.`);
    }
  });
}

function told({ leaders_moved, isrs_shrunk, leaderless, pending }: Fencing): string {
  const parts = [`${leaders_moved} leader(s) moved`, `${isrs_shrunk} ISR(s) shrunk`];
  if (leaderless > 0) parts.push(`${leaderless} partition(s) left without a leader`);
  if (pending > 0) parts.push(`${pending} partition(s) left for the next sweep`);
  return parts.join(", ");
}

async function list(admin: Admin): Promise<void> {
  const [{ nodes }, topics] = await Promise.all([
    admin.describeCluster({ includeFencedBrokers: true }),
    admin.listTopics({ listInternal: true }),
  ]);
  const described = await admin.describeTopics(topics.map(({ name }) => name));
  const partitions = described.flatMap((topic) => topic.partitions);
  const rows = nodes.map(({ id, host, port, rack, isFenced }) => [
    ...[String(id), rack ?? "null", `${host}:${port}`, isFenced ? "fenced" : "unfenced"],
    String(partitions.filter(({ leader }) => leader === id).length),
    String(partitions.filter(({ replicas }) => replicas.includes(id)).length),
    String(partitions.filter(({ isr }) => isr.includes(id)).length),
  ]);
  printTable([["ID", "RACK", "ADDRESS", "STATE", "LEADERS", "REPLICAS", "IN-SYNC"], ...rows]);
}
