/**
 * Reading a log: fetch by offset and look-up by time. Nothing here changes state.
 * Rules: LOG30 to LOG38 in SPEC.md; Kafka's UnifiedLog.read and fetchOffsetByTimestamp.
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
} from "../protocol/record-batch.ts";
import type { LogReader, StoredChunk } from "./log-store.ts";
import type { PartitionLog } from "./partition-log.ts";

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
    if (segment.maxTimestamp < timestamp) continue;
    const start = firstChunkReaching(log, store, segment.baseOffset, timestamp);
    const from = Math.max(start, log.logStartOffset);
    const found = scanForTimestamp(store, from, timestamp, upperBound);
    // Null: every record that new lay below the log start; a later segment may still have one.
    if (found !== null) return found;
  }
  return NOT_FOUND;
}

/**
 * Base offset of the first chunk of a segment whose running maximum reaches `timestamp`: a binary
 * search over offsets, since the running maximum only grows, and no index row is paid for it.
 */
function firstChunkReaching(
  log: PartitionLog,
  store: LogReader,
  segmentBase: number,
  timestamp: number,
): number {
  const next = log.segments.find((segment) => segment.baseOffset > segmentBase);
  let low = segmentBase;
  let high = next?.baseOffset ?? log.logEndOffset;
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
      if (record.offset >= until) return null;
      const leaderEpoch = batchPartitionLeaderEpoch(bytes, position);
      return { errorCode: 0, offset: record.offset, timestamp: record.timestamp, leaderEpoch };
    }
  }
  return null;
}

function bounded(codec: number, bytes: Uint8Array): Uint8Array {
  return decompress(codec, bytes, DECOMPRESSED_BYTES_MAX);
}

/** The first record that carries the largest timestamp of the log (KIP-734). */
function findMaxTimestamp(log: PartitionLog, store: LogReader, upperBound: number): FoundOffset {
  let newest = -1;
  for (const segment of log.segments) newest = Math.max(newest, segment.maxTimestamp);
  if (newest < 0) return NOT_FOUND;
  const found = findByTimestamp(log, store, newest, upperBound);
  if (found.offset >= 0) return found;
  // The newest record was deleted, or is not committed yet: look at what is left, batch by batch.
  let left = -1;
  for (const { bytes, position } of batchesFrom(store, log.logStartOffset, upperBound)) {
    left = Math.max(left, batchMaxTimestamp(bytes, position));
  }
  return left < 0 ? NOT_FOUND : findByTimestamp(log, store, left, upperBound);
}

/** Every batch that ends at or after `from` and starts below `until`. */
function* batchesFrom(
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
