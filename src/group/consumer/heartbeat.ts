/** ConsumerGroupHeartbeat (68) at a group: joins, signs of life, and leaving (KIP-848). */
import { GROUP_MEMBER_TEXT_CHARS_MAX, GROUP_UNRELEASED_HEARTBEAT_MS } from "../../constants.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import type { TopicPartitions } from "../assignors/assignor.ts";
import { ASSIGNORS } from "../assignors/assignors.ts";
import type { GroupConfig } from "../config.ts";
import type { GroupTurn } from "../group.ts";
import type { GroupClient } from "../messages.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember, MemberMetadata } from "./member.ts";
import {
  currentOf,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  listOf,
  MemberState,
  newMember,
  partitionsOf,
  STATIC_LEAVE_EPOCH,
} from "./member.ts";
import { compilePattern } from "./patterns.ts";
import { consumerRecords } from "./records.ts";

/** Not sent: as it was before. */
const UNCHANGED = -1;
/** From here on clients make their member ids. */
const CLIENT_MEMBER_ID_VERSION = 1;

type Request = ConsumerGroupHeartbeatRequest;

/** GRP110: what is wrong with a request whatever the group (GroupCoordinatorService). */
export function throwIfInvalid(request: Request, apiVersion: number): void {
  const { memberEpoch } = request;
  if (
    apiVersion >= CLIENT_MEMBER_ID_VERSION ||
    memberEpoch > JOIN_EPOCH ||
    memberEpoch === LEAVE_EPOCH
  ) {
    throwIfEmpty(request.memberId, "MemberId");
  }
  throwIfEmpty(request.groupId, "GroupId");
  throwIfEmpty(request.instanceId, "InstanceId");
  throwIfEmpty(request.rackId, "RackId");
  if (memberEpoch === JOIN_EPOCH) throwIfInvalidJoin(request);
  if (memberEpoch === STATIC_LEAVE_EPOCH && request.instanceId === null) {
    throw invalid("InstanceId can't be null.");
  }
  if (memberEpoch < STATIC_LEAVE_EPOCH) throw invalid(`MemberEpoch ${memberEpoch} is invalid.`);
  if (request.rebalanceTimeoutMs < UNCHANGED) {
    throw invalid(`RebalanceTimeoutMs ${request.rebalanceTimeoutMs} is invalid.`);
  }
  throwIfTooLong(request);
  throwIfUnsupportedAssignor(request.serverAssignor);
}

function throwIfInvalidJoin(request: Request): void {
  if (request.rebalanceTimeoutMs === UNCHANGED) {
    throw invalid("RebalanceTimeoutMs must be provided in first request.");
  }
  if (request.topicPartitions === null || request.topicPartitions.length > 0) {
    throw invalid("TopicPartitions must be empty when (re-)joining.");
  }
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
    throw invalid(
      "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
    );
  }
}

function throwIfTooLong(request: Request): void {
  const { memberId, instanceId, rackId, subscribedTopicNames, subscribedTopicRegex } = request;
  let chars = memberId.length + (instanceId?.length ?? 0) + (rackId?.length ?? 0);
  chars += subscribedTopicRegex?.length ?? 0;
  for (const name of subscribedTopicNames ?? []) chars += name.length;
  if (chars <= GROUP_MEMBER_TEXT_CHARS_MAX) return;
  throw invalid(
    `The subscription and the ids of the member have ${chars} characters; at most ${GROUP_MEMBER_TEXT_CHARS_MAX} are allowed. Subscribe by SubscribedTopicRegex.`,
  );
}

function throwIfUnsupportedAssignor(name: string | null): void {
  if (name === null || ASSIGNORS.has(name)) return;
  throw new KafkaError(
    ErrorCode.UNSUPPORTED_ASSIGNOR,
    `ServerAssignor ${name} is not supported. Supported assignors: ${[...ASSIGNORS.keys()].join(", ")}.`,
  );
}

function throwIfEmpty(text: string | null, name: string): void {
  if (text !== null && text.trim() === "") throw invalid(`${name} can't be empty.`);
}

function invalid(message: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_REQUEST, message);
}

/** @throws KafkaError before it has emitted anything, and never afterwards */
export function heartbeat(
  group: ConsumerGroup,
  turn: GroupTurn,
  client: GroupClient,
  request: Request,
): ConsumerGroupHeartbeatResponseInput {
  const { memberEpoch } = request;
  if (memberEpoch === LEAVE_EPOCH || memberEpoch === STATIC_LEAVE_EPOCH) {
    return leave(group, turn, request);
  }
  const { state } = group;
  const says = request.topicPartitions === null ? null : partitionsOf(request.topicPartitions);
  const memberId = request.memberId === "" ? client.uuid : request.memberId;
  throwIfFull(group, memberId, request.instanceId);
  const found = findMember(group, request, memberId, says);
  throwIfInUnknownState(found, says);
  throwIfPatternInvalid(group, request.subscribedTopicRegex);

  if (found.memberId !== memberId) group.replaceMember(turn, found, memberId);
  const before = state.member(memberId) ?? newMember(memberId);
  const bump = group.updateMember(turn, before, updated(before, request, client));
  group.updateEpoch(turn, bump);
  group.updateTarget(turn);
  const owned = group.said.take(memberId, client.uuid, says);
  const after = group.reconcile(turn, state.memberOrThrow(group.groupId, memberId), owned);
  group.touch(turn.nowMs, after);
  const mustTell = group.told.mustTell(before, after, owned);
  return {
    errorCode: ErrorCode.NONE,
    memberId,
    memberEpoch: after.memberEpoch,
    heartbeatIntervalMs: heartbeatIntervalMs(group, after),
    assignment:
      mustTell || isAsked(request, before) ? { topicPartitions: listOf(after.assigned) } : null,
  };
}

/** GRP124 */
function heartbeatIntervalMs({ context }: ConsumerGroup, { state }: ConsumerMember): number {
  const { consumerHeartbeatIntervalMs } = context.config;
  if (state !== MemberState.UNRELEASED_PARTITIONS) return consumerHeartbeatIntervalMs;
  return Math.min(consumerHeartbeatIntervalMs, GROUP_UNRELEASED_HEARTBEAT_MS);
}

/** GRP118: a full request, or one of a member whose epoch shows that it missed the reply before. */
function isAsked(request: Request, before: ConsumerMember): boolean {
  const isFull =
    request.rebalanceTimeoutMs !== UNCHANGED &&
    (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
    request.topicPartitions !== null;
  return isFull || request.memberEpoch !== before.memberEpoch;
}

/** GRP114 */
export function throwIfFull(
  group: ConsumerGroup,
  memberId: string,
  instanceId: string | null,
): void {
  const { state } = group;
  if (state.members.has(memberId) || state.staticMember(instanceId) !== undefined) return;
  throwIfNoRoom(group.context.config, state.members.size);
}

/** @param members that there are beside the one who joins */
export function throwIfNoRoom({ consumerMaxSize }: GroupConfig, members: number): void {
  if (members < consumerMaxSize) return;
  throw new KafkaError(
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    `The consumer group has reached its maximum capacity of ${consumerMaxSize} members.`,
  );
}

/** The member that the request speaks for: under its own id, a new one, or the one that it replaces. */
function findMember(
  group: ConsumerGroup,
  request: Request,
  memberId: string,
  owned: TopicPartitions | null,
): ConsumerMember {
  const { state, groupId } = group;
  const joins = request.memberEpoch === JOIN_EPOCH;
  if (request.instanceId === null) {
    const member = state.member(memberId);
    if (member === undefined && joins) return newMember(memberId);
    const known = state.memberOrThrow(groupId, memberId);
    throwIfEpochIsWrong(known, request.memberEpoch, owned);
    return known;
  }
  if (!joins) {
    const member = state.staticMemberOrThrow(groupId, memberId, request.instanceId);
    throwIfEpochIsWrong(member, request.memberEpoch, owned);
    return member;
  }
  const holder = state.staticMember(request.instanceId);
  if (holder === undefined) return state.member(memberId) ?? newMember(memberId);
  throwIfUnreleased(holder, memberId, request.instanceId);
  return holder;
}

/** GRP113. A classic member may be replaced at any time, as the classic protocol has it. */
function throwIfUnreleased(holder: ConsumerMember, memberId: string, instanceId: string): void {
  if (holder.memberId === memberId || holder.memberEpoch === STATIC_LEAVE_EPOCH) return;
  if (holder.classic !== null) return;
  throw new KafkaError(
    ErrorCode.UNRELEASED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${holder.memberId} member.`,
  );
}

/** GRP111 */
function throwIfEpochIsWrong(
  member: ConsumerMember,
  epoch: number,
  owned: TopicPartitions | null,
): void {
  if (epoch === JOIN_EPOCH || epoch === member.memberEpoch) return;
  const isRetry =
    epoch === member.previousMemberEpoch && owned !== null && isSubset(owned, member.assigned);
  if (epoch < member.memberEpoch && isRetry) return;
  const size = epoch > member.memberEpoch ? "greater" : "smaller";
  throw new KafkaError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member has a ${size} member epoch (${epoch}) than the one known by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`,
  );
}

function isSubset(owned: TopicPartitions, assigned: TopicPartitions): boolean {
  for (const [topicId, indexes] of owned) {
    const those = new Set(assigned.get(topicId));
    if (!indexes.every((index) => those.has(index))) return false;
  }
  return true;
}

/** GRP116 */
function throwIfInUnknownState(member: ConsumerMember, owned: TopicPartitions | null): void {
  if (member.state !== MemberState.UNKNOWN || owned?.size === 0) return;
  throw new KafkaError(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The consumer group member ${member.memberId} is in an unknown state. The member must abandon all its partitions and rejoin.`,
  );
}

function throwIfPatternInvalid(group: ConsumerGroup, pattern: string | null): void {
  if (pattern === null || pattern === "") return;
  if (group.state.subscriptions.patternMembers(pattern) === 0) compilePattern(pattern);
}

/** The host is not compared: one client comes from many addresses at the edge (GRP119). */
function updated(before: ConsumerMember, request: Request, client: GroupClient): MemberMetadata {
  const { rebalanceTimeoutMs, subscribedTopicNames } = request;
  return {
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId: client.clientId,
    clientHost: client.clientHost,
    subscribedTopicNames:
      subscribedTopicNames === null
        ? before.subscribedTopicNames
        : [...new Set(subscribedTopicNames)].sort(),
    subscribedTopicRegex: request.subscribedTopicRegex ?? before.subscribedTopicRegex,
    rebalanceTimeoutMs:
      rebalanceTimeoutMs === UNCHANGED ? before.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before.serverAssignor,
    classic: null,
  };
}

function leave(
  group: ConsumerGroup,
  turn: GroupTurn,
  request: Request,
): ConsumerGroupHeartbeatResponseInput {
  const { memberId, memberEpoch, instanceId } = request;
  const member =
    instanceId === null
      ? group.state.memberOrThrow(group.groupId, memberId)
      : group.state.staticMemberOrThrow(group.groupId, memberId, instanceId);
  if (memberEpoch === STATIC_LEAVE_EPOCH) leaveForNow(group, turn, member);
  else group.fence(turn, new Set([memberId]));
  return { errorCode: ErrorCode.NONE, memberId, memberEpoch, heartbeatIntervalMs: 0 };
}

/** GRP113: what it reads is kept for it until its session times out; what it was giving back is free. */
function leaveForNow(group: ConsumerGroup, turn: GroupTurn, member: ConsumerMember): void {
  const current = {
    ...currentOf(member),
    memberEpoch: STATIC_LEAVE_EPOCH,
    partitionsPendingRevocation: [],
  };
  turn.emit(consumerRecords.current(group.groupId, member.memberId, current));
  group.timers.rebalance.cancel(member.memberId);
}
