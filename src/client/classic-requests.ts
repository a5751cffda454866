/** JoinGroup, SyncGroup and Heartbeat, as a member of a classic group makes them. */
import { type JoinGroupResponse, joinGroupApi } from "../protocol/api/11-join-group.ts";
import { heartbeatApi } from "../protocol/api/12-heartbeat.ts";
import { syncGroupApi } from "../protocol/api/14-sync-group.ts";
import { CONSUMER_PROTOCOL_TYPE } from "../protocol/consumer-protocol.ts";
import type { BrokerClient } from "./broker-client.ts";
import type { ConsumerSettings } from "./consumer-config.ts";
import { throwIfRefused } from "./coordinator.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import type { GroupMember } from "./group-offsets.ts";

/** The server may take the whole rebalance timeout; Kafka allows as much more for the way. */
const JOIN_LAPSE_MS = 5_000;
/** GroupMetadata's bound on reasons, as Kafka's client has it. */
const REASON_CHARS_MAX = 255;

export interface JoinRequest {
  readonly member: GroupMember;
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
  readonly reason: string;
}

/**
 * Waits until the group's members have all joined. A new member gets its id first (KIP-394).
 *
 * @param onMemberId told the id at once: it must not be lost if what follows is
 */
export async function joinGroup(
  client: BrokerClient,
  settings: ConsumerSettings,
  request: JoinRequest,
  signal: AbortSignal,
  onMemberId: (memberId: string) => void,
): Promise<JoinGroupResponse> {
  const { groupId, groupInstanceId } = request.member;
  const rebalanceTimeoutMs = settings["max.poll.interval.ms"];
  const timeoutMs = Math.max(settings["request.timeout.ms"], rebalanceTimeoutMs + JOIN_LAPSE_MS);
  const ask = (memberId: string) =>
    client.request(
      joinGroupApi,
      {
        groupId,
        sessionTimeoutMs: settings["session.timeout.ms"],
        rebalanceTimeoutMs,
        memberId,
        groupInstanceId,
        protocolType: CONSUMER_PROTOCOL_TYPE,
        protocols: request.protocols,
        reason: request.reason.slice(0, REASON_CHARS_MAX),
      },
      { timeoutMs, signal },
    );
  let answer = await ask(request.member.memberId);
  if (answer.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
    onMemberId(answer.memberId);
    answer = await ask(answer.memberId);
  }
  throwIfRefused(groupId, answer.errorCode);
  throwIfOtherProtocol(groupId, answer.protocolType);
  return answer;
}

/** Waits for the leader. @returns this member's assignment */
export async function syncGroup(
  client: BrokerClient,
  settings: ConsumerSettings,
  member: GroupMember,
  protocolName: string,
  assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[],
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = member;
  const body = {
    groupId,
    generationId,
    memberId,
    groupInstanceId,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName,
    assignments,
  };
  const timeoutMs = Math.max(settings["request.timeout.ms"], settings["max.poll.interval.ms"]);
  const answer = await client.request(syncGroupApi, body, { timeoutMs, signal });
  throwIfRefused(groupId, answer.errorCode);
  throwIfOtherProtocol(groupId, answer.protocolType);
  return answer.assignment;
}

function throwIfOtherProtocol(groupId: string, protocolType: string | null): void {
  if (protocolType === null || protocolType === CONSUMER_PROTOCOL_TYPE) return;
  throw new KafkaError(
    ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    `group ${groupId} is no group of consumers, its protocol type is "${protocolType}"`,
  );
}

/** @returns the error code */
export async function sendHeartbeat(
  client: BrokerClient,
  settings: ConsumerSettings,
  member: GroupMember,
): Promise<number> {
  const { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = member;
  const timeoutMs = Math.min(settings["request.timeout.ms"], settings["session.timeout.ms"]);
  const body = { groupId, generationId, memberId, groupInstanceId };
  const { errorCode } = await client.request(heartbeatApi, body, { timeoutMs });
  return errorCode;
}
