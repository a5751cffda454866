/**
 * A REST consumer instance: what it keeps, and what a request asks of it. All of it is small JSON,
 * because it travels as such (itty-durable); records never pass through the instance. Rules: SPEC.md.
 */
import type { Format } from "../formats.ts";

export interface InstanceConfig {
  readonly format: Format;
  readonly autoOffsetReset: "earliest" | "latest" | "none";
  readonly autoCommit: boolean;
  readonly readCommitted: boolean;
  readonly fetchMinBytes: number;
  /** consumer.request.timeout.ms: how long a read may wait. */
  readonly requestTimeoutMs: number;
  /** consumer.instance.timeout.ms */
  readonly instanceTimeoutMs: number;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** One of the two is null. */
export interface Subscription {
  readonly topics: readonly string[] | null;
  readonly pattern: string | null;
}

/** A partition that the instance may read. */
export interface Assigned extends TopicPartition {
  /** "" when the client assigned it by name. */
  readonly topicId: string;
  /** The next offset to read; null until the committed offset or auto.offset.reset was looked up. */
  readonly position: number | null;
  /** The last offset that is known to be committed, null when none is. */
  readonly committed: number | null;
}

export interface TopicIdPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

/** The instance as a member of its group (KIP-848). */
export interface Member {
  readonly memberId: string;
  /** 0: it has to join. */
  readonly epoch: number;
  /** What the group wants it to have, null when that is what it has. */
  readonly target: readonly TopicIdPartitions[] | null;
  /** From when on a partition that is wanted back goes without its client; null: none is. */
  readonly giveUpAtMs: number | null;
}

/** What the last read moved, to undo it when its answer was lost. */
export interface LastRead {
  readonly from: readonly PartitionOffset[];
}

/** What survives an eviction. */
export interface InstanceData {
  readonly group: string;
  readonly name: string;
  readonly config: InstanceConfig;
  readonly lastRequestMs: number;
  readonly subscription: Subscription | null;
  /** Null unless there is a subscription. */
  readonly member: Member | null;
  /** Of the group's making, or with no subscription the client's own. */
  readonly assigned: readonly Assigned[];
  /**
   * Of the last read that returned records. It begins with the time of creation, so that no number of
   * an earlier instance of this name means anything here.
   */
  readonly sequence: number;
  readonly firstSequence: number;
  readonly lastRead: LastRead | null;
}

/** Why an instance refuses: 40403, 40902, 40903, or with what Kafka said. */
export interface Refusal {
  readonly ok: false;
  readonly why: "unknown" | "exists" | "state" | "kafka";
  readonly kafkaCode: number;
  readonly message: string;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | Refusal;

/** For a reader that does not create the instance first. */
export interface Opening {
  readonly group: string;
  readonly name: string;
  /** Of an instance that is made now. */
  readonly config: InstanceConfig;
  /** Of one that is there. */
  readonly changes: Partial<InstanceConfig>;
  /** Null: as it is. */
  readonly subscription: Subscription | null;
}

export interface PlanRequest {
  /** Null: an instance that is not there is unknown. */
  readonly open: Opening | null;
  /** The lease that the caller has already, null when it has none. */
  readonly lease: string | null;
  /**
   * For how long the caller wants to read, null: consumer.request.timeout.ms. 0: it only looks, and is
   * never refused.
   */
  readonly holdMs: number | null;
  /**
   * The client processed what it read: commit it before a partition is given up. Null: as
   * auto.commit.enable says.
   */
  readonly commitRead: boolean | null;
  /** The last read that the client knows of, null when it does not say. */
  readonly after: number | null;
  /** Ask the group even when no heartbeat is due: the caller waits for partitions. */
  readonly beat: boolean;
}

/** What a reader needs to know. */
export interface Plan {
  /** Null when another read is under way, or none was asked for. */
  readonly lease: string | null;
  readonly busy: boolean;
  readonly config: InstanceConfig;
  readonly subscription: Subscription | null;
  readonly memberId: string;
  /** -1 without a subscription, 0 when it could not join yet. */
  readonly memberEpoch: number;
  /** Why it could not join yet; 0 when it is a member. */
  readonly joinError: number;
  readonly assigned: readonly Assigned[];
  readonly sequence: number;
}

/** How far a read got in one partition. */
export interface Advance extends TopicPartition {
  /** The position in the plan; another one now means that somebody moved it. */
  readonly planned: number | null;
  /** Where the reader began. */
  readonly from: number;
  /** Where the next one begins. */
  readonly to: number;
}

export interface Finish {
  readonly lease: string;
  readonly advances: readonly Advance[];
  readonly committed: readonly PartitionOffset[];
  /** Counts as a read of records, which the next may undo. */
  readonly delivered: boolean;
}

export interface Finished {
  /** False: the lease was lost, nothing changed. */
  readonly accepted: boolean;
  /** Partitions that are not the instance's any more, or were moved meanwhile. */
  readonly lost: readonly TopicPartition[];
  readonly sequence: number;
}

/** The instance of one name, wherever it lives. Every call counts as a sign of life of its client. */
export interface InstancePort {
  create(
    config: InstanceConfig,
    identity: { readonly group: string; readonly name: string },
  ): Promise<Outcome<null>>;
  /** Leaves the group and forgets everything. */
  remove(): Promise<Outcome<null>>;
  /** Null ends the subscription and the assignment. */
  subscribe(subscription: Subscription | null): Promise<Outcome<null>>;
  assign(partitions: readonly TopicPartition[]): Promise<Outcome<null>>;
  plan(request: PlanRequest): Promise<Outcome<Plan>>;
  /** All of them or none: 40903 for one that is not assigned. */
  seek(positions: readonly PartitionOffset[]): Promise<Outcome<null>>;
  /** Ends a read. */
  finish(finish: Finish): Promise<Outcome<Finished>>;
  /** These were committed outside of a read. */
  committed(offsets: readonly PartitionOffset[]): Promise<Outcome<null>>;
}

export interface InstancesPort {
  at(clusterId: string, group: string, name: string): InstancePort;
}

/** Where an instance lives. */
export interface InstanceHome {
  /** As it was last saved; null when there is no such instance. */
  readonly data: InstanceData | null;
  save(data: InstanceData): Promise<void>;
  /** Deletes everything, the alarm too. */
  clear(): Promise<void>;
  /** Calls `alarm` at that time, or before. */
  wakeAt(ms: number): Promise<void>;
}
