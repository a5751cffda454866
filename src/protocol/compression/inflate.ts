import { ProtocolError } from "../errors.ts";
import { readU16 } from "./little-endian.ts";
import type { Sink } from "./sink.ts";

/**
 * RFC 1951 inflate, strict and bounded. Written here because the small libraries bound neither the
 * output nor the work of a hostile stream, and do not say where a gzip member ends.
 */

/** A lookup by the next `bits` bits: entry = symbol << 4 | code length, 0 = no such code. */
interface CodeTable {
  readonly bits: number;
  readonly entries: Uint16Array;
}

const MAX_CODE_BITS = 15;
const LENGTH_BASE = Uint16Array.of(
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31],
  ...[35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258],
);
const LENGTH_EXTRA = Uint8Array.of(
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
  ...[3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
);
const DISTANCE_BASE = Uint16Array.of(
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769],
  ...[1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577],
);
const DISTANCE_EXTRA = Uint8Array.of(
  ...[0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8],
  ...[9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
);
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

interface Tables {
  readonly literals: CodeTable;
  readonly distances: CodeTable;
}

let fixedTables: Tables | null = null;

/** Inflates the stream that starts at `start` into the sink; returns the position after it. */
export function inflate(input: Uint8Array, start: number, sink: Sink): number {
  const bits = new BitInput(input, start);
  const memberStart = sink.length;
  for (;;) {
    const last = bits.take(1);
    const type = bits.take(2);
    if (type === 0) copyStored(bits, sink);
    else if (type === 1) inflateBlock(bits, sink, memberStart, fixed());
    else if (type === 2) inflateBlock(bits, sink, memberStart, readTables(bits));
    else throw bad("block type 3");
    if (last) return bits.alignToByte();
  }
}

const bad = (what: string) => new ProtocolError(`corrupt gzip data: ${what}`);

/** Bits from the least significant end. Reading on past the end gives zeros for a few bytes, then throws. */
class BitInput {
  readonly input: Uint8Array;
  pos: number;
  hold = 0;
  count = 0;

  constructor(input: Uint8Array, pos: number) {
    this.input = input;
    this.pos = pos;
  }

  /** At least 25 bits in `hold`. */
  refill(): void {
    while (this.count <= 24) {
      if (this.pos < this.input.length) this.hold |= (this.input[this.pos] as number) << this.count;
      else if (this.pos > this.input.length + 4) throw bad("truncated");
      this.pos++;
      this.count += 8;
    }
  }

  /** n ≤ 16. */
  take(n: number): number {
    this.refill();
    const value = this.hold & ((1 << n) - 1);
    this.drop(n);
    return value;
  }

  drop(n: number): void {
    this.hold >>>= n;
    this.count -= n;
  }

  decode(table: CodeTable): number {
    this.refill();
    const entry = table.entries[this.hold & ((1 << table.bits) - 1)] as number;
    if (entry === 0) throw bad("a code that stands for nothing");
    this.drop(entry & 15);
    return entry >>> 4;
  }

  /** Gives back whole bytes that were read ahead; what is left of a byte is skipped. */
  alignToByte(): number {
    this.pos -= this.count >> 3;
    this.hold = 0;
    this.count = 0;
    if (this.pos > this.input.length) throw bad("truncated");
    return this.pos;
  }
}

function copyStored(bits: BitInput, sink: Sink): void {
  const at = bits.alignToByte();
  const { input } = bits;
  if (at + 4 > input.length) throw bad("truncated");
  const size = readU16(input, at);
  if (size !== (~readU16(input, at + 2) & 0xffff)) throw bad("length of a stored block");
  if (at + 4 + size > input.length) throw bad("truncated");
  sink.append(input.subarray(at + 4, at + 4 + size));
  bits.pos = at + 4 + size;
}

function fixed(): Tables {
  if (fixedTables === null) {
    const lengths = new Uint8Array(288).fill(8);
    lengths.fill(9, 144, 256).fill(7, 256, 280);
    fixedTables = {
      literals: makeTable(lengths),
      distances: makeTable(new Uint8Array(30).fill(5)),
    };
  }
  return fixedTables;
}

function readTables(bits: BitInput): Tables {
  const literalCount = bits.take(5) + 257;
  const distanceCount = bits.take(5) + 1;
  const lengthCount = bits.take(4) + 4;
  if (literalCount > 286 || distanceCount > 30) throw bad("too many codes");
  const lengthLengths = new Uint8Array(19);
  for (let i = 0; i < lengthCount; i++)
    lengthLengths[CODE_LENGTH_ORDER[i] as number] = bits.take(3);
  const lengthTable = makeTable(lengthLengths);

  const lengths = new Uint8Array(literalCount + distanceCount);
  for (let at = 0; at < lengths.length; ) {
    const symbol = bits.decode(lengthTable);
    if (symbol < 16) {
      lengths[at++] = symbol;
      continue;
    }
    if (symbol === 16 && at === 0) throw bad("repeats a length before the first");
    const value = symbol === 16 ? (lengths[at - 1] as number) : 0;
    const run =
      symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7);
    if (at + run > lengths.length) throw bad("too many code lengths");
    lengths.fill(value, at, at + run);
    at += run;
  }
  if (lengths[256] === 0) throw bad("no end-of-block code");
  return {
    literals: makeTable(lengths.subarray(0, literalCount)),
    distances: makeTable(lengths.subarray(literalCount)),
  };
}

/** Canonical Huffman: codes of a length are consecutive, in the order of their symbols. */
function makeTable(lengths: Uint8Array): CodeTable {
  const counts = new Uint16Array(MAX_CODE_BITS + 1);
  let bits = 1;
  for (const length of lengths) {
    if (length === 0) continue;
    counts[length] = (counts[length] as number) + 1;
    if (length > bits) bits = length;
  }
  const next = new Uint32Array(MAX_CODE_BITS + 2);
  for (let length = 1, code = 0; length <= bits; length++) {
    next[length] = code;
    code = (code + (counts[length] as number)) << 1;
    if (code > 2 << length) throw bad("more codes than fit");
  }
  const entries = new Uint16Array(1 << bits);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] as number;
    if (length === 0) continue;
    const code = next[length] as number;
    next[length] = code + 1;
    const entry = (symbol << 4) | length;
    for (let i = reverseBits(code, length); i < entries.length; i += 1 << length)
      entries[i] = entry;
  }
  return { bits, entries };
}

function reverseBits(code: number, length: number): number {
  let reversed = 0;
  for (let i = 0; i < length; i++) reversed |= ((code >>> i) & 1) << (length - 1 - i);
  return reversed;
}

/** Room reserved at a time, so that the loop need not ask for every byte. */
const STRIDE = 16_384;
const MATCH_MAX = 258;

function inflateBlock(
  bits: BitInput,
  sink: Sink,
  memberStart: number,
  { literals, distances }: Tables,
): void {
  for (;;) {
    const room = sink.reserveUpTo(STRIDE);
    // Near the bound the loop goes on to the last byte that fits; else it stops to reserve more.
    const limit = sink.length + room;
    const stop = room < STRIDE ? Number.POSITIVE_INFINITY : limit - MATCH_MAX;
    const { bytes } = sink;
    let at = sink.length;
    while (at <= stop) {
      const symbol = bits.decode(literals);
      if (symbol < 256) {
        if (at >= limit) throw sink.tooLarge();
        bytes[at++] = symbol;
        continue;
      }
      if (symbol === 256) {
        sink.length = at;
        return;
      }
      if (symbol > 285) throw bad("length code");
      const extra = LENGTH_EXTRA[symbol - 257] as number;
      // The code took at most 15 of the 25 bits that decode() made ready; 5 more are there.
      const length = (LENGTH_BASE[symbol - 257] as number) + (bits.hold & ((1 << extra) - 1));
      bits.drop(extra);
      const distance = takeDistance(bits, distances);
      if (distance > at - memberStart) throw bad("distance too far back");
      if (at + length > limit) throw sink.tooLarge();
      for (const end = at + length; at < end; at++) bytes[at] = bytes[at - distance] as number;
    }
    sink.length = at;
  }
}

function takeDistance(bits: BitInput, distances: CodeTable): number {
  const code = bits.decode(distances);
  if (code > 29) throw bad("distance code");
  return (DISTANCE_BASE[code] as number) + bits.take(DISTANCE_EXTRA[code] as number);
}
