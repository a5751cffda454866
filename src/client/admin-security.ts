/** ACLs and SCRAM users, as Kafka's Admin has them. */
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  codeName,
  ScramMechanism,
} from "../protocol/acl-codes.ts";
import { describeAclsApi } from "../protocol/api/29-describe-acls.ts";
import { createAclsApi } from "../protocol/api/30-create-acls.ts";
import { deleteAclsApi } from "../protocol/api/31-delete-acls.ts";
import { describeUserScramCredentialsApi } from "../protocol/api/50-describe-user-scram-credentials.ts";
import { alterUserScramCredentialsApi } from "../protocol/api/51-alter-user-scram-credentials.ts";
import { type AdminCalls, errorOf, failureOf, throwIfAny } from "./admin-calls.ts";
import type { CallOptions } from "./admin-types.ts";
import { ErrorCode, KafkaError } from "./errors.ts";

export type AclResourceTypeName = keyof typeof AclResourceType;
export type AclPatternTypeName = keyof typeof AclPatternType;
export type AclOperationName = keyof typeof AclOperation;
export type AclPermissionTypeName = keyof typeof AclPermission;
export type ScramMechanismName = keyof typeof ScramMechanism;

export interface AclBinding {
  readonly resourceType: AclResourceTypeName;
  readonly resourceName: string;
  /** LITERAL or PREFIXED. */
  readonly patternType: AclPatternTypeName;
  /** "User:alice". */
  readonly principal: string;
  /** "*" or an address. */
  readonly host: string;
  readonly operation: AclOperationName;
  readonly permissionType: AclPermissionTypeName;
}

/** What is left out matches everything. */
export type AclBindingFilter = Partial<AclBinding>;

export interface UserScramCredentials {
  readonly user: string;
  readonly credentialInfos: readonly {
    readonly mechanism: ScramMechanismName;
    readonly iterations: number;
  }[];
}

/** A password to set (it is salted here, and never sent), or one to delete. */
export type UserScramAlteration =
  | {
      readonly user: string;
      readonly mechanism: ScramMechanismName;
      readonly password: string;
      /** Default 4096. */
      readonly iterations?: number;
    }
  | {
      readonly user: string;
      readonly mechanism: ScramMechanismName;
      readonly delete: true;
    };

const ITERATIONS = 4_096;
const SALT_BYTES = 24;

export function describeAcls(
  calls: AdminCalls,
  filter: AclBindingFilter,
  options: CallOptions,
): Promise<AclBinding[]> {
  return calls.retry("describing ACLs", options, async (timeoutMs) => {
    const request = filterMessage(filter);
    const response = await calls.client.request(describeAclsApi, request, { timeoutMs });
    throwIfFailed(response);
    return response.resources.flatMap(({ acls, ...pattern }) =>
      acls.map((rule) => bindingOf({ ...pattern, ...rule })),
    );
  });
}

export async function createAcls(
  calls: AdminCalls,
  bindings: readonly AclBinding[],
  options: CallOptions,
): Promise<void> {
  const what = "creating ACLs";
  await calls.forEach(what, bindings, aclName, options, async (left, timeoutMs) => {
    const creations = left.map((binding) => ({
      resourceType: AclResourceType[binding.resourceType],
      resourceName: binding.resourceName,
      resourcePatternType: AclPatternType[binding.patternType],
      ...{ principal: binding.principal, host: binding.host },
      operation: AclOperation[binding.operation],
      permissionType: AclPermission[binding.permissionType],
    }));
    const { results } = await calls.client.request(createAclsApi, { creations }, { timeoutMs });
    return left.flatMap((binding, at) => {
      const result = results[at];
      return result === undefined ? [] : [{ name: aclName(binding), ...result }];
    });
  });
}

/** Those that were deleted, each once. */
export async function deleteAcls(
  calls: AdminCalls,
  filters: readonly AclBindingFilter[],
  options: CallOptions,
): Promise<AclBinding[]> {
  const response = await calls.retry("deleting ACLs", options, (timeoutMs) =>
    calls.client.request(deleteAclsApi, { filters: filters.map(filterMessage) }, { timeoutMs }),
  );
  const failures = response.filterResults.flatMap((result, at) => {
    const name = JSON.stringify(filters[at] ?? {});
    return failureOf(name, errorOf({ name, ...result }));
  });
  throwIfAny(failures);
  const deleted = response.filterResults.flatMap(({ matchingAcls }) => matchingAcls.map(bindingOf));
  return [...new Map(deleted.map((binding) => [aclName(binding), binding])).values()];
}

export function describeUserScramCredentials(
  calls: AdminCalls,
  users: readonly string[],
  options: CallOptions,
): Promise<UserScramCredentials[]> {
  return calls.retry("describing SCRAM users", options, async (timeoutMs) => {
    const request = { users: users.map((name) => ({ name })) };
    const api = describeUserScramCredentialsApi;
    const response = await calls.client.request(api, request, { timeoutMs });
    throwIfFailed(response);
    throwIfAny(
      response.results.flatMap((result) =>
        failureOf(result.user, errorOf({ name: result.user, ...result })),
      ),
    );
    return response.results.map(({ user, credentialInfos }) => ({
      user,
      credentialInfos: credentialInfos.map(({ mechanism, iterations }) => ({
        mechanism: codeName(ScramMechanism, mechanism) as ScramMechanismName,
        iterations,
      })),
    }));
  });
}

export async function alterUserScramCredentials(
  calls: AdminCalls,
  alterations: readonly UserScramAlteration[],
  options: CallOptions,
): Promise<void> {
  const deletions = alterations.flatMap((one) =>
    "delete" in one ? [{ name: one.user, mechanism: ScramMechanism[one.mechanism] }] : [],
  );
  const upsertions = await Promise.all(
    alterations.flatMap((one) => ("delete" in one ? [] : [upsertionOf(one)])),
  );
  const api = alterUserScramCredentialsApi;
  const { results } = await calls.retry("altering SCRAM users", options, (timeoutMs) =>
    calls.client.request(api, { deletions, upsertions }, { timeoutMs }),
  );
  throwIfAny(
    results.flatMap((result) => failureOf(result.user, errorOf({ name: result.user, ...result }))),
  );
}

async function upsertionOf(one: Extract<UserScramAlteration, { readonly password: string }>) {
  const { user: name, mechanism, password, iterations = ITERATIONS } = one;
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const bytes = new TextEncoder().encode(password);
  const key = await crypto.subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveBits"]);
  const [hash, bits] = mechanism === "SCRAM-SHA-512" ? ["SHA-512", 512] : ["SHA-256", 256];
  const params = { name: "PBKDF2", hash, salt, iterations };
  const saltedPassword = new Uint8Array(await crypto.subtle.deriveBits(params, key, Number(bits)));
  return { name, mechanism: ScramMechanism[mechanism], iterations, salt, saltedPassword };
}

function throwIfFailed(response: {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}): void {
  if (response.errorCode === ErrorCode.NONE) return;
  throw new KafkaError(response.errorCode, response.errorMessage ?? undefined);
}

function filterMessage(filter: AclBindingFilter) {
  return {
    resourceTypeFilter: AclResourceType[filter.resourceType ?? "ANY"],
    resourceNameFilter: filter.resourceName ?? null,
    patternTypeFilter: AclPatternType[filter.patternType ?? "ANY"],
    principalFilter: filter.principal ?? null,
    hostFilter: filter.host ?? null,
    operation: AclOperation[filter.operation ?? "ANY"],
    permissionType: AclPermission[filter.permissionType ?? "ANY"],
  };
}

function bindingOf(message: {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}): AclBinding {
  return {
    resourceType: codeName(AclResourceType, message.resourceType) as AclResourceTypeName,
    resourceName: message.resourceName,
    patternType: codeName(AclPatternType, message.patternType) as AclPatternTypeName,
    ...{ principal: message.principal, host: message.host },
    operation: codeName(AclOperation, message.operation) as AclOperationName,
    permissionType: codeName(AclPermission, message.permissionType) as AclPermissionTypeName,
  };
}

function aclName(binding: AclBinding): string {
  const { resourceType, resourceName, patternType, principal, host, operation } = binding;
  return `(${resourceType}, ${resourceName}, ${patternType}, ${principal}, ${host}, ${operation}, ${binding.permissionType})`;
}
