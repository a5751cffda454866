import { BitWriter } from "./bits.ts";
import { HUFFMAN_BITS_MAX } from "./codes.ts";
import {
  fseEncoder,
  fseFirstState,
  fseFlush,
  fseStep,
  normalize,
  writeDistribution,
} from "./fse-encode.ts";

interface HuffmanCodes {
  /** Zero for a symbol that does not occur. */
  readonly lengths: Uint8Array;
  readonly codes: Uint16Array;
  readonly bits: number;
  readonly lastSymbol: number;
}

/**
 * Packs literals as a block's Huffman section (header, table, one or four streams).
 *
 * @returns null where storing them would be as short
 */
export function packLiterals(literals: Uint8Array): Uint8Array | null {
  if (literals.length < 32) return null;
  const counts = new Uint32Array(256);
  for (const byte of literals) counts[byte] = (counts[byte] as number) + 1;
  // One value alone is run-length encoded by the caller.
  const codes = makeCodes(counts);
  if (codes === null) return null;
  let bits = 0;
  for (let symbol = 0; symbol < 256; symbol++) {
    bits += (counts[symbol] as number) * (codes.lengths[symbol] as number);
  }
  if (bits / 8 > literals.length * 0.97) return null;

  const out = new Uint8Array(Math.ceil(bits / 8) + 256);
  const streams = literals.length < 1024 ? 1 : 4;
  const headerBytes = literals.length < 1024 ? 3 : literals.length < 16_384 ? 4 : 5;
  const tableEnd = writeWeights(codes, out, headerBytes);
  if (tableEnd === null) return null;
  const end =
    streams === 1
      ? writeStream(literals, 0, literals.length, codes, out, tableEnd)
      : writeStreams(literals, codes, out, tableEnd);
  const stored = end - headerBytes;
  if (end >= literals.length) return null;
  writeHeader(out, headerBytes, literals.length, stored);
  return out.subarray(0, end);
}

function writeHeader(out: Uint8Array, headerBytes: number, size: number, stored: number): void {
  const format = headerBytes === 3 ? 0 : headerBytes - 2;
  const sizeBits = headerBytes === 3 ? 10 : headerBytes === 4 ? 14 : 18;
  // 4 + 2 × sizeBits bits, beyond 32 of them: as a double.
  let word = 2 + format * 4 + size * 16 + stored * 2 ** (4 + sizeBits);
  for (let i = 0; i < headerBytes; i++) {
    out[i] = word % 256;
    word = Math.floor(word / 256);
  }
}

function makeCodes(counts: Uint32Array): HuffmanCodes | null {
  const lengths = codeLengths(counts);
  if (lengths === null) return null;
  let bits = 0;
  let lastSymbol = 0;
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    bits = Math.max(bits, length);
    lastSymbol = symbol;
  });
  // As a decoder lays out its table: the longest codes first, by symbol among equals.
  const codes = new Uint16Array(256);
  let at = 0;
  for (let length = bits; length > 0; length--) {
    for (let symbol = 0; symbol <= lastSymbol; symbol++) {
      if (lengths[symbol] !== length) continue;
      codes[symbol] = at >> (bits - length);
      at += 1 << (bits - length);
    }
  }
  return { lengths, codes, bits, lastSymbol };
}

/** Huffman's lengths, then shortened to the format's bound; null for fewer than two symbols. */
function codeLengths(counts: Uint32Array): Uint8Array | null {
  const symbols = [...counts.keys()].filter((symbol) => (counts[symbol] as number) > 0);
  if (symbols.length < 2) return null;
  symbols.sort((a, b) => (counts[a] as number) - (counts[b] as number) || a - b);
  const leaves = symbols.length;
  const weight = symbols.map((symbol) => counts[symbol] as number);
  const parent = new Uint16Array(leaves * 2);
  // Two queues, both in ascending order: leaves, and nodes as they are made.
  let leaf = 0;
  let node = leaves;
  const takeLightest = (): number =>
    leaf < leaves && (node >= weight.length || (weight[leaf] as number) <= (weight[node] as number))
      ? leaf++
      : node++;
  while (weight.length < leaves * 2 - 1) {
    const a = takeLightest();
    const b = takeLightest();
    parent[a] = weight.length;
    parent[b] = weight.length;
    weight.push((weight[a] as number) + (weight[b] as number));
  }
  const depth = new Uint8Array(weight.length);
  for (let i = weight.length - 2; i >= 0; i--)
    depth[i] = (depth[parent[i] as number] as number) + 1;
  const lengths = new Uint8Array(256);
  limitDepths(depth.subarray(0, leaves));
  symbols.forEach((symbol, i) => {
    lengths[symbol] = depth[i] as number;
  });
  return lengths;
}

/**
 * Makes depths, ordered from the rarest symbol on, fit HUFFMAN_BITS_MAX and fill the code space
 * exactly (Kraft's sum is one), which the format needs.
 */
function limitDepths(depths: Uint8Array): void {
  const unit = (depth: number) => 1 << (HUFFMAN_BITS_MAX - depth);
  let debt = -(1 << HUFFMAN_BITS_MAX);
  depths.forEach((depth, i) => {
    depths[i] = Math.min(depth, HUFFMAN_BITS_MAX);
    debt += unit(depths[i] as number);
  });
  // Rare symbols first: a longer code costs them least.
  for (let i = 0; debt > 0; i = (i + 1) % depths.length) {
    const depth = depths[i] as number;
    if (depth === HUFFMAN_BITS_MAX) continue;
    depths[i] = depth + 1;
    debt -= unit(depth + 1);
  }
  // What was paid too much goes back to the most frequent symbols whose shorter code still fits.
  for (let i = depths.length - 1; debt < 0; i = i === 0 ? depths.length - 1 : i - 1) {
    const depth = depths[i] as number;
    if (depth > 1 && unit(depth) <= -debt) {
      depths[i] = depth - 1;
      debt += unit(depth);
    }
  }
}

/** Writes the table's description at out[at…]; returns its end, null when the format has no way. */
function writeWeights(codes: HuffmanCodes, out: Uint8Array, at: number): number | null {
  // The last symbol's weight is implied.
  const weights = Array.from({ length: codes.lastSymbol }, (_, symbol) => {
    const length = codes.lengths[symbol] as number;
    return length === 0 ? 0 : codes.bits + 1 - length;
  });
  const packed = packWeights(weights);
  const directBytes = (weights.length + 1) >> 1;
  if (packed !== null && (packed.length < directBytes || weights.length > 128)) {
    out[at] = packed.length;
    out.set(packed, at + 1);
    return at + 1 + packed.length;
  }
  if (weights.length > 128) return null;
  out[at] = 127 + weights.length;
  for (let i = 0; i < weights.length; i += 2) {
    out[at + 1 + (i >> 1)] = ((weights[i] as number) << 4) | (weights[i + 1] ?? 0);
  }
  return at + 1 + directBytes;
}

const WEIGHT_ACCURACY = 6;

/** The weights by FSE, two states taking turns; null where that cannot be or is too long. */
function packWeights(weights: readonly number[]): Uint8Array | null {
  const counts = new Array<number>(HUFFMAN_BITS_MAX + 1).fill(0);
  for (const weight of weights) counts[weight] = (counts[weight] as number) + 1;
  if (weights.length < 3 || Math.max(...counts) === weights.length) return null;
  const distribution = normalize(counts, weights.length, WEIGHT_ACCURACY);
  const encoder = fseEncoder(distribution, WEIGHT_ACCURACY);
  const out = new Uint8Array(weights.length + 64);
  const bits = new BitWriter(out, 0);
  writeDistribution(distribution, WEIGHT_ACCURACY, bits);

  let i = weights.length - 1;
  // states[0] is for the weights at even places, so it is the first that a decoder asks.
  const states = [0, 0];
  for (let k = 0; k < 2; k++, i--) states[i & 1] = fseFirstState(encoder, weights[i] as number);
  for (; i >= 0; i--) {
    states[i & 1] = fseStep(encoder, states[i & 1] as number, weights[i] as number, bits);
  }
  fseFlush(encoder, states[1] as number, bits);
  fseFlush(encoder, states[0] as number, bits);
  const end = bits.finish();
  return end < 128 ? out.subarray(0, end) : null;
}

function writeStreams(
  literals: Uint8Array,
  codes: HuffmanCodes,
  out: Uint8Array,
  start: number,
): number {
  const part = (literals.length + 3) >> 2;
  let at = start + 6;
  for (let i = 0; i < 4; i++) {
    const to = Math.min(part * (i + 1), literals.length);
    const end = writeStream(literals, part * i, to, codes, out, at);
    if (i < 3) {
      out[start + 2 * i] = end - at;
      out[start + 2 * i + 1] = (end - at) >> 8;
    }
    at = end;
  }
  return at;
}

/** Last symbol first, for a reader that comes from the end. */
function writeStream(
  literals: Uint8Array,
  from: number,
  to: number,
  codes: HuffmanCodes,
  out: Uint8Array,
  start: number,
): number {
  const { lengths, codes: words } = codes;
  let at = start;
  let hold = 0;
  let count = 0;
  for (let i = to - 1; i >= from; i--) {
    const symbol = literals[i] as number;
    hold |= (words[symbol] as number) << count;
    count += lengths[symbol] as number;
    while (count >= 8) {
      out[at++] = hold;
      hold >>>= 8;
      count -= 8;
    }
  }
  out[at++] = hold | (1 << count);
  return at;
}
