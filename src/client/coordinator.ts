/**
 * Requests to a group's coordinator. Behind the one address every Worker reaches every coordinator, so
 * nobody looks for it first; only where there is none, FindCoordinator makes the server see to it.
 */
import { findCoordinatorApi } from "../protocol/api/10-find-coordinator.ts";
import { leaveGroupApi } from "../protocol/api/13-leave-group.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, errorMessage, KafkaError } from "./errors.ts";

/** FindCoordinator's key type for groups. */
export const KEY_TYPE_GROUP = 0;

const NO_COORDINATOR: ReadonlySet<number> = new Set([
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);

export function isWithoutCoordinator(error: unknown): boolean {
  return error instanceof KafkaError && NO_COORDINATOR.has(error.code);
}

/** @throws KafkaError when there is none */
export async function findCoordinator(
  client: BrokerClient,
  groupId: string,
  timeoutMs: number,
): Promise<void> {
  const body = { key: groupId, keyType: KEY_TYPE_GROUP, coordinatorKeys: [groupId] };
  const response = await client.request(findCoordinatorApi, body, { timeoutMs });
  // Before version 4 the answer is about the one group that could be asked for.
  const { errorCode } = response.coordinators[0] ?? response;
  throwIfRefused(groupId, errorCode);
}

/** @throws KafkaError */
export async function leaveGroup(
  client: BrokerClient,
  member: {
    readonly groupId: string;
    readonly memberId: string;
    readonly groupInstanceId: string | null;
  },
  reason: string,
  timeoutMs: number,
): Promise<void> {
  const { groupId, memberId, groupInstanceId } = member;
  const body = { groupId, memberId, members: [{ memberId, groupInstanceId, reason }] };
  const response = await client.request(leaveGroupApi, body, { timeoutMs });
  throwIfRefused(groupId, response.errorCode);
  throwIfRefused(groupId, response.members[0]?.errorCode ?? ErrorCode.NONE);
}

export function throwIfRefused(groupId: string, code: number, message?: string | null): void {
  if (code === ErrorCode.NONE) return;
  throw new KafkaError(code, `group ${groupId}: ${message ?? errorMessage(code)}`);
}
