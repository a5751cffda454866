/**
 * Members of a consumer group that still speak the classic protocol (KIP-848's upgrade): JoinGroup,
 * SyncGroup, Heartbeat and LeaveGroup take them through the same steps as ConsumerGroupHeartbeat takes
 * the others. Rules: SPEC.md, GRP160 and on. After GroupMetadataManager.classicGroup…ToConsumerGroup.
 */
import { EMPTY_BYTES } from "../../lib/bytes.ts";
import type { JoinGroupResponseInput } from "../../protocol/api/11-join-group.ts";
import type { HeartbeatRequest } from "../../protocol/api/12-heartbeat.ts";
import type { SyncGroupRequest, SyncGroupResponseInput } from "../../protocol/api/14-sync-group.ts";
import type { ConsumerSubscription } from "../../protocol/consumer-protocol.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  CONSUMER_PROTOCOL_VERSION_MAX,
  decodeConsumerSubscription,
  encodeConsumerAssignment,
} from "../../protocol/consumer-protocol.ts";
import { ErrorCode, KafkaError, ProtocolError } from "../../protocol/errors.ts";
import { Reader } from "../../protocol/reader.ts";
import type { TopicPartitions } from "../assignors/assignor.ts";
import type { CheckedJoin } from "../classic/check-join.ts";
import type { GroupTurn } from "../group.ts";
import type { GroupClient } from "../messages.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { throwIfFull } from "./heartbeat.ts";
import type { ConsumerMember, MemberMetadata } from "./member.ts";
import { MemberState, newMember, partitionsOf } from "./member.ts";

/** From here on a dynamic member must ask for a member id first (KIP-394). */
const MEMBER_ID_REQUIRED_VERSION = 4;

/** What a JoinGroup came to: an answer, or that the group is a classic one now and goes on with it. */
export type ClassicJoinOutcome =
  | { readonly answer: JoinGroupResponseInput }
  | { readonly downgradedFor: string };

/** GRP161. @throws KafkaError before it has emitted anything, and never afterwards */
export function classicJoin(
  group: ConsumerGroup,
  turn: GroupTurn,
  client: GroupClient,
  join: CheckedJoin,
): ClassicJoinOutcome {
  const { state, context } = group;
  if (context.config.consumerMigrationPolicy === "disabled") {
    throw inconsistent(
      `Cannot join the consumer group ${group.groupId} with the classic protocol because the group migration is disabled.`,
    );
  }
  const isUnknown = join.memberId === "";
  const memberId = isUnknown ? client.uuid : join.memberId;
  throwIfFull(group, memberId, join.groupInstanceId);
  throwIfNotSupported(group, join);
  const subscription = subscriptionOf(join);
  if (
    isUnknown &&
    join.groupInstanceId === null &&
    client.apiVersion >= MEMBER_ID_REQUIRED_VERSION
  ) {
    return { answer: { ...NO_JOIN, errorCode: ErrorCode.MEMBER_ID_REQUIRED, memberId } };
  }
  const found = findMember(group, join, memberId, subscription);
  const others = state.members.size - 1;
  const replacesLast = found.classic === null && state.subscriptions.classicMembers === others;

  if (found.memberId !== memberId) group.replaceMember(turn, found, memberId);
  const before = state.member(memberId) ?? newMember(memberId);
  const bump = group.updateMember(turn, before, metadataOf(join, subscription, client));
  group.updateEpoch(turn, bump);
  if (found.memberId !== memberId && replacesLast && context.downgrade(turn, group, new Set())) {
    return { downgradedFor: memberId };
  }
  group.updateTarget(turn);
  const owned = group.said.take(memberId, client.uuid, ownedBy(group, subscription));
  const after = group.reconcile(turn, state.memberOrThrow(group.groupId, memberId), owned);
  const { timers } = group;
  timers.rebalance.cancel(memberId);
  timers.join.cancel(memberId);
  timers.sync.set(memberId, turn.nowMs + after.rebalanceTimeoutMs);
  group.touch(turn.nowMs, after);
  const answer = {
    ...NO_JOIN,
    errorCode: ErrorCode.NONE,
    generationId: after.memberEpoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: firstProtocol(after),
    memberId,
  };
  return { answer };
}

const NO_JOIN = { protocolName: "", leader: "", members: [] } as const;

/** It shares a protocol with all others that speak the classic protocol. */
function throwIfNotSupported(group: ConsumerGroup, { protocolType, offer }: CheckedJoin): void {
  const { subscriptions } = group.state;
  const isCommon = offer.protocols.some(
    ({ name }) => subscriptions.classicProtocolMembers(name) === subscriptions.classicMembers,
  );
  if (protocolType === CONSUMER_PROTOCOL_TYPE && isCommon) return;
  throw inconsistent(`The member's protocols are not supported by group ${group.groupId}.`);
}

/** All its protocols carry the same subscription. */
function subscriptionOf({ offer }: CheckedJoin): ConsumerSubscription {
  try {
    return decodeConsumerSubscription(offer.protocols[0]?.metadata ?? EMPTY_BYTES);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw inconsistent(`The subscription is malformed: ${error.message}.`);
  }
}

/** Names of topics in a JoinGroup's subscription: what it reads, and what it says it has. */
export function namesIn(join: CheckedJoin): { reads: readonly string[]; owns: readonly string[] } {
  try {
    const { topics, ownedPartitions } = subscriptionOf(join);
    return { reads: topics, owns: ownedPartitions.map(({ topic }) => topic) };
  } catch {
    return { reads: [], owns: [] };
  }
}

function inconsistent(message: string): KafkaError {
  return new KafkaError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, message);
}

/**
 * A member id that nobody knows is one that was just given out, or that of a member that was taken out:
 * who still reads something is the latter, and must hear of it.
 */
function findMember(
  group: ConsumerGroup,
  { groupInstanceId, memberId: sentId }: CheckedJoin,
  memberId: string,
  { ownedPartitions }: ConsumerSubscription,
): ConsumerMember {
  const { state, groupId } = group;
  if (groupInstanceId !== null) {
    if (sentId !== "") return state.staticMemberOrThrow(groupId, sentId, groupInstanceId);
    return state.staticMember(groupInstanceId) ?? newMember(memberId);
  }
  const member = state.member(memberId);
  if (member !== undefined) return member;
  if (sentId !== "" && ownedPartitions.length > 0) return state.memberOrThrow(groupId, memberId);
  return newMember(memberId);
}

function metadataOf(
  { groupInstanceId, offer }: CheckedJoin,
  subscription: ConsumerSubscription,
  client: GroupClient,
): MemberMetadata {
  const { sessionTimeoutMs, rebalanceTimeoutMs, protocols } = offer;
  return {
    instanceId: groupInstanceId,
    rackId: subscription.rackId,
    clientId: client.clientId,
    clientHost: client.clientHost,
    subscribedTopicNames: [...new Set(subscription.topics)].sort(),
    subscribedTopicRegex: "",
    rebalanceTimeoutMs,
    serverAssignor: null,
    classic: { sessionTimeoutMs, supportedProtocols: protocols },
  };
}

/** Null, which claims nothing, when some of it is of topics that nobody has told us of (GRP142). */
function ownedBy(group: ConsumerGroup, subscription: ConsumerSubscription): TopicPartitions | null {
  const { topics } = group.context;
  if (!subscription.ownedPartitions.every(({ topic }) => topics.isKnown(topic))) return null;
  return partitionsOf(
    subscription.ownedPartitions.flatMap(({ topic, partitions }) => {
      const image = topics.image(topic);
      return image === undefined ? [] : [{ topicId: image.topicId, partitions }];
    }),
  );
}

function firstProtocol(member: ConsumerMember): string {
  return member.classic?.supportedProtocols[0]?.name ?? "";
}

/** GRP162. @throws KafkaError */
export function classicSync(
  group: ConsumerGroup,
  turn: GroupTurn,
  request: SyncGroupRequest,
): SyncGroupResponseInput {
  const { memberId, groupInstanceId, generationId, protocolType, protocolName } = request;
  const member = classicMember(group, memberId, groupInstanceId);
  throwIfNotClassic(member);
  throwIfGenerationIsWrong(member, generationId);
  if (protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE) {
    throw inconsistent(
      `The group's protocol type is ${CONSUMER_PROTOCOL_TYPE}, not ${protocolType}.`,
    );
  }
  if (protocolName !== null && protocolName !== firstProtocol(member)) {
    throw inconsistent(`The join was answered with ${firstProtocol(member)}, not ${protocolName}.`);
  }
  const isBehind = group.state.assignmentEpoch > member.memberEpoch;
  const cannotSay = !group.knowsTopics;
  if ((isBehind && member.state !== MemberState.UNREVOKED_PARTITIONS) || cannotSay) {
    mustRejoin(group, turn, member);
    throw new KafkaError(
      ErrorCode.REBALANCE_IN_PROGRESS,
      `A new rebalance is triggered in group ${group.groupId} and member ${memberId} should rejoin to catch up.`,
    );
  }
  group.timers.sync.cancel(memberId);
  group.touch(turn.nowMs, member);
  return {
    errorCode: ErrorCode.NONE,
    protocolType,
    protocolName,
    assignment: assignmentFor(group, member, member.assigned),
  };
}

/** In the version of its own subscription; without topics that are gone. */
export function assignmentFor(
  { context }: ConsumerGroup,
  member: ConsumerMember,
  partitions: TopicPartitions,
): Uint8Array {
  const metadata = member.classic?.supportedProtocols[0]?.metadata ?? EMPTY_BYTES;
  const assignedPartitions = Array.from(partitions).flatMap(([topicId, indexes]) => {
    const topic = context.topics.nameOf(topicId);
    return topic === undefined ? [] : [{ topic, partitions: indexes }];
  });
  const version = Math.min(new Reader(metadata).int16(), CONSUMER_PROTOCOL_VERSION_MAX);
  return encodeConsumerAssignment({ assignedPartitions, userData: null }, version);
}

/** GRP163. @throws KafkaError */
export function classicHeartbeat(
  group: ConsumerGroup,
  turn: GroupTurn,
  request: HeartbeatRequest,
): number {
  const member = classicMember(group, request.memberId, request.groupInstanceId);
  throwIfNotClassic(member);
  throwIfGenerationIsWrong(member, request.generationId);
  group.touch(turn.nowMs, member);
  if (!shouldRejoin(group, member)) return ErrorCode.NONE;
  mustRejoin(group, turn, member);
  return ErrorCode.REBALANCE_IN_PROGRESS;
}

/** There is a new target, or something to give back, or what it waited for is free. */
function shouldRejoin({ state }: ConsumerGroup, member: ConsumerMember): boolean {
  if (member.memberEpoch < state.assignmentEpoch) return true;
  if (member.state === MemberState.UNREVOKED_PARTITIONS) return true;
  if (member.state !== MemberState.UNRELEASED_PARTITIONS) return false;
  for (const [topicId, partitions] of state.target(member.memberId)) {
    for (const partition of partitions) {
      const owner = state.owners.get(topicId, partition);
      if (owner !== undefined && owner !== member.memberId) return false;
    }
  }
  return true;
}

function mustRejoin(group: ConsumerGroup, turn: GroupTurn, member: ConsumerMember): void {
  group.timers.join.setIfAbsent(member.memberId, turn.nowMs + member.rebalanceTimeoutMs);
}

interface Leaving {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** GRP164: the code of each, in their order; all go at once, of whichever protocol they are. */
export function classicLeave(
  group: ConsumerGroup,
  turn: GroupTurn,
  leaving: readonly Leaving[],
): readonly number[] {
  const gone = new Set<string>();
  const codes = leaving.map(({ memberId, groupInstanceId }) => {
    const { state } = group;
    const member =
      groupInstanceId === null ? state.member(memberId) : state.staticMember(groupInstanceId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    // An operator takes out a static member without knowing its id.
    if (memberId !== "" && member.memberId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    gone.add(member.memberId);
    return ErrorCode.NONE;
  });
  group.fence(turn, gone);
  return codes;
}

function classicMember(
  group: ConsumerGroup,
  memberId: string,
  groupInstanceId: string | null,
): ConsumerMember {
  if (groupInstanceId === null) return group.state.memberOrThrow(group.groupId, memberId);
  return group.state.staticMemberOrThrow(group.groupId, memberId, groupInstanceId);
}

function throwIfNotClassic(member: ConsumerMember): void {
  if (member.classic !== null) return;
  throw new KafkaError(
    ErrorCode.UNKNOWN_MEMBER_ID,
    `Member ${member.memberId} does not use the classic protocol.`,
  );
}

function throwIfGenerationIsWrong(member: ConsumerMember, generationId: number): void {
  if (member.memberEpoch === generationId) return;
  throw new KafkaError(
    ErrorCode.ILLEGAL_GENERATION,
    `The request's generation id ${generationId} is not equal to the member epoch ${member.memberEpoch} of member ${member.memberId}.`,
  );
}
