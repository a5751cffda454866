/** `kedge configs`: kafka-configs, for topics and brokers. */
import { Command } from "commander";
import type { Admin, ConfigEntry, ConfigResource } from "../../client/mod.ts";
import {
  type AlterTask,
  actionOf,
  alterTask,
  type ConfigsOptions,
  type ConfigsTask,
  type EntityType,
  entityOf,
} from "../config-arguments.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure, failureText } from "../failure.ts";

type Options = ConfigsOptions & ConnectionOptions;

const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

export function configsCommand(): Command {
  const command = new Command("configs")
    .description("describe or alter the configs of topics and brokers (kafka-configs)")
    .option("--describe", "list the configs that are set on the entity")
    .option("--alter", "change the configs of the entity")
    .option("--all", "with --describe: all configs, static ones and defaults too")
    .option("--entity-type <type>", "topics or brokers", collect)
    .option("--entity-name <name>", "a topic's name or a broker's id", collect)
    .option("--entity-default", "with brokers: what holds for all of them")
    .option("--add-config <list>", "configs to set: k1=v1,k2=[v1,v2],k3=v3")
    .option("--add-config-file <file>", "a properties file with configs to set")
    .option("--delete-config <list>", "names of configs to take away: k1,k2", collect)
    .option("--topic <name>", "the topic")
    .option("--broker <id>", "the broker")
    .option("--broker-defaults", "what holds for all brokers")
    .option("--user <name>", "the user: quotas are not there yet")
    .option("--user-defaults", "all users: quotas are not there yet")
    .option("--client <id>", "the client: quotas are not there yet")
    .option("--client-defaults", "all clients: quotas are not there yet");
  return connectionOptions(command).action(runConfigs);
}

async function runConfigs(options: Options): Promise<void> {
  // What is wrong with the arguments is said before anybody is asked.
  const work =
    actionOf(options) === "alter"
      ? alterOf(alterTask(options))
      : describeOf(entityOf(options), options.all === true);
  await withAdmin(options, "kedge-configs", async (admin) => {
    try {
      await work(admin);
    } catch (error) {
      if (error instanceof CommandFailure) throw error;
      const text = `Error while executing config command: ${failureText(error)}`;
      throw new CommandFailure(text, { cause: error });
    }
  });
}

function alterOf(task: AlterTask): (admin: Admin) => Promise<void> {
  const { entityType, entityName, add, remove } = task;
  return async (admin) => {
    const set = (await entriesOf(admin, entityType, entityName, false)).map(({ name }) => name);
    const unset = remove.filter((name) => !set.includes(name));
    if (unset.length > 0) throw new CommandFailure(`Invalid config(s): ${unset.join(",")}`);
    const changes = [
      ...remove.map((name) => ({ name, operation: "DELETE" as const })),
      ...Object.entries(add).map(([name, value]) => ({ name, value })),
    ];
    await admin.incrementalAlterConfigs([{ ...resourceOf(entityType, entityName), changes }]);
    console.log(
      entityName === ""
        ? `Completed updating default config for ${entityType} in the cluster.`
        : `Completed updating config for ${singular(entityType)} ${entityName}.`,
    );
  };
}

function describeOf(task: ConfigsTask, all: boolean): (admin: Admin) => Promise<void> {
  const { entityType, entityName } = task;
  return async (admin) => {
    const known = all && entityName !== null ? null : await entities(admin, entityType);
    if (known !== null && entityName !== null && !known.includes(entityName)) {
      const what = `The ${singular(entityType)} '${entityName}'`;
      console.log(`${what} doesn't exist and doesn't have dynamic config.`);
      return;
    }
    for (const name of entityName === null ? (known ?? []) : [entityName]) {
      const entries = await entriesOf(admin, entityType, name, all);
      console.log([title(entityType, name, all), ...entries.map(configLine)].join("\n"));
    }
  };
}

/** The topics, or the brokers and "" for all of them. */
async function entities(admin: Admin, type: EntityType): Promise<string[]> {
  if (type === "topics") {
    return (await admin.listTopics({ listInternal: true })).map(({ name }) => name);
  }
  const { nodes } = await admin.describeCluster({ includeFencedBrokers: true });
  return [...nodes.map(({ id }) => String(id)), ""];
}

/** By name: all that hold, or only those that are set on the entity itself. */
async function entriesOf(
  admin: Admin,
  type: EntityType,
  name: string,
  all: boolean,
): Promise<readonly ConfigEntry[]> {
  const [found] = await admin.describeConfigs([resourceOf(type, name)], { includeSynonyms: true });
  const entries = found?.entries ?? [];
  return all ? entries : entries.filter(({ source }) => source === ownSource(type, name));
}

function ownSource(type: EntityType, name: string): ConfigEntry["source"] {
  if (type === "topics") return "DYNAMIC_TOPIC_CONFIG";
  return name === "" ? "DYNAMIC_DEFAULT_BROKER_CONFIG" : "DYNAMIC_BROKER_CONFIG";
}

function title(type: EntityType, name: string, all: boolean): string {
  if (name === "") return `Default configs for ${type} in the cluster are:`;
  return `${all ? "All" : "Dynamic"} configs for ${singular(type)} ${name} are:`;
}

function configLine({ name, value, isSensitive, synonyms }: ConfigEntry): string {
  const told = synonyms.map((synonym) => `${synonym.source}:${synonym.name}=${synonym.value}`);
  return `  ${name}=${value} sensitive=${isSensitive} synonyms={${told.join(", ")}}`;
}

function resourceOf(type: EntityType, name: string): ConfigResource {
  return { type: singular(type), name };
}

function singular(type: EntityType): "broker" | "topic" {
  return type === "topics" ? "topic" : "broker";
}
