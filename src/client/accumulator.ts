import { type BuilderRecord, soloBatchBytes } from "./batch-builder.ts";
import { type Delivery, ProducerBatch } from "./producer-batch.ts";
import { isAfter } from "./producer-state.ts";

/** The batches of one partition that wait to be sent, first to last. */
export interface PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly batches: ProducerBatch[];
}

export interface AccumulatorOptions {
  /** batch.size: a batch is closed when the next record would make it larger. */
  readonly batchBytes: number;
  readonly lingerMs: number;
  /** buffer.memory: bytes of all records not yet delivered. */
  readonly bufferBytes: number;
}

/** When a queue's first batch may go: at once, or not before a time. */
export const NOW = 0;

/**
 * Where records wait and gather into batches (Kafka's RecordAccumulator). It decides nothing by
 * itself and keeps no timer: time comes in as a number, so a simulator can drive it.
 */
export class Accumulator {
  readonly #options: AccumulatorOptions;
  readonly #queues = new Map<string, PartitionQueue>();
  #usedBytes = 0;
  /** Every batch goes out without lingering while this is above zero (flush, close). */
  #hurry = 0;

  constructor(options: AccumulatorOptions) {
    this.#options = options;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Queues that have batches waiting. */
  get queues(): IterableIterator<PartitionQueue> {
    return this.#queues.values();
  }

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  hasRoom(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#options.bufferBytes;
  }

  /**
   * Adds a record to its partition's last batch, or to a new one.
   *
   * @returns the bytes it took, whether a batch was begun, and whether the last batch is now full
   */
  append(
    topic: string,
    partition: number,
    record: BuilderRecord,
    delivery: Delivery,
    now: number,
  ): { bytes: number; begun: boolean; full: boolean } {
    const { batchBytes } = this.#options;
    const queue = this.#queue(topic, partition);
    const last = queue.batches.at(-1);
    if (last !== undefined && !last.closed) {
      const before = last.sizeInBytes;
      if (last.tryAppend(record, delivery, batchBytes)) {
        const bytes = last.sizeInBytes - before;
        this.#usedBytes += bytes;
        last.closed = last.sizeInBytes >= batchBytes;
        return { bytes, begun: false, full: last.closed };
      }
      last.closed = true;
    }
    // batch.size=0 means a batch per record.
    const expected = Math.min(Math.max(batchBytes, soloBatchBytes(record)), 65_536);
    const batch = new ProducerBatch(topic, partition, now, expected);
    batch.tryAppend(record, delivery, batchBytes);
    batch.closed = batch.sizeInBytes >= batchBytes;
    queue.batches.push(batch);
    this.#usedBytes += batch.sizeInBytes;
    return { bytes: batch.sizeInBytes, begun: true, full: batch.closed };
  }

  #queue(topic: string, partition: number): PartitionQueue {
    const key = keyOf({ topic, partition });
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = { topic, partition, batches: [] };
      this.#queues.set(key, queue);
    }
    return queue;
  }

  /** Begins (true) or ends a time in which nothing lingers. Calls nest. */
  hurry(begin: boolean): void {
    this.#hurry += begin ? 1 : -1;
  }

  /**
   * When the queue's first batch may be sent: a time at or before `now` means at once.
   *
   * @param pressed records wait for memory, so that nothing should linger
   */
  readyAt(queue: PartitionQueue, pressed: boolean): number {
    const batch = queue.batches[0] as ProducerBatch;
    if (batch.attempts > 0) return batch.retryAtMs;
    const full = batch.closed || queue.batches.length > 1;
    if (full || pressed || this.#hurry > 0) return NOW;
    return batch.createdMs + this.#options.lingerMs;
  }

  /** Takes the queue's first batch out, for sending. */
  take(queue: PartitionQueue): ProducerBatch {
    const batch = queue.batches.shift() as ProducerBatch;
    batch.closed = true;
    this.#drop(queue);
    // Last in turn from now on, so that all partitions get into requests that have little room.
    if (queue.batches.length > 0) this.#queues.set(keyOf(queue), queue);
    return batch;
  }

  #drop(queue: PartitionQueue): void {
    this.#queues.delete(keyOf(queue));
  }

  /** Puts a batch back for another attempt: before those that were never sent, by its sequence. */
  putBack(batch: ProducerBatch): void {
    const { batches } = this.#queue(batch.topic, batch.partition);
    let at = 0;
    if (batch.hasSequence) {
      while (at < batches.length && comesBefore(batches[at] as ProducerBatch, batch)) at++;
    }
    batches.splice(at, 0, batch);
  }

  /** Replaces a batch that was too large by smaller ones, at its place. */
  putBackSplit(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    this.#usedBytes -= batch.sizeInBytes;
    for (const part of [...parts].reverse()) {
      this.#usedBytes += part.sizeInBytes;
      this.putBack(part);
    }
  }

  /** The batch is done: its memory may be used again. */
  release(batch: ProducerBatch): void {
    this.#usedBytes -= batch.sizeInBytes;
  }

  /** Takes out the batches that waited since `createdBefore` or longer. */
  takeExpired(createdBefore: number): ProducerBatch[] {
    const expired: ProducerBatch[] = [];
    for (const queue of [...this.#queues.values()]) {
      for (const batch of queue.batches) if (batch.createdMs <= createdBefore) expired.push(batch);
      const left = queue.batches.filter((batch) => batch.createdMs > createdBefore);
      queue.batches.splice(0, queue.batches.length, ...left);
      if (left.length === 0) this.#drop(queue);
    }
    return expired;
  }

  /** When the oldest batch came, or Infinity. The first of a partition is its oldest. */
  oldestMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { batches } of this.#queues.values()) {
      oldest = Math.min(oldest, (batches[0] as ProducerBatch).createdMs);
    }
    return oldest;
  }
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition}/${topic}`;
}

function comesBefore(a: ProducerBatch, b: ProducerBatch): boolean {
  return a.hasSequence && isAfter(b.identity.baseSequence, a.identity.baseSequence);
}
