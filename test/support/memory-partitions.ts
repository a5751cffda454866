/**
 * Partitions in memory, for tests of what stands on them: the real log machine and reader over a
 * store in memory, a turn for each append. Nothing is lost and nothing is late here; the simulator
 * has that.
 */
import type {
  AppendRequest,
  AppendResult,
  PartitionAddress,
  PartitionPort,
  PartitionsPort,
  ReadResult,
} from "../../src/broker/ports.ts";
import type { PartitionInfo, TopicInfo } from "../../src/cluster/types.ts";
import { type LogInput, LogMachine, type LogReply } from "../../src/log/log-machine.ts";
import { LogWriter } from "../../src/log/log-writer.ts";
import { type LogFact, PartitionLog } from "../../src/log/partition-log.ts";
import { findOffset, readBatches } from "../../src/log/read.ts";
import { noEffects, type ReplyTo } from "../../src/machine/machine.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { MemoryLogStore } from "./memory-log-store.ts";

export class MemoryPartitions implements PartitionsPort {
  readonly #open = new Map<string, MemoryPartition>();
  readonly #now: () => number;
  /** Appends so far, for tests that count requests. */
  appends = 0;
  /** When set, answers an append in place of the log; null lets it through. */
  intercept: ((address: PartitionAddress, request: AppendRequest) => AppendResult | null) | null =
    null;

  constructor(now: () => number) {
    this.#now = now;
  }

  at(address: PartitionAddress): PartitionPort {
    const partition = this.#open.get(keyOf(address.topicId, address.partition));
    if (partition === undefined) throw new Error(`partition ${address.partition} is not open`);
    return {
      append: async (request) => {
        this.appends++;
        return this.intercept?.(address, request) ?? partition.append(request);
      },
      read: async (request) => partition.read(request),
      waitForData: (offset, timeoutMs, signal) => partition.wait(offset, timeoutMs, signal),
      listOffset: async ({ timestamp }) => partition.listOffset(timestamp),
      deleteRecords: async (offset) => {
        const reply = partition.turn((to) => ({ kind: "deleteRecords", to, offset }));
        if (reply.kind !== "deleteRecords") throw new Error("a delete is answered as one");
        return reply;
      },
    };
  }

  async open(_: string, topic: TopicInfo, partitions: readonly PartitionInfo[]): Promise<void> {
    for (const { partition } of partitions) {
      const key = keyOf(topic.topicId, partition);
      if (!this.#open.has(key)) this.#open.set(key, new MemoryPartition(this.#now));
    }
  }

  async destroy(_: string, topic: TopicInfo): Promise<void> {
    for (const { partition } of topic.partitions) {
      this.#open.delete(keyOf(topic.topicId, partition));
    }
  }

  /** All replicas of a partition are one log here. */
  async destroyReplicas(): Promise<void> {}

  async refresh(): Promise<void> {}
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`;
}

class MemoryPartition {
  readonly #store = new MemoryLogStore();
  readonly #machine: LogMachine;
  readonly #writer: LogWriter;
  readonly #now: () => number;
  #waiting: { offset: number; wake: () => void }[] = [];

  constructor(now: () => number) {
    this.#now = now;
    const { log, replayed } = PartitionLog.recover(this.#store);
    this.#machine = new LogMachine(log, this.#store, 0);
    this.#writer = new LogWriter(this.#store, log, replayed);
  }

  turn(make: (to: ReplyTo) => LogInput): LogReply {
    const effects = noEffects<LogFact, never, LogReply>();
    this.#machine.step(this.#now(), make(0), effects);
    if (effects.facts.length > 0) this.#writer.write(effects.facts);
    const [first] = effects.replies;
    if (first === undefined) throw new Error("the machine did not answer");
    const { highWatermark } = this.#machine.log;
    for (const { offset, wake } of this.#waiting) if (offset < highWatermark) wake();
    return first.reply;
  }

  append({ batch, leaderEpoch, logAppendTime }: AppendRequest): AppendResult {
    // The machine keeps the batch and writes into it; over RPC it would be a copy.
    const copy = batch.slice();
    const reply = this.turn((to) => ({
      ...{ kind: "append", to, batch: copy, leaderEpoch, logAppendTime },
    }));
    if (reply.kind !== "append") throw new Error("an append is answered as one");
    return reply;
  }

  read(request: Parameters<PartitionPort["read"]>[0]): ReadResult {
    const { log } = this.#machine;
    const { fetchOffset } = request;
    const { logStartOffset, logEndOffset, highWatermark, lastStableOffset } = log;
    const known = { logStartOffset, logEndOffset, highWatermark, lastStableOffset };
    const nothing = { ...known, records: new Uint8Array(0), divergingEpoch: null };
    if (fetchOffset < logStartOffset || fetchOffset > logEndOffset) {
      return { ...nothing, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, highWatermark: -1 };
    }
    const errorCode = ErrorCode.NONE;
    if (fetchOffset >= highWatermark) return { ...nothing, errorCode };
    const range = { ...request, upperBound: highWatermark };
    return { ...nothing, errorCode, records: readBatches(this.#store, range).slice() };
  }

  listOffset(timestamp: number) {
    const { log } = this.#machine;
    return findOffset(log, this.#store, timestamp, log.highWatermark);
  }

  wait(offset: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (offset < this.#machine.log.highWatermark) return Promise.resolve(true);
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
}
