/** One member of a consumer group as its records say (Kafka's ConsumerGroupMember). */
import type { TopicPartitions } from "../assignors/assignor.ts";
import { NO_PARTITIONS } from "../assignors/assignor.ts";
import type { CurrentValue, MemberValue, TopicPartitionsValue } from "./records.ts";

/** Kafka's MemberState and its numbers in records. */
export const MemberState = {
  /** Has all of its target assignment. */
  STABLE: 0,
  /** Was told to give partitions back and has not said that it did. */
  UNREVOKED_PARTITIONS: 1,
  /** Waits for partitions that another member still has. */
  UNRELEASED_PARTITIONS: 2,
  /** Written by a version that knows more states. */
  UNKNOWN: 127,
} as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** Member epochs with a meaning of their own (ConsumerGroupHeartbeatRequest). */
export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;
export const STATIC_LEAVE_EPOCH = -2;

/** What a member that speaks the classic protocol said when it joined. */
export interface ClassicMetadata {
  readonly sessionTimeoutMs: number;
  /** In the order of its preference. */
  readonly supportedProtocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
}

export interface MemberMetadata {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly subscribedTopicNames: readonly string[];
  /** "" for none. */
  readonly subscribedTopicRegex: string;
  readonly rebalanceTimeoutMs: number;
  readonly serverAssignor: string | null;
  /** Null for a member that speaks the consumer protocol. */
  readonly classic: ClassicMetadata | null;
}

export interface ConsumerMember extends MemberMetadata {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  /** What it may read. */
  readonly assigned: TopicPartitions;
  /** What it must give back; nobody else gets it before it did. */
  readonly revoking: TopicPartitions;
}

export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    memberEpoch: JOIN_EPOCH,
    previousMemberEpoch: -1,
    state: MemberState.STABLE,
    assigned: NO_PARTITIONS,
    revoking: NO_PARTITIONS,
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    subscribedTopicNames: [],
    subscribedTopicRegex: "",
    rebalanceTimeoutMs: -1,
    serverAssignor: null,
    classic: null,
  };
}

/** It has what the target assignment of this epoch gives it, and knows so. */
export function isReconciled(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === assignmentEpoch;
}

export function withMetadata(member: ConsumerMember, value: MemberValue): ConsumerMember {
  return {
    ...member,
    instanceId: value.instanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    subscribedTopicNames: value.subscribedTopicNames,
    subscribedTopicRegex: value.subscribedTopicRegex ?? "",
    rebalanceTimeoutMs: value.rebalanceTimeoutMs,
    serverAssignor: value.serverAssignor,
    classic: value.classicMemberMetadata,
  };
}

export function withCurrent(member: ConsumerMember, value: CurrentValue): ConsumerMember {
  return {
    ...member,
    memberEpoch: value.memberEpoch,
    previousMemberEpoch: value.previousMemberEpoch,
    state: stateOf(value.state),
    assigned: partitionsOf(value.assignedPartitions),
    revoking: partitionsOf(value.partitionsPendingRevocation),
  };
}

function stateOf(number: number): MemberState {
  const known = Object.values(MemberState).find((state) => state === number);
  return known ?? MemberState.UNKNOWN;
}

export function currentOf(member: ConsumerMember): CurrentValue {
  return {
    memberEpoch: member.memberEpoch,
    previousMemberEpoch: member.previousMemberEpoch,
    state: member.state,
    assignedPartitions: listOf(member.assigned),
    partitionsPendingRevocation: listOf(member.revoking),
  };
}

export function listOf(partitions: TopicPartitions): TopicPartitionsValue {
  return Array.from(partitions, ([topicId, indexes]) => ({ topicId, partitions: indexes }));
}

/** Sorted, each partition once, whatever order the list has. */
export function partitionsOf(list: TopicPartitionsValue): TopicPartitions {
  if (list.length === 0) return NO_PARTITIONS;
  const map = new Map<string, readonly number[]>();
  for (const { topicId, partitions } of list) {
    const all = [...(map.get(topicId) ?? []), ...partitions];
    if (all.length > 0)
      map.set(
        topicId,
        [...new Set(all)].sort((a, b) => a - b),
      );
  }
  return map;
}

export function sameMetadata(a: MemberMetadata, b: MemberMetadata): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames) &&
    sameClassic(a.classic, b.classic)
  );
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, at) => name === b[at]));
}

function sameClassic(a: ClassicMetadata | null, b: ClassicMetadata | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.supportedProtocols.length === b.supportedProtocols.length &&
    a.supportedProtocols.every(({ name, metadata }, at) => {
      const other = b.supportedProtocols[at];
      return (
        other?.name === name &&
        other.metadata.length === metadata.length &&
        metadata.every((byte, i) => byte === other.metadata[i])
      );
    })
  );
}
