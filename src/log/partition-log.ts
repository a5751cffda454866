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
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "./checkpoint.ts";
import { EpochCache } from "./epochs.ts";
import type { LogConfig } from "./log-config.ts";
import type { LogStore, StoredChunk } from "./log-store.ts";
import { type ProducerEntry, ProducerStates } from "./producer-state.ts";
import { mustRoll, type Segment } from "./segments.ts";

/** A change of the log. Facts of one turn are stored in one transaction (LOG3). */
export type LogFact =
  | {
      /** One batch, its base offset and leader epoch already written into it. */
      readonly kind: "batch";
      readonly batch: Uint8Array;
      readonly segmentBase: number;
      readonly appendedAtMs: number;
      /** Which life of the epoch's leader wrote it (LOG23); 0 where there is one replica. */
      readonly incarnation: number;
    }
  | { readonly kind: "logStart"; readonly offset: number }
  /** Rows below `offset`, all of them below the log start offset, are deleted. */
  | { readonly kind: "trim"; readonly offset: number }
  /** Every batch from `offset` on is cut off; it is the base offset of one of them. */
  | { readonly kind: "truncate"; readonly offset: number }
  /** Everything goes: the log starts anew at `offset`, knowing these producers. */
  | {
      readonly kind: "restart";
      readonly offset: number;
      readonly producers: readonly ProducerEntry[];
    };

type BatchFact = LogFact & { readonly kind: "batch" };

/**
 * Who wrote a batch: one life of one leader. Two batches of one term at one offset are the same
 * batch, and so is everything before them (REP10).
 */
export interface Term {
  readonly leaderEpoch: number;
  readonly incarnation: number;
}

/** From `startOffset` on, what this term wrote. */
interface Run extends Term {
  readonly startOffset: number;
}

export class PartitionLog {
  #logStartOffset = 0;
  #logEndOffset = 0;
  #highWatermark = 0;
  /** What the last chunk says of it, while recovery is not there yet. */
  #storedHighWatermark = 0;
  /** Base offset of the first chunk stored: behind the log start offset until the rows are deleted. */
  #firstStored = 0;
  epochs = new EpochCache();
  producers = new ProducerStates();
  segments: Segment[] = [];
  /** Where the log lives: a truncation rebuilds from there what memory cannot take back. */
  readonly #store: LogStore | null;
  /** The store holds this log up to here, and `#unstored` what this turn added behind it. */
  #storedEnd = 0;
  #unstored: BatchFact[] = [];
  /** Terms of the newest offsets; older ones are looked up in the store. */
  #runs: Run[] = [];

  constructor(store: LogStore | null = null) {
    this.#store = store;
  }

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

  /** Base offset of the segment that a batch of that size, appended now, goes to (LOG6). */
  segmentFor(batchBytes: number, nowMs: number, config: LogConfig): number {
    const active = this.activeSegment;
    const rolls = active === undefined || mustRoll(active, batchBytes, nowMs, config);
    return rolls ? this.#logEndOffset : active.baseOffset;
  }

  apply(fact: LogFact): void {
    switch (fact.kind) {
      case "batch":
        this.#noteTerm(fact);
        this.#applyBatch(fact.batch, 0, fact.segmentBase, fact.appendedAtMs);
        this.#unstored.push(fact);
        return;
      case "logStart":
        this.#applyLogStart(fact.offset);
        return;
      case "trim":
        assert(fact.offset <= this.#logStartOffset, "only what is below the log start is deleted");
        this.#firstStored = fact.offset;
        return;
      case "truncate":
        this.#applyTruncate(fact.offset);
        return;
      case "restart":
        this.#applyRestart(fact.offset, fact.producers);
        return;
    }
  }

  /** The facts applied so far are in the store now (called by the writer). */
  stored(): void {
    this.#storedEnd = this.#logEndOffset;
    this.#unstored = [];
    this.#runs = this.#runs.slice(-1);
  }

  /** LOG23: who wrote the batch that holds `offset`; null below the log start and from the end on. */
  termAt(offset: number): Term | null {
    if (offset < this.#logStartOffset || offset >= this.#logEndOffset) return null;
    const run = this.#runs.findLast((entry) => entry.startOffset <= offset);
    if (run !== undefined) return { leaderEpoch: run.leaderEpoch, incarnation: run.incarnation };
    const chunk = this.#store?.chunkInfoAt(offset) ?? null;
    if (chunk === null || chunk.lastOffset < offset) return null;
    return { leaderEpoch: this.epochs.epochAt(offset), incarnation: chunk.incarnation };
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
      // The first segment's first rows may be deleted, and the log built anew from what is left.
      const isFirst = segment === undefined && segmentBase < baseOffset;
      assert(isFirst || segmentBase === baseOffset, "a segment starts with its first batch");
      segment = {
        baseOffset: segmentBase,
        bytes: 0,
        maxTimestamp: -1,
        firstAppendedAtMs: appendedAtMs,
        lastAppendedAtMs: appendedAtMs,
      };
      this.segments.push(segment);
      this.#dropDeletedSegments();
    }
    segment.bytes += batchSizeInBytes(bytes, at);
    segment.maxTimestamp = Math.max(segment.maxTimestamp, batchMaxTimestamp(bytes, at));
    segment.lastAppendedAtMs = appendedAtMs;
    this.epochs.append(batchPartitionLeaderEpoch(bytes, at), baseOffset);
    const producerId = batchProducerId(bytes, at);
    if (producerId >= 0) {
      const epoch = batchProducerEpoch(bytes, at);
      const sequence = batchBaseSequence(bytes, at);
      this.producers.append(
        appendedAtMs,
        producerId,
        epoch,
        sequence,
        baseOffset,
        lastOffsetDelta,
        Math.max(this.#highWatermark, this.#storedHighWatermark),
      );
    }
    this.#logEndOffset = baseOffset + lastOffsetDelta + 1;
  }

  #noteTerm({ batch, incarnation }: BatchFact): void {
    const leaderEpoch = batchPartitionLeaderEpoch(batch, 0);
    const last = this.#runs.at(-1);
    if (last?.leaderEpoch === leaderEpoch && last.incarnation === incarnation) return;
    this.#runs.push({ leaderEpoch, incarnation, startOffset: this.#logEndOffset });
  }

  /** LOG42: what memory knows of the tail is forgotten by building it anew from what is left. */
  #applyTruncate(offset: number): void {
    assert(offset >= this.#logStartOffset, "a truncation stays above the log start");
    assert(offset <= this.#logEndOffset, "a truncation only takes away");
    const unstored = this.#unstored.filter((fact) => batchBaseOffset(fact.batch, 0) < offset);
    this.#unstored = [];
    this.#storedEnd = Math.min(this.#storedEnd, offset);
    this.#runs = this.#runs.filter((run) => run.startOffset < offset);
    const producers = this.producers.before(this.#firstStored);
    this.epochs = new EpochCache();
    this.producers = new ProducerStates();
    for (const entry of producers) this.producers.restore(entry);
    this.segments = [];
    this.#logEndOffset = this.#firstStored;
    if (this.#store !== null) this.#rebuild(this.#store);
    for (const fact of unstored) {
      this.#applyBatch(fact.batch, 0, fact.segmentBase, fact.appendedAtMs);
      this.#unstored.push(fact);
    }
    assert(this.#logEndOffset === offset, `${offset} is no batch's base offset`);
    this.#forgetBelowStart();
    this.#highWatermark = Math.min(this.#highWatermark, offset);
  }

  /** The stored part of the log: the newest checkpoint that knows no more, and what follows it. */
  #rebuild(store: LogStore): void {
    for (const bytes of [store.checkpoint(), store.previousCheckpoint()]) {
      const checkpoint = bytes === null ? null : decodeCheckpoint(bytes);
      if (checkpoint === null) continue;
      const { logEndOffset } = checkpoint;
      // Older than the first row: what came between is gone.
      if (logEndOffset > this.#storedEnd || logEndOffset < this.#firstStored) continue;
      this.producers = new ProducerStates();
      this.#restoreSoft(checkpoint);
      break;
    }
    if (this.#logEndOffset >= this.#storedEnd) return;
    for (const chunk of store.chunksFrom(this.#logEndOffset)) {
      if (chunk.baseOffset >= this.#storedEnd) break;
      if (chunk.lastOffset < this.#logEndOffset) continue;
      this.#replay(chunk, this.#storedEnd);
    }
  }

  #applyRestart(offset: number, producers: readonly ProducerEntry[]): void {
    this.#logStartOffset = offset;
    this.#logEndOffset = offset;
    this.#highWatermark = offset;
    this.#firstStored = offset;
    this.#storedEnd = offset;
    this.#unstored = [];
    this.#runs = [];
    this.epochs = new EpochCache();
    this.segments = [];
    this.producers = new ProducerStates();
    for (const entry of producers)
      this.producers.restore({ ...entry, batches: [...entry.batches] });
  }

  #applyLogStart(offset: number): void {
    assert(offset >= this.#logStartOffset, "the log start never goes back");
    assert(offset <= this.#highWatermark, "the log start never passes the high watermark");
    this.#logStartOffset = offset;
    this.#forgetBelowStart();
  }

  #forgetBelowStart(): void {
    const offset = this.#logStartOffset;
    this.epochs.truncateBefore(offset);
    this.#dropDeletedSegments();
    // LOG71: of a log without a record nothing is left, not even the active segment.
    if (offset === this.#logEndOffset) this.segments = [];
  }

  /** A segment goes once every offset in it is below the log start. */
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
    const log = new PartitionLog(store);
    const bytes = store.checkpoint();
    if (bytes !== null) log.#restore(decodeCheckpoint(bytes));
    log.#storedHighWatermark = store.chunkInfoAt(OFFSET_MAX)?.highWatermark ?? 0;
    const replayed = { chunks: 0, bytes: 0 };
    for (const chunk of store.chunksFrom(log.#logEndOffset)) {
      assert(
        chunk.baseOffset === log.#logEndOffset,
        `a gap before the chunk at ${chunk.baseOffset}, or one that overlaps: the log ends at ${log.#logEndOffset}`,
      );
      log.#replay(chunk, Infinity);
      replayed.chunks++;
      replayed.bytes += chunk.data.byteLength;
    }
    log.#firstStored = store.firstOffset() ?? log.#logEndOffset;
    log.#storedEnd = log.#logEndOffset;
    log.advanceHighWatermark(Math.min(log.#storedHighWatermark, log.#logEndOffset));
    log.#storedHighWatermark = 0;
    return { log, replayed };
  }

  #restore(checkpoint: Checkpoint): void {
    this.#logStartOffset = checkpoint.logStartOffset;
    // What was deleted was committed; how much more is, the machine knows.
    this.#highWatermark = checkpoint.logStartOffset;
    this.#restoreSoft(checkpoint);
  }

  #restoreSoft(checkpoint: Checkpoint): void {
    this.#logEndOffset = checkpoint.logEndOffset;
    this.epochs = new EpochCache(checkpoint.epochs);
    this.segments = [...checkpoint.segments];
    for (const entry of checkpoint.producers) this.producers.restore(entry);
  }

  /** Applies the batches of a chunk that lie from the end of the log up to `until`. */
  #replay(chunk: StoredChunk, until: number): void {
    assert(chunk.baseOffset <= this.#logEndOffset, `a gap before the chunk at ${chunk.baseOffset}`);
    const { data } = chunk;
    for (let at = 0; at < data.byteLength; at += batchSizeInBytes(data, at)) {
      const baseOffset = batchBaseOffset(data, at);
      if (baseOffset >= until) return;
      if (baseOffset < this.#logEndOffset) continue;
      this.#applyBatch(data, at, chunk.segmentBase, chunk.appendedAtMs);
    }
    assert(this.#logEndOffset === chunk.lastOffset + 1, "a chunk ends where its row says");
  }
}
