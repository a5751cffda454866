/**
 * JoinGroup to a classic group: new members, members that rejoin, static members that come back
 * (GroupMetadataManager.classicGroupJoinToClassicGroup). Rules: ../SPEC.md.
 */
import { GROUP_METADATA_BYTES_MAX, GROUP_PENDING_MEMBERS_MAX } from "../../constants.ts";
import type { ReplyTo } from "../../machine/machine.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupConfig } from "../config.ts";
import type { GroupTurn } from "../group.ts";
import type { GroupClient } from "../messages.ts";
import { answerJoin, answerSync, joinError, parkJoin, replyJoin, syncError } from "./answers.ts";
import type { CheckedJoin } from "./check-join.ts";
import { type ClassicGroup, fitsOneRecord } from "./classic-group.ts";
import { ClassicMember } from "./member.ts";
import { storedBytes } from "./members.ts";

/** From here on a member id is given, and has to be sent back (KIP-394). */
const MEMBER_ID_REQUIRED_SINCE = 4;
/** From here on a static leader that comes back is told to lead without assigning (KIP-814). */
const SKIP_ASSIGNMENT_SINCE = 9;

export interface JoinContext {
  readonly turn: GroupTurn;
  readonly config: GroupConfig;
  readonly client: GroupClient;
  readonly to: ReplyTo;
  readonly request: CheckedJoin;
}

export function joinClassicGroup(group: ClassicGroup, context: JoinContext): void {
  const { turn, to, request } = context;
  const { memberId } = request;
  if (!hasRoom(group, context)) {
    const member = group.members.get(memberId);
    if (member !== undefined) group.removeMember(turn, member);
    replyJoin(turn, to, joinError(ErrorCode.GROUP_MAX_SIZE_REACHED, ""));
    if (member !== undefined) group.maybePrepareRebalance(turn);
  } else if (!group.supports(request.protocolType, request.offer.protocols)) {
    replyJoin(turn, to, joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId));
  } else if (memberId === "") {
    joinAsNew(group, context);
  } else {
    joinAsKnown(group, context);
  }
}

/** GRP34: group.max.size, and what one record of the group may hold. */
function hasRoom(group: ClassicGroup, context: JoinContext): boolean {
  const { members } = group;
  const { memberId, groupInstanceId, offer } = context.request;
  const known =
    memberId === "" && groupInstanceId !== null
      ? members.byInstance(groupInstanceId)
      : members.get(memberId);
  const before = known === undefined ? 0 : storedBytes(known, known.offer);
  const now = storedBytes(identityOf(context, newMemberId(context)), offer);
  if (members.storedBytes - before + now > GROUP_METADATA_BYTES_MAX) return false;
  if (group.isEmpty) return true;
  const { maxSize } = context.config;
  // Who waits counts, not who is there: the last to rejoin a group that is too large go.
  if (group.state === "PreparingRebalance") {
    return (known !== undefined && known.joinTo !== null) || members.awaitingJoin < maxSize;
  }
  return known !== undefined || members.size < maxSize;
}

function newMemberId({ client, request }: JoinContext): string {
  return `${request.groupInstanceId ?? client.clientId}-${client.uuid}`;
}

function joinAsNew(group: ClassicGroup, context: JoinContext): void {
  const { turn, client, to, request } = context;
  const { groupInstanceId } = request;
  const memberId = newMemberId(context);
  const twice = group.members.get(memberId);
  if (twice !== undefined) {
    joinAsMember(group, context, twice);
  } else if (groupInstanceId !== null) {
    const old = group.members.byInstance(groupInstanceId);
    if (old === undefined) addMember(group, context, memberId);
    else replaceStaticMember(group, context, old, memberId);
  } else if (client.apiVersion < MEMBER_ID_REQUIRED_SINCE) {
    addMember(group, context, memberId);
  } else if (group.members.pendingSize >= GROUP_PENDING_MEMBERS_MAX) {
    replyJoin(turn, to, joinError(ErrorCode.GROUP_MAX_SIZE_REACHED, ""));
  } else {
    group.members.expect(memberId, turn.nowMs + request.offer.sessionTimeoutMs);
    replyJoin(turn, to, joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId));
  }
}

function addMember(group: ClassicGroup, context: JoinContext, memberId: string): void {
  const { turn, to, request } = context;
  const member = new ClassicMember(identityOf(context, memberId), request.offer);
  group.addMember(turn, member, request.protocolType, to);
}

function identityOf({ client, request }: JoinContext, memberId: string) {
  const { clientId, clientHost } = client;
  return { memberId, groupInstanceId: request.groupInstanceId, clientId, clientHost };
}

function joinAsKnown(group: ClassicGroup, context: JoinContext): void {
  const { turn, to, request } = context;
  const { memberId, groupInstanceId } = request;
  // An id that was given to a dynamic member is none of a static one's.
  if (groupInstanceId === null && group.members.isExpected(memberId)) {
    addMember(group, context, memberId);
    return;
  }
  const member = group.members.find(memberId, groupInstanceId);
  if (typeof member === "number") replyJoin(turn, to, joinError(member, memberId));
  else joinAsMember(group, context, member);
}

function joinAsMember(group: ClassicGroup, context: JoinContext, member: ClassicMember): void {
  const { turn, to, request } = context;
  if (!startsRebalance(group, member, request)) {
    member.isBehind = false;
    replyJoin(turn, to, group.joined(member));
    return;
  }
  group.members.changeOffer(member, request.offer);
  parkJoin(turn, group.members, member, to);
  group.maybePrepareRebalance(turn);
}

/** GRP35: a follower with nothing new is given the present generation again. */
function startsRebalance(
  group: ClassicGroup,
  member: ClassicMember,
  { offer }: CheckedJoin,
): boolean {
  if (group.state === "PreparingRebalance" || !member.offers(offer.protocols)) return true;
  return group.state === "Stable" && group.members.isLeader(member);
}

/** GRP60 to GRP62 */
function replaceStaticMember(
  group: ClassicGroup,
  context: JoinContext,
  old: ClassicMember,
  memberId: string,
): void {
  const { turn, to, request } = context;
  const { members } = group;
  const leaderBefore = members.leaderId ?? "";
  answerJoin(turn, members, old, joinError(ErrorCode.FENCED_INSTANCE_ID, old.memberId));
  answerSync(turn, old, syncError(ErrorCode.FENCED_INSTANCE_ID));
  const member = members.replace(old, identityOf(context, memberId), request.offer);
  group.keepAlive(turn.nowMs, member);
  if (group.state === "Stable" && members.selectProtocol() === group.protocolName) {
    const record = group.recordWith((one) => one.assignment, turn.nowMs);
    if (fitsOneRecord(record)) {
      turn.emit(record);
      replyJoin(turn, to, joinedAgain(group, context, member, leaderBefore));
      return;
    }
  }
  parkJoin(turn, members, member, to);
  group.maybePrepareRebalance(turn);
}

/**
 * What a static member of a stable group hears. A leader of before v9 is named as the one it was,
 * so that it does not take itself for the leader: nobody would wait for its assignment.
 */
function joinedAgain(
  group: ClassicGroup,
  { client }: JoinContext,
  member: ClassicMember,
  leaderBefore: string,
) {
  const joined = group.joined(member);
  if (client.apiVersion < SKIP_ASSIGNMENT_SINCE) {
    return { ...joined, leader: leaderBefore, members: [] };
  }
  return { ...joined, skipAssignment: group.members.isLeader(member) };
}
