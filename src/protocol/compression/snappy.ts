import { ProtocolError } from "../errors.ts";
import { readI32, readU16, readU24, readU32 } from "./little-endian.ts";
import { Sink } from "./sink.ts";

/**
 * Snappy, as Kafka carries it: written in the framing of snappy-java ("xerial"), which is what the
 * Java client writes; read in that framing and as one raw block, which other clients write.
 */

const XERIAL_MAGIC = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0);
const XERIAL_HEADER_BYTES = 16;
/** SnappyOutputStream's default block. */
const XERIAL_BLOCK_BYTES = 32 * 1024;
/** A copy of 64 bytes takes 3 bytes at best. */
const RATIO_MAX = 22;

export function snappyCompress(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / XERIAL_BLOCK_BYTES);
  const out = new Uint8Array(
    XERIAL_HEADER_BYTES + blocks * 4 + maxCompressedBytes(bytes.length) + blocks * 8,
  );
  const view = new DataView(out.buffer);
  out.set(XERIAL_MAGIC);
  view.setInt32(8, 1);
  view.setInt32(12, 1);
  let at = XERIAL_HEADER_BYTES;
  for (let from = 0; from < bytes.length; from += XERIAL_BLOCK_BYTES) {
    const end = compressRaw(
      bytes,
      from,
      Math.min(from + XERIAL_BLOCK_BYTES, bytes.length),
      out,
      at + 4,
    );
    view.setInt32(at, end - at - 4);
    at = end;
  }
  return out.slice(0, at);
}

export function snappyDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const sink = new Sink(0, maxBytes);
  if (!hasMagic(bytes, 0)) {
    decompressRaw(bytes, 0, bytes.length, sink);
    return sink.finish();
  }
  let at = 0;
  while (at < bytes.length) {
    // snappy-java lets streams be concatenated: a header may come again between blocks.
    if (hasMagic(bytes, at)) {
      if (at + XERIAL_HEADER_BYTES > bytes.length) throw bad("truncated");
      at += XERIAL_HEADER_BYTES;
      continue;
    }
    if (at + 4 > bytes.length) throw bad("truncated");
    const size = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getInt32(0);
    at += 4;
    if (size < 0 || size > bytes.length - at) throw bad(`a block of ${size} bytes`);
    decompressRaw(bytes, at, at + size, sink);
    at += size;
  }
  return sink.finish();
}

const bad = (what: string) => new ProtocolError(`corrupt snappy data: ${what}`);

function hasMagic(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < XERIAL_MAGIC.length; i++) {
    if (bytes[at + i] !== XERIAL_MAGIC[i]) return false;
  }
  return true;
}

/** Decodes the raw block bytes[at, end). */
function decompressRaw(bytes: Uint8Array, start: number, end: number, sink: Sink): void {
  let at = start;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw bad("length");
    const byte = bytes[at++] as number;
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (size > (end - at) * RATIO_MAX) throw bad("length");
  sink.reserve(size);
  const out = sink.bytes;
  const base = sink.length;
  const limit = base + size;
  let to = base;
  while (at < end) {
    const tag = bytes[at++] as number;
    if ((tag & 3) === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const width = length - 59;
        if (at + width > end) throw bad("truncated");
        length = readUint(bytes, at, width);
        at += width;
      }
      length++;
      if (length > end - at) throw bad("truncated");
      if (length > limit - to) throw bad("more than its length says");
      if (length < 16) for (let i = 0; i < length; i++) out[to + i] = bytes[at + i] as number;
      else out.set(bytes.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const kind = tag & 3;
    const width = kind === 3 ? 4 : kind;
    if (at + width > end) throw bad("truncated");
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const offset =
      kind === 1 ? ((tag >>> 5) << 8) | (bytes[at] as number) : readUint(bytes, at, width);
    at += width;
    if (offset === 0 || offset > to - base) throw bad("copies from before its start");
    if (length > limit - to) throw bad("more than its length says");
    for (const stop = to + length; to < stop; to++) out[to] = out[to - offset] as number;
  }
  if (to !== limit) throw bad("less than its length says");
  sink.length = to;
}

function readUint(bytes: Uint8Array, at: number, width: number): number {
  if (width === 1) return bytes[at] as number;
  if (width === 2) return readU16(bytes, at);
  return width === 3 ? readU24(bytes, at) : readU32(bytes, at);
}

const maxCompressedBytes = (size: number) => 32 + size + Math.ceil(size / 6);

const HASH_BITS = 14;
/** Position + 1 of the last four bytes with that hash, 0 = none; wiped for every block. */
const table = new Uint16Array(1 << HASH_BITS);
/** The last bytes of a block are not looked up: a match there would not pay. */
const MARGIN = 15;

/** Writes bytes[start, end), at most 32 KiB, as one raw block at out[to…]; returns its end. */
function compressRaw(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
): number {
  let at = writeVarint(out, to, end - start);
  table.fill(0);
  let literals = start;
  let pos = start;
  let misses = 32;
  while (pos < end - MARGIN) {
    const word = readI32(bytes, pos);
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = start + (table[slot] as number) - 1;
    table[slot] = pos - start + 1;
    if (candidate < start || readI32(bytes, candidate) !== word) {
      // What has not matched for long will not soon: stride on faster and faster.
      pos += misses++ >>> 5;
      continue;
    }
    misses = 32;
    let length = 4;
    while (pos + length < end && bytes[candidate + length] === bytes[pos + length]) length++;
    if (pos > literals) at = writeLiterals(bytes, literals, pos, out, at);
    at = writeCopies(out, at, pos - candidate, length);
    pos += length;
    literals = pos;
    if (pos < end - MARGIN) {
      const before = Math.imul(readI32(bytes, pos - 1), 0x1e35a7bd) >>> (32 - HASH_BITS);
      table[before] = pos - start;
    }
  }
  return literals < end ? writeLiterals(bytes, literals, end, out, at) : at;
}

function writeVarint(out: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) out[at++] = rest | 0x80;
  out[at++] = rest;
  return at;
}

function writeLiterals(
  bytes: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  start: number,
): number {
  const last = end - from - 1;
  let at = start;
  if (last < 60) {
    out[at++] = last << 2;
  } else if (last < 256) {
    out[at++] = 60 << 2;
    out[at++] = last;
  } else {
    out[at++] = 61 << 2;
    out[at++] = last;
    out[at++] = last >>> 8;
  }
  for (let i = from; i < end; i++) out[at++] = bytes[i] as number;
  return at;
}

function writeCopies(out: Uint8Array, start: number, offset: number, length: number): number {
  let at = start;
  let rest = length;
  // A copy shorter than four bytes has no short form: leave at least four for the last one.
  while (rest >= 68) {
    at = writeCopy(out, at, offset, 64);
    rest -= 64;
  }
  if (rest > 64) {
    at = writeCopy(out, at, offset, 60);
    rest -= 60;
  }
  return writeCopy(out, at, offset, rest);
}

function writeCopy(out: Uint8Array, at: number, offset: number, length: number): number {
  if (length < 12 && offset < 2048) {
    out[at] = 1 | ((length - 4) << 2) | ((offset >>> 8) << 5);
    out[at + 1] = offset;
    return at + 2;
  }
  out[at] = 2 | ((length - 1) << 2);
  out[at + 1] = offset;
  out[at + 2] = offset >>> 8;
  return at + 3;
}
