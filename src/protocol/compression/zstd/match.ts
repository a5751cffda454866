import { readI32 } from "../little-endian.ts";

/** The sequences of one block: literals, then a match; `values` as resolveOffset reads them. */
export interface Sequences {
  count: number;
  readonly literalLengths: Int32Array;
  readonly matchLengths: Int32Array;
  readonly values: Int32Array;
  readonly literals: Uint8Array;
  literalCount: number;
}

const SEQUENCES_MAX = 32 * 1024;
const HASH_BITS = 15;
const MATCH_MIN = 4;
/** No match is looked for in the last bytes of the input. */
const MARGIN = 8;

/**
 * Finds matches by one hash of the next five bytes, the last offset tried first, one step of
 * laziness. The whole input is the window.
 */
export class Matcher {
  readonly #input: Uint8Array;
  /** Position + 1, 0 = none. */
  readonly #table: Int32Array;
  readonly #shift: number;
  readonly repeats: [number, number, number];

  constructor(input: Uint8Array, repeats: readonly [number, number, number]) {
    this.#input = input;
    const bits = Math.max(8, Math.min(HASH_BITS, 32 - Math.clz32(input.length)));
    this.#table = new Int32Array(1 << bits);
    this.#shift = 32 - bits;
    this.repeats = [...repeats];
  }

  #slot(at: number): number {
    const input = this.#input;
    const mixed =
      Math.imul(readI32(input, at), 0x9e3779b1) ^ Math.imul(input[at + 4] as number, 0x85ebca6b);
    return Math.imul(mixed, 0x9e3779b1) >>> this.#shift;
  }

  #length(candidate: number, at: number, end: number): number {
    const input = this.#input;
    let length = 0;
    while (at + length < end && input[candidate + length] === input[at + length]) length++;
    return length;
  }

  /** Where the hash last saw these bytes, -1 = nowhere; the table remembers `at` from now on. */
  #lookUp(at: number): number {
    const slot = this.#slot(at);
    const candidate = (this.#table[slot] as number) - 1;
    this.#table[slot] = at + 1;
    return candidate >= 0 && readI32(this.#input, candidate) === readI32(this.#input, at)
      ? candidate
      : -1;
  }

  /** Parses input[start, end) into `into`; ends with literals that no match follows. */
  parse(start: number, end: number, into: Sequences): void {
    const input = this.#input;
    const limit = Math.min(end, input.length - MARGIN);
    into.count = 0;
    into.literalCount = 0;
    let literals = start;
    let at = start;
    let misses = 0;
    while (at < limit && into.count < SEQUENCES_MAX) {
      let position = at;
      let length = 0;
      let offset = 0;
      const last = this.repeats[0];
      if (at + 1 - last >= 0 && readI32(input, at + 1) === readI32(input, at + 1 - last)) {
        position = at + 1;
        offset = last;
        length = this.#length(position - last, position, end);
      }
      const candidate = this.#lookUp(at);
      if (candidate >= 0) {
        const found = this.#length(candidate, at, end);
        if (found > length + 1 || length === 0) {
          position = at;
          offset = at - candidate;
          length = found;
        }
      }
      if (length < MATCH_MIN) {
        at += 1 + (misses++ >> 6);
        continue;
      }
      misses = 0;
      if (position === at && at + 1 < limit && length < 64) {
        const later = this.#lookUp(at + 1);
        const better = later >= 0 ? this.#length(later, at + 1, end) : 0;
        if (better > length + 1) {
          position = at + 1;
          offset = position - later;
          length = better;
        }
      }
      while (
        position > literals &&
        position > offset &&
        input[position - 1] === input[position - 1 - offset]
      ) {
        position--;
        length++;
      }
      this.#emit(into, literals, position, offset, length);
      at = position + length;
      literals = at;
      if (at < limit) {
        this.#table[this.#slot(at - 2)] = at - 1;
        at = this.#repeatTwice(into, at, end, limit);
        literals = at;
      }
    }
    into.literals.set(input.subarray(literals, end), into.literalCount);
    into.literalCount += end - literals;
  }

  /** Right after a match the offset before it often goes on: two texts that take turns. */
  #repeatTwice(into: Sequences, start: number, end: number, limit: number): number {
    const input = this.#input;
    let at = start;
    while (at < limit && into.count < SEQUENCES_MAX) {
      const offset = this.repeats[1];
      if (at < offset || readI32(input, at) !== readI32(input, at - offset)) break;
      const length = this.#length(at - offset, at, end);
      // Four equal bytes may reach beyond the block.
      if (length < MATCH_MIN) break;
      this.#emit(into, at, at, offset, length);
      at += length;
    }
    return at;
  }

  #emit(into: Sequences, from: number, position: number, offset: number, length: number): void {
    const literalLength = position - from;
    const { literals } = into;
    let at = into.literalCount;
    for (let i = from; i < position; i++) literals[at++] = this.#input[i] as number;
    into.literalCount = at;
    into.literalLengths[into.count] = literalLength;
    into.matchLengths[into.count] = length;
    into.values[into.count] = this.#value(offset, literalLength);
    into.count++;
  }

  /** The shortest name of an offset; keeps the repeats as a decoder will. */
  #value(offset: number, literalLength: number): number {
    const repeats = this.repeats;
    const [first, second, third] = repeats;
    const shift = literalLength === 0 ? 0 : 1;
    if (offset === first && shift === 1) return 1;
    if (offset === second) {
      repeats[0] = second;
      repeats[1] = first;
      return 1 + shift;
    }
    if (offset === third) {
      repeats[0] = third;
      repeats[1] = first;
      repeats[2] = second;
      return 2 + shift;
    }
    if (shift === 0 && offset === first - 1) {
      repeats[0] = offset;
      repeats[1] = first;
      repeats[2] = second;
      return 3;
    }
    repeats[0] = offset;
    repeats[1] = first;
    repeats[2] = second;
    return offset + 3;
  }
}

export function newSequences(blockBytes: number): Sequences {
  const room = Math.min(SEQUENCES_MAX, Math.ceil(blockBytes / MATCH_MIN)) + 1;
  return {
    count: 0,
    literalLengths: new Int32Array(room),
    matchLengths: new Int32Array(room),
    values: new Int32Array(room),
    literals: new Uint8Array(blockBytes),
    literalCount: 0,
  };
}
