/**
 * The records inside a batch, walked without an object each. Checks what Kafka checks when it reads
 * them (org.apache.kafka.common.record.DefaultRecord.readFrom, DefaultRecordBatch.RecordIterator);
 * what the numbers must be is the validator's matter.
 */
import { joinVarlong } from "../lib/varint.ts";
import { ProtocolError } from "./errors.ts";

export interface RecordVisitor {
  /**
   * Called once a record, with numbers only. Positions are in the payload; a length of -1 is null.
   * `size` is the whole record with its length prefix. The headers, `headerCount` of them, begin at
   * `headersAt`: see `walkHeaders`. Returning false ends the walk.
   */
  record(
    offsetDelta: number,
    timestampDelta: number,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
    headersAt: number,
    headerCount: number,
    size: number,
  ): unknown;
}

export interface HeaderVisitor {
  /** Positions are in the payload; a value length of -1 is null. */
  header(keyAt: number, keyLength: number, valueAt: number, valueLength: number): unknown;
}

/**
 * Visits `count` records of an uncompressed payload and returns how many it visited. Throws
 * ProtocolError when a record is not whole, is not used up by its fields, or when bytes are left
 * after the last. A record is visited only after all of it was checked.
 */
export function walkRecords(payload: Uint8Array, count: number, visitor: RecordVisitor): number {
  if (count < 0) throw new ProtocolError(`the batch claims ${count} records`);
  const cursor = new Cursor(payload);
  for (let index = 0; index < count; index++) {
    if (visitRecord(cursor, index, visitor) === false) return index + 1;
  }
  if (cursor.at !== payload.length) {
    throw new ProtocolError(
      `${payload.length - cursor.at} bytes are left over after the ${count} records that the batch claims`,
    );
  }
  return count;
}

function visitRecord(cursor: Cursor, index: number, visitor: RecordVisitor): unknown {
  const start = cursor.at;
  cursor.end = cursor.bytes.length;
  const length = cursor.varint();
  const end = cursor.at + length;
  if (length < 0 || end > cursor.end) throw recordError(index, `claims ${length} bytes`, cursor);
  cursor.end = end;
  cursor.skip(1);
  const timestampDelta = cursor.varlong();
  const offsetDelta = cursor.varint();
  const keyLength = cursor.varint();
  const keyAt = cursor.at;
  cursor.skip(keyLength);
  const valueLength = cursor.varint();
  const valueAt = cursor.at;
  cursor.skip(valueLength);
  const headerCount = cursor.varint();
  const headersAt = cursor.at;
  if (headerCount !== 0) skipHeaders(cursor, headerCount, index);
  if (cursor.at !== end)
    throw recordError(index, `does not use all of its ${length} bytes`, cursor);
  return visitor.record(
    offsetDelta,
    timestampDelta,
    keyAt,
    keyLength < 0 ? -1 : keyLength,
    valueAt,
    valueLength < 0 ? -1 : valueLength,
    headersAt,
    headerCount,
    end - start,
  );
}

function skipHeaders(cursor: Cursor, count: number, index: number): void {
  if (count < 0 || count > cursor.end - cursor.at) {
    throw recordError(index, `claims ${count} headers`, cursor);
  }
  for (let i = 0; i < count; i++) {
    const keyLength = cursor.varint();
    if (keyLength < 0) throw recordError(index, `has a header without a key`, cursor);
    cursor.skip(keyLength);
    cursor.skip(cursor.varint());
  }
}

function recordError(index: number, what: string, cursor: Cursor): ProtocolError {
  return new ProtocolError(`record ${index} of the batch ${what}, at byte ${cursor.at}`);
}

/** Visits the headers of a record that `walkRecords` has checked. */
export function walkHeaders(
  payload: Uint8Array,
  headersAt: number,
  headerCount: number,
  visitor: HeaderVisitor,
): void {
  const cursor = new Cursor(payload);
  cursor.at = headersAt;
  for (let i = 0; i < headerCount; i++) {
    const keyLength = cursor.varint();
    const keyAt = cursor.at;
    cursor.skip(keyLength);
    const valueLength = cursor.varint();
    const valueAt = cursor.at;
    cursor.skip(valueLength);
    visitor.header(keyAt, keyLength, valueAt, valueLength < 0 ? -1 : valueLength);
  }
}

/** One for a whole walk: the only thing that is allocated. */
class Cursor {
  readonly bytes: Uint8Array;
  at = 0;
  end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** A length below zero is null and has no bytes. */
  skip(length: number): void {
    if (length <= 0) return;
    if (length > this.end - this.at) throw this.#short(length);
    this.at += length;
  }

  varint(): number {
    const { at } = this;
    // Most are one byte: small deltas, short keys, few headers.
    const first = at < this.end ? (this.bytes[at] as number) : 0x80;
    if (first < 0x80) {
      this.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const raw = this.#unsigned();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** Up to 32 bits, five bytes. */
  #unsigned(): number {
    const { bytes } = this;
    let at = this.at;
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      if (at >= this.end) throw this.#short(1);
      const byte = bytes[at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.at = at;
        return value;
      }
    }
    throw new ProtocolError(`the varint at byte ${this.at} has more than 5 bytes`);
  }

  /** Up to 64 bits, ten bytes, in pieces of 28, 28 and 8 bits. */
  varlong(): number {
    const low = this.#piece(28);
    if (low >= 0) return (low >>> 1) ^ -(low & 1);
    const middle = this.#piece(28);
    if (middle >= 0) return joinVarlong(low & PIECE, middle, 0);
    const high = this.#piece(14);
    if (high < 0)
      throw new ProtocolError(`the varlong before byte ${this.at} has more than 10 bytes`);
    return joinVarlong(low & PIECE, middle & PIECE, high & 0xff);
  }

  /** Up to `bits` bits of a varlong; the sign bit says that more bytes follow. */
  #piece(bits: number): number {
    let value = 0;
    for (let shift = 0; shift < bits; shift += 7) {
      if (this.at >= this.end) throw this.#short(1);
      const byte = this.bytes[this.at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return value | MORE;
  }

  #short(length: number): ProtocolError {
    return new ProtocolError(
      `a record needs ${length} bytes at byte ${this.at} of the payload, it has ${this.end - this.at}`,
    );
  }
}

const PIECE = 2 ** 28 - 1;
const MORE = 1 << 31;
