import { writeU32 } from "../little-endian.ts";
import { BitWriter } from "./bits.ts";
import {
  BLOCK_BYTES_MAX,
  type CodeSpec,
  FIRST_REPEATS,
  LITERAL_LENGTHS,
  MAGIC,
  MATCH_LENGTHS,
  OFFSETS,
} from "./codes.ts";
import {
  type FseEncoder,
  fseCost,
  fseEncoder,
  fseFirstState,
  fseFlush,
  fseStep,
  normalize,
  writeDistribution,
} from "./fse-encode.ts";
import { packLiterals } from "./huffman-encode.ts";
import { Matcher, newSequences, type Sequences } from "./match.ts";

/**
 * One Zstandard frame (RFC 8878) that states its size, without a checksum: the batch has its own.
 * Between the reference's levels 1 and 3 in ratio: one-hash lazy matching, Huffman literals, FSE
 * tables fitted to the block where that pays.
 */
export function zstdCompress(bytes: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK_BYTES_MAX));
  const out = new Uint8Array(bytes.length + blocks * 3 + 16);
  let at = writeFrameHeader(bytes.length, out);
  const matcher = new Matcher(bytes, FIRST_REPEATS);
  const sequences = newSequences(Math.min(bytes.length, BLOCK_BYTES_MAX));
  // Bytes that do not fit are lost, but counted: such a block is stored as it is.
  const scratch = new Uint8Array(Math.min(bytes.length, BLOCK_BYTES_MAX) + 64);
  for (let i = 0; i < blocks; i++) {
    const start = i * BLOCK_BYTES_MAX;
    const end = Math.min(start + BLOCK_BYTES_MAX, bytes.length);
    at = writeBlock(bytes, start, end, i === blocks - 1, matcher, sequences, scratch, out, at);
  }
  return out.slice(0, at);
}

function writeFrameHeader(size: number, out: Uint8Array): number {
  writeU32(out, 0, MAGIC);
  const code = size < 256 ? 0 : size < 65_536 + 256 ? 1 : 2;
  out[4] = (code << 6) | 0x20; // one segment: the window is the content
  if (code === 0) {
    out[5] = size;
    return 6;
  }
  writeU32(out, 5, code === 1 ? size - 256 : size);
  return code === 1 ? 7 : 9;
}

function writeBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
  last: boolean,
  matcher: Matcher,
  sequences: Sequences,
  scratch: Uint8Array,
  out: Uint8Array,
  at: number,
): number {
  const size = end - start;
  const header = (type: number, count: number) => {
    const word = Number(last) | (type << 1) | (count << 3);
    out[at] = word;
    out[at + 1] = word >>> 8;
    out[at + 2] = word >>> 16;
  };
  const repeats = [...matcher.repeats] as [number, number, number];
  if (size > 0) {
    matcher.parse(start, end, sequences);
    const stored = encodeBlock(sequences, scratch);
    if (stored < size) {
      header(2, stored);
      out.set(scratch.subarray(0, stored), at + 3);
      return at + 3 + stored;
    }
  }
  // A decoder will not see this block's offsets.
  matcher.repeats.splice(0, 3, ...repeats);
  header(0, size);
  out.set(bytes.subarray(start, end), at + 3);
  return at + 3 + size;
}

function encodeBlock(sequences: Sequences, out: Uint8Array): number {
  const literals = sequences.literals.subarray(0, sequences.literalCount);
  const at = writeLiterals(literals, out);
  return sequences.count === 0 ? writeCount(0, out, at) : writeSequences(sequences, out, at);
}

function writeLiterals(literals: Uint8Array, out: Uint8Array): number {
  const size = literals.length;
  const single = size > 3 && literals.every((byte) => byte === literals[0]);
  const packed = single ? null : packLiterals(literals);
  if (packed !== null) {
    out.set(packed);
    return packed.length;
  }
  const type = single ? 1 : 0;
  let at = 1;
  if (size < 32) {
    out[0] = type | (size << 3);
  } else if (size < 4096) {
    out[0] = type | 4 | (size << 4);
    out[1] = size >>> 4;
    at = 2;
  } else {
    out[0] = type | 12 | (size << 4);
    out[1] = size >>> 4;
    out[2] = size >>> 12;
    at = 3;
  }
  const body = single ? literals.subarray(0, 1) : literals;
  out.set(body, at);
  return at + body.length;
}

function writeCount(count: number, out: Uint8Array, start: number): number {
  let at = start;
  if (count < 128) {
    out[at++] = count;
  } else if (count < 0x7f00) {
    out[at++] = (count >>> 8) + 128;
    out[at++] = count;
  } else {
    out[at++] = 255;
    out[at++] = count - 0x7f00;
    out[at++] = (count - 0x7f00) >>> 8;
  }
  return at;
}

/** Code by length where that is small; above, a code's base is a power of two from `highFrom` on. */
function codeTable(spec: CodeSpec, size: number): Uint8Array {
  const table = new Uint8Array(size);
  for (let code = 0, length = 0; length < size; length++) {
    while (code + 1 < spec.base.length && (spec.base[code + 1] as number) <= length) code++;
    table[length] = code;
  }
  return table;
}

const LITERAL_CODES = codeTable(LITERAL_LENGTHS, 64);
const MATCH_CODES = codeTable(MATCH_LENGTHS, 131);

const literalCode = (length: number) =>
  length < 64 ? (LITERAL_CODES[length] as number) : 19 + 31 - Math.clz32(length);
const matchCode = (length: number) =>
  length < 131 ? (MATCH_CODES[length] as number) : 36 + 31 - Math.clz32(length - 3);
const offsetCode = (value: number) => 31 - Math.clz32(value);

function writeSequences(sequences: Sequences, out: Uint8Array, start: number): number {
  const { count, literalLengths, matchLengths, values } = sequences;
  const codes = {
    literal: new Uint8Array(count),
    match: new Uint8Array(count),
    offset: new Uint8Array(count),
  };
  for (let i = 0; i < count; i++) {
    codes.literal[i] = literalCode(literalLengths[i] as number);
    codes.match[i] = matchCode(matchLengths[i] as number);
    codes.offset[i] = offsetCode(values[i] as number);
  }
  const modesAt = writeCount(count, out, start);
  const bits = new BitWriter(out, modesAt + 1);
  const literal = chooseTable(codes.literal, LITERAL_LENGTHS, bits);
  const offset = chooseTable(codes.offset, OFFSETS, bits);
  const match = chooseTable(codes.match, MATCH_LENGTHS, bits);
  out[modesAt] = (literal.mode << 6) | (offset.mode << 4) | (match.mode << 2);

  let literalState = 0;
  let matchState = 0;
  let offsetState = 0;
  for (let i = count - 1; i >= 0; i--) {
    const lc = codes.literal[i] as number;
    const mc = codes.match[i] as number;
    const oc = codes.offset[i] as number;
    if (i === count - 1) {
      matchState = fseFirstState(match.encoder, mc);
      offsetState = fseFirstState(offset.encoder, oc);
      literalState = fseFirstState(literal.encoder, lc);
    } else {
      offsetState = fseStep(offset.encoder, offsetState, oc, bits);
      matchState = fseStep(match.encoder, matchState, mc, bits);
      literalState = fseStep(literal.encoder, literalState, lc, bits);
    }
    bits.add(
      (literalLengths[i] as number) - (LITERAL_LENGTHS.base[lc] as number),
      LITERAL_LENGTHS.bits[lc] as number,
    );
    bits.add(
      (matchLengths[i] as number) - (MATCH_LENGTHS.base[mc] as number),
      MATCH_LENGTHS.bits[mc] as number,
    );
    bits.addLong((values[i] as number) - 2 ** oc, oc);
  }
  fseFlush(match.encoder, matchState, bits);
  fseFlush(offset.encoder, offsetState, bits);
  fseFlush(literal.encoder, literalState, bits);
  return bits.finish();
}

interface ChosenTable {
  /** 0 predefined, 1 one symbol only, 2 described here. */
  readonly mode: number;
  readonly encoder: FseEncoder;
}

const predefined = new Map<CodeSpec, FseEncoder>();

function predefinedEncoder(spec: CodeSpec): FseEncoder {
  let encoder = predefined.get(spec);
  if (encoder === undefined) {
    encoder = fseEncoder(spec.predefined, spec.predefinedAccuracy);
    predefined.set(spec, encoder);
  }
  return encoder;
}

/** The cheapest table for these codes; writes its description, if it has one. */
function chooseTable(codes: Uint8Array, spec: CodeSpec, bits: BitWriter): ChosenTable {
  const counts = new Array<number>(spec.bits.length).fill(0);
  for (const code of codes) counts[code] = (counts[code] as number) + 1;
  const distinct = counts.filter((count) => count > 0).length;
  if (distinct === 1 && codes.length > 2) {
    const symbol = codes[0] as number;
    bits.add(symbol, 8);
    return { mode: 1, encoder: singleEncoder(symbol) };
  }
  const ordinary = fseCost(counts, spec.predefined, spec.predefinedAccuracy);
  if (distinct > 1 && codes.length >= 16) {
    const useful = Math.max(5, 33 - Math.clz32(distinct), 30 - Math.clz32(codes.length));
    const accuracy = Math.min(useful, spec.accuracyMax);
    const distribution = normalize(counts, codes.length, accuracy);
    const described = fseCost(counts, distribution, accuracy);
    // A description takes about five bits a symbol.
    if (described + 8 + distinct * 5 < ordinary) {
      writeDistribution(distribution, accuracy, bits);
      return { mode: 2, encoder: fseEncoder(distribution, accuracy) };
    }
  }
  return { mode: 0, encoder: predefinedEncoder(spec) };
}

/** One state, no bits. */
function singleEncoder(symbol: number): FseEncoder {
  return {
    accuracy: 0,
    table: Uint16Array.of(1),
    find: new Int32Array(symbol + 1).fill(-1),
    deltaBits: new Int32Array(symbol + 1).fill(-1),
  };
}
