import { utf8DecodeRange, utf8Length, utf8Write } from "../lib/bytes.ts";
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from "../lib/varint.ts";
import {
  BATCH_PREFIX_BYTES,
  type KafkaHeader,
  type KafkaRecord,
  MAGIC_V2,
  RECORD_BATCH_HEADER_BYTES,
  setBatchCrc,
  setInt16,
  setInt32,
  setInt64,
  walkHeaders,
  walkRecords,
} from "../protocol/record-batch.ts";

/** A record as it goes into a batch. */
export interface BuilderRecord {
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
}

export interface BatchIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

export const NO_IDENTITY: BatchIdentity = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

export interface BatchCompression {
  readonly codec: number;
  readonly compress: (codec: number, bytes: Uint8Array) => Uint8Array;
}

/**
 * A record batch that grows record by record, its size known to the byte at any time
 * (Kafka's MemoryRecordsBuilder). What is appended is copied at once.
 */
export class BatchBuilder {
  #bytes: Uint8Array;
  #end = RECORD_BATCH_HEADER_BYTES;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;
  #maxRecordBytes = 0;
  /** The batch with its records compressed, made once: a retry only changes the header. */
  #built: Uint8Array | null = null;

  constructor(expectedBytes: number) {
    this.#bytes = new Uint8Array(Math.max(expectedBytes, RECORD_BATCH_HEADER_BYTES));
  }

  get count(): number {
    return this.#count;
  }

  /** Header included, before compression. */
  get sizeInBytes(): number {
    return this.#end;
  }

  get maxRecordBytes(): number {
    return this.#maxRecordBytes;
  }

  /** What the record would add to sizeInBytes. */
  recordBytes(record: BuilderRecord): number {
    const body = this.#bodyBytes(record);
    return sizeOfVarint(body) + body;
  }

  append(record: BuilderRecord): void {
    const body = this.#bodyBytes(record);
    const size = sizeOfVarint(body) + body;
    this.#reserve(size);
    if (this.#count === 0) {
      this.#baseTimestamp = record.timestamp;
      this.#maxTimestamp = record.timestamp;
    }
    const bytes = this.#bytes;
    let at = writeVarint(body, bytes, this.#end);
    bytes[at++] = 0;
    at = writeVarlong(record.timestamp - this.#baseTimestamp, bytes, at);
    at = writeVarint(this.#count, bytes, at);
    at = writeNullable(record.key, bytes, at);
    at = writeNullable(record.value, bytes, at);
    at = writeVarint(record.headers.length, bytes, at);
    for (const { key, value } of record.headers) {
      at = writeVarint(utf8Length(key), bytes, at);
      at = utf8Write(key, bytes, at);
      at = writeNullable(value, bytes, at);
    }
    this.#end = at;
    this.#count++;
    this.#maxTimestamp = Math.max(this.#maxTimestamp, record.timestamp);
    this.#maxRecordBytes = Math.max(this.#maxRecordBytes, size);
  }

  #bodyBytes(record: BuilderRecord): number {
    const { timestamp, key, value, headers } = record;
    let size =
      1 +
      (this.#count === 0 ? 1 : sizeOfVarlong(timestamp - this.#baseTimestamp)) +
      sizeOfVarint(this.#count) +
      sizeOfNullable(key) +
      sizeOfNullable(value) +
      sizeOfVarint(headers.length);
    for (const header of headers) {
      const keyBytes = utf8Length(header.key);
      size += sizeOfVarint(keyBytes) + keyBytes + sizeOfNullable(header.value);
    }
    return size;
  }

  #reserve(count: number): void {
    const needed = this.#end + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
  }

  /**
   * The whole batch with its checksum. The array is the builder's own: good until the next call.
   */
  build(identity: BatchIdentity, compression: BatchCompression): Uint8Array {
    const batch = this.#built ?? this.#compressed(compression);
    this.#built = batch;
    setInt64(batch, 43, identity.producerId);
    setInt16(batch, 51, identity.producerEpoch);
    setInt32(batch, 53, identity.baseSequence);
    setBatchCrc(batch, 0);
    return batch;
  }

  #compressed({ codec, compress }: BatchCompression): Uint8Array {
    let batch = this.#bytes.subarray(0, this.#end);
    if (codec !== 0) {
      const payload = compress(codec, batch.subarray(RECORD_BATCH_HEADER_BYTES));
      batch = new Uint8Array(RECORD_BATCH_HEADER_BYTES + payload.length);
      batch.set(payload, RECORD_BATCH_HEADER_BYTES);
    }
    setInt64(batch, 0, 0);
    setInt32(batch, 8, batch.length - BATCH_PREFIX_BYTES);
    setInt32(batch, 12, -1);
    batch[16] = MAGIC_V2;
    setInt16(batch, 21, codec);
    setInt32(batch, 23, this.#count - 1);
    setInt64(batch, 27, this.#baseTimestamp);
    setInt64(batch, 35, this.#maxTimestamp);
    setInt32(batch, 57, this.#count);
    return batch;
  }

  /** What was appended, for another attempt in smaller batches. */
  records(): KafkaRecord[] {
    const payload = this.#bytes.subarray(RECORD_BATCH_HEADER_BYTES, this.#end);
    const view = (at: number, length: number) =>
      length < 0 ? null : payload.subarray(at, at + length);
    const records: KafkaRecord[] = [];
    const baseTimestamp = this.#baseTimestamp;
    walkRecords(payload, this.#count, {
      record(offset, timestamp, keyAt, keyLength, valueAt, valueLength, headersAt, headerCount) {
        const headers: KafkaHeader[] = [];
        walkHeaders(payload, headersAt, headerCount, {
          header(at, length, itsValueAt, itsValueLength) {
            const key = utf8DecodeRange(payload, at, at + length);
            headers.push({ key, value: view(itsValueAt, itsValueLength) });
          },
        });
        records.push({
          offset,
          timestamp: baseTimestamp + timestamp,
          key: view(keyAt, keyLength),
          value: view(valueAt, valueLength),
          headers,
        });
      },
    });
    return records;
  }
}

/** What a record takes in a batch of its own, header included. */
export function soloBatchBytes(record: BuilderRecord): number {
  return RECORD_BATCH_HEADER_BYTES + new BatchBuilder(0).recordBytes(record);
}

function sizeOfNullable(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;
}

function writeNullable(bytes: Uint8Array | null, target: Uint8Array, start: number): number {
  if (bytes === null) return writeVarint(-1, target, start);
  const at = writeVarint(bytes.length, target, start);
  target.set(bytes, at);
  return at + bytes.length;
}
