import { readU16, readU24, readU32 } from "../little-endian.ts";
import { Sink } from "../sink.ts";
import { BackwardBits, corrupt, ForwardBits } from "./bits.ts";
import {
  BLOCK_BYTES_MAX,
  type CodeSpec,
  FIRST_REPEATS,
  LITERAL_LENGTHS,
  MAGIC,
  MATCH_LENGTHS,
  OFFSETS,
  SKIPPABLE_MAGIC,
} from "./codes.ts";
import { type FseTable, fseDecodeTable, fseSingle, readDistribution } from "./fse-decode.ts";
import { decodeLiterals, type HuffmanTable, readHuffmanTable } from "./huffman-decode.ts";
import { xxhash64Low } from "./xxhash64.ts";

/**
 * Zstandard (RFC 8878), strict and bounded: every size is checked before it is believed, and a
 * frame's checksum is verified where there is one. Dictionaries are refused.
 */
export function zstdDecompress(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const sink = new Sink(bytes.length * 4, maxBytes);
  let at = 0;
  do {
    if (at + 4 > bytes.length) throw corrupt("truncated");
    const magic = readU32(bytes, at);
    if (magic === MAGIC) {
      at = decodeFrame(bytes, at + 4, sink);
    } else if ((magic & 0xfffffff0) === SKIPPABLE_MAGIC) {
      if (at + 8 > bytes.length) throw corrupt("truncated");
      at += 8 + readU32(bytes, at + 4);
      if (at > bytes.length) throw corrupt("truncated");
    } else {
      throw corrupt("not a zstd frame");
    }
  } while (at < bytes.length);
  return sink.finish();
}

interface FrameHeader {
  readonly end: number;
  readonly blockBytesMax: number;
  readonly windowBytes: number;
  readonly checksum: boolean;
  /** Null when the frame does not say. */
  readonly contentBytes: number | null;
}

function readHeader(bytes: Uint8Array, start: number): FrameHeader {
  if (start >= bytes.length) throw corrupt("truncated");
  const flags = bytes[start] as number;
  if (flags & 8) throw corrupt("a reserved flag");
  const singleSegment = (flags & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] as number;
  const sizeCode = flags >>> 6;
  const sizeBytes = sizeCode === 0 ? Number(singleSegment) : 1 << sizeCode;
  const dictionaryAt = start + (singleSegment ? 1 : 2);
  const sizeAt = dictionaryAt + dictionaryBytes;
  const end = sizeAt + sizeBytes;
  if (end > bytes.length) throw corrupt("truncated");
  for (let at = dictionaryAt; at < sizeAt; at++) {
    if (bytes[at] !== 0) throw corrupt("a dictionary is needed");
  }
  const contentBytes = sizeBytes === 0 ? null : readContentBytes(bytes, sizeAt, sizeBytes);
  const windowBytes = singleSegment ? (contentBytes ?? 0) : windowSize(bytes[start + 1] as number);
  return {
    end,
    blockBytesMax: Math.min(windowBytes, BLOCK_BYTES_MAX),
    windowBytes,
    checksum: (flags & 4) !== 0,
    contentBytes,
  };
}

function readContentBytes(bytes: Uint8Array, at: number, width: number): number {
  if (width === 1) return bytes[at] as number;
  if (width === 2) return readU16(bytes, at) + 256;
  if (width === 4) return readU32(bytes, at);
  return readU32(bytes, at) + readU32(bytes, at + 4) * 2 ** 32;
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** What a frame's blocks hand on to the next. */
interface FrameState {
  readonly frameStart: number;
  readonly header: FrameHeader;
  huffman: HuffmanTable | null;
  literalLengths: FseTable | null;
  offsets: FseTable | null;
  matchLengths: FseTable | null;
  readonly repeats: [number, number, number];
}

function decodeFrame(bytes: Uint8Array, start: number, sink: Sink): number {
  const header = readHeader(bytes, start);
  const frameStart = sink.length;
  const frame: FrameState = {
    frameStart,
    header,
    huffman: null,
    literalLengths: null,
    offsets: null,
    matchLengths: null,
    repeats: [...FIRST_REPEATS],
  };
  let at = header.end;
  for (let last = false; !last; ) {
    if (at + 3 > bytes.length) throw corrupt("truncated");
    const word = readU24(bytes, at);
    last = (word & 1) !== 0;
    const type = (word >>> 1) & 3;
    const size = word >>> 3;
    at += 3;
    if (size > header.blockBytesMax) throw corrupt(`a block of ${size} bytes`);
    const stored = type === 1 ? 1 : size;
    if (at + stored > bytes.length) throw corrupt("truncated");
    if (type === 0) {
      sink.append(bytes.subarray(at, at + size));
    } else if (type === 1) {
      sink.reserve(size);
      sink.bytes.fill(bytes[at] as number, sink.length, sink.length + size);
      sink.length += size;
    } else if (type === 2) {
      decodeBlock(bytes, at, at + size, sink, frame);
    } else {
      throw corrupt("a reserved block type");
    }
    at += stored;
  }
  if (header.contentBytes !== null && header.contentBytes !== sink.length - frameStart) {
    throw corrupt("content size");
  }
  if (!header.checksum) return at;
  if (at + 4 > bytes.length) throw corrupt("truncated");
  if (readU32(bytes, at) !== xxhash64Low(sink.bytes, frameStart, sink.length)) {
    throw corrupt("checksum");
  }
  return at + 4;
}

function decodeBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  sink: Sink,
  frame: FrameState,
): void {
  const literals = readLiterals(bytes, start, end, frame);
  let at = literals.end;
  if (at >= end) throw corrupt("truncated");
  let count = bytes[at++] as number;
  if (count >= 128) {
    const wide = count === 255;
    if (at + (wide ? 2 : 1) > end) throw corrupt("truncated");
    count = wide ? readU16(bytes, at) + 0x7f00 : ((count - 128) << 8) | (bytes[at] as number);
    at += wide ? 2 : 1;
  }
  if (count === 0) {
    if (at !== end) throw corrupt("bytes after a block without sequences");
    sink.append(literals.bytes);
    return;
  }
  at = readTables(bytes, at, end, frame);
  executeSequences(new BackwardBits(bytes, at, end), count, literals.bytes, sink, frame);
}

interface Literals {
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** Literals of the block at hand: decoding is synchronous, so one buffer serves all. */
let literalBuffer = new Uint8Array(0);

function literalSpace(size: number): Uint8Array {
  if (literalBuffer.length === 0) literalBuffer = new Uint8Array(BLOCK_BYTES_MAX);
  return literalBuffer.subarray(0, size);
}

function readLiterals(bytes: Uint8Array, start: number, end: number, frame: FrameState): Literals {
  if (start >= end) throw corrupt("truncated");
  const first = bytes[start] as number;
  const format = (first >>> 2) & 3;
  return (first & 3) < 2
    ? readPlainLiterals(bytes, start, end, frame, first & 3, format)
    : readPackedLiterals(bytes, start, end, frame, first & 3, format);
}

function readPlainLiterals(
  bytes: Uint8Array,
  start: number,
  end: number,
  frame: FrameState,
  type: number,
  format: number,
): Literals {
  const headerBytes = format === 1 ? 2 : format === 3 ? 3 : 1;
  const at = start + headerBytes;
  if (at > end) throw corrupt("truncated");
  const word = headerBytes === 3 ? readU24(bytes, start) : readU16(bytes, start);
  const size = headerBytes === 1 ? (word & 0xff) >>> 3 : word >>> 4;
  const stored = type === 1 ? 1 : size;
  if (size > frame.header.blockBytesMax) throw corrupt(`${size} literals in a block`);
  if (at + stored > end) throw corrupt("truncated");
  if (type === 0) return { bytes: bytes.subarray(at, at + size), end: at + size };
  return { bytes: literalSpace(size).fill(bytes[at] as number), end: at + 1 };
}

function readPackedLiterals(
  bytes: Uint8Array,
  start: number,
  end: number,
  frame: FrameState,
  type: number,
  format: number,
): Literals {
  const headerBytes = format < 2 ? 3 : format + 2;
  const sizeBits = format < 2 ? 10 : format === 2 ? 14 : 18;
  const at = start + headerBytes;
  if (at > end) throw corrupt("truncated");
  // 4 + 2 × sizeBits bits: the first 32 hold the decoded size whole, the rest is read by a double.
  const word =
    readU32(bytes, start) + (headerBytes === 5 ? (bytes[start + 4] as number) * 2 ** 32 : 0);
  const size = Math.floor(word / 16) % 2 ** sizeBits;
  const stored = Math.floor(word / 2 ** (4 + sizeBits)) % 2 ** sizeBits;
  if (size > frame.header.blockBytesMax) throw corrupt(`${size} literals in a block`);
  if (at + stored > end) throw corrupt("truncated");
  let streamsAt = at;
  if (type === 2) {
    const described = readHuffmanTable(bytes, at, at + stored);
    frame.huffman = described.table;
    streamsAt = described.end;
  }
  if (frame.huffman === null) throw corrupt("literals by a Huffman table that was never sent");
  const out = literalSpace(size);
  decodeLiterals(bytes, streamsAt, at + stored, frame.huffman, format === 0 ? 1 : 4, out, size);
  return { bytes: out, end: at + stored };
}

const predefined = new Map<CodeSpec, FseTable>();

function predefinedTable(spec: CodeSpec): FseTable {
  let table = predefined.get(spec);
  if (table === undefined) {
    table = fseDecodeTable(spec.predefined, spec.predefinedAccuracy);
    predefined.set(spec, table);
  }
  return table;
}

/** Reads the three tables' modes and descriptions; returns where the sequences' bits begin. */
function readTables(bytes: Uint8Array, start: number, end: number, frame: FrameState): number {
  if (start >= end) throw corrupt("truncated");
  const modes = bytes[start] as number;
  if (modes & 3) throw corrupt("reserved bits");
  let at = start + 1;
  const read = (mode: number, spec: CodeSpec, before: FseTable | null): FseTable => {
    if (mode === 0) return predefinedTable(spec);
    if (mode === 3) {
      if (before === null) throw corrupt("repeats a table that was never sent");
      return before;
    }
    if (mode === 1) {
      if (at >= end) throw corrupt("truncated");
      const symbol = bytes[at++] as number;
      if (symbol >= spec.bits.length) throw corrupt("symbol out of range");
      return fseSingle(symbol);
    }
    const input = new ForwardBits(bytes, at, end);
    const { accuracy, distribution } = readDistribution(
      input,
      spec.accuracyMax,
      spec.bits.length - 1,
    );
    at = input.nextByte;
    return fseDecodeTable(distribution, accuracy);
  };
  frame.literalLengths = read(modes >>> 6, LITERAL_LENGTHS, frame.literalLengths);
  frame.offsets = read((modes >>> 4) & 3, OFFSETS, frame.offsets);
  frame.matchLengths = read((modes >>> 2) & 3, MATCH_LENGTHS, frame.matchLengths);
  return at;
}

/** Offsets of more bits than this point further back than any output that Kedge lets grow. */
const OFFSET_CODE_MAX = 30;

function executeSequences(
  bits: BackwardBits,
  count: number,
  literals: Uint8Array,
  sink: Sink,
  frame: FrameState,
): void {
  const { literalLengths, offsets, matchLengths, repeats } = frame;
  if (!literalLengths || !offsets || !matchLengths) throw corrupt("no tables");
  const room = sink.reserveUpTo(frame.header.blockBytesMax);
  const overflow = () =>
    room < frame.header.blockBytesMax ? sink.tooLarge() : corrupt("a block too large");
  const out = sink.bytes;
  const limit = sink.length + room;
  let to = sink.length;
  let from = 0;
  let literalState = bits.read(literalLengths.accuracy);
  let offsetState = bits.read(offsets.accuracy);
  let matchState = bits.read(matchLengths.accuracy);

  for (let left = count; ; ) {
    const offsetCode = offsets.symbols[offsetState] as number;
    const matchCode = matchLengths.symbols[matchState] as number;
    const literalCode = literalLengths.symbols[literalState] as number;
    if (offsetCode > OFFSET_CODE_MAX) throw corrupt("offset too far back");
    const high = offsetCode > 16 ? bits.read(offsetCode - 16) << 16 : 0;
    const value = (1 << offsetCode) + high + bits.read(Math.min(offsetCode, 16));
    const matchLength =
      (MATCH_LENGTHS.base[matchCode] as number) +
      bits.read(MATCH_LENGTHS.bits[matchCode] as number);
    const literalLength =
      (LITERAL_LENGTHS.base[literalCode] as number) +
      bits.read(LITERAL_LENGTHS.bits[literalCode] as number);
    const offset = resolveOffset(value, literalLength, repeats);

    if (literalLength > literals.length - from) throw corrupt("more literals than there are");
    if (literalLength + matchLength > limit - to) throw overflow();
    if (literalLength < 32) {
      for (let i = 0; i < literalLength; i++) out[to + i] = literals[from + i] as number;
    } else {
      out.set(literals.subarray(from, from + literalLength), to);
    }
    to += literalLength;
    from += literalLength;
    if (offset > to - frame.frameStart || offset > frame.header.windowBytes) {
      throw corrupt("offset too far back");
    }
    if (matchLength >= 64 && offset >= matchLength) {
      out.copyWithin(to, to - offset, to - offset + matchLength);
      to += matchLength;
    } else {
      for (const stop = to + matchLength; to < stop; to++) out[to] = out[to - offset] as number;
    }

    if (--left === 0) break;
    literalState =
      (literalLengths.base[literalState] as number) +
      bits.read(literalLengths.bits[literalState] as number);
    matchState =
      (matchLengths.base[matchState] as number) +
      bits.read(matchLengths.bits[matchState] as number);
    offsetState =
      (offsets.base[offsetState] as number) + bits.read(offsets.bits[offsetState] as number);
    if (bits.left < 0) throw corrupt("truncated");
  }
  if (bits.left !== 0) throw corrupt("length of the sequences");
  if (literals.length - from > limit - to) throw overflow();
  out.set(literals.subarray(from), to);
  sink.length = to + literals.length - from;
}

/** Values 1 to 3 name the last three offsets; after no literals they are shifted by one. */
function resolveOffset(
  value: number,
  literalLength: number,
  repeats: [number, number, number],
): number {
  if (value > 3) {
    repeats[2] = repeats[1];
    repeats[1] = repeats[0];
    repeats[0] = value - 3;
    return value - 3;
  }
  const index = value - (literalLength === 0 ? 0 : 1);
  if (index === 0) return repeats[0];
  const offset = index === 3 ? repeats[0] - 1 : (repeats[index] as number);
  if (offset === 0) throw corrupt("offset zero");
  if (index > 1) repeats[2] = repeats[1];
  repeats[1] = repeats[0];
  repeats[0] = offset;
  return offset;
}
