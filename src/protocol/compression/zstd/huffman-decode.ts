import { readU16 } from "../little-endian.ts";
import { BackwardBits, corrupt, ForwardBits } from "./bits.ts";
import { HUFFMAN_BITS_MAX } from "./codes.ts";
import { fseDecodeTable, readDistribution } from "./fse-decode.ts";

/** Looked up by the next `bits` bits: entry = symbol << 4 | code length. */
export interface HuffmanTable {
  readonly bits: number;
  readonly entries: Uint16Array;
}

const WEIGHT_ACCURACY_MAX = 6;

/** Reads a table's description (RFC 8878, section 4.2.1) from bytes[start, end). */
export function readHuffmanTable(
  bytes: Uint8Array,
  start: number,
  end: number,
): { table: HuffmanTable; end: number } {
  if (start >= end) throw corrupt("truncated");
  const header = bytes[start] as number;
  const at = start + 1;
  const size = header < 128 ? header : (header - 126) >> 1;
  if (at + size > end) throw corrupt("truncated");
  const weights =
    header < 128 ? readWeights(bytes, at, at + size) : directWeights(bytes, at, header - 127);
  return { table: makeTable(weights), end: at + size };
}

function directWeights(bytes: Uint8Array, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const byte = bytes[at + (i >> 1)] as number;
    return i & 1 ? byte & 15 : byte >> 4;
  });
}

/** Two states take turns until the stream is read past its start. */
function readWeights(bytes: Uint8Array, start: number, end: number): number[] {
  const description = new ForwardBits(bytes, start, end);
  const { accuracy, distribution } = readDistribution(description, WEIGHT_ACCURACY_MAX, 255);
  const table = fseDecodeTable(distribution, accuracy);
  const bits = new BackwardBits(bytes, description.nextByte, end);
  const states = [bits.read(accuracy), bits.read(accuracy)];
  if (bits.left < 0) throw corrupt("truncated");
  const weights: number[] = [];
  for (let turn = 0; ; turn ^= 1) {
    const state = states[turn] as number;
    weights.push(table.symbols[state] as number);
    states[turn] = (table.base[state] as number) + bits.read(table.bits[state] as number);
    if (bits.left < 0) {
      weights.push(table.symbols[states[turn ^ 1] as number] as number);
      break;
    }
    if (weights.length > 254) throw corrupt("too many Huffman weights");
  }
  return weights;
}

/** The last symbol's weight is not sent: it fills the sum up to a power of two. */
function makeTable(sent: readonly number[]): HuffmanTable {
  let sum = 0;
  for (const weight of sent) {
    if (weight > HUFFMAN_BITS_MAX) throw corrupt("Huffman weight");
    if (weight > 0) sum += 1 << (weight - 1);
  }
  if (sum === 0) throw corrupt("Huffman weights");
  const bits = 32 - Math.clz32(sum);
  const rest = (1 << bits) - sum;
  if (bits > HUFFMAN_BITS_MAX || (rest & (rest - 1)) !== 0) throw corrupt("Huffman weights");
  const weights = [...sent, 32 - Math.clz32(rest)];
  if (weights.length > 256) throw corrupt("too many Huffman weights");

  const entries = new Uint16Array(1 << bits);
  let at = 0;
  for (let weight = 1; weight <= bits; weight++) {
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== weight) continue;
      const width = 1 << (weight - 1);
      entries.fill((symbol << 4) | (bits + 1 - weight), at, at + width);
      at += width;
    }
  }
  return { bits, entries };
}

/** Decodes literals into out[to, to + count): from one stream, or from four behind a jump table. */
export function decodeLiterals(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: HuffmanTable,
  streams: 1 | 4,
  out: Uint8Array,
  count: number,
): void {
  if (streams === 1) {
    decodeStream(bytes, start, end, table, out, 0, count);
    return;
  }
  if (end - start < 6) throw corrupt("truncated");
  const part = (count + 3) >> 2;
  if (part * 3 > count) throw corrupt("four streams for so few literals");
  let at = start + 6;
  for (let i = 0; i < 4; i++) {
    const stop = i < 3 ? at + readU16(bytes, start + 2 * i) : end;
    if (stop > end) throw corrupt("truncated");
    decodeStream(bytes, at, stop, table, out, part * i, i < 3 ? part * (i + 1) : count);
    at = stop;
  }
}

function decodeStream(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: HuffmanTable,
  out: Uint8Array,
  from: number,
  to: number,
): void {
  const bits = new BackwardBits(bytes, start, end);
  const { entries } = table;
  const shift = 32 - table.bits;
  let at = from;
  let left = bits.left;
  // Two codes fit into what one look shows: 2 × 11 ≤ 25.
  for (; at + 2 <= to; at += 2) {
    bits.left = left;
    const word = bits.peek();
    const first = entries[word >>> shift] as number;
    const second = entries[(word << (first & 15)) >>> shift] as number;
    out[at] = first >>> 4;
    out[at + 1] = second >>> 4;
    left -= (first & 15) + (second & 15);
    if (left < 0) throw corrupt("a literal stream too short");
  }
  if (at < to) {
    bits.left = left;
    const entry = entries[bits.peek() >>> shift] as number;
    out[at] = entry >>> 4;
    left -= entry & 15;
  }
  if (left !== 0) throw corrupt("length of a literal stream");
}
