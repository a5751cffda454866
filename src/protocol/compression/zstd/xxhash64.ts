import { readI32 } from "../little-endian.ts";

/** A 64-bit word: high and low int32. BigInt would be an order of magnitude slower. */
type Word = readonly [number, number];

const P1: Word = [0x9e3779b1 | 0, 0x85ebca87 | 0];
const P2: Word = [0xc2b2ae3d | 0, 0x27d4eb4f];
const P3: Word = [0x165667b1, 0x9e3779f9 | 0];
const P4: Word = [0x85ebca77 | 0, 0xc2b2ae63 | 0];
const P5: Word = [0x27d4eb2f, 0x165667c5];
const ZERO: Word = [0, 0];

function add(a: Word, b: Word): Word {
  const low = (a[1] >>> 0) + (b[1] >>> 0);
  return [(a[0] + b[0] + (low > 0xffffffff ? 1 : 0)) | 0, low | 0];
}

function mul(a: Word, b: Word): Word {
  const a0 = a[1] & 0xffff;
  const a1 = a[1] >>> 16;
  const b0 = b[1] & 0xffff;
  const b1 = b[1] >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carried = (middle & 0xffff) + a0 * b1;
  const high = a1 * b1 + Math.floor(middle / 65536) + Math.floor(carried / 65536);
  return [(Math.imul(a[0], b[1]) + Math.imul(a[1], b[0]) + high) | 0, Math.imul(a[1], b[1])];
}

const xor = (a: Word, b: Word): Word => [a[0] ^ b[0], a[1] ^ b[1]];
const read = (bytes: Uint8Array, at: number): Word => [readI32(bytes, at + 4), readI32(bytes, at)];

function rotl(a: Word, by: number): Word {
  const [high, low] = by >= 32 ? [a[1], a[0]] : a;
  const r = by & 31;
  if (r === 0) return [high, low];
  return [(high << r) | (low >>> (32 - r)), (low << r) | (high >>> (32 - r))];
}

function shiftRight(a: Word, by: number): Word {
  return by >= 32 ? [0, a[0] >>> (by - 32)] : [a[0] >>> by, (a[1] >>> by) | (a[0] << (32 - by))];
}

const round = (lane: Word, input: Word) => mul(rotl(add(lane, mul(input, P2)), 31), P1);

/** xxHash64, seed 0, of bytes[start, end): its low 32 bits, unsigned, which a zstd frame keeps. */
export function xxhash64Low(bytes: Uint8Array, start: number, end: number): number {
  const size = end - start;
  let at = start;
  let h = P5;
  if (size >= 32) {
    let a = add(P1, P2);
    let b = P2;
    let c = ZERO;
    let d: Word = [~P1[0], -P1[1] | 0];
    for (; at + 32 <= end; at += 32) {
      a = round(a, read(bytes, at));
      b = round(b, read(bytes, at + 8));
      c = round(c, read(bytes, at + 16));
      d = round(d, read(bytes, at + 24));
    }
    h = add(add(rotl(a, 1), rotl(b, 7)), add(rotl(c, 12), rotl(d, 18)));
    for (const lane of [a, b, c, d]) h = add(mul(xor(h, round(ZERO, lane)), P1), P4);
  }
  h = add(h, [0, size | 0]);
  for (; at + 8 <= end; at += 8) {
    h = add(mul(rotl(xor(h, round(ZERO, read(bytes, at))), 27), P1), P4);
  }
  if (at + 4 <= end) {
    h = add(mul(rotl(xor(h, mul([0, readI32(bytes, at)], P1)), 23), P2), P3);
    at += 4;
  }
  for (; at < end; at++) h = mul(rotl(xor(h, mul([0, bytes[at] as number], P5)), 11), P1);
  h = mul(xor(h, shiftRight(h, 33)), P2);
  h = mul(xor(h, shiftRight(h, 29)), P3);
  return (h[1] ^ h[0]) >>> 0;
}
