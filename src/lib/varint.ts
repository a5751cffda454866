/**
 * Sizes and writing of Kafka's variable-length integers (ByteUtils): 7 bits a byte, low bits first;
 * the signed ones zig-zag. Reading is a cursor's work: see protocol/reader and record-batch.
 */

const TWO_27 = 2 ** 27;
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
  let rest = magnitude(value);
  let size = 1;
  // The lowest byte holds 6 bits of magnitude and the sign, the others 7 bits.
  for (rest = Math.floor(rest / 64); rest > 0 && size < 10; rest = Math.floor(rest / 128))
    size += 1;
  return size;
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
  const sign = value < 0 ? 1 : 0;
  let rest = magnitude(value);
  let to = at;
  let group = (rest % 64) * 2 + sign;
  rest = Math.floor(rest / 64);
  while (rest > 0 && to - at < 9) {
    target[to++] = group | 0x80;
    group = rest % 128;
    rest = Math.floor(rest / 128);
  }
  target[to++] = group;
  return to;
}

/** What zig-zag stores beside the sign: n for n >= 0, -n - 1 for n < 0; at most 2^63 - 1. */
function magnitude(value: number): number {
  return value < 0 ? -(value + 1) : value;
}

/**
 * The signed value of a zig-zag varlong that came in pieces of 28, 28 and 8 bits, lowest first.
 * Beyond 2^53 it is the nearest double.
 */
export function joinVarlong(low: number, middle: number, high: number): number {
  const magnitudeBits = (low >>> 1) + middle * TWO_27 + high * TWO_55;
  return (low & 1) === 0 ? magnitudeBits : -magnitudeBits - 1;
}
