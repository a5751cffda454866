/**
 * CRC-32C (Castagnoli), the checksum of record batches: every byte that Kedge takes in or gives out
 * passes here.
 *
 * Three streams of 32-bit words are run at once (words 0, 3, 6 …; 1, 4, 7 …; 2, 5, 8 …), because one
 * stream would wait for each table look-up before it can start the next. A word is looked up in three
 * pieces of 11, 11 and 10 bits rather than four of 8: fewer loads, and the tables still fit the
 * first-level cache. Measured in V8 at 1 MB: one byte a step 450 MB/s, slicing by 16 2,100, four
 * streams of 8-bit pieces 2,100, this 3,100. The machine must be little-endian, as all V8 targets of
 * Workers, Node and browsers are.
 */

const POLYNOMIAL = 0x82f63b78;
const STREAMS = 3;
const WORD_BYTES = 4;
/** Below this the streams have too little to do. */
const SHORT_BYTES = 32;

const PIECE_BITS = 11;
const PIECE_MASK = (1 << PIECE_BITS) - 1;

const BYTE_0 = tableOf(8, 0, 8);
const BYTE_1 = tableOf(8, 0, 16);
const BYTE_2 = tableOf(8, 0, 24);
const BYTE_3 = tableOf(8, 0, 32);

const STREAM_BITS = STREAMS * WORD_BYTES * 8;
const LOW = tableOf(PIECE_BITS, 0, STREAM_BITS);
const MIDDLE = tableOf(PIECE_BITS, PIECE_BITS, STREAM_BITS);
const HIGH = tableOf(32 - 2 * PIECE_BITS, 2 * PIECE_BITS, STREAM_BITS);

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
  let crc = register;
  for (let i = start; i < end; i++) {
    crc = (crc >>> 8) ^ (BYTE_0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return crc;
}

function addWords(register: number, words: Int32Array): number {
  // Each stream's register already stands where its next word begins, three words on.
  let a = register;
  let b = 0;
  let c = 0;
  let i = 0;
  for (const last = words.length - 2 * STREAMS; i <= last; i += STREAMS) {
    a ^= words[i] as number;
    b ^= words[i + 1] as number;
    c ^= words[i + 2] as number;
    a =
      (LOW[a & PIECE_MASK] as number) ^
      (MIDDLE[(a >>> PIECE_BITS) & PIECE_MASK] as number) ^
      (HIGH[a >>> (2 * PIECE_BITS)] as number);
    b =
      (LOW[b & PIECE_MASK] as number) ^
      (MIDDLE[(b >>> PIECE_BITS) & PIECE_MASK] as number) ^
      (HIGH[b >>> (2 * PIECE_BITS)] as number);
    c =
      (LOW[c & PIECE_MASK] as number) ^
      (MIDDLE[(c >>> PIECE_BITS) & PIECE_MASK] as number) ^
      (HIGH[c >>> (2 * PIECE_BITS)] as number);
  }
  // The last three words are taken in turn, and bring the streams together.
  let crc = addWord(a ^ (words[i] as number));
  crc = addWord(crc ^ b ^ (words[i + 1] as number));
  crc = addWord(crc ^ c ^ (words[i + 2] as number));
  for (i += STREAMS; i < words.length; i++) crc = addWord(crc ^ (words[i] as number));
  return crc;
}

function addWord(register: number): number {
  return (
    (BYTE_3[register & 0xff] as number) ^
    (BYTE_2[(register >>> 8) & 0xff] as number) ^
    (BYTE_1[(register >>> 16) & 0xff] as number) ^
    (BYTE_0[register >>> 24] as number)
  );
}
