/**
 * The hard state of one partition's log and the facts that change it. Rules: SPEC.md.
 * It holds no record bytes: those are in the facts on their way to the store, and in the store.
 */
import { OFFSET_MAX } from "../constants.ts";
import { assert } from "../lib/assert.ts";
import {
  batchBaseOffset,
  batchBaseSequence,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchPartitionLeaderEpoch,
  batchProducerEpoch,
  batchProducerId,
  batchSizeInBytes,
} from "../protocol/record-batch.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type Segment } from "./checkpoint.ts";
import { EpochCache } from "./epochs.ts";
import type { LogStore, StoredChunk } from "./log-store.ts";
import { ProducerStates } from "./producer-state.ts";

/** A change of the log. Facts of one turn are stored in one transaction (LOG3). */
export type LogFact =
  | {
      /** One batch, its base offset and leader epoch already written into it. */
      readonly kind: "batch";
      readonly batch: Uint8Array;
      readonly segmentBase: number;
      readonly appendedAtMs: number;
    }
  | { readonly kind: "logStart"; readonly offset: number }
  /** Rows below `offset`, all of them below the log start offset, are deleted. */
  | { readonly kind: "trim"; readonly offset: number };

export class PartitionLog {
  #logStartOffset = 0;
  #logEndOffset = 0;
  #highWatermark = 0;
  /** Base offset of the first chunk stored: behind the log start offset until the rows are deleted. */
  #firstStored = 0;
  epochs = new EpochCache();
  producers = new ProducerStates();
  segments: Segment[] = [];

  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  get logEndOffset(): number {
    return this.#logEndOffset;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  /** First offset of the earliest undecided transaction, or the high watermark. */
  get lastStableOffset(): number {
    return this.#highWatermark;
  }

  get firstStored(): number {
    return this.#firstStored;
  }

  /** Bytes of all segments, deleted rows of the first one included until it goes as a whole. */
  get sizeInBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  get activeSegment(): Segment | undefined {
    return this.segments.at(-1);
  }

  /** Base offset of the segment that a batch of that size goes to (LOG6). */
  segmentFor(batchBytes: number, segmentBytes: number): number {
    const active = this.activeSegment;
    if (active === undefined || active.bytes + batchBytes > segmentBytes) return this.#logEndOffset;
    return active.baseOffset;
  }

  apply(fact: LogFact): void {
    switch (fact.kind) {
      case "batch":
        this.#applyBatch(fact.batch, 0, fact.segmentBase, fact.appendedAtMs);
        return;
      case "logStart":
        this.#applyLogStart(fact.offset);
        return;
      case "trim":
        assert(fact.offset <= this.#logStartOffset, "only what is below the log start is deleted");
        this.#firstStored = fact.offset;
        return;
    }
  }

  /** The high watermark never goes back and never passes the end of the log (LOG5). */
  advanceHighWatermark(offset: number): boolean {
    assert(offset <= this.#logEndOffset, "the high watermark stays within the log");
    if (offset <= this.#highWatermark) return false;
    this.#highWatermark = offset;
    return true;
  }

  #applyBatch(bytes: Uint8Array, at: number, segmentBase: number, appendedAtMs: number): void {
    const baseOffset = batchBaseOffset(bytes, at);
    const lastOffsetDelta = batchLastOffsetDelta(bytes, at);
    assert(baseOffset === this.#logEndOffset, `batch at ${baseOffset}, end ${this.#logEndOffset}`);
    assert(lastOffsetDelta >= 0, "a batch holds at least one offset");
    assert(baseOffset + lastOffsetDelta < OFFSET_MAX, "offsets stay exact");
    let segment = this.activeSegment;
    if (segment === undefined || segment.baseOffset !== segmentBase) {
      assert(segmentBase === baseOffset, "a segment starts with its first batch");
      segment = { baseOffset, bytes: 0, maxTimestamp: -1, firstAppendedAtMs: appendedAtMs };
      this.segments.push(segment);
      this.#dropDeletedSegments();
    }
    segment.bytes += batchSizeInBytes(bytes, at);
    segment.maxTimestamp = Math.max(segment.maxTimestamp, batchMaxTimestamp(bytes, at));
    this.epochs.append(batchPartitionLeaderEpoch(bytes, at), baseOffset);
    const producerId = batchProducerId(bytes, at);
    if (producerId >= 0) {
      const epoch = batchProducerEpoch(bytes, at);
      const sequence = batchBaseSequence(bytes, at);
      this.producers.append(appendedAtMs, producerId, epoch, sequence, baseOffset, lastOffsetDelta);
    }
    this.#logEndOffset = baseOffset + lastOffsetDelta + 1;
  }

  #applyLogStart(offset: number): void {
    assert(offset >= this.#logStartOffset, "the log start never goes back");
    assert(offset <= this.#highWatermark, "the log start never passes the high watermark");
    this.#logStartOffset = offset;
    this.epochs.truncateBefore(offset);
    this.#dropDeletedSegments();
  }

  /** A segment goes once every offset in it is below the log start; the active one stays. */
  #dropDeletedSegments(): void {
    while ((this.segments[1]?.baseOffset ?? Infinity) <= this.#logStartOffset) {
      this.segments.shift();
    }
  }

  encodeCheckpoint(): Uint8Array {
    const checkpoint: Checkpoint = {
      logStartOffset: this.#logStartOffset,
      logEndOffset: this.#logEndOffset,
      epochs: this.epochs.entries,
      segments: this.segments,
      producers: this.producers.entries(),
    };
    return encodeCheckpoint(checkpoint);
  }

  /** The log as the store has it: the checkpoint, then every chunk after it (LOG4). */
  static recover(store: LogStore): {
    log: PartitionLog;
    replayed: { chunks: number; bytes: number };
  } {
    const log = new PartitionLog();
    const bytes = store.checkpoint();
    if (bytes !== null) log.#restore(decodeCheckpoint(bytes));
    const replayed = { chunks: 0, bytes: 0 };
    for (const chunk of store.chunksFrom(log.#logEndOffset)) {
      log.#replay(chunk);
      replayed.chunks++;
      replayed.bytes += chunk.data.byteLength;
    }
    log.#firstStored = store.firstOffset() ?? log.#logEndOffset;
    return { log, replayed };
  }

  #restore(checkpoint: Checkpoint): void {
    this.#logStartOffset = checkpoint.logStartOffset;
    // What was deleted was committed; how much more is, the machine knows.
    this.#highWatermark = checkpoint.logStartOffset;
    this.#logEndOffset = checkpoint.logEndOffset;
    this.epochs = new EpochCache(checkpoint.epochs);
    this.segments = [...checkpoint.segments];
    for (const entry of checkpoint.producers) this.producers.restore(entry);
  }

  #replay(chunk: StoredChunk): void {
    assert(
      chunk.baseOffset === this.#logEndOffset,
      `a gap before the chunk at ${chunk.baseOffset}, or one that overlaps: the log ends at ${this.#logEndOffset}`,
    );
    let at = 0;
    while (at < chunk.data.byteLength) {
      this.#applyBatch(chunk.data, at, chunk.segmentBase, chunk.appendedAtMs);
      at += batchSizeInBytes(chunk.data, at);
    }
    assert(this.#logEndOffset === chunk.lastOffset + 1, "a chunk ends where its row says");
  }
}
