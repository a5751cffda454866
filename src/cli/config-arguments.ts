/** What `kedge configs` is asked to do, by the rules of kafka-configs (ConfigCommandOptions.checkArgs). */
import { CommandFailure } from "./failure.ts";
import { type Properties, readProperties } from "./properties.ts";

export interface ConfigsOptions {
  readonly alter?: true;
  readonly describe?: true;
  readonly all?: true;
  readonly entityType?: readonly string[];
  readonly entityName?: readonly string[];
  readonly entityDefault?: true;
  readonly addConfig?: string;
  readonly addConfigFile?: string;
  readonly deleteConfig?: readonly string[];
  readonly topic?: string;
  readonly broker?: string;
  readonly brokerDefaults?: true;
  readonly user?: string;
  readonly userDefaults?: true;
  readonly client?: string;
  readonly clientDefaults?: true;
}

export type EntityType = "brokers" | "topics";

export interface ConfigsTask {
  readonly entityType: EntityType;
  /** "" is the default of all brokers; null means every entity there is. */
  readonly entityName: string | null;
}

export interface AlterTask extends ConfigsTask {
  readonly entityName: string;
  readonly add: Properties;
  readonly remove: readonly string[];
}

/** Of Kafka's entity types those that have no configs here. */
const WITHOUT: Readonly<Record<string, string>> = {
  clients: "quotas are not there yet",
  users: "quotas are not there yet",
  ips: "connections are the platform's matter",
  "broker-loggers": "there are no loggers",
  "client-metrics": "clients are not asked for metrics",
  groups: "group configs are those of the brokers",
};

/** @throws CommandFailure in Kafka's words where it has any. */
export function entityOf(options: ConfigsOptions): ConfigsTask {
  const flags = entityFlags(options);
  const { entityType: types = [], entityName: names = [], entityDefault } = options;
  const isGeneral = types.length > 0 || names.length > 0 || entityDefault === true;
  if (isGeneral && flags.length > 0) {
    throw new CommandFailure(
      "--entity-{type,name,default} should not be used in conjunction with specific entity flags",
    );
  }
  const entityType = theType([...types, ...flags.map(([type]) => type)]);
  const given = [
    ...names,
    ...(entityDefault === true ? [""] : []),
    ...flags.map(([, name]) => name),
  ];
  if (given.length > 1) {
    throw new CommandFailure("Only one of --entity-name and --entity-default can be given, once");
  }
  const entityName = given[0] ?? null;
  if (entityType === "topics" && entityName === "") {
    const flag = options.alter ? "--alter" : "--describe";
    throw new CommandFailure(`--entity-default must not be specified with ${flag} of topics`);
  }
  if (entityType === "brokers" && !/^-?\d*$/.test(entityName ?? "")) {
    throw new CommandFailure(
      `The entity name for brokers must be a valid integer broker id, but it is: ${entityName}`,
    );
  }
  return { entityType, entityName };
}

function theType(types: readonly string[]): EntityType {
  const [type] = types;
  if (type === undefined) throw new CommandFailure("At least one entity type must be specified");
  const unknown = types.find((one) => !isEntityType(one) && WITHOUT[one] === undefined);
  if (unknown !== undefined) {
    const known = ["topics", "brokers", ...Object.keys(WITHOUT)].join(", ");
    throw new CommandFailure(
      `Invalid entity type ${unknown}, the entity type must be one of ${known}`,
    );
  }
  const isUserAndClient = types.includes("users") && types.includes("clients");
  if (types.length > 1 && !(types.length === 2 && isUserAndClient)) {
    throw new CommandFailure("Only 'users' and 'clients' entity types may be specified together");
  }
  if (isEntityType(type)) return type;
  throw new CommandFailure(
    `Entity type ${types.join(", ")} has no configs in Kedge: ${WITHOUT[type]}. ` +
      "Topics and brokers have configs.",
  );
}

const isEntityType = (type: string): type is EntityType => type === "topics" || type === "brokers";

/** `--topic orders` is `--entity-type topics --entity-name orders`; the empty name is the default. */
function entityFlags(options: ConfigsOptions): (readonly [type: string, name: string])[] {
  const flags: (readonly [string, string | undefined])[] = [
    ["topics", options.topic],
    ["brokers", options.broker],
    ["brokers", options.brokerDefaults && ""],
    ["users", options.user],
    ["users", options.userDefaults && ""],
    ["clients", options.client],
    ["clients", options.clientDefaults && ""],
  ];
  return flags.flatMap(([type, name]) => (name === undefined ? [] : [[type, name] as const]));
}

/** @throws CommandFailure */
export function actionOf(options: ConfigsOptions): "alter" | "describe" {
  if ((options.alter === true) === (options.describe === true)) {
    throw new CommandFailure("Command must include exactly one action: --describe, --alter");
  }
  if (options.alter && options.all) {
    throw new CommandFailure('Option "--all" can\'t be used with option "--alter"');
  }
  if (options.alter) return "alter";
  const changes = [
    ["--add-config", options.addConfig],
    ["--add-config-file", options.addConfigFile],
    ["--delete-config", options.deleteConfig],
  ] as const;
  for (const [flag, value] of changes) {
    if (value === undefined) continue;
    throw new CommandFailure(`Option "${flag}" can't be used with option "--describe"`);
  }
  return "describe";
}

/** @throws CommandFailure */
export function alterTask(options: ConfigsOptions): AlterTask {
  const { entityType, entityName } = entityOf(options);
  if (entityName === null) {
    throw new CommandFailure(
      entityType === "topics"
        ? "An entity name must be specified with --alter of topics"
        : "An entity-name or default entity must be specified with --alter of users, clients, brokers or ips",
    );
  }
  const { addConfig, addConfigFile, deleteConfig = [] } = options;
  if (addConfig !== undefined && addConfigFile !== undefined) {
    throw new CommandFailure("Only one of --add-config or --add-config-file must be specified");
  }
  const add = {
    ...(addConfigFile === undefined ? {} : readProperties(addConfigFile)),
    ...(addConfig === undefined ? {} : parseConfigs(addConfig)),
  };
  const remove = deleteConfig.flatMap((list) => list.split(",")).map((name) => name.trim());
  if (addConfig === undefined && addConfigFile === undefined && deleteConfig.length === 0) {
    throw new CommandFailure(
      "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter",
    );
  }
  for (const name of [...Object.keys(add), ...remove]) throwIfNoKey(name);
  return { entityType, entityName, add, remove };
}

/** `k1=v1,k2=[a,b]`: brackets keep the commas of a value. @throws CommandFailure */
export function parseConfigs(text: string): Properties {
  // A comma or an equals sign counts unless a closing bracket follows it before an opening one.
  const pairs = text
    .split(/,(?=[^\]]*(?:\[|$))/)
    .map((pair) => pair.split(/\s*=\s*(?=[^\]]*(?:\[|$))/));
  const configs: Properties = {};
  for (const [name, value, ...more] of pairs) {
    if (name === undefined || value === undefined || more.length > 0) {
      throw new CommandFailure(
        'Invalid entity config: all configs to be added must be in the format "key=val" or ' +
          '"key=[val1,val2]" to group values which contain commas.',
      );
    }
    configs[name.trim()] = value.replaceAll(/[[\]]/g, "").trim();
  }
  return configs;
}

function throwIfNoKey(name: string): void {
  if (/^[$a-zA-Z0-9._-]+$/.test(name)) return;
  throw new CommandFailure(`Invalid character found for config key: ${name}`);
}
