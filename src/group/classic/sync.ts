/** SyncGroup to a classic group: the leader brings the assignment, everybody takes their part. */
import { EMPTY_BYTES } from "../../lib/bytes.ts";
import type { ReplyTo } from "../../machine/machine.ts";
import type { SyncGroupRequest } from "../../protocol/api/14-sync-group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupTurn } from "../group.ts";
import { answerSync, parkSync, replySync, syncError } from "./answers.ts";
import { type ClassicGroup, fitsOneRecord } from "./classic-group.ts";
import type { ClassicMember } from "./member.ts";

export function syncClassicGroup(
  group: ClassicGroup,
  turn: GroupTurn,
  to: ReplyTo,
  request: SyncGroupRequest,
): void {
  const member = checkSync(group, request);
  if (typeof member === "number") {
    replySync(turn, to, syncError(member));
    return;
  }
  group.hasSynced(member);
  if (group.state === "Stable") {
    group.keepAlive(turn.nowMs, member);
    replySync(turn, to, group.synced(member));
    return;
  }
  parkSync(turn, member, to);
  if (group.members.isLeader(member)) storeAssignment(group, turn, request);
}

/** The member that may sync now, or why it may not (validateSyncGroup). */
function checkSync(group: ClassicGroup, request: SyncGroupRequest): ClassicMember | number {
  const member = group.members.find(request.memberId, request.groupInstanceId);
  if (typeof member === "number") return member;
  if (!group.isPresent(request.generationId, member)) return ErrorCode.ILLEGAL_GENERATION;
  const { protocolType, protocolName } = request;
  if (
    (protocolType !== null && protocolType !== group.protocolType) ||
    (protocolName !== null && group.protocolName !== null && protocolName !== group.protocolName)
  ) {
    return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
  }
  if (group.state === "PreparingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
  return member;
}

/** GRP47: one record makes the generation hard; who waits is answered when it is committed. */
function storeAssignment(group: ClassicGroup, turn: GroupTurn, request: SyncGroupRequest): void {
  const assigned = new Map(request.assignments.map((one) => [one.memberId, one.assignment]));
  const record = group.recordWith(
    ({ memberId }) => assigned.get(memberId) ?? EMPTY_BYTES,
    turn.nowMs,
  );
  if (!fitsOneRecord(record)) {
    group.refuseSyncs(turn, ErrorCode.UNKNOWN_SERVER_ERROR);
    group.prepareRebalance(turn);
    return;
  }
  turn.emit(record);
  for (const member of group.members.all()) {
    if (answerSync(turn, member, group.synced(member))) group.keepAlive(turn.nowMs, member);
  }
}
