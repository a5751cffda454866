import { ProtocolError } from "../errors.ts";
import { readI32, readU16, readU32, writeU32 } from "./little-endian.ts";
import { Sink } from "./sink.ts";
import { xxhash32 } from "./xxhash32.ts";

/**
 * LZ4 frames (lz4_Frame_format 1.6), as Kafka's Lz4BlockOutputStream writes them: independent
 * blocks of 64 KiB, no checksum but the header's (the batch has its own CRC). Reading takes every
 * frame that needs no dictionary, with linked blocks and with checksums, and several frames in a row.
 */

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES = 64 * 1024;
const UNCOMPRESSED = 0x80000000;
/** A run of 255 takes one byte at best. */
const RATIO_MAX = 255;

export function lz4Compress(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const out = new Uint8Array(7 + 4 + bytes.length + blocks * (4 + 16 + (BLOCK_BYTES >>> 7)));
  writeU32(out, 0, FRAME_MAGIC);
  out[4] = 0x60; // version 1, independent blocks
  out[5] = 0x40; // blocks of 64 KiB
  out[6] = xxhash32(out, 4, 6) >>> 8;
  let at = 7;
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
    const end = Math.min(from + BLOCK_BYTES, bytes.length);
    let size = compressBlock(bytes, from, end, out, at + 4) - at - 4;
    if (size >= end - from) {
      size = end - from;
      out.set(bytes.subarray(from, end), at + 4);
      writeU32(out, at, size | UNCOMPRESSED);
    } else {
      writeU32(out, at, size);
    }
    at += 4 + size;
  }
  writeU32(out, at, 0);
  return out.slice(0, at + 4);
}

export function lz4Decompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const sink = new Sink(bytes.length * 2, maxBytes);
  let at = 0;
  do {
    if (at + 4 > bytes.length) throw bad("truncated");
    const magic = readU32(bytes, at);
    if (magic === FRAME_MAGIC) {
      at = decompressFrame(bytes, at + 4, sink);
    } else if ((magic & 0xfffffff0) === SKIPPABLE_MAGIC) {
      if (at + 8 > bytes.length) throw bad("truncated");
      at += 8 + readU32(bytes, at + 4);
      if (at > bytes.length) throw bad("truncated");
    } else {
      throw bad("not an LZ4 frame");
    }
  } while (at < bytes.length);
  return sink.finish();
}

const bad = (what: string) => new ProtocolError(`corrupt lz4 data: ${what}`);

interface FrameHeader {
  readonly end: number;
  readonly blockBytesMax: number;
  readonly independentBlocks: boolean;
  readonly blockChecksums: boolean;
  readonly contentChecksum: boolean;
  /** Null when the frame does not say. */
  readonly contentBytes: number | null;
}

function readHeader(bytes: Uint8Array, start: number): FrameHeader {
  if (start + 3 > bytes.length) throw bad("truncated");
  const flags = bytes[start] as number;
  const sizes = bytes[start + 1] as number;
  if (flags >>> 6 !== 1 || flags & 2 || sizes & 0x8f) throw bad("a frame version that is unknown");
  if (flags & 1) throw bad("a dictionary is needed");
  const sizeCode = sizes >>> 4;
  if (sizeCode < 4) throw bad("block size");
  const hasSize = (flags & 8) !== 0;
  const end = start + 2 + (hasSize ? 8 : 0);
  if (end + 1 > bytes.length) throw bad("truncated");
  if (((xxhash32(bytes, start, end) >>> 8) & 0xff) !== bytes[end]) throw bad("header checksum");
  return {
    end: end + 1,
    blockBytesMax: 1 << (8 + 2 * sizeCode),
    independentBlocks: (flags & 0x20) !== 0,
    blockChecksums: (flags & 0x10) !== 0,
    contentChecksum: (flags & 4) !== 0,
    contentBytes: hasSize ? readU32(bytes, start + 2) + readU32(bytes, start + 6) * 2 ** 32 : null,
  };
}

function decompressFrame(bytes: Uint8Array, start: number, sink: Sink): number {
  const header = readHeader(bytes, start);
  const base = sink.length;
  let at = header.end;
  for (;;) {
    if (at + 4 > bytes.length) throw bad("truncated");
    const word = readU32(bytes, at);
    at += 4;
    if (word === 0) break;
    const size = word & 0x7fffffff;
    const checksumBytes = header.blockChecksums ? 4 : 0;
    if (size > header.blockBytesMax) throw bad(`a block of ${size} bytes`);
    if (size + checksumBytes > bytes.length - at) throw bad("truncated");
    if (checksumBytes && readU32(bytes, at + size) !== xxhash32(bytes, at, at + size)) {
      throw bad("block checksum");
    }
    if (word >= UNCOMPRESSED) {
      sink.append(bytes.subarray(at, at + size));
    } else {
      const history = header.independentBlocks ? sink.length : base;
      decompressBlock(bytes, at, at + size, sink, history, header.blockBytesMax);
    }
    at += size + checksumBytes;
  }
  if (header.contentBytes !== null && header.contentBytes !== sink.length - base) {
    throw bad("content size");
  }
  if (!header.contentChecksum) return at;
  if (at + 4 > bytes.length) throw bad("truncated");
  if (readU32(bytes, at) !== xxhash32(sink.bytes, base, sink.length)) throw bad("content checksum");
  return at + 4;
}

/** Decodes bytes[start, end); matches may reach back to `history` in the sink. */
function decompressBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  sink: Sink,
  history: number,
  blockBytesMax: number,
): void {
  const blockLimit = Math.min(blockBytesMax, (end - start) * RATIO_MAX);
  const room = sink.reserveUpTo(blockLimit);
  const limit = sink.length + room;
  const out = sink.bytes;
  const overflow = () => (room < blockLimit ? sink.tooLarge() : bad("a block too large"));
  let to = sink.length;
  let at = start;
  for (;;) {
    if (at >= end) throw bad("truncated");
    const token = bytes[at++] as number;
    let literals = token >>> 4;
    if (literals === 15) {
      for (let more = 255; more === 255; literals += more) {
        if (at >= end) throw bad("truncated");
        more = bytes[at++] as number;
      }
    }
    if (literals > end - at) throw bad("truncated");
    if (literals > limit - to) throw overflow();
    if (literals < 16) for (let i = 0; i < literals; i++) out[to + i] = bytes[at + i] as number;
    else out.set(bytes.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    if (at === end) break;

    if (at + 2 > end) throw bad("truncated");
    const offset = readU16(bytes, at);
    at += 2;
    if (offset === 0 || offset > to - history) throw bad("copies from before its start");
    let length = (token & 15) + 4;
    if (length === 19) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) throw bad("truncated");
        more = bytes[at++] as number;
      }
    }
    if (length > limit - to) throw overflow();
    for (const stop = to + length; to < stop; to++) out[to] = out[to - offset] as number;
  }
  sink.length = to;
}

const HASH_BITS = 14;
/** Position + 1 within the block of the last four bytes with that hash, 0 = none. */
const table = new Uint32Array(1 << HASH_BITS);
/** The format's rules: the last five bytes are literals, no match begins in the last twelve. */
const LAST_LITERALS = 5;
const MATCH_MARGIN = 12;

/** Writes bytes[start, end) as a block at out[to…], which has room for the worst case; returns its end. */
function compressBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  to: number,
): number {
  table.fill(0);
  let at = to;
  let literals = start;
  let pos = start;
  let misses = 64;
  while (pos <= end - MATCH_MARGIN - 1) {
    const word = readI32(bytes, pos);
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    let candidate = start + (table[slot] as number) - 1;
    table[slot] = pos - start + 1;
    if (candidate < start || readI32(bytes, candidate) !== word) {
      pos += misses++ >>> 6;
      continue;
    }
    misses = 64;
    while (pos > literals && candidate > start && bytes[pos - 1] === bytes[candidate - 1]) {
      pos--;
      candidate--;
    }
    let length = 4;
    const stop = end - LAST_LITERALS - pos;
    while (length < stop && bytes[candidate + length] === bytes[pos + length]) length++;
    at = writeSequence(bytes, literals, pos, out, at, pos - candidate, length);
    pos += length;
    literals = pos;
    if (pos < end - MATCH_MARGIN) {
      const before = Math.imul(readI32(bytes, pos - 2), 0x9e3779b1) >>> (32 - HASH_BITS);
      table[before] = pos - 2 - start + 1;
    }
  }
  return writeLiterals(bytes, literals, end, out, at, 0);
}

function writeSequence(
  bytes: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  start: number,
  offset: number,
  length: number,
): number {
  const extra = length - 4;
  let at = writeLiterals(bytes, from, end, out, start, Math.min(extra, 15));
  out[at++] = offset;
  out[at++] = offset >>> 8;
  return extra < 15 ? at : writeRun(out, at, extra - 15);
}

function writeLiterals(
  bytes: Uint8Array,
  from: number,
  end: number,
  out: Uint8Array,
  start: number,
  matchBits: number,
): number {
  const count = end - from;
  let at = start;
  out[at++] = (Math.min(count, 15) << 4) | matchBits;
  if (count >= 15) at = writeRun(out, at, count - 15);
  for (let i = from; i < end; i++) out[at++] = bytes[i] as number;
  return at;
}

function writeRun(out: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 255; rest -= 255) out[at++] = 255;
  out[at++] = rest;
  return at;
}
