/** Record batches as values: many records to bytes and back. batch-header has the raw accessors. */
import { assert } from "../lib/assert.ts";
import { utf8DecodeRange, utf8Length, utf8Write } from "../lib/bytes.ts";
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from "../lib/varint.ts";
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_LOG_APPEND_TIME,
  ATTRIBUTE_TRANSACTIONAL,
  BATCH_PREFIX_BYTES,
  batchBaseOffset,
  batchBaseTimestamp,
  batchCompression,
  batchIsLogAppendTime,
  batchMagic,
  batchMaxTimestamp,
  batchPayload,
  batchRecordCount,
  batchSizeInBytes,
  MAGIC_V2,
  RECORD_BATCH_HEADER_BYTES,
  setBatchCrc,
  setInt16,
  setInt32,
  setInt64,
} from "./batch-header.ts";
import { ProtocolError } from "./errors.ts";
import { walkHeaders, walkRecords } from "./record-walk.ts";

export * from "./batch-header.ts";
export * from "./record-walk.ts";

export interface KafkaHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface KafkaRecord {
  readonly offset: number;
  /** Milliseconds since the Unix epoch; -1 is none. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
}

export interface RecordInput {
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly KafkaHeader[] | undefined;
}

export type Compress = (codec: number, bytes: Uint8Array) => Uint8Array;
export type Decompress = (codec: number, bytes: Uint8Array) => Uint8Array;

export interface RecordBatchInput {
  /** At least one. Their offsets are baseOffset and on. */
  readonly records: readonly RecordInput[];
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; anything but 0 needs `compress`. */
  readonly compression?: number | undefined;
  readonly compress?: Compress | undefined;
  readonly baseOffset?: number | undefined;
  readonly producerId?: number | undefined;
  readonly producerEpoch?: number | undefined;
  readonly baseSequence?: number | undefined;
  readonly timestampType?: "CreateTime" | "LogAppendTime" | undefined;
  readonly transactional?: boolean | undefined;
  readonly control?: boolean | undefined;
  readonly partitionLeaderEpoch?: number | undefined;
}

/** One batch with its checksum. Throws what `compress` throws. */
export function encodeRecordBatch(input: RecordBatchInput): Uint8Array {
  const { records, compression = 0, compress } = input;
  const first = records[0];
  assert(first !== undefined, "a record batch needs a record");
  const sizes = records.map((record, i) => recordSize(record, i, first.timestamp));
  let payloadBytes = 0;
  for (const size of sizes) payloadBytes += sizeOfVarint(size) + size;

  let batch = new Uint8Array(RECORD_BATCH_HEADER_BYTES + payloadBytes);
  let at = RECORD_BATCH_HEADER_BYTES;
  for (let i = 0; i < records.length; i++) {
    at = writeVarint(sizes[i] as number, batch, at);
    at = writeRecord(records[i] as RecordInput, i, first.timestamp, batch, at);
  }
  if (compression !== 0) {
    assert(compress !== undefined, `compression codec ${compression} needs a compress function`);
    const payload = compress(compression, batch.subarray(RECORD_BATCH_HEADER_BYTES));
    batch = new Uint8Array(RECORD_BATCH_HEADER_BYTES + payload.length);
    batch.set(payload, RECORD_BATCH_HEADER_BYTES);
  }
  writeHeader(batch, input, first.timestamp);
  return batch;
}

function writeHeader(batch: Uint8Array, input: RecordBatchInput, baseTimestamp: number): void {
  const { records } = input;
  let maxTimestamp = baseTimestamp;
  for (const { timestamp } of records) if (timestamp > maxTimestamp) maxTimestamp = timestamp;
  const attributes =
    (input.compression ?? 0) |
    (input.timestampType === "LogAppendTime" ? ATTRIBUTE_LOG_APPEND_TIME : 0) |
    (input.transactional === true ? ATTRIBUTE_TRANSACTIONAL : 0) |
    (input.control === true ? ATTRIBUTE_CONTROL : 0);
  setInt64(batch, 0, input.baseOffset ?? 0);
  setInt32(batch, 8, batch.length - BATCH_PREFIX_BYTES);
  setInt32(batch, 12, input.partitionLeaderEpoch ?? -1);
  batch[16] = MAGIC_V2;
  setInt16(batch, 21, attributes);
  setInt32(batch, 23, records.length - 1);
  setInt64(batch, 27, baseTimestamp);
  setInt64(batch, 35, maxTimestamp);
  setInt64(batch, 43, input.producerId ?? -1);
  setInt16(batch, 51, input.producerEpoch ?? -1);
  setInt32(batch, 53, input.baseSequence ?? -1);
  setInt32(batch, 57, records.length);
  setBatchCrc(batch, 0);
}

/** Bytes of a record without its length prefix. */
function recordSize(record: RecordInput, offsetDelta: number, baseTimestamp: number): number {
  const { key, value, headers = [] } = record;
  let size =
    1 +
    sizeOfVarlong(record.timestamp - baseTimestamp) +
    sizeOfVarint(offsetDelta) +
    sizeOfBytes(key) +
    sizeOfBytes(value) +
    sizeOfVarint(headers.length);
  for (const header of headers) {
    const keyBytes = utf8Length(header.key);
    size += sizeOfVarint(keyBytes) + keyBytes + sizeOfBytes(header.value);
  }
  return size;
}

function sizeOfBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;
}

function writeRecord(
  record: RecordInput,
  offsetDelta: number,
  baseTimestamp: number,
  target: Uint8Array,
  start: number,
): number {
  const { headers = [] } = record;
  let at = start;
  target[at++] = 0;
  at = writeVarlong(record.timestamp - baseTimestamp, target, at);
  at = writeVarint(offsetDelta, target, at);
  at = writeBytes(record.key, target, at);
  at = writeBytes(record.value, target, at);
  at = writeVarint(headers.length, target, at);
  for (const { key, value } of headers) {
    at = writeVarint(utf8Length(key), target, at);
    at = utf8Write(key, target, at);
    at = writeBytes(value, target, at);
  }
  return at;
}

function writeBytes(bytes: Uint8Array | null, target: Uint8Array, start: number): number {
  if (bytes === null) return writeVarint(-1, target, start);
  const at = writeVarint(bytes.length, target, start);
  target.set(bytes, at);
  return at + bytes.length;
}

/**
 * The records of the batch at `at`. Keys and values are views of the bytes given, or of what
 * `decompress` gave. The checksum is not looked at: see `computeBatchCrc`. Throws ProtocolError
 * when the batch is not whole or not well formed, and what `decompress` throws.
 */
export function decodeRecordBatch(
  bytes: Uint8Array,
  at: number,
  decompress?: Decompress,
): KafkaRecord[] {
  throwIfCut(bytes, at);
  const codec = batchCompression(bytes, at);
  const raw = batchPayload(bytes, at);
  if (codec !== 0 && decompress === undefined) {
    throw new ProtocolError(
      `the batch is compressed with codec ${codec} and nothing can unpack it`,
    );
  }
  const payload = codec === 0 || decompress === undefined ? raw : decompress(codec, raw);
  const baseOffset = batchBaseOffset(bytes, at);
  const baseTimestamp = batchBaseTimestamp(bytes, at);
  const appendTime = batchIsLogAppendTime(bytes, at) ? batchMaxTimestamp(bytes, at) : null;
  const records: KafkaRecord[] = [];
  walkRecords(payload, batchRecordCount(bytes, at), {
    record(offset, timestamp, keyAt, keyLength, valueAt, valueLength, headersAt, headerCount) {
      records.push({
        offset: baseOffset + offset,
        timestamp: appendTime ?? baseTimestamp + timestamp,
        key: viewOrNull(payload, keyAt, keyLength),
        value: viewOrNull(payload, valueAt, valueLength),
        headers: headerCount === 0 ? NO_HEADERS : decodeHeaders(payload, headersAt, headerCount),
      });
    },
  });
  return records;
}

const NO_HEADERS: readonly KafkaHeader[] = Object.freeze([]);

function decodeHeaders(payload: Uint8Array, at: number, count: number): KafkaHeader[] {
  const headers: KafkaHeader[] = [];
  walkHeaders(payload, at, count, {
    header(keyAt, keyLength, valueAt, valueLength) {
      headers.push({
        key: utf8DecodeRange(payload, keyAt, keyAt + keyLength),
        value: viewOrNull(payload, valueAt, valueLength),
      });
    },
  });
  return headers;
}

function viewOrNull(bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : bytes.subarray(at, at + length);
}

function throwIfCut(bytes: Uint8Array, at: number): void {
  const left = bytes.length - at;
  if (left < RECORD_BATCH_HEADER_BYTES) {
    throw new ProtocolError(
      `a batch header has ${RECORD_BATCH_HEADER_BYTES} bytes, ${left} are left`,
    );
  }
  const magic = batchMagic(bytes, at);
  if (magic !== MAGIC_V2) {
    throw new ProtocolError(
      `the batch at byte ${at} has format ${magic}, only ${MAGIC_V2} is read`,
    );
  }
  const size = batchSizeInBytes(bytes, at);
  if (size < RECORD_BATCH_HEADER_BYTES || size > left) {
    throw new ProtocolError(`the batch at byte ${at} claims ${size} bytes, ${left} are left`);
  }
}
