/** What a JoinGroup must be before any group is looked at (GroupCoordinatorService.joinGroup). */
import {
  GROUP_MEMBER_METADATA_BYTES_MAX,
  GROUP_NAME_CHARS_MAX,
  GROUP_PROTOCOLS_MAX,
} from "../../constants.ts";
import type { JoinGroupRequest } from "../../protocol/api/11-join-group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupConfig } from "../config.ts";
import type { GroupClient } from "../messages.ts";
import type { MemberOffer, MemberProtocol } from "./member.ts";

export interface CheckedJoin {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly protocolType: string;
  readonly offer: MemberOffer;
}

/** The join, or the code that it is refused with. */
export function checkJoin(
  request: JoinGroupRequest,
  client: GroupClient,
  config: GroupConfig,
): CheckedJoin | number {
  const { groupId, memberId, groupInstanceId, protocolType, sessionTimeoutMs } = request;
  if (groupId === "") return ErrorCode.INVALID_GROUP_ID;
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = config;
  if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
    return ErrorCode.INVALID_SESSION_TIMEOUT;
  }
  const names = [groupId, groupInstanceId ?? "", protocolType, client.clientId];
  names.push(...request.protocols.map(({ name }) => name));
  if (names.some((name) => name.length > GROUP_NAME_CHARS_MAX)) return ErrorCode.INVALID_REQUEST;
  if (request.protocols.length > GROUP_PROTOCOLS_MAX) return ErrorCode.INVALID_REQUEST;
  let bytes = 0;
  for (const { metadata } of request.protocols) bytes += metadata.length;
  if (bytes > GROUP_MEMBER_METADATA_BYTES_MAX) return ErrorCode.INVALID_REQUEST;

  const rebalanceTimeoutMs = rebalanceTimeoutOf(request, client);
  const protocols = distinct(request.protocols);
  const offer = { sessionTimeoutMs, rebalanceTimeoutMs, protocols };
  return { memberId, groupInstanceId, protocolType, offer };
}

/** Version 0 has one timeout for both. */
function rebalanceTimeoutOf(request: JoinGroupRequest, { apiVersion }: GroupClient): number {
  const { rebalanceTimeoutMs, sessionTimeoutMs } = request;
  return apiVersion === 0 || rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs;
}

/** The first of each name, with bytes of its own: the request's are a view of its whole frame. */
function distinct(protocols: readonly MemberProtocol[]): readonly MemberProtocol[] {
  const byName = new Map<string, MemberProtocol>();
  for (const { name, metadata } of protocols) {
    if (!byName.has(name)) byName.set(name, { name, metadata: metadata.slice() });
  }
  return [...byName.values()];
}
