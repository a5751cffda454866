/** What kafka-acls is told on its command line, as rules by resource (AclCommand). */
import type {
  AclBinding,
  AclOperationName,
  AclPatternTypeName,
  AclPermissionTypeName,
  AclResourceTypeName,
} from "../client/mod.ts";
import { AclOperation, AclPatternType, CLUSTER_NAME } from "../protocol/acl-codes.ts";
import { CommandFailure } from "./failure.ts";

export interface AclArguments {
  topic?: string[];
  group?: string[];
  transactionalId?: string[];
  cluster?: true;
  idempotent?: true;
  resourcePatternType: AclPatternTypeName;
  operation?: AclOperationName[];
  allowPrincipal?: string[];
  denyPrincipal?: string[];
  allowHost?: string[];
  denyHost?: string[];
  producer?: true;
  consumer?: true;
}

export type Pattern = Pick<AclBinding, "resourceType" | "resourceName" | "patternType">;
export type Entry = Pick<AclBinding, "principal" | "host" | "operation" | "permissionType">;

export interface ResourceRules {
  readonly pattern: Pattern;
  readonly entries: readonly Entry[];
}

/** Any way of writing it: "DescribeConfigs", "describe_configs", "DESCRIBE-CONFIGS". */
export function operationName(text: string): AclOperationName {
  const plain = (name: string): string => name.replaceAll(/[-_]/g, "").toUpperCase();
  const names = Object.keys(AclOperation) as AclOperationName[];
  const found = names.find((name) => plain(name) === plain(text.trim()));
  if (found !== undefined && found !== "ANY") return found;
  throw new CommandFailure(
    `${text} is no operation: they are ${names.filter((name) => name !== "ANY").join(", ")}`,
  );
}

export function patternTypeName(text: string): AclPatternTypeName {
  const name = text.toUpperCase();
  if (Object.hasOwn(AclPatternType, name)) return name as AclPatternTypeName;
  throw new CommandFailure(`${text} is no pattern type: they are literal, prefixed, match and any`);
}

/** The resources named. */
export function patternsOf(args: AclArguments): Pattern[] {
  const { resourcePatternType: patternType } = args;
  const named = (resourceType: AclResourceTypeName, names: readonly string[] = []): Pattern[] =>
    names.map((name) => ({ resourceType, resourceName: name.trim(), patternType }));
  const cluster = args.cluster === true || args.idempotent === true;
  return [
    ...named("TOPIC", args.topic),
    ...(cluster && patternType === "LITERAL" ? named("CLUSTER", [CLUSTER_NAME]) : []),
    ...named("GROUP", args.group),
    ...named("TRANSACTIONAL_ID", args.transactionalId),
  ];
}

/** Throws CommandFailure where no resource is named. */
export function rulesOf(args: AclArguments): ResourceRules[] {
  const patterns = patternsOf(args);
  if (patterns.length === 0) {
    throw new CommandFailure(
      "You must provide at least one resource: --topic <topic> or --cluster or --group <group> or " +
        "--transactional-id <id>",
    );
  }
  if (args.producer !== true && args.consumer !== true) {
    const entries = entriesOf(args, args.operation ?? ["ALL"]);
    return patterns.map((pattern) => ({ pattern, entries }));
  }
  return patterns.flatMap((pattern) => {
    const operations = [
      ...(args.producer === true ? (PRODUCER[pattern.resourceType] ?? []) : []),
      ...(args.consumer === true ? (CONSUMER[pattern.resourceType] ?? []) : []),
    ];
    if (operations.length === 0) return [];
    return [{ pattern, entries: entriesOf(args, [...new Set(operations)]) }];
  });
}

type Role = Readonly<Partial<Record<AclResourceTypeName, readonly AclOperationName[]>>>;
const PRODUCER: Role = {
  TOPIC: ["WRITE", "DESCRIBE", "CREATE"],
  TRANSACTIONAL_ID: ["WRITE", "DESCRIBE"],
  CLUSTER: ["IDEMPOTENT_WRITE"],
};
const CONSUMER: Role = { TOPIC: ["READ", "DESCRIBE"], GROUP: ["READ"] };

function entriesOf(args: AclArguments, operations: readonly AclOperationName[]): Entry[] {
  const entries = (
    permissionType: AclPermissionTypeName,
    principals: readonly string[] = [],
    hosts: readonly string[] = ["*"],
  ): Entry[] =>
    principals.flatMap((principal) =>
      operations.flatMap((operation) =>
        hosts.map((host) => ({
          ...{ principal: principalOf(principal), host: host.trim() },
          ...{ operation, permissionType },
        })),
      ),
    );
  return [
    ...entries("ALLOW", args.allowPrincipal, args.allowHost),
    ...entries("DENY", args.denyPrincipal, args.denyHost),
  ];
}

export function principalOf(text: string): string {
  const principal = text.trim();
  if (/^\w+:./.test(principal)) return principal;
  throw new CommandFailure(
    `expected a string in format principalType:principalName but got ${principal}`,
  );
}
