import { readI32 } from "./little-endian.ts";

const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;
const P4 = 0x27d4eb2f;
const P5 = 0x165667b1;

const rotl = (x: number, r: number) => (x << r) | (x >>> (32 - r));
const round = (acc: number, lane: number) =>
  Math.imul(rotl((acc + Math.imul(lane, P2)) | 0, 13), P1);

/** xxHash32 with seed 0 of bytes[start, end), unsigned: the checksums of LZ4 frames. */
export function xxhash32(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let h = P5;
  if (end - start >= 16) {
    let a = (P1 + P2) | 0;
    let b = P2 | 0;
    let c = 0;
    let d = -P1 | 0;
    for (; at + 16 <= end; at += 16) {
      a = round(a, readI32(bytes, at));
      b = round(b, readI32(bytes, at + 4));
      c = round(c, readI32(bytes, at + 8));
      d = round(d, readI32(bytes, at + 12));
    }
    h = (rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)) | 0;
  }
  h = (h + (end - start)) | 0;
  for (; at + 4 <= end; at += 4) {
    h = Math.imul(rotl((h + Math.imul(readI32(bytes, at), P3)) | 0, 17), P4);
  }
  for (; at < end; at++) h = Math.imul(rotl((h + Math.imul(bytes[at] as number, P5)) | 0, 11), P1);
  h = Math.imul(h ^ (h >>> 15), P2);
  h = Math.imul(h ^ (h >>> 13), P3);
  return (h ^ (h >>> 16)) >>> 0;
}
