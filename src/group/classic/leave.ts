/**
 * Heartbeat and LeaveGroup to a classic group
 * (GroupMetadataManager.classicGroupHeartbeatToClassicGroup, classicGroupLeaveToClassicGroup).
 */
import type { HeartbeatRequest } from "../../protocol/api/12-heartbeat.ts";
import type {
  LeaveGroupRequest,
  LeaveGroupResponseInput,
} from "../../protocol/api/13-leave-group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupTurn } from "../group.ts";
import type { ClassicGroup } from "./classic-group.ts";

/** From here on it takes out several, and answers for each (KIP-345). */
const LEAVE_IN_BATCHES_SINCE = 3;

/** The code that answers the heartbeat. */
export function heartbeatClassicGroup(
  group: ClassicGroup,
  turn: GroupTurn,
  request: HeartbeatRequest,
): number {
  const member = group.members.find(request.memberId, request.groupInstanceId);
  if (typeof member === "number") return member;
  if (!group.isPresent(request.generationId, member)) return ErrorCode.ILLEGAL_GENERATION;
  group.keepAlive(turn.nowMs, member);
  return group.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

type Leaving = Pick<LeaveGroupRequest["members"][number], "memberId" | "groupInstanceId">;

/** Who leaves: before version 3 one member, named apart. */
export function leavingMembers(request: LeaveGroupRequest, apiVersion: number): readonly Leaving[] {
  if (apiVersion >= LEAVE_IN_BATCHES_SINCE) return request.members;
  return [{ memberId: request.memberId, groupInstanceId: null }];
}

/** The code of each, in their order; the group rebalances once. */
export function leaveClassicGroup(
  group: ClassicGroup,
  turn: GroupTurn,
  leaving: readonly Leaving[],
): readonly number[] {
  const { size } = group.members;
  const codes = leaving.map((one) => leaveOne(group, turn, one));
  if (group.members.size < size) group.maybePrepareRebalance(turn);
  // Who was only expected was not in the generation, but the join phase may have waited for it.
  else group.maybeCompleteJoin(turn);
  return codes;
}

function leaveOne(
  group: ClassicGroup,
  turn: GroupTurn,
  { memberId, groupInstanceId }: Leaving,
): number {
  const { members } = group;
  if (memberId !== "" && members.isExpected(memberId)) {
    members.forget(memberId);
    return ErrorCode.NONE;
  }
  // An operator takes out a static member without knowing its id.
  const member =
    memberId === "" && groupInstanceId !== null
      ? (members.byInstance(groupInstanceId) ?? ErrorCode.UNKNOWN_MEMBER_ID)
      : members.find(memberId, groupInstanceId);
  if (typeof member === "number") return member;
  group.removeMember(turn, member);
  return ErrorCode.NONE;
}

export function leaveAnswer(
  leaving: readonly Leaving[],
  codes: readonly number[],
  apiVersion: number,
): LeaveGroupResponseInput {
  const codeOf = (at: number): number => codes[at] ?? ErrorCode.UNKNOWN_MEMBER_ID;
  if (apiVersion < LEAVE_IN_BATCHES_SINCE) return { errorCode: codeOf(0), members: [] };
  const members = leaving.map(({ memberId, groupInstanceId }, at) => {
    return { memberId, groupInstanceId, errorCode: codeOf(at) };
  });
  return { errorCode: ErrorCode.NONE, members };
}
