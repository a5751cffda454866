/**
 * The instance as a member of a KIP-848 group: what a heartbeat says, and what its answer changes.
 * Pure; the shell sends and stores.
 */
import type {
  ConsumerGroupHeartbeatRequestInput,
  ConsumerGroupHeartbeatResponse,
} from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { INSTANCE_GIVE_UP_MS, INSTANCE_REBALANCE_TIMEOUT_MS } from "../limits.ts";
import { keyOf, uncommitted } from "./state.ts";
import type { Assigned, InstanceData, Member, TopicIdPartitions } from "./types.ts";

const LEAVE = -1;

/**
 * The whole of what the member has and wants, each time: the group takes what did not change as
 * unchanged, and no answer that was lost leaves the two of them apart.
 */
export function heartbeatRequest(
  { group, subscription, assigned }: InstanceData,
  { memberId, epoch }: Member,
): ConsumerGroupHeartbeatRequestInput {
  return {
    groupId: group,
    memberId,
    memberEpoch: epoch,
    instanceId: null,
    rackId: null,
    rebalanceTimeoutMs: INSTANCE_REBALANCE_TIMEOUT_MS,
    subscribedTopicNames: subscription?.topics === null ? [] : [...(subscription?.topics ?? [])],
    subscribedTopicRegex: subscription?.pattern ?? "",
    serverAssignor: null,
    topicPartitions: epoch === 0 ? [] : byTopicId(assigned),
  };
}

export function leaveRequest(
  { group }: InstanceData,
  { memberId }: Member,
): ConsumerGroupHeartbeatRequestInput {
  return {
    ...{ groupId: group, memberId, memberEpoch: LEAVE, rebalanceTimeoutMs: -1 },
    ...{ instanceId: null, rackId: null, subscribedTopicNames: null, subscribedTopicRegex: null },
    ...{ serverAssignor: null, topicPartitions: null },
  };
}

function byTopicId(assigned: readonly Assigned[]): TopicIdPartitions[] {
  const found = new Map<string, number[]>();
  for (const { topicId, partition } of assigned) {
    const partitions = found.get(topicId);
    if (partitions === undefined) found.set(topicId, [partition]);
    else partitions.push(partition);
  }
  return [...found].map(([topicId, partitions]) => ({ topicId, partitions }));
}

/** The group does not know this member any more: it has to join again, and its partitions are lost. */
export function isFenced(errorCode: number): boolean {
  return errorCode === ErrorCode.FENCED_MEMBER_EPOCH || errorCode === ErrorCode.UNKNOWN_MEMBER_ID;
}

/** Nothing was committed of what it had: the new owners begin where the last commit was. */
export function fenced(data: InstanceData): InstanceData {
  const { member } = data;
  if (member === null) return data;
  const again = { ...member, epoch: 0, target: null, giveUpAtMs: null };
  return { ...data, member: again, assigned: [], lastRead: null };
}

/** A heartbeat that was answered without an error. */
export function heard(
  data: InstanceData,
  response: ConsumerGroupHeartbeatResponse,
  nowMs: number,
): InstanceData {
  const { member } = data;
  if (member === null) return data;
  const target = response.assignment?.topicPartitions ?? member.target;
  const giveUpAtMs = member.giveUpAtMs ?? nowMs + INSTANCE_GIVE_UP_MS;
  const wantedBack = surplus(data.assigned, target).length > 0;
  return {
    ...data,
    member: {
      ...{ memberId: member.memberId, epoch: response.memberEpoch, target },
      giveUpAtMs: wantedBack ? giveUpAtMs : null,
    },
  };
}

/** What the instance has and the group wants back. */
export function surplus(
  assigned: readonly Assigned[],
  target: readonly TopicIdPartitions[] | null,
): Assigned[] {
  if (target === null) return [];
  const kept = keysOf(target);
  return assigned.filter((one) => !kept.has(`${one.topicId}/${one.partition}`));
}

function keysOf(target: readonly TopicIdPartitions[]): Set<string> {
  return new Set(
    target.flatMap(({ topicId, partitions }) => partitions.map((one) => `${topicId}/${one}`)),
  );
}

/**
 * What of the surplus can go now: all of it when the client is here, or has been away for too long;
 * otherwise what the client cannot be busy with, since all that was read of it is committed.
 */
export function releasable(data: InstanceData, clientIsHere: boolean, nowMs: number): Assigned[] {
  const { assigned, member } = data;
  const all = surplus(assigned, member?.target ?? null);
  const tooLong = member !== null && member.giveUpAtMs !== null && nowMs >= member.giveUpAtMs;
  if (clientIsHere || tooLong) return all;
  const busy = new Set(uncommitted(all).map(keyOf));
  return all.filter((one) => !busy.has(keyOf(one)));
}

export function released(data: InstanceData, gone: readonly Assigned[]): InstanceData {
  const { member } = data;
  if (gone.length === 0 || member === null) return data;
  const leaving = new Set(gone);
  const assigned = data.assigned.filter((one) => !leaving.has(one));
  const isOver = surplus(assigned, member.target).length === 0;
  const giveUpAtMs = isOver ? null : member.giveUpAtMs;
  return { ...data, assigned, member: { ...member, giveUpAtMs } };
}

/** Takes what the group gave. A topic that has no name any more was deleted: it is left out. */
export function adopted(data: InstanceData, topicNames: ReadonlyMap<string, string>): InstanceData {
  const { member, assigned } = data;
  if (member === null || member.target === null) return data;
  const had = new Set(assigned.map((one) => `${one.topicId}/${one.partition}`));
  const added = member.target.flatMap(({ topicId, partitions }): Assigned[] => {
    const topic = topicNames.get(topicId);
    if (topic === undefined) return [];
    return partitions
      .filter((partition) => !had.has(`${topicId}/${partition}`))
      .map((partition) => ({ topic, topicId, partition, position: null, committed: null }));
  });
  if (added.length === 0) return data;
  return { ...data, assigned: [...assigned, ...added] };
}

/** Ids of topics in the target that the instance has no name for. */
export function unnamed({ member, assigned }: InstanceData): string[] {
  const named = new Set(assigned.map(({ topicId }) => topicId));
  const wanted = (member?.target ?? []).map(({ topicId }) => topicId);
  return [...new Set(wanted)].filter((topicId) => !named.has(topicId));
}
