/** The `kedge` command line: picks the command's file and loads that one alone. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { reportFailure } from "./failure.ts";
import { packageRoot } from "./local/paths.ts";

interface Entry {
  readonly name: string;
  load(): Promise<Command>;
}

const COMMANDS: readonly Entry[] = [
  { name: "topics", load: async () => (await import("./commands/topics.ts")).topicsCommand() },
  { name: "configs", load: async () => (await import("./commands/configs.ts")).configsCommand() },
  {
    name: "console-producer",
    load: async () => (await import("./commands/console-producer.ts")).consoleProducerCommand(),
  },
  {
    name: "console-consumer",
    load: async () => (await import("./commands/console-consumer.ts")).consoleConsumerCommand(),
  },
  {
    name: "consumer-groups",
    load: async () => (await import("./commands/consumer-groups.ts")).consumerGroupsCommand(),
  },
  {
    name: "get-offsets",
    load: async () => (await import("./commands/get-offsets.ts")).getOffsetsCommand(),
  },
  {
    name: "delete-records",
    load: async () => (await import("./commands/delete-records.ts")).deleteRecordsCommand(),
  },
  {
    name: "producer-perf-test",
    load: async () => (await import("./commands/producer-perf-test.ts")).producerPerfTestCommand(),
  },
  {
    name: "consumer-perf-test",
    load: async () => (await import("./commands/consumer-perf-test.ts")).consumerPerfTestCommand(),
  },
  {
    name: "verifiable-producer",
    load: async () =>
      (await import("./commands/verifiable-producer.ts")).verifiableProducerCommand(),
  },
  {
    name: "verifiable-consumer",
    load: async () =>
      (await import("./commands/verifiable-consumer.ts")).verifiableConsumerCommand(),
  },
  {
    name: "leader-election",
    load: async () => (await import("./commands/leader-election.ts")).leaderElectionCommand(),
  },
  {
    name: "reassign-partitions",
    load: async () =>
      (await import("./commands/reassign-partitions.ts")).reassignPartitionsCommand(),
  },
  { name: "brokers", load: async () => (await import("./commands/brokers.ts")).brokersCommand() },
  { name: "doctor", load: async () => (await import("./commands/doctor.ts")).doctorCommand() },
  { name: "cluster", load: async () => (await import("./commands/cluster.ts")).clusterCommand() },
  {
    name: "api-versions",
    load: async () => (await import("./commands/api-versions.ts")).apiVersionsCommand(),
  },
  { name: "gateway", load: async () => (await import("./commands/gateway.ts")).gatewayCommand() },
  { name: "serve", load: async () => (await import("./commands/serve.ts")).serveCommand() },
];

async function main(args: readonly string[]): Promise<void> {
  const manifest: { version: string } = JSON.parse(
    readFileSync(join(packageRoot(), "package.json"), "utf8"),
  );
  const program = new Command("kedge")
    .description("Kafka at the edge with no brokers to run")
    .version(manifest.version, "--version")
    .enablePositionalOptions()
    .showHelpAfterError("(--help tells what can be given)");
  const chosen = COMMANDS.filter((entry) => entry.name === args[0]);
  for (const entry of chosen.length > 0 ? chosen : COMMANDS) {
    program.addCommand(await entry.load());
  }
  await program.parseAsync(args, { from: "user" });
}

// The reader went away (`… | head -1`): nothing is left to do, and it is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

main(process.argv.slice(2)).catch(reportFailure);
