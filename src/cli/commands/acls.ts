/** `kedge acls`: kafka-acls. */
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import type { AclBinding, Admin } from "../../client/mod.ts";
import {
  type AclArguments,
  type Entry,
  operationName,
  type Pattern,
  patternsOf,
  patternTypeName,
  principalOf,
  type ResourceRules,
  rulesOf,
} from "../acl-arguments.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure, prefixed } from "../failure.ts";

interface AclsOptions extends ConnectionOptions, AclArguments {
  add?: true;
  remove?: true;
  list?: true;
  principal?: string[];
  force?: true;
}

function collect<T>(parse: (text: string) => T) {
  return (text: string, before: T[] = []): T[] => [...before, parse(text)];
}
const texts = collect((text) => text);

export function aclsCommand(): Command {
  const command = new Command("acls")
    .description("add, remove and list ACLs (kafka-acls)")
    .option("--add", "add ACLs")
    .option("--remove", "remove ACLs")
    .option("--list", "list ACLs, of the resources named or of all")
    .option("--topic <topic>", 'a topic; "*" is all of them; may be given again', texts)
    .option("--group <group>", 'a group; "*" is all of them; may be given again', texts)
    .option("--cluster", "the cluster itself")
    .option("--transactional-id <id>", 'a transactional id; "*" is all of them', texts)
    .option(
      "--resource-pattern-type <type>",
      "literal, prefixed; with --list and --remove also match and any",
      patternTypeName,
      "LITERAL",
    )
    .option(
      "--operation <operation>",
      "what is allowed or denied: All, Read …",
      collect(operationName),
    )
    .option("--allow-principal <principal>", "User:<name>; User:* is everybody", texts)
    .option("--deny-principal <principal>", "whom to deny it, whatever else allows", texts)
    .option("--allow-host <host>", "the address that it is allowed from (default: *)", texts)
    .option("--deny-host <host>", "the address that it is denied from (default: *)", texts)
    .option("--principal <principal>", "with --list: of this principal only", texts)
    .option("--producer", "WRITE, DESCRIBE and CREATE on topics, for who produces")
    .option("--consumer", "READ and DESCRIBE on topics, READ on groups, for who consumes")
    .option("--idempotent", "with --producer: IDEMPOTENT_WRITE on the cluster too")
    .option("--force", "ask nothing before removing");
  return connectionOptions(command).action(runAcls);
}

async function runAcls(options: AclsOptions): Promise<void> {
  if ([options.add, options.remove, options.list].filter(Boolean).length !== 1) {
    throw new CommandFailure("Command must include exactly one action: --list, --add, --remove.");
  }
  const run = options.add ? add : options.remove ? remove : list;
  await prefixed("Error while executing ACL command: ", () =>
    withAdmin(options, "kedge-acls", (admin) => run(admin, options)),
  );
}

async function add(admin: Admin, options: AclsOptions): Promise<void> {
  const { resourcePatternType: type } = options;
  if (type !== "LITERAL" && type !== "PREFIXED") {
    const text = `A '--resource-pattern-type' value of '${type}' is not valid when adding acls.`;
    throw new CommandFailure(text);
  }
  const rules = rulesOf(options);
  if (rules.some(({ entries }) => entries.length === 0)) {
    throw new CommandFailure(
      "You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.",
    );
  }
  for (const { pattern, entries } of rules) {
    const known = new Set((await admin.describeAcls(pattern)).map(entryText));
    const fresh = entries.filter((entry) => !known.has(entryText(entry)));
    for (const entry of entries) {
      if (known.has(entryText(entry)))
        console.log(`Acl ${bindingText(pattern, entry)} already exists.`);
    }
    if (fresh.length === 0) continue;
    console.log(`Adding ACLs for resource \`${patternText(pattern)}\`: \n ${linesOf(fresh)}\n`);
    await admin.createAcls(fresh.map((entry) => ({ ...pattern, ...entry })));
  }
}

async function remove(admin: Admin, options: AclsOptions): Promise<void> {
  for (const { pattern, entries } of rulesOf(options)) {
    if (!options.force && !(await confirmed(questionOf(pattern, entries)))) continue;
    const filters =
      entries.length === 0 ? [pattern] : entries.map((one) => ({ ...pattern, ...one }));
    await admin.deleteAcls(filters);
  }
}

function questionOf(pattern: Pattern, entries: ResourceRules["entries"]): string {
  const filter = `resource filter \`${patternText(pattern)}\`? (y/n)`;
  if (entries.length === 0) return `Are you sure you want to delete all ACLs for ${filter}`;
  return `Are you sure you want to remove ACLs: \n ${linesOf(entries)}\n from ${filter}`;
}

async function confirmed(question: string): Promise<boolean> {
  console.log(question);
  const input = createInterface({ input: process.stdin });
  try {
    for await (const line of input) return line.trim().toLowerCase() === "y";
    return false;
  } finally {
    input.close();
  }
}

async function list(admin: Admin, options: AclsOptions): Promise<void> {
  const patterns = patternsOf(options);
  const filters = patterns.length === 0 ? [{}] : patterns;
  const found = (await Promise.all(filters.map((one) => admin.describeAcls(one)))).flat();
  const principals = options.principal?.map(principalOf) ?? [];
  if (principals.length === 0) return print(found);
  for (const principal of principals) {
    console.log(`ACLs for principal \`${principal}\``);
    print(found.filter((acl) => acl.principal === principal));
  }
}

function print(acls: readonly AclBinding[]): void {
  const byResource = Map.groupBy(acls, patternText);
  for (const [resource, some] of byResource) {
    const unique = [...new Set(some.map(entryText))].map((text) => `\t${text}`);
    console.log(`Current ACLs for resource \`${resource}\`:\n${unique.join("\n")}\n`);
  }
}

function patternText({ resourceType, resourceName, patternType }: Pattern): string {
  return `ResourcePattern(resourceType=${resourceType}, name=${resourceName}, patternType=${patternType})`;
}

function entryText({ principal, host, operation, permissionType }: Entry): string {
  return `(principal=${principal}, host=${host}, operation=${operation}, permissionType=${permissionType})`;
}

function bindingText(pattern: Pattern, entry: Entry): string {
  return `(pattern=${patternText(pattern)}, entry=${entryText(entry)})`;
}

function linesOf(entries: readonly Entry[]): string {
  return entries.map((entry) => `\t${entryText(entry)}`).join("\n");
}
