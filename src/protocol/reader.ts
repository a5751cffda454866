/**
 * A cursor over the bytes of one message. Every read checks what is left first, and throws
 * ProtocolError; nothing is allocated before its length was seen to be there.
 */
import { EMPTY_BYTES, utf8DecodeRange } from "../lib/bytes.ts";
import { UUID_BYTES, uuidFromBytes, ZERO_UUID } from "../lib/uuid.ts";
import { ProtocolError } from "./errors.ts";

/**
 * Structs, strings and byte strings that the arrays of one message may hold: a frame of three-byte
 * elements must not become gigabytes of objects.
 */
export const ARRAY_ELEMENTS_MAX = 1_000_000;

/** Kafka's bound on a string, in both encodings. */
export const STRING_BYTES_MAX = 0x7fff;

const TWO_32 = 2 ** 32;

const float64 = new Float64Array(1);
const float64Bytes = new Uint8Array(float64.buffer);

export class Reader {
  readonly bytes: Uint8Array;
  /** Where the next read begins. */
  position: number;
  /** Where the message ends; lowered while a tagged field is read. */
  end: number;
  #elementsLeft = ARRAY_ELEMENTS_MAX;

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes;
    this.position = offset;
    this.end = bytes.length;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Moves past `count` bytes and returns where they begin. */
  take(count: number): number {
    const at = this.position;
    if (count > this.end - at) throw this.#short(count);
    this.position = at + count;
    return at;
  }

  int8(): number {
    return ((this.bytes[this.take(1)] as number) << 24) >> 24;
  }

  bool(): boolean {
    return this.bytes[this.take(1)] !== 0;
  }

  int16(): number {
    const at = this.take(2);
    const { bytes } = this;
    return (((bytes[at] as number) << 24) >> 16) | (bytes[at + 1] as number);
  }

  uint16(): number {
    return this.int16() & 0xffff;
  }

  int32(): number {
    return this.#int32At(this.take(4));
  }

  /** Beyond 2^53 the nearest double. */
  int64(): number {
    const at = this.take(8);
    return this.#int32At(at) * TWO_32 + (this.#int32At(at + 4) >>> 0);
  }

  float64(): number {
    const at = this.take(8);
    for (let i = 0; i < 8; i++) float64Bytes[7 - i] = this.bytes[at + i] as number;
    return float64[0] as number;
  }

  #int32At(at: number): number {
    const { bytes } = this;
    return (
      ((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    );
  }

  /** At most five bytes; 0 to 2^32 - 1. */
  unsignedVarint(): number {
    const first = this.bytes[this.take(1)] as number;
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift <= 28; shift += 7) {
      const byte = this.bytes[this.take(1)] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new ProtocolError(`the varint before byte ${this.position} has more than 5 bytes`);
  }

  uuid(): string {
    const at = this.take(UUID_BYTES);
    const { bytes } = this;
    // Most ids that are not ids are zero: spare them the conversion.
    if (bytes[at] === 0 && bytes[at + 1] === 0 && isZero(bytes, at + 2, at + UUID_BYTES)) {
      return ZERO_UUID;
    }
    return uuidFromBytes(bytes, at);
  }

  /** A string of int16 length; null for a negative one. */
  string(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.text(length);
  }

  /** A string whose length plus one is an unsigned varint; null for zero. */
  compactString(): string | null {
    const length = this.unsignedVarint() - 1;
    if (length > STRING_BYTES_MAX) {
      throw new ProtocolError(
        `a string of ${length} bytes at byte ${this.position}: the limit is ${STRING_BYTES_MAX}`,
      );
    }
    return length < 0 ? null : this.text(length);
  }

  /** `length` bytes of UTF-8. */
  text(length: number): string {
    const at = this.take(length);
    return utf8DecodeRange(this.bytes, at, at + length);
  }

  /** Bytes of int32 length, as a view and not a copy; null for a negative length. */
  byteString(): Uint8Array | null {
    const length = this.int32();
    return length < 0 ? null : this.view(length);
  }

  /** Bytes whose length plus one is an unsigned varint, as a view; null for zero. */
  compactByteString(): Uint8Array | null {
    const length = this.unsignedVarint() - 1;
    return length < 0 ? null : this.view(length);
  }

  /** The next `length` bytes, not copied. */
  view(length: number): Uint8Array {
    const at = this.take(length);
    return length === 0 ? EMPTY_BYTES : this.bytes.subarray(at, at + length);
  }

  /** Elements of an array of int32 length, each of at least `minBytes`; -1 for a null array. */
  arrayLength(minBytes: number): number {
    return this.#checkedLength(this.int32(), minBytes);
  }

  compactArrayLength(minBytes: number): number {
    return this.#checkedLength(this.unsignedVarint() - 1, minBytes);
  }

  #checkedLength(length: number, minBytes: number): number {
    if (length < 0) return -1;
    if (length * minBytes > this.remaining) {
      throw new ProtocolError(
        `an array of ${length} elements at byte ${this.position} needs ${length * minBytes} bytes or more, ` +
          `${this.remaining} are left`,
      );
    }
    return length;
  }

  /** Counts objects that are about to be made against what one message may ask for. */
  spendElements(count: number): void {
    this.#elementsLeft -= count;
    if (this.#elementsLeft < 0) {
      throw new ProtocolError(
        `the message has more than ${ARRAY_ELEMENTS_MAX} array elements by byte ${this.position}`,
      );
    }
  }

  #short(count: number): ProtocolError {
    return new ProtocolError(
      `${count} bytes are needed at byte ${this.position}, ${this.remaining} are left`,
    );
  }
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}
