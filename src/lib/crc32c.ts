/**
 * CRC-32C (Castagnoli), the checksum of record batches: every byte that Kedge takes in or gives out
 * passes here.
 *
 * Four streams of 32-bit words are run at once (words 0, 4, 8 …; 1, 5, 9 …; and so on), because one
 * stream would wait for each table look-up before it can start the next. A word is looked up in three
 * pieces of 11, 11 and 10 bits rather than four of 8: fewer loads, and the 20 KB of tables still fit
 * the first-level cache. One array for all pieces, in a local constant, lets V8 keep its address and
 * length in registers. Measured in workerd at 1 MB: four streams of 8-bit pieces 1,860 MB/s, this
 * 2,460; at 1 KB 2,150. In Node: a byte a step 450, slicing by 16 1,630.
 *
 * The machine must be little-endian, as every target of V8 in Workers, Node and browsers is.
 */

const POLYNOMIAL = 0x82f63b78;
const STREAMS = 4;
const WORD_BYTES = 4;
/** Below this the streams have too little to do. */
const SHORT_BYTES = 48;

/** A piece of 11 bits, one of 11, one of 10: where each has its shift and its part of the table. */
const PIECE_BITS = 11;
const PIECE_MASK = (1 << PIECE_BITS) - 1;
const MIDDLE_AT = 1 << PIECE_BITS;
const HIGH_AT = MIDDLE_AT * 2;
const HIGH_SHIFT = PIECE_BITS * 2;

/** A piece's effect on its stream's next word, which lies STREAMS words on. */
const pieces = joined([
  tableOf(PIECE_BITS, 0, STREAMS * 32),
  tableOf(PIECE_BITS, PIECE_BITS, STREAMS * 32),
  tableOf(32 - HIGH_SHIFT, HIGH_SHIFT, STREAMS * 32),
]);

/** A byte's effect after 1, 2, 3 and 4 bytes, 256 entries each. */
const byteTables = joined([8, 16, 24, 32].map((zeros) => tableOf(8, 0, zeros)));

/**
 * What `zeros` zero bits make of every piece of `bits` bits that stands `shift` bits up in the
 * register. That is linear: the entry of a piece is the exclusive or of the entries of its bits.
 */
function tableOf(bits: number, shift: number, zeros: number): Int32Array {
  const table = new Int32Array(1 << bits);
  for (let bit = 0; bit < bits; bit++) {
    const entry = advance(1 << (bit + shift), zeros);
    for (let rest = 0; rest < 1 << bit; rest++) {
      table[(1 << bit) | rest] = entry ^ (table[rest] as number);
    }
  }
  return table;
}

/** The register after `zeros` zero bits went in. */
function advance(register: number, zeros: number): number {
  let crc = register;
  for (let i = 0; i < zeros; i++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  return crc;
}

function joined(tables: readonly Int32Array[]): Int32Array {
  return Int32Array.from(tables.flatMap((table) => [...table]));
}

/** Of `bytes[start, end)`, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  if (end - start < SHORT_BYTES) return ~addBytes(-1, bytes, start, end) >>> 0;
  const misaligned = (bytes.byteOffset + start) % WORD_BYTES;
  const first = misaligned === 0 ? start : start + WORD_BYTES - misaligned;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + first, (end - first) >> 2);
  const crc = addWords(addBytes(-1, bytes, start, first), words);
  return ~addBytes(crc, bytes, first + words.length * WORD_BYTES, end) >>> 0;
}

function addBytes(register: number, bytes: Uint8Array, start: number, end: number): number {
  const table = byteTables;
  let crc = register;
  for (let i = start; i < end; i++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return crc;
}

/** At least four words. */
function addWords(register: number, words: Int32Array): number {
  const table = pieces;
  // Each stream's register stands where its next word begins.
  let a = register;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (const last = words.length - 2 * STREAMS; i <= last; i += STREAMS) {
    a ^= words[i] as number;
    b ^= words[i + 1] as number;
    c ^= words[i + 2] as number;
    d ^= words[i + 3] as number;
    a =
      (table[a & PIECE_MASK] as number) ^
      (table[MIDDLE_AT + ((a >>> PIECE_BITS) & PIECE_MASK)] as number) ^
      (table[HIGH_AT + (a >>> HIGH_SHIFT)] as number);
    b =
      (table[b & PIECE_MASK] as number) ^
      (table[MIDDLE_AT + ((b >>> PIECE_BITS) & PIECE_MASK)] as number) ^
      (table[HIGH_AT + (b >>> HIGH_SHIFT)] as number);
    c =
      (table[c & PIECE_MASK] as number) ^
      (table[MIDDLE_AT + ((c >>> PIECE_BITS) & PIECE_MASK)] as number) ^
      (table[HIGH_AT + (c >>> HIGH_SHIFT)] as number);
    d =
      (table[d & PIECE_MASK] as number) ^
      (table[MIDDLE_AT + ((d >>> PIECE_BITS) & PIECE_MASK)] as number) ^
      (table[HIGH_AT + (d >>> HIGH_SHIFT)] as number);
  }
  // The last four words are taken in turn, and bring the streams together.
  let crc = addWord(a ^ (words[i] as number));
  crc = addWord(crc ^ b ^ (words[i + 1] as number));
  crc = addWord(crc ^ c ^ (words[i + 2] as number));
  crc = addWord(crc ^ d ^ (words[i + 3] as number));
  for (i += STREAMS; i < words.length; i++) crc = addWord(crc ^ (words[i] as number));
  return crc;
}

function addWord(register: number): number {
  const table = byteTables;
  return (
    (table[768 + (register & 0xff)] as number) ^
    (table[512 + ((register >>> 8) & 0xff)] as number) ^
    (table[256 + ((register >>> 16) & 0xff)] as number) ^
    (table[register >>> 24] as number)
  );
}
