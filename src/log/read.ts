/**
 * Reading a log: fetch by offset and look-up by time. Nothing here changes state.
 * Rules: LOG30 to LOG34 in SPEC.md; Kafka's UnifiedLog.read and fetchOffsetByTimestamp.
 */
import { DECOMPRESSED_BYTES_MAX } from "../constants.ts";
import { concatBytes, EMPTY_BYTES } from "../lib/bytes.ts";
import { decompress } from "../protocol/compression/mod.ts";
import { ErrorCode } from "../protocol/errors.ts";
import {
  batchBaseOffset,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchPartitionLeaderEpoch,
  batchSizeInBytes,
  decodeRecordBatch,
  type KafkaRecord,
} from "../protocol/record-batch.ts";
import type { LogReader, StoredChunk } from "./log-store.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Segment } from "./segments.ts";

export interface ReadRange {
  readonly fetchOffset: number;
  /** Exclusive: the high watermark or the last stable offset. */
  readonly upperBound: number;
  readonly maxBytes: number;
  /** The first batch is returned whole even when it is larger than maxBytes. */
  readonly minOneBatch: boolean;
}

/**
 * Whole batches from the one that holds `fetchOffset` (or the first after it) on, all below
 * `upperBound`. One array without a copy when one chunk serves it.
 */
export function readBatches(store: LogReader, range: ReadRange): Uint8Array {
  const parts: Uint8Array[] = [];
  let room = range.maxBytes;
  for (const chunk of store.chunksFrom(range.fetchOffset)) {
    if (chunk.baseOffset >= range.upperBound) break;
    const from = parts.length === 0 ? positionOf(chunk, range.fetchOffset) : 0;
    const to = endWithin(
      chunk,
      from,
      room,
      range.upperBound,
      parts.length === 0 && range.minOneBatch,
    );
    if (to > from) parts.push(chunk.data.subarray(from, to));
    room -= to - from;
    if (to < chunk.data.byteLength || room <= 0) break;
  }
  if (parts.length === 0) return EMPTY_BYTES;
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : concatBytes(parts);
}

/** Byte position of the first batch whose last offset is at or after `offset`. */
function positionOf(chunk: StoredChunk, offset: number): number {
  const { data } = chunk;
  let at = 0;
  while (at < data.byteLength) {
    if (batchBaseOffset(data, at) + batchLastOffsetDelta(data, at) >= offset) return at;
    at += batchSizeInBytes(data, at);
  }
  return at;
}

/** Where to stop in a chunk so that only whole batches that fit and are below the bound are taken. */
function endWithin(
  chunk: StoredChunk,
  from: number,
  room: number,
  upperBound: number,
  minOneBatch: boolean,
): number {
  const { data } = chunk;
  if (chunk.lastOffset < upperBound && data.byteLength - from <= room) return data.byteLength;
  let at = from;
  while (at < data.byteLength) {
    const size = batchSizeInBytes(data, at);
    const lastOffset = batchBaseOffset(data, at) + batchLastOffsetDelta(data, at);
    const first = at === from && minOneBatch;
    if (lastOffset >= upperBound || (at + size - from > room && !first)) break;
    at += size;
  }
  return at;
}

export interface FoundOffset {
  readonly errorCode: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

const NOT_FOUND: FoundOffset = { errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 };

/** Kafka's special timestamps in ListOffsets (ListOffsetsRequest). */
export const LATEST = -1;
export const EARLIEST = -2;
export const MAX_TIMESTAMP = -3;
export const EARLIEST_LOCAL = -4;
export const LATEST_TIERED = -5;
export const EARLIEST_PENDING_UPLOAD = -6;

/** The offset that a timestamp, or a special one, stands for; only what is below `upperBound`. */
export function findOffset(
  log: PartitionLog,
  store: LogReader,
  timestamp: number,
  upperBound: number,
): FoundOffset {
  switch (timestamp) {
    case LATEST:
      return at(upperBound, log.epochs.latest);
    case EARLIEST:
    case EARLIEST_LOCAL:
      return at(log.logStartOffset, log.epochs.epochAt(log.logStartOffset));
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return NOT_FOUND;
    case MAX_TIMESTAMP:
      return findMaxTimestamp(log, store, upperBound);
    default:
      if (timestamp < 0) return { ...NOT_FOUND, errorCode: ErrorCode.UNSUPPORTED_VERSION };
      return findByTimestamp(log, store, timestamp, upperBound);
  }
}

function at(offset: number, leaderEpoch: number): FoundOffset {
  return { errorCode: 0, offset, timestamp: -1, leaderEpoch };
}

function findByTimestamp(
  log: PartitionLog,
  store: LogReader,
  timestamp: number,
  upperBound: number,
): FoundOffset {
  for (const segment of log.segments) {
    if (segment.baseOffset >= upperBound) break;
    if (segment.maxTimestamp < timestamp) continue;
    const found = findInSegment(log, store, segment, timestamp, upperBound);
    // Null: every record that new lay below the log start; a later segment may still have one.
    if (found !== null) return found;
  }
  return NOT_FOUND;
}

/** The segment's first record at or after the log start that is not older than `timestamp`. */
function findInSegment(
  log: PartitionLog,
  store: LogReader,
  { baseOffset }: Segment,
  timestamp: number,
  upperBound: number,
): FoundOffset | null {
  const end = endOfSegment(log, baseOffset);
  const start = firstChunkReaching(store, baseOffset, end, timestamp);
  const from = Math.max(start, log.logStartOffset);
  return scanForTimestamp(store, from, timestamp, Math.min(end, upperBound));
}

/** Exclusive. */
function endOfSegment(log: PartitionLog, baseOffset: number): number {
  const next = log.segments.find((segment) => segment.baseOffset > baseOffset);
  return next?.baseOffset ?? log.logEndOffset;
}

/**
 * Base offset of the first chunk of a segment whose running maximum reaches `timestamp`: a binary
 * search over offsets, since the running maximum only grows, and no index row is paid for it.
 */
function firstChunkReaching(
  store: LogReader,
  segmentBase: number,
  segmentEnd: number,
  timestamp: number,
): number {
  let low = segmentBase;
  let high = segmentEnd;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const info = store.chunkInfoAt(middle);
    if (info !== null && info.runningMaxTimestamp >= timestamp) {
      high = Math.max(low, info.baseOffset);
    } else {
      low = Math.max(middle, info?.lastOffset ?? middle) + 1;
    }
  }
  return low;
}

/** The first record at or after `from` that is not older than `timestamp`. */
function scanForTimestamp(
  store: LogReader,
  from: number,
  timestamp: number,
  until: number,
): FoundOffset | null {
  for (const { bytes, position } of batchesFrom(store, from, until)) {
    if (batchMaxTimestamp(bytes, position) < timestamp) continue;
    for (const record of decodeRecordBatch(bytes, position, bounded)) {
      if (record.offset < from || record.timestamp < timestamp) continue;
      return record.offset < until ? foundAt(record, bytes, position) : null;
    }
  }
  return null;
}

function foundAt(record: KafkaRecord, bytes: Uint8Array, position: number): FoundOffset {
  const { offset, timestamp } = record;
  const leaderEpoch = batchPartitionLeaderEpoch(bytes, position);
  return { errorCode: ErrorCode.NONE, offset, timestamp, leaderEpoch };
}

function bounded(codec: number, bytes: Uint8Array): Uint8Array {
  return decompress(codec, bytes, DECOMPRESSED_BYTES_MAX);
}

/**
 * The first record with the largest timestamp of those at or after the log start and below the
 * bound (KIP-734). A segment's maximum says where to look; most often the first look is the last.
 */
function findMaxTimestamp(log: PartitionLog, store: LogReader, upperBound: number): FoundOffset {
  let best = NOT_FOUND;
  for (const segment of log.segments.toSorted((a, b) => b.maxTimestamp - a.maxTimestamp)) {
    if (segment.maxTimestamp < Math.max(best.timestamp, 0)) break;
    if (segment.baseOffset >= upperBound) continue;
    const found =
      findInSegment(log, store, segment, segment.maxTimestamp, upperBound) ??
      // Its newest record was deleted, or is not committed yet.
      newestIn(log, store, segment, upperBound);
    const earlier = found.timestamp === best.timestamp && found.offset < best.offset;
    if (found.timestamp > best.timestamp || earlier) best = found;
  }
  return best;
}

/** What is left of a segment, looked at record by record. */
function newestIn(
  log: PartitionLog,
  store: LogReader,
  { baseOffset }: Segment,
  upperBound: number,
): FoundOffset {
  const from = Math.max(baseOffset, log.logStartOffset);
  const until = Math.min(endOfSegment(log, baseOffset), upperBound);
  let best = NOT_FOUND;
  for (const { bytes, position } of batchesFrom(store, from, until)) {
    if (batchMaxTimestamp(bytes, position) <= best.timestamp) continue;
    for (const record of decodeRecordBatch(bytes, position, bounded)) {
      const { offset, timestamp } = record;
      if (offset < from || offset >= until || timestamp <= best.timestamp) continue;
      best = foundAt(record, bytes, position);
    }
  }
  return best;
}

/** Every batch that ends at or after `from` and starts below `until`. */
export function* batchesFrom(
  store: LogReader,
  from: number,
  until: number,
): Generator<{ bytes: Uint8Array; position: number }> {
  for (const chunk of store.chunksFrom(from)) {
    const bytes = chunk.data;
    for (let position = 0; position < bytes.byteLength; ) {
      const baseOffset = batchBaseOffset(bytes, position);
      if (baseOffset >= until) return;
      if (baseOffset + batchLastOffsetDelta(bytes, position) >= from) yield { bytes, position };
      position += batchSizeInBytes(bytes, position);
    }
  }
}
