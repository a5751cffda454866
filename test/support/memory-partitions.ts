/**
 * Partitions in memory, for tests of what stands on them: the real machine and reader over a store in
 * memory, a turn for each request. One log stands for all replicas of a partition; nothing is lost and
 * nothing is late here: the simulator has that.
 */
import type {
  ActiveProducers,
  AppendRequest,
  AppendResult,
  CataloguePort,
  DeleteRecordsResult,
  EpochEndRequest,
  EpochEndResult,
  ListOffsetRequest,
  ListOffsetResult,
  LogStatus,
  PartitionAddress,
  PartitionPort,
  PartitionsPort,
  ReadRequest,
  ReadResult,
} from "../../src/broker/ports.ts";
import type { PartitionInfo, TopicInfo } from "../../src/cluster/types.ts";
import type { ReplyTo } from "../../src/machine/machine.ts";
import {
  REFUSED_APPEND,
  refusedOffset,
  refusedRead,
  refusedStatus,
} from "../../src/objects/partition-answers.ts";
import {
  answerActiveProducers,
  answerEpochEnd,
  answerListOffset,
  answerRead,
  answerStatus,
} from "../../src/objects/partition-reads.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import type { ReplicaInput, ReplicaReply } from "../../src/replication/messages.ts";
import { LoneReplica } from "./lone-replica.ts";
import { MemoryReplicaStore } from "./memory-replica-store.ts";

const UNKNOWN = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;

export class MemoryPartitions implements PartitionsPort {
  readonly #open = new Map<string, MemoryPartition>();
  readonly #now: () => number;
  readonly #catalogue: CataloguePort;
  /** Appends so far, for tests that count requests. */
  appends = 0;
  /** Replicas asked for their status: each was woken by it. */
  statusCalls = 0;
  /** When set, answers an append in place of the log; null lets it through. */
  intercept: ((address: PartitionAddress, request: AppendRequest) => AppendResult | null) | null =
    null;

  constructor(now: () => number, catalogue: CataloguePort) {
    this.#now = now;
    this.#catalogue = catalogue;
  }

  at(address: PartitionAddress): PartitionPort {
    const found = (): MemoryPartition | undefined => this.#open.get(keyOf(address));
    return {
      append: async (request) => {
        this.appends++;
        return (
          this.intercept?.(address, request) ?? found()?.append(request) ?? { ...REFUSED_APPEND }
        );
      },
      read: async (request) => found()?.read(request) ?? refusedRead(UNKNOWN),
      waitForData: async (offset, timeoutMs, signal) =>
        (await found()?.wait(offset, timeoutMs, signal)) ?? true,
      listOffset: async (request) => found()?.listOffset(request) ?? refusedOffset(UNKNOWN),
      deleteRecords: async (offset, timeoutMs) =>
        found()?.deleteRecords(offset, timeoutMs) ?? { errorCode: UNKNOWN, lowWatermark: -1 },
      epochEnd: async (request) =>
        found()?.epochEnd(request) ?? { errorCode: UNKNOWN, leaderEpoch: -1, endOffset: -1 },
      status: async () => {
        this.statusCalls++;
        return found()?.status() ?? refusedStatus(UNKNOWN);
      },
      activeProducers: async () =>
        found()?.activeProducers() ?? { errorCode: UNKNOWN, producers: [] },
    };
  }

  async open(_: string, topic: TopicInfo, partitions: readonly PartitionInfo[]): Promise<void> {
    for (const { partition, leaderEpoch } of partitions) {
      const key = keyOf({ topicId: topic.topicId, partition });
      if (!this.#open.has(key)) this.#open.set(key, new MemoryPartition(this.#now, leaderEpoch));
    }
  }

  async destroy(_: string, topic: TopicInfo): Promise<void> {
    for (const { partition } of topic.partitions) {
      const key = keyOf({ topicId: topic.topicId, partition });
      this.#open.get(key)?.close();
      this.#open.delete(key);
    }
  }

  /** The log stays: it is that of the other replicas too. */
  async destroyReplicas(): Promise<void> {}

  async refresh(addresses: readonly PartitionAddress[]): Promise<void> {
    for (const address of addresses) {
      const { clusterId, topicId, partition } = address;
      const topics = await this.#catalogue
        .topicsById(clusterId, [topicId], { fresh: true })
        .catch(() => null);
      const row = topics?.get(topicId)?.partitions[partition];
      if (row !== undefined) this.#open.get(keyOf(address))?.becomeLeader(row.leaderEpoch);
    }
  }
}

function keyOf({ topicId, partition }: Pick<PartitionAddress, "topicId" | "partition">): string {
  return `${topicId}/${partition}`;
}

class MemoryPartition {
  readonly #replica = new LoneReplica(new MemoryReplicaStore());
  readonly #now: () => number;
  #waiting: { offset: number; wake: () => void }[] = [];

  constructor(now: () => number, leaderEpoch: number) {
    this.#now = now;
    this.becomeLeader(leaderEpoch);
  }

  becomeLeader(leaderEpoch: number): void {
    this.#replica.becomeLeader(this.#now(), leaderEpoch);
  }

  append({ batch, ...request }: AppendRequest): AppendResult {
    // The machine keeps the batch and writes into it; over RPC it would be a copy.
    const copy = batch.slice();
    const reply = this.#ask((to) => ({ kind: "append", to, batch: copy, ...request }));
    if (reply.kind !== "append") throw new Error("an append is answered as one");
    return reply;
  }

  deleteRecords(offset: number, timeoutMs: number): DeleteRecordsResult {
    const reply = this.#ask((to) => ({ kind: "deleteRecords", to, offset, timeoutMs }));
    if (reply.kind !== "deleteRecords") throw new Error("a delete is answered as one");
    return reply;
  }

  #ask(make: (to: ReplyTo) => ReplicaInput): ReplicaReply {
    const [reply] = this.#replica.turn(this.#now(), [make(0)]);
    if (reply === undefined) throw new Error("the machine did not answer");
    const { highWatermark } = this.#replica.log;
    for (const { offset, wake } of this.#waiting) if (offset < highWatermark) wake();
    return reply;
  }

  read(request: ReadRequest): ReadResult {
    return answerRead(this.#replica, request);
  }

  listOffset(request: ListOffsetRequest): ListOffsetResult {
    return answerListOffset(this.#replica, request);
  }

  epochEnd(request: EpochEndRequest): EpochEndResult {
    return answerEpochEnd(this.#replica, request);
  }

  status(): LogStatus {
    return answerStatus(this.#replica);
  }

  activeProducers(): ActiveProducers {
    return answerActiveProducers(this.#replica, this.#now());
  }

  wait(offset: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (offset < this.#replica.log.highWatermark) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiter = { offset, wake: () => resolve(true) };
    const timer = setTimeout(() => resolve(false), timeoutMs);
    signal.addEventListener("abort", () => resolve(false));
    this.#waiting.push(waiter);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
    });
  }

  /** The partition goes away: who waits for its records waits no longer. */
  close(): void {
    for (const { wake } of this.#waiting) wake();
  }
}
