/**
 * RecordBatch v2 on its raw bytes (org.apache.kafka.common.record.DefaultRecordBatch).
 *
 * ```
 *  0 baseOffset i64            21 attributes i16         51 producerEpoch i16
 *  8 batchLength i32           23 lastOffsetDelta i32    53 baseSequence i32
 * 12 partitionLeaderEpoch i32  27 baseTimestamp i64      57 recordCount i32
 * 16 magic i8                  35 maxTimestamp i64       61 records
 * 17 crc u32                   43 producerId i64
 * ```
 *
 * batchLength counts what follows it. The CRC-32C covers everything from the attributes on, so the
 * base offset and the leader epoch can be rewritten in place. Attributes: bits 0-2 codec,
 * 3 timestamp type, 4 transactional, 5 control, 6 delete horizon.
 *
 * Accessors take the bytes and the position of a batch, and trust that its header is there.
 */
import { crc32c } from "../lib/crc32c.ts";
import { ProtocolError } from "./errors.ts";

export const RECORD_BATCH_HEADER_BYTES = 61;
/** baseOffset and batchLength: what comes before the bytes that batchLength counts. */
export const BATCH_PREFIX_BYTES = 12;
export const MAGIC_V2 = 2;

/** Compression codecs, by the number in the attributes. */
export const Compression = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;

const LENGTH_AT = 8;
const LEADER_EPOCH_AT = 12;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
/** The checksum covers everything from here to the end of the batch. */
export const CRC_COVERS_FROM = ATTRIBUTES_AT;
const LAST_OFFSET_DELTA_AT = 23;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const PRODUCER_ID_AT = 43;
const PRODUCER_EPOCH_AT = 51;
const BASE_SEQUENCE_AT = 53;
const RECORD_COUNT_AT = 57;

/** The bits of the attributes. */
export const ATTRIBUTE_COMPRESSION = 0x07;
export const ATTRIBUTE_LOG_APPEND_TIME = 0x08;
export const ATTRIBUTE_TRANSACTIONAL = 0x10;
export const ATTRIBUTE_CONTROL = 0x20;
export const ATTRIBUTE_DELETE_HORIZON = 0x40;

/** The smallest message of the formats before v2 (LegacyRecord.RECORD_OVERHEAD_V0). */
const LEGACY_BYTES_MIN = 14;
const TWO_32 = 2 ** 32;

export function batchBaseOffset(b: Uint8Array, at: number): number {
  return int64At(b, at);
}

/** As the header has it: without the 12 bytes before. */
export function batchLength(b: Uint8Array, at: number): number {
  return int32At(b, at + LENGTH_AT);
}

/** The whole batch: what max.message.bytes is compared with. */
export function batchSizeInBytes(b: Uint8Array, at: number): number {
  return BATCH_PREFIX_BYTES + batchLength(b, at);
}

export function batchPartitionLeaderEpoch(b: Uint8Array, at: number): number {
  return int32At(b, at + LEADER_EPOCH_AT);
}

export function batchMagic(b: Uint8Array, at: number): number {
  return ((b[at + MAGIC_AT] as number) << 24) >> 24;
}

/** The checksum as the header has it, unsigned. */
export function batchCrc(b: Uint8Array, at: number): number {
  return int32At(b, at + CRC_AT) >>> 0;
}

/** The checksum as the bytes have it; the whole batch must be there. */
export function computeBatchCrc(b: Uint8Array, at: number): number {
  return crc32c(b, at + CRC_COVERS_FROM, at + batchSizeInBytes(b, at));
}

export function batchAttributes(b: Uint8Array, at: number): number {
  return int16At(b, at + ATTRIBUTES_AT);
}

/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 mean nothing. */
export function batchCompression(b: Uint8Array, at: number): number {
  return batchAttributes(b, at) & ATTRIBUTE_COMPRESSION;
}

export function batchIsLogAppendTime(b: Uint8Array, at: number): boolean {
  return (batchAttributes(b, at) & ATTRIBUTE_LOG_APPEND_TIME) !== 0;
}

export function batchIsTransactional(b: Uint8Array, at: number): boolean {
  return (batchAttributes(b, at) & ATTRIBUTE_TRANSACTIONAL) !== 0;
}

export function batchIsControl(b: Uint8Array, at: number): boolean {
  return (batchAttributes(b, at) & ATTRIBUTE_CONTROL) !== 0;
}

/** True when the base timestamp is the delete horizon of a compacted batch (KIP-534). */
export function batchHasDeleteHorizon(b: Uint8Array, at: number): boolean {
  return (batchAttributes(b, at) & ATTRIBUTE_DELETE_HORIZON) !== 0;
}

export function batchLastOffsetDelta(b: Uint8Array, at: number): number {
  return int32At(b, at + LAST_OFFSET_DELTA_AT);
}

export function batchLastOffset(b: Uint8Array, at: number): number {
  return batchBaseOffset(b, at) + batchLastOffsetDelta(b, at);
}

export function batchBaseTimestamp(b: Uint8Array, at: number): number {
  return int64At(b, at + BASE_TIMESTAMP_AT);
}

export function batchMaxTimestamp(b: Uint8Array, at: number): number {
  return int64At(b, at + MAX_TIMESTAMP_AT);
}

/** -1: the producer is not idempotent. */
export function batchProducerId(b: Uint8Array, at: number): number {
  return int64At(b, at + PRODUCER_ID_AT);
}

export function batchProducerEpoch(b: Uint8Array, at: number): number {
  return int16At(b, at + PRODUCER_EPOCH_AT);
}

export function batchBaseSequence(b: Uint8Array, at: number): number {
  return int32At(b, at + BASE_SEQUENCE_AT);
}

/** Sequence of the last record; wraps to 0 after 2^31 - 1 (DefaultRecordBatch.incrementSequence). */
export function batchLastSequence(b: Uint8Array, at: number): number {
  const base = batchBaseSequence(b, at);
  return base < 0 ? base : incrementSequence(base, batchLastOffsetDelta(b, at));
}

export function incrementSequence(sequence: number, by: number): number {
  const next = sequence + by;
  return next > 0x7fffffff ? next - 0x80000000 : next;
}

export function batchRecordCount(b: Uint8Array, at: number): number {
  return int32At(b, at + RECORD_COUNT_AT);
}

export function setBaseOffset(b: Uint8Array, at: number, offset: number): void {
  setInt64(b, at, offset);
}

export function setPartitionLeaderEpoch(b: Uint8Array, at: number, epoch: number): void {
  setInt32(b, at + LEADER_EPOCH_AT, epoch);
}

/** Corrects the largest timestamp, and the checksum with it (DefaultRecordBatch.setMaxTimestamp). */
export function setMaxTimestamp(b: Uint8Array, at: number, timestampMs: number): void {
  setInt64(b, at + MAX_TIMESTAMP_AT, timestampMs);
  setBatchCrc(b, at);
}

/** Stamps the batch with the log's clock, and its checksum anew (message.timestamp.type). */
export function setLogAppendTime(b: Uint8Array, at: number, timestampMs: number): void {
  setInt16(b, at + ATTRIBUTES_AT, batchAttributes(b, at) | ATTRIBUTE_LOG_APPEND_TIME);
  setInt64(b, at + MAX_TIMESTAMP_AT, timestampMs);
  setBatchCrc(b, at);
}

/** Makes the checksum that of the bytes, after a change behind it. */
export function setBatchCrc(b: Uint8Array, at: number): void {
  setInt32(b, at + CRC_AT, computeBatchCrc(b, at));
}

/** The records of the batch, compressed or not, as a view. */
export function batchPayload(b: Uint8Array, at: number): Uint8Array {
  return b.subarray(at + RECORD_BATCH_HEADER_BYTES, at + batchSizeInBytes(b, at));
}

/**
 * Positions of the whole batches in `bytes[start, end)`, one after the other. A last batch that is
 * cut off is left out: brokers may cut a fetch anywhere. Throws ProtocolError for a length that no
 * batch can have.
 */
export function* iterateBatches(
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): Generator<number, void, undefined> {
  let at = start;
  while (end - at > MAGIC_AT) {
    const length = batchLength(bytes, at);
    const smallest =
      batchMagic(bytes, at) < MAGIC_V2
        ? LEGACY_BYTES_MIN
        : RECORD_BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES;
    if (length < smallest) {
      throw new ProtocolError(
        `the batch at byte ${at} claims a length of ${length}, the smallest is ${smallest}`,
      );
    }
    if (length > end - at - BATCH_PREFIX_BYTES) return;
    yield at;
    at += BATCH_PREFIX_BYTES + length;
  }
}

function int16At(b: Uint8Array, at: number): number {
  return (((b[at] as number) << 24) >> 16) | (b[at + 1] as number);
}

function int32At(b: Uint8Array, at: number): number {
  return (
    ((b[at] as number) << 24) |
    ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) |
    (b[at + 3] as number)
  );
}

function int64At(b: Uint8Array, at: number): number {
  return int32At(b, at) * TWO_32 + (int32At(b, at + 4) >>> 0);
}

export function setInt16(b: Uint8Array, at: number, value: number): void {
  b[at] = value >> 8;
  b[at + 1] = value;
}

export function setInt32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >> 24;
  b[at + 1] = value >> 16;
  b[at + 2] = value >> 8;
  b[at + 3] = value;
}

export function setInt64(b: Uint8Array, at: number, value: number): void {
  setInt32(b, at, Math.floor(value / TWO_32));
  setInt32(b, at + 4, value);
}
