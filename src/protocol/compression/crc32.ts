/** CRC-32 (IEEE 802.3), which gzip uses; Kafka's own batches carry CRC-32C instead. */
const TABLES = makeTables();

function makeTables(): readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const t0 = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    t0[i] = c;
  }
  const next = (t: Uint32Array) => t.map((c) => (c >>> 8) ^ (t0[c & 0xff] as number));
  const t1 = next(t0);
  const t2 = next(t1);
  return [t0, t1, t2, next(t2)];
}

/** The checksum of bytes[start, end), unsigned. Four bytes a step. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const [t0, t1, t2, t3] = TABLES;
  let c = 0xffffffff;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    c ^=
      u8(bytes, i) | (u8(bytes, i + 1) << 8) | (u8(bytes, i + 2) << 16) | (u8(bytes, i + 3) << 24);
    c =
      u32(t3, c & 0xff) ^
      u32(t2, (c >>> 8) & 0xff) ^
      u32(t1, (c >>> 16) & 0xff) ^
      u32(t0, c >>> 24);
  }
  for (; i < end; i++) c = (c >>> 8) ^ u32(t0, (c ^ u8(bytes, i)) & 0xff);
  return (c ^ 0xffffffff) >>> 0;
}

const u8 = (bytes: Uint8Array, at: number) => bytes[at] as number;
const u32 = (words: Uint32Array, at: number) => words[at] as number;
