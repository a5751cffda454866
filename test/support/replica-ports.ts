/**
 * The replicas of one partition of each topic, every one by itself: what it holds and knows is what a
 * test says. For tests of who is read, and of how much at a time.
 */
import type {
  PartitionAddress,
  PartitionPort,
  PartitionsPort,
  ReadRequest,
  ReadResult,
} from "../../src/broker/ports.ts";
import { EMPTY_BYTES } from "../../src/lib/bytes.ts";
import { refusedRead } from "../../src/objects/partition-answers.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import {
  batchLastOffset,
  batchRecordCount,
  encodeRecordBatch,
  setBaseOffset,
} from "../../src/protocol/record-batch.ts";

export class ReplicaState {
  /** Whole batches, in the order of their offsets. */
  readonly batches: Uint8Array[] = [];
  logStartOffset = 0;
  highWatermark = 0;
  readonly reads: ReadRequest[] = [];
  /** Takes the place of an answer. */
  instead: (() => Promise<ReadResult>) | null = null;
  #waiting: { offset: number; wake: () => void }[] = [];

  get logEndOffset(): number {
    const last = this.batches.at(-1);
    return last === undefined ? this.logStartOffset : batchLastOffset(last, 0) + 1;
  }

  get waiters(): number {
    return this.#waiting.length;
  }

  append(...batches: readonly Uint8Array[]): void {
    for (const batch of batches) {
      const copy = batch.slice();
      setBaseOffset(copy, 0, this.logEndOffset);
      this.batches.push(copy);
    }
  }

  commit(): void {
    this.highWatermark = this.logEndOffset;
    for (const { offset, wake } of [...this.#waiting]) if (offset < this.highWatermark) wake();
  }

  read(request: ReadRequest): Promise<ReadResult> {
    this.reads.push(request);
    return this.instead === null ? Promise.resolve(this.#answer(request)) : this.instead();
  }

  #answer({ fetchOffset, maxBytes, minOneBatch, fromFollower }: ReadRequest): ReadResult {
    const { logStartOffset, logEndOffset, highWatermark } = this;
    if (fetchOffset > logEndOffset && fromFollower) {
      return refusedRead(ErrorCode.OFFSET_NOT_AVAILABLE);
    }
    if (fetchOffset < logStartOffset || fetchOffset > logEndOffset) {
      return refusedRead(ErrorCode.OFFSET_OUT_OF_RANGE, logStartOffset);
    }
    const parts: Uint8Array[] = [];
    let room = maxBytes;
    for (const batch of this.batches) {
      if (batchLastOffset(batch, 0) < fetchOffset) continue;
      if (batchLastOffset(batch, 0) >= highWatermark) break;
      if (batch.byteLength > room && !(parts.length === 0 && minOneBatch)) break;
      parts.push(batch);
      room -= batch.byteLength;
    }
    return {
      ...{ errorCode: ErrorCode.NONE, highWatermark, lastStableOffset: highWatermark },
      ...{ logStartOffset, logEndOffset, divergingEpoch: null },
      records: parts.length === 0 ? EMPTY_BYTES : new Uint8Array(Buffer.concat(parts)),
    };
  }

  wait(offset: number, signal: AbortSignal): Promise<boolean> {
    if (offset < this.highWatermark) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiter = { offset, wake: () => resolve(true) };
    signal.addEventListener("abort", () => resolve(false));
    this.#waiting.push(waiter);
    return promise.finally(() => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter);
    });
  }
}

export class ReplicaPorts implements PartitionsPort {
  readonly #replicas = new Map<string, ReplicaState>();
  readonly #sleep: (ms: number) => Promise<void>;

  constructor(sleep: (ms: number) => Promise<void>) {
    this.#sleep = sleep;
  }

  of(partition: number, brokerId: number): ReplicaState {
    const key = `${partition}/${brokerId}`;
    const found = this.#replicas.get(key) ?? new ReplicaState();
    this.#replicas.set(key, found);
    return found;
  }

  at({ partition, brokerId }: PartitionAddress): PartitionPort {
    const replica = this.of(partition, brokerId);
    const none = (): never => {
      throw new Error("replicas of this test are only read");
    };
    return {
      read: (request) => replica.read(request),
      waitForData: (offset, timeoutMs, signal) =>
        Promise.race([replica.wait(offset, signal), this.#sleep(timeoutMs).then(() => false)]),
      ...{ append: none, listOffset: none, deleteRecords: none, epochEnd: none },
      ...{ status: none, activeProducers: none },
    };
  }

  async open(): Promise<void> {}
  async destroy(): Promise<void> {}
  async destroyReplicas(): Promise<void> {}
  async refresh(): Promise<void> {}
}

/** A batch of one record whose value has so many bytes. */
export function batchOfBytes(bytes: number): Uint8Array {
  const record = { timestamp: 0, key: null, value: new Uint8Array(bytes), headers: [] };
  return encodeRecordBatch({ records: [record], compress: (_, payload) => payload });
}

export function recordsIn(batches: readonly Uint8Array[]): number {
  return batches.reduce((sum, batch) => sum + batchRecordCount(batch, 0), 0);
}
