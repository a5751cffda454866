/**
 * How the leader of a classic group divides partitions (Kafka's ConsumerPartitionAssignor). Members
 * that speak through another client must agree on names and user data only: one leader decides.
 */
import type { ConsumerSubscription } from "../../protocol/consumer-protocol.ts";
import type { TopicPartition } from "../topics.ts";

export interface AssignorMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly subscription: ConsumerSubscription;
}

/** What a member had when it joined last; generation -1 when it never did. */
export interface PreviousAssignment {
  readonly partitions: readonly TopicPartition[];
  readonly generationId: number;
}

export interface PartitionAssignor {
  /** Kafka's name: what JoinGroup calls it. */
  readonly name: string;
  /**
   * Members keep their partitions while they rebalance, and nobody gets what another still has
   * (KIP-429).
   */
  readonly cooperative: boolean;
  /** What a member tells the leader beside its subscription. */
  userData(previous: PreviousAssignment): Uint8Array | null;
  /**
   * @param partitionCounts of every subscribed topic that exists
   * @returns the partitions of every member, by member id
   */
  assign(
    partitionCounts: ReadonlyMap<string, number>,
    members: readonly AssignorMember[],
  ): Map<string, TopicPartition[]>;
}

/** Static members by their instance id, then the others by their member id. */
export function inOrder(members: readonly AssignorMember[]): AssignorMember[] {
  return [...members].sort((a, b) => {
    if (a.groupInstanceId !== null && b.groupInstanceId !== null) {
      return compare(a.groupInstanceId, b.groupInstanceId);
    }
    if (a.groupInstanceId !== null) return -1;
    if (b.groupInstanceId !== null) return 1;
    return compare(a.memberId, b.memberId);
  });
}

/** By UTF-16 units, as Java has it. */
export const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

export function partitionsOf(topic: string, count: number): TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

export const keyOf = ({ topic, partition }: TopicPartition) => `${partition}/${topic}`;
