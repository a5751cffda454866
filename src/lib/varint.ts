/**
 * Sizes and writing of Kafka's variable-length integers (ByteUtils): 7 bits a byte, low bits first;
 * the signed ones zig-zag. Reading is a cursor's work: see protocol/reader and record-batch.
 */

const TWO_27 = 2 ** 27;
const TWO_32 = 2 ** 32;
const TWO_55 = 2 ** 55;

/** Bytes of an unsigned varint, 1 to 5. */
export function sizeOfUnsignedVarint(value: number): number {
  const bits = 32 - Math.clz32(value);
  return bits <= 7 ? 1 : Math.ceil(bits / 7);
}

/** Bytes of a zig-zag varint (int32), 1 to 5. */
export function sizeOfVarint(value: number): number {
  return sizeOfUnsignedVarint((value << 1) ^ (value >> 31));
}

/** Bytes of a zig-zag varlong (int64 in a double), 1 to 10. */
export function sizeOfVarlong(value: number): number {
  if (value === (value | 0)) return sizeOfVarint(value);
  const high = zigZagHigh(value);
  return high === 0
    ? sizeOfUnsignedVarint(zigZagLow(value))
    : Math.ceil((64 - Math.clz32(high)) / 7);
}

/** Writes at `at`, returns where it ends. */
export function writeUnsignedVarint(value: number, target: Uint8Array, at: number): number {
  let rest = value >>> 0;
  let to = at;
  while (rest > 0x7f) {
    target[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[to++] = rest;
  return to;
}

export function writeVarint(value: number, target: Uint8Array, at: number): number {
  return writeUnsignedVarint((value << 1) ^ (value >> 31), target, at);
}

export function writeVarlong(value: number, target: Uint8Array, at: number): number {
  if (value === (value | 0)) return writeVarint(value, target, at);
  let low = zigZagLow(value);
  let high = zigZagHigh(value);
  let to = at;
  while (high !== 0) {
    target[to++] = (low & 0x7f) | 0x80;
    low = (low >>> 7) | (high << 25);
    high >>>= 7;
  }
  return writeUnsignedVarint(low, target, to);
}

/** The lower half of the zig-zag form, in 32 bits. */
function zigZagLow(value: number): number {
  return (value << 1) ^ (value < 0 ? -1 : 0);
}

/** The upper half of the zig-zag form, in 32 bits. */
function zigZagHigh(value: number): number {
  const high = Math.floor(value / TWO_32);
  return ((high << 1) | ((value | 0) >>> 31)) ^ (value < 0 ? -1 : 0);
}

/**
 * The signed value of a zig-zag varlong that came in pieces of 28, 28 and 8 bits, lowest first.
 * Beyond 2^53 it is the nearest double.
 */
export function joinVarlong(low: number, middle: number, high: number): number {
  const magnitudeBits = (low >>> 1) + middle * TWO_27 + high * TWO_55;
  return (low & 1) === 0 ? magnitudeBits : -magnitudeBits - 1;
}
