/**
 * Kafka's ACLs (KIP-11, KIP-290): who may, or may not, do what with which resource. Codes are those of
 * the wire (protocol/acl-codes.ts).
 */

import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  CLUSTER_NAME,
  WILDCARD,
} from "../protocol/acl-codes.ts";

export const EVERY_PRINCIPAL = "User:*";

export interface ResourcePattern {
  readonly resourceType: number;
  readonly resourceName: string;
  /** LITERAL or PREFIXED. */
  readonly patternType: number;
}

export interface AccessRule {
  /** Kafka's form: "User:alice". */
  readonly principal: string;
  /** An address without a mask, or "*". */
  readonly host: string;
  readonly operation: number;
  readonly permission: number;
}

/** One ACL: nothing about it changes but whether it is there. */
export type AclBinding = ResourcePattern & AccessRule;

/** What DescribeAcls and DeleteAcls look for; null and ANY stand for everything. */
export interface AclFilter {
  readonly resourceType: number;
  readonly resourceName: string | null;
  readonly patternType: number;
  readonly principal: string | null;
  readonly host: string | null;
  readonly operation: number;
  readonly permission: number;
}

const { READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE } = AclOperation;
const { CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE } = AclOperation;
const { CREATE_TOKENS, DESCRIBE_TOKENS, TWO_PHASE_COMMIT } = AclOperation;

/** What may be done with each kind of resource (AclEntry.supportedOperations). */
const SUPPORTED: ReadonlyMap<number, readonly number[]> = new Map([
  [
    AclResourceType.TOPIC,
    [READ, WRITE, CREATE, DESCRIBE, DELETE, ALTER, DESCRIBE_CONFIGS, ALTER_CONFIGS],
  ],
  [AclResourceType.GROUP, [READ, DESCRIBE, DELETE, DESCRIBE_CONFIGS, ALTER_CONFIGS]],
  [
    AclResourceType.CLUSTER,
    [
      ...[CREATE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS],
      ...[IDEMPOTENT_WRITE, ALTER, DESCRIBE],
    ],
  ],
  [AclResourceType.TRANSACTIONAL_ID, [DESCRIBE, WRITE, TWO_PHASE_COMMIT]],
  [AclResourceType.DELEGATION_TOKEN, [DESCRIBE]],
  [AclResourceType.USER, [CREATE_TOKENS, DESCRIBE_TOKENS]],
]);

export function supportedOperations(resourceType: number): readonly number[] {
  return SUPPORTED.get(resourceType) ?? [];
}

/**
 * The operations that an ALLOW of this one allows too (AclEntry): who may read, write, delete or alter
 * may describe, and who may alter configs may describe them. A DENY denies itself only.
 */
export function impliedOperations(operation: number): readonly number[] {
  if ([READ, WRITE, DELETE, ALTER].some((one) => one === operation)) return [operation, DESCRIBE];
  if (operation === ALTER_CONFIGS) return [operation, DESCRIBE_CONFIGS];
  return [operation];
}

/** Longest principal, resource name and host that an ACL may have, in characters. */
export const ACL_TEXT_CHARS_MAX = 512;

/** Why a binding cannot be, or null (AclApis, RequestUtils.validateAclBinding, CreateAclsRequest). */
export function bindingProblem(binding: AclBinding): string | null {
  const { resourceType, resourceName, patternType, principal, host, operation } = binding;
  if (!SUPPORTED.has(resourceType)) return `Invalid resource type ${resourceType}`;
  if (patternType !== AclPatternType.LITERAL && patternType !== AclPatternType.PREFIXED) {
    return `Invalid pattern type ${patternType}: an ACL has LITERAL (3) or PREFIXED (4)`;
  }
  if (binding.permission !== AclPermission.ALLOW && binding.permission !== AclPermission.DENY) {
    return `Invalid permission type ${binding.permission}: an ACL has DENY (2) or ALLOW (3)`;
  }
  if (operation !== AclOperation.ALL && !supportedOperations(resourceType).includes(operation)) {
    return `Operation ${operation} does not apply to resource type ${resourceType}`;
  }
  if (resourceName === "") return "Invalid empty resource name";
  if (resourceType === AclResourceType.CLUSTER && resourceName !== CLUSTER_NAME) {
    return `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`;
  }
  const texts = { resourceName, principal, host };
  for (const [name, text] of Object.entries(texts)) {
    if (text.length <= ACL_TEXT_CHARS_MAX && text.isWellFormed()) continue;
    return `The ${name} has ${text.length} characters: at most ${ACL_TEXT_CHARS_MAX} of valid Unicode are taken`;
  }
  if (!isPrincipal(principal)) {
    return `Invalid principal "${principal}": it must be of the form User:<name>`;
  }
  return host === "" ? 'Invalid empty host: "*" is every host' : null;
}

/** Principals are users here; Kafka's other type, Group, is of authorizers that people write. */
export function isPrincipal(text: string): boolean {
  return /^User:./su.test(text);
}

/** Why nothing can be looked for with this filter, or null. */
export function filterProblem(filter: AclFilter): string | null {
  const { resourceType, patternType, operation, permission } = filter;
  if (resourceType !== AclResourceType.ANY && !SUPPORTED.has(resourceType)) {
    return `The filter has an unknown resource type: ${resourceType}`;
  }
  if (patternType < AclPatternType.ANY || patternType > AclPatternType.PREFIXED) {
    return `The filter has an unknown pattern type: ${patternType}`;
  }
  if (operation < AclOperation.ANY || operation > TWO_PHASE_COMMIT) {
    return `The filter has an unknown operation: ${operation}`;
  }
  if (permission < AclPermission.ANY || permission > AclPermission.ALLOW) {
    return `The filter has an unknown permission type: ${permission}`;
  }
  return null;
}

/** AclBindingFilter.matches. ALL is an operation of its own here, not every operation. */
export function matchesFilter(binding: AclBinding, filter: AclFilter): boolean {
  const is = (wanted: number, any: number, actual: number) => wanted === any || wanted === actual;
  return (
    is(filter.resourceType, AclResourceType.ANY, binding.resourceType) &&
    is(filter.operation, AclOperation.ANY, binding.operation) &&
    is(filter.permission, AclPermission.ANY, binding.permission) &&
    (filter.principal === null || filter.principal === binding.principal) &&
    (filter.host === null || filter.host === binding.host) &&
    matchesPattern(binding, filter)
  );
}

/** ResourcePatternFilter.matches: MATCH finds whatever concerns a resource of that name. */
function matchesPattern(
  { resourceName, patternType }: ResourcePattern,
  filter: AclFilter,
): boolean {
  if (filter.patternType !== AclPatternType.ANY && filter.patternType !== AclPatternType.MATCH) {
    if (filter.patternType !== patternType) return false;
  }
  if (filter.resourceName === null || filter.resourceName === resourceName) return true;
  if (filter.patternType !== AclPatternType.MATCH) return false;
  return patternType === AclPatternType.LITERAL
    ? resourceName === WILDCARD
    : filter.resourceName.startsWith(resourceName);
}

/** Two bindings with one key are one binding. */
export function bindingKey(binding: AclBinding): string {
  const { resourceType, resourceName, patternType, principal, host, operation } = binding;
  const parts = [resourceType, resourceName, patternType, principal, host, operation];
  return JSON.stringify([...parts, binding.permission]);
}
