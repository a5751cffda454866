/** The fixed tables of Zstandard (RFC 8878, sections 3.1.1.3.2 and 3.1.1.3.2.2). */

export const MAGIC = 0xfd2fb528;
export const SKIPPABLE_MAGIC = 0x184d2a50;
export const BLOCK_BYTES_MAX = 128 * 1024;
export const HUFFMAN_BITS_MAX = 11;
/** Offsets that the last ones can be named by, as a frame starts. */
export const FIRST_REPEATS: readonly [number, number, number] = [1, 4, 8];

/** A code stands for base + the next `bits` bits. */
export interface CodeSpec {
  readonly base: Int32Array;
  readonly bits: Uint8Array;
  /** Largest accuracy that a table of these codes may have. */
  readonly accuracyMax: number;
  /** The distribution that a block may use without sending one: -1 = less than one. */
  readonly predefined: readonly number[];
  readonly predefinedAccuracy: number;
}

function spec(
  bits: readonly number[],
  firstBase: number,
  accuracyMax: number,
  predefinedAccuracy: number,
  predefined: readonly number[],
): CodeSpec {
  const base = new Int32Array(bits.length);
  let next = firstBase;
  bits.forEach((width, code) => {
    base[code] = next;
    next += 2 ** width;
  });
  return { base, bits: Uint8Array.from(bits), accuracyMax, predefined, predefinedAccuracy };
}

const times = (count: number, value: number): number[] => new Array<number>(count).fill(value);

export const LITERAL_LENGTHS = spec(
  [...times(16, 0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  0,
  9,
  6,
  [4, 3, ...times(11, 2), 1, 1, 1, ...times(9, 2), 3, 2, ...times(5, 1), ...times(4, -1)],
);

export const MATCH_LENGTHS = spec(
  [...times(32, 0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  3,
  9,
  6,
  [1, 4, 3, ...times(6, 2), ...times(37, 1), ...times(7, -1)],
);

/** Code c stands for 2^c + the next c bits, so only `bits` is of use here. */
export const OFFSETS = spec(
  Array.from({ length: 32 }, (_, code) => code),
  1,
  8,
  5,
  [...times(6, 1), ...times(3, 2), ...times(15, 1), ...times(5, -1)],
);
