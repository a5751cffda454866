/**
 * What the handlers need of the world. The Worker wires these to D1 and to Durable Objects; the
 * simulator to its own catalogue and to machines under a seeded scheduler.
 */
import type {
  ClusterInfo,
  ConfigMap,
  PartitionInfo,
  PartitionState,
  Reassignment,
  TopicInfo,
} from "../cluster/types.ts";
import type { GroupClient, GroupReply, GroupRequest } from "../group/messages.ts";

export interface NewTopic {
  readonly name: string;
  readonly topicId: string;
  readonly internal: boolean;
  readonly partitions: readonly PartitionInfo[];
  readonly configs: Readonly<Record<string, string>>;
}

/**
 * done; conflict: the partition is gone, its epoch another, or the leader epoch would go back;
 * ineligible: a fenced broker would join the ISR. Unless done, nothing changed.
 */
export type PartitionChangeOutcome = "done" | "conflict" | "ineligible";

/** A compare-and-set on one of many partitions. */
export interface PartitionChange {
  readonly topicId: string;
  readonly partition: number;
  readonly expectedPartitionEpoch: number;
  readonly next: PartitionState;
  /** Null ends the reassignment; absent leaves it as it is. */
  readonly reassignment?: Reassignment | null;
}

/** done; unknown: there is no such broker; last: no other broker is unfenced, nothing changed. */
export type FencingOutcome = "done" | "unknown" | "last";

/**
 * Reads may be a few seconds old unless `fresh` is asked for; writes go to the primary.
 *
 * Every method throws KafkaError REQUEST_TIMED_OUT (retriable) when the catalogue does not answer;
 * a write may then have happened or not.
 */
export interface CataloguePort {
  /** An unknown cluster is null. */
  cluster(clusterId: string, opts?: { fresh?: boolean }): Promise<ClusterInfo | null>;
  /** Every topic's name and id, without partitions, ordered by name. */
  listTopics(clusterId: string): Promise<{ name: string; topicId: string; internal: boolean }[]>;
  /** The topics found, keyed by name. Unknown names are absent. `null` = all. */
  topics(
    clusterId: string,
    names: readonly string[] | null,
    opts?: { fresh?: boolean },
  ): Promise<Map<string, TopicInfo>>;
  /** The topics found, keyed by id. */
  topicsById(
    clusterId: string,
    ids: readonly string[],
    opts?: { fresh?: boolean },
  ): Promise<Map<string, TopicInfo>>;
  /** False when a topic of that name exists: nothing was written. */
  createTopic(clusterId: string, topic: NewTopic): Promise<boolean>;
  /** The topic removed, or null when there was none of that name and id. */
  deleteTopic(clusterId: string, name: string, topicId: string): Promise<TopicInfo | null>;
  /** Compare-and-set on the number of partitions. False: the count was not `expected` any more. */
  addPartitions(
    clusterId: string,
    topicId: string,
    expected: number,
    added: readonly PartitionInfo[],
  ): Promise<boolean>;
  /**
   * Compare-and-set on what a topic sets. False, and nothing changed, when that is not `expected` any
   * more, or the topic is gone.
   */
  changeTopicConfigs(
    clusterId: string,
    topicId: string,
    expected: ConfigMap,
    next: ConfigMap,
  ): Promise<boolean>;
  /** Sets some dynamic configs of a broker (EVERY_BROKER for all); null takes one away. All or none. */
  changeBrokerConfigs(
    clusterId: string,
    brokerId: number,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<void>;
  /**
   * Compare-and-set on one partition (KIP-497): the state becomes `next` and the partition epoch
   * goes up by one, unless the epoch is not `expectedPartitionEpoch` any more, or `next` would take
   * the leader epoch back ("conflict"), or `next` would bring a fenced broker into the ISR
   * ("ineligible"). Then nothing changed. A reassignment under way stays as it is.
   */
  changePartition(
    clusterId: string,
    topicId: string,
    partition: number,
    expectedPartitionEpoch: number,
    next: PartitionState,
  ): Promise<PartitionChangeOutcome>;
  /**
   * As many compare-and-sets, each by itself, in a few statements. True for each that was done, in
   * the order given. Of two on the same partition at most one is.
   */
  changePartitions(clusterId: string, changes: readonly PartitionChange[]): Promise<boolean[]>;
  /**
   * Marks a broker as taken out or back; what it leads is the caller's matter (fencing.ts). The last
   * unfenced broker is marked only with `force`. Marking it again is done too.
   */
  setBrokerFenced(
    clusterId: string,
    brokerId: number,
    fenced: boolean,
    opts?: { force?: boolean },
  ): Promise<FencingOutcome>;
  /**
   * Deleted topics whose objects may still hold data, the oldest first. Their partitions are as
   * they were; their configs are not kept.
   */
  deletedTopics(clusterId: string): Promise<TopicInfo[]>;
  /** The objects of a deleted topic are gone: it is no longer one of `deletedTopics`. */
  forgetDeletedTopic(clusterId: string, topicId: string): Promise<void>;
  /** First id of a block of `count` producer ids that nobody else will ever get. */
  allocateProducerIds(clusterId: string, count: number): Promise<number>;
}

/** One partition of one topic, addressed at one of its replicas. */
export interface PartitionAddress {
  readonly clusterId: string;
  readonly topicId: string;
  readonly partition: number;
  readonly brokerId: number;
}

export interface AppendRequest {
  /** One validated RecordBatch v2, as the producer sent it. */
  readonly batch: Uint8Array;
  /** -1 all, 0, 1. */
  readonly acks: number;
  readonly timeoutMs: number;
  /** What the caller believes; a replica with another epoch answers 6, 74 or 75. -1: unknown. */
  readonly leaderEpoch: number;
  /** message.timestamp.type=LogAppendTime: the log stamps the batch itself. */
  readonly logAppendTime: boolean;
}

export interface AppendResult {
  readonly errorCode: number;
  /** Null unless errorCode is set and the code alone does not say it all. */
  readonly errorMessage: string | null;
  /** -1 unless the batch was written. With an error it may stay there, or be lost yet. */
  readonly baseOffset: number;
  /** -1 unless the log stamped the batch. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
}

export interface ReadRequest {
  readonly fetchOffset: number;
  /** Bytes this partition may return; the first batch is returned whole all the same if `minOneBatch`. */
  readonly maxBytes: number;
  readonly minOneBatch: boolean;
  /** -1: none given. */
  readonly currentLeaderEpoch: number;
  /** -1: none given (v12+). */
  readonly lastFetchedEpoch: number;
  readonly readCommitted: boolean;
  /** The reader takes a replica near it for what the leader has committed (KIP-392). */
  readonly fromFollower: boolean;
}

export interface ReadResult {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** Whole batches, possibly from before `fetchOffset`: the client skips. Empty when nothing is there. */
  readonly records: Uint8Array;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number } | null;
}

export interface ListOffsetRequest {
  /** ms, or a special: -1 latest, -2 earliest, -3 max timestamp, -4 earliest local, -5 latest tiered. */
  readonly timestamp: number;
  readonly currentLeaderEpoch: number;
  readonly readCommitted: boolean;
}

export interface ListOffsetResult {
  readonly errorCode: number;
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

export interface EpochEndRequest {
  readonly leaderEpoch: number;
  /** -1: none given. */
  readonly currentLeaderEpoch: number;
}

/** Both -1 when the log does not know the epoch, or on error. */
export interface EpochEndResult {
  readonly errorCode: number;
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

export interface DeleteRecordsResult {
  readonly errorCode: number;
  /** The new log start offset, -1 on error. */
  readonly lowWatermark: number;
}

/** What a replica says of its log; all numbers -1 on error. */
export interface LogStatus {
  readonly errorCode: number;
  readonly isLeader: boolean;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  /** As far as this replica knows. */
  readonly highWatermark: number;
  readonly sizeInBytes: number;
}

export interface ActiveProducer {
  readonly producerId: number;
  readonly epoch: number;
  readonly lastSequence: number;
  /** When the log last took a batch of it, by the leader's clock. */
  readonly lastAppendMs: number;
}

export interface ActiveProducers {
  readonly errorCode: number;
  /** Without those that have expired. */
  readonly producers: readonly ActiveProducer[];
}

/**
 * The leader of a partition. A deleted or never created partition answers
 * UNKNOWN_TOPIC_OR_PARTITION (3) in every result; a transport failure rejects.
 */
export interface PartitionPort {
  append(request: AppendRequest): Promise<AppendResult>;
  read(request: ReadRequest): Promise<ReadResult>;
  /**
   * Resolves with true once the high watermark passes `offset` (or the partition goes away), with
   * false after `timeoutMs`, or when `signal` aborts. Never rejects: a broken wait is a wait that is over.
   */
  waitForData(offset: number, timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  listOffset(request: ListOffsetRequest): Promise<ListOffsetResult>;
  /** offset -1 = up to the high watermark. */
  deleteRecords(offset: number, timeoutMs: number): Promise<DeleteRecordsResult>;
  /** Where the leader's log has the end of an epoch (KIP-101). */
  epochEnd(request: EpochEndRequest): Promise<EpochEndResult>;
  /** Any replica says this of itself. */
  status(): Promise<LogStatus>;
  /** The idempotent producers that the leader remembers. */
  activeProducers(): Promise<ActiveProducers>;
}

export interface PartitionsPort {
  at(address: PartitionAddress): PartitionPort;
  /** Creates the replicas' objects in their regions; idempotent, may run after the reply. */
  open(clusterId: string, topic: TopicInfo, partitions: readonly PartitionInfo[]): Promise<void>;
  /** Drops every replica's storage for good; idempotent. */
  destroy(clusterId: string, topic: TopicInfo): Promise<void>;
  /** Drops the storage of these replicas, which the partition's row does not name any more; idempotent. */
  destroyReplicas(
    clusterId: string,
    topic: TopicInfo,
    partition: number,
    brokerIds: readonly number[],
  ): Promise<void>;
  /**
   * Tells these replicas that their rows changed: each reads its own again, and a leader tries its
   * followers again at once. A hint: nothing is lost when it does not arrive, but time. Never rejects.
   */
  refresh(addresses: readonly PartitionAddress[]): Promise<void>;
}

export interface GroupAsk {
  /** What the caller believes of the partition of __consumer_offsets; another one answers 16. */
  readonly leaderEpoch: number;
  readonly client: GroupClient;
  readonly request: GroupRequest;
}

/** The coordinator of the groups of one partition of __consumer_offsets: its leader. */
export interface GroupPort {
  /**
   * JoinGroup and SyncGroup may take as long as a rebalance. A replica that is not the leader, or not
   * in the catalogue, answers "failed" 16; a transport failure rejects.
   */
  ask(ask: GroupAsk): Promise<GroupReply>;
}

export interface GroupsPort {
  /** A replica of a partition of __consumer_offsets. */
  at(address: PartitionAddress): GroupPort;
}

export interface Ports {
  readonly catalogue: CataloguePort;
  readonly partitions: PartitionsPort;
  readonly groups: GroupsPort;
}
