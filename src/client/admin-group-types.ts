/** What Admin gives and takes about groups. */
import type { TopicPartition } from "./topics.ts";

/** How members coordinate: by JoinGroup and SyncGroup, or by KIP-848's heartbeats. */
export type GroupType = "classic" | "consumer";

export interface ConsumerGroupListing {
  readonly groupId: string;
  /** It has offsets, but nobody ever joined it. */
  readonly isSimpleConsumerGroup: boolean;
  /** As Kafka spells it: "Stable", "Empty" …; null when the server does not say. */
  readonly state: string | null;
  readonly type: GroupType | null;
}

export interface ConsumerGroupDescription {
  readonly groupId: string;
  readonly isSimpleConsumerGroup: boolean;
  readonly type: GroupType;
  /** As Kafka spells it: "Stable", "Empty", "PreparingRebalance", "Assigning" … */
  readonly state: string;
  /** The assignor that is in use, such as "range" or "uniform"; "" when there is none. */
  readonly partitionAssignor: string;
  readonly members: readonly MemberDescription[];
  /** Who coordinates it; null when nobody does now. */
  readonly coordinator: {
    readonly id: number;
    readonly host: string;
    readonly port: number;
  } | null;
  /** Null for classic groups, as are the member's three. */
  readonly groupEpoch: number | null;
  readonly targetAssignmentEpoch: number | null;
}

export interface MemberDescription {
  readonly consumerId: string;
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly host: string;
  /** Ordered by topic, then partition. */
  readonly assignment: readonly TopicPartition[];
  readonly targetAssignment: readonly TopicPartition[] | null;
  readonly memberEpoch: number | null;
  /** Whether it speaks KIP-848's protocol itself; null when the server does not say. */
  readonly upgraded: boolean | null;
}

/** A static member by its instance id, or any by its member id. */
export type MemberToRemove = { readonly groupInstanceId: string } | { readonly consumerId: string };
