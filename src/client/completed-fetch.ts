import { DECOMPRESSED_BYTES_MAX } from "../constants.ts";
import { decompress } from "../protocol/compression/decompress.ts";
import {
  batchBaseOffset,
  batchCrc,
  batchIsControl,
  batchIsLogAppendTime,
  batchIsTransactional,
  batchLastOffset,
  batchPartitionLeaderEpoch,
  batchProducerId,
  computeBatchCrc,
  decodeRecordBatch,
  iterateBatches,
  type KafkaRecord,
} from "../protocol/record-batch.ts";
import { ErrorCode, KafkaError, ProtocolError } from "./errors.ts";
import type { TopicPartition } from "./topics.ts";

export interface FetchedRecord extends KafkaRecord {
  readonly timestampType: "CreateTime" | "LogAppendTime";
  /** -1 when the log does not say. */
  readonly leaderEpoch: number;
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface DecodeOptions {
  readonly checkCrcs: boolean;
  /** Leave out the records of aborted transactions. */
  readonly readCommitted: boolean;
}

/** A control record's key: version, then what it marks. */
const CONTROL_ABORT = 0;

/**
 * The batches of one partition out of one fetch, read record by record. Decodes a batch only when
 * its first record is asked for (Kafka's CompletedFetch).
 */
export class CompletedFetch {
  readonly #place: TopicPartition;
  readonly #bytes: Uint8Array;
  readonly #options: DecodeOptions;
  readonly #batches: Iterator<number>;
  /** By first offset. */
  readonly #aborted: AbortedTransaction[];
  /** Producers in a transaction that was aborted, at the point that was reached. */
  readonly #aborting = new Set<number>();
  #records: readonly FetchedRecord[] = [];
  #at = 0;
  #nextOffset: number;
  #afterBatch: number;
  #sawBatch = false;
  /** What is corrupt stays so: nothing behind it is read as if it were not there. */
  #failure: KafkaError | null = null;

  constructor(
    place: TopicPartition,
    fetchOffset: number,
    bytes: Uint8Array,
    aborted: readonly AbortedTransaction[],
    options: DecodeOptions,
  ) {
    this.#place = place;
    this.#bytes = bytes;
    this.#options = options;
    this.#batches = iterateBatches(bytes);
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#nextOffset = fetchOffset;
    this.#afterBatch = fetchOffset;
  }

  /** The position after all that was consumed. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /**
   * The next record, null when there is none left. It stays the next until advance().
   *
   * @throws KafkaError CORRUPT_MESSAGE when the batch cannot be trusted
   */
  peek(): FetchedRecord | null {
    while (this.#at >= this.#records.length) {
      this.#nextOffset = Math.max(this.#nextOffset, this.#afterBatch);
      if (!this.#nextBatch()) return null;
    }
    return this.#records[this.#at] as FetchedRecord;
  }

  advance(): void {
    const record = this.#records[this.#at++] as FetchedRecord;
    this.#nextOffset = record.offset + 1;
  }

  #nextBatch(): boolean {
    if (this.#failure !== null) throw this.#failure;
    try {
      const { value: at, done } = this.#batches.next();
      if (done === true) {
        if (!this.#sawBatch && this.#bytes.length > 0) throw this.#stuck();
        return false;
      }
      this.#sawBatch = true;
      this.#records = this.#decode(at);
      this.#at = 0;
      this.#afterBatch = batchLastOffset(this.#bytes, at) + 1;
      return true;
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.#failure = this.#corrupt(this.#nextOffset, error.message);
      } else if (error instanceof KafkaError) {
        this.#failure = error;
      }
      throw this.#failure ?? error;
    }
  }

  #decode(at: number): readonly FetchedRecord[] {
    const bytes = this.#bytes;
    // Whole batches from before the position come along: the broker never cuts one.
    if (batchLastOffset(bytes, at) < this.#nextOffset) return [];
    if (this.#options.checkCrcs) this.#throwIfCorrupt(at);
    if (batchIsControl(bytes, at)) {
      this.#endTransaction(at);
      return [];
    }
    if (this.#isAborted(at)) return [];
    const timestampType = batchIsLogAppendTime(bytes, at) ? "LogAppendTime" : "CreateTime";
    const leaderEpoch = batchPartitionLeaderEpoch(bytes, at);
    const records = decodeRecordBatch(bytes, at, (codec, payload) =>
      decompress(codec, payload, DECOMPRESSED_BYTES_MAX),
    );
    return records
      .filter(({ offset }) => offset >= this.#nextOffset)
      .map((record) => ({ ...record, timestampType, leaderEpoch }));
  }

  /** A transaction's outcome: what the producer sends from here on is another's matter. */
  #endTransaction(at: number): void {
    const [marker] = decodeRecordBatch(this.#bytes, at, (codec, payload) =>
      decompress(codec, payload, DECOMPRESSED_BYTES_MAX),
    );
    const key = marker?.key;
    if (key === null || key === undefined || key.length < 4) return;
    const type = ((key[2] as number) << 8) | (key[3] as number);
    const producerId = batchProducerId(this.#bytes, at);
    if (type === CONTROL_ABORT) this.#aborting.delete(producerId);
  }

  #isAborted(at: number): boolean {
    if (!this.#options.readCommitted) return false;
    const lastOffset = batchLastOffset(this.#bytes, at);
    while (this.#aborted[0] !== undefined && this.#aborted[0].firstOffset <= lastOffset) {
      this.#aborting.add((this.#aborted.shift() as AbortedTransaction).producerId);
    }
    return (
      batchIsTransactional(this.#bytes, at) && this.#aborting.has(batchProducerId(this.#bytes, at))
    );
  }

  #throwIfCorrupt(at: number): void {
    const stored = batchCrc(this.#bytes, at);
    const computed = computeBatchCrc(this.#bytes, at);
    if (stored === computed) return;
    throw this.#corrupt(
      batchBaseOffset(this.#bytes, at),
      `its checksum is ${stored}, its bytes make ${computed}`,
    );
  }

  #corrupt(offset: number, reason: string): KafkaError {
    const { topic, partition } = this.#place;
    return new KafkaError(
      ErrorCode.CORRUPT_MESSAGE,
      `the batch at offset ${offset} of ${topic}-${partition} is corrupt: ${reason}; ` +
        "seek past it to go on",
    );
  }

  #stuck(): KafkaError {
    const { topic, partition } = this.#place;
    return new KafkaError(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      `no progress in ${topic}-${partition} at offset ${this.#nextOffset}: the server sent ` +
        `${this.#bytes.length} bytes without a whole batch`,
    );
  }
}
