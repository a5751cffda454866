/** What Admin takes and gives. */
import type { KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topics.ts";

export interface NewTopic {
  readonly name: string;
  /** The server's default when left out. */
  readonly numPartitions?: number;
  /** The server's default when left out. */
  readonly replicationFactor?: number;
  /** Node ids by partition, in place of the two above; the first of each is the preferred leader. */
  readonly assignments?: readonly (readonly number[])[];
  /** Topic configs, such as {"retention.ms": "3600000"}. */
  readonly configs?: Readonly<Record<string, string>>;
}

export interface CreatedTopic {
  readonly name: string;
  readonly topicId: string;
  /** -1 when the server does not say. */
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string | null>>;
}

export interface TopicListing {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
}

export interface TopicDescription extends TopicListing {
  /** Ordered by number. */
  readonly partitions: readonly {
    readonly partition: number;
    /** Node id, null when there is none now. */
    readonly leader: number | null;
    readonly leaderEpoch: number;
    readonly replicas: readonly number[];
    readonly isr: readonly number[];
    /** Null when the server does not keep them (KIP-966). */
    readonly eligibleLeaderReplicas: readonly number[] | null;
    readonly lastKnownElr: readonly number[] | null;
  }[];
}

export interface Node {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  /** An operator took the broker out; such a one is only described when it is asked for. */
  readonly isFenced: boolean;
}

/** preferred: the first replica leads again. unclean: a live replica leads, and what it lacks is lost. */
export type ElectionType = "preferred" | "unclean";

export interface ElectionOutcome extends TopicPartition {
  /** Null: the election was held. ELECTION_NOT_NEEDED is an error too. */
  readonly error: KafkaError | null;
}

export interface PartitionReassignment extends TopicPartition {
  readonly replicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
}

export interface ClusterDescription {
  readonly clusterId: string;
  /** Null when there is none now. */
  readonly controller: Node | null;
  readonly nodes: readonly Node[];
}

export interface ApiVersion {
  readonly apiKey: number;
  /** Null for a key that this client does not know. */
  readonly name: string | null;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface CallOptions {
  /** In place of default.api.timeout.ms. */
  readonly timeoutMs?: number;
}
