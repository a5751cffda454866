/**
 * Collects the bytes of one message. Small values go into a growing buffer; long byte strings
 * (record batches, mostly) are kept by reference, so that they are copied once, by `finish`.
 */
import { concatBytes, utf8Length, utf8Write } from "../lib/bytes.ts";
import { UUID_BYTES, uuidWrite } from "../lib/uuid.ts";
import { writeUnsignedVarint } from "../lib/varint.ts";
import { ProtocolError } from "./errors.ts";
import { STRING_BYTES_MAX } from "./reader.ts";

/** From this size on a byte string is kept by reference: its owner must not change it. */
export const BY_REFERENCE_BYTES_MIN = 1_024;

const FIRST_BUFFER_BYTES = 256;
const BUFFER_BYTES_MAX = 65_536;
const VARINT_BYTES_MAX = 5;
const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;

const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);

export class Writer {
  #buffer: Uint8Array;
  /** Where the bytes of the buffer begin that `#parts` does not have yet. */
  #start = 0;
  #position = 0;
  #parts: Uint8Array[] = [];
  #partsLength = 0;

  constructor(buffer: Uint8Array = new Uint8Array(FIRST_BUFFER_BYTES)) {
    this.#buffer = buffer;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#partsLength + this.#position - this.#start;
  }

  /** Makes room for `count` bytes and returns where they begin. */
  #take(count: number): number {
    if (this.#position + count > this.#buffer.length) this.#grow(count);
    const at = this.#position;
    this.#position = at + count;
    return at;
  }

  #grow(count: number): void {
    this.#seal();
    const doubled = Math.min(this.#buffer.length * 2, BUFFER_BYTES_MAX);
    this.#buffer = new Uint8Array(Math.max(doubled, count));
    this.#start = 0;
    this.#position = 0;
  }

  /** Moves what the buffer has into the list of parts; the rest of the buffer is used on. */
  #seal(): void {
    if (this.#position === this.#start) return;
    this.#parts.push(this.#buffer.subarray(this.#start, this.#position));
    this.#partsLength += this.#position - this.#start;
    this.#start = this.#position;
  }

  int8(value: number): void {
    // First the room, then the buffer: taking room may change which buffer it is.
    const at = this.#take(1);
    this.#buffer[at] = value;
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int16(value: number): void {
    const at = this.#take(2);
    const buffer = this.#buffer;
    buffer[at] = value >> 8;
    buffer[at + 1] = value;
  }

  int32(value: number): void {
    this.#int32At(this.#take(4), value);
  }

  /** Saturates outside the range of int64, where doubles have no exact neighbour. */
  int64(value: number): void {
    const at = this.#take(8);
    if (value >= TWO_63) {
      this.#int32At(at, 0x7fffffff);
      this.#int32At(at + 4, -1);
    } else {
      this.#int32At(at, Math.max(Math.floor(value / TWO_32), -0x80000000));
      this.#int32At(at + 4, value < -TWO_63 ? 0 : value);
    }
  }

  float64(value: number): void {
    const at = this.#take(8);
    float64[0] = value;
    for (let i = 0; i < 8; i++) this.#buffer[at + i] = float64Bytes[7 - i] as number;
  }

  #int32At(at: number, value: number): void {
    const buffer = this.#buffer;
    buffer[at] = value >> 24;
    buffer[at + 1] = value >> 16;
    buffer[at + 2] = value >> 8;
    buffer[at + 3] = value;
  }

  unsignedVarint(value: number): void {
    if (value < 0x80) {
      this.int8(value);
      return;
    }
    const at = this.#take(VARINT_BYTES_MAX);
    this.#position = writeUnsignedVarint(value, this.#buffer, at);
  }

  uuid(value: string): void {
    const at = this.#take(UUID_BYTES);
    if (!uuidWrite(value, this.#buffer, at)) {
      throw new ProtocolError(`"${value}" is no topic id: 22 characters of base64url are needed`);
    }
  }

  string(value: string | null): void {
    if (value === null) {
      this.int16(-1);
      return;
    }
    const length = checkedUtf8Length(value);
    this.int16(length);
    this.#text(value, length);
  }

  compactString(value: string | null): void {
    if (value === null) {
      this.unsignedVarint(0);
      return;
    }
    const length = checkedUtf8Length(value);
    this.unsignedVarint(length + 1);
    this.#text(value, length);
  }

  #text(value: string, length: number): void {
    const at = this.#take(length);
    utf8Write(value, this.#buffer, at);
  }

  byteString(value: Uint8Array | null): void {
    this.int32(value === null ? -1 : value.length);
    if (value !== null) this.raw(value);
  }

  compactByteString(value: Uint8Array | null): void {
    this.unsignedVarint(value === null ? 0 : value.length + 1);
    if (value !== null) this.raw(value);
  }

  /** The bytes themselves, without a length. */
  raw(bytes: Uint8Array): void {
    if (bytes.length >= BY_REFERENCE_BYTES_MIN) {
      this.#seal();
      this.#parts.push(bytes);
      this.#partsLength += bytes.length;
      return;
    }
    const at = this.#take(bytes.length);
    this.#buffer.set(bytes, at);
  }

  /** What another writer has, without a length. */
  append(other: Writer): void {
    for (const part of other.finishParts()) this.raw(part);
  }

  /** The message in one exact-size array of its own. */
  finish(): Uint8Array {
    if (this.#parts.length === 0) return this.#buffer.slice(this.#start, this.#position);
    this.#seal();
    return concatBytes(this.#parts);
  }

  /** The message in pieces, in order; some are views of what was written by reference. */
  finishParts(): Uint8Array[] {
    this.#seal();
    return this.#parts;
  }
}

function checkedUtf8Length(value: string): number {
  const length = utf8Length(value);
  if (length > STRING_BYTES_MAX) {
    throw new ProtocolError(
      `a string of ${length} bytes ("${value.slice(0, 32)}…") cannot be sent: the limit is ${STRING_BYTES_MAX}`,
    );
  }
  return length;
}
