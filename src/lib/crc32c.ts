/** CRC-32C (Castagnoli), the checksum of record batches. */

const POLYNOMIAL = 0x82f63b78;
const SLICES = 16;

const tables: readonly Int32Array[] = makeTables();

function makeTables(): Int32Array[] {
  const all: Int32Array[] = [];
  for (let slice = 0; slice < SLICES; slice++) all.push(new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    for (const table of all) {
      table[byte] = crc;
      crc = (crc >>> 8) ^ ((all[0] as Int32Array)[crc & 0xff] as number);
    }
  }
  return all;
}

/** Of `bytes[start, end)`, as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const table = tables[0] as Int32Array;
  let crc = -1;
  for (let i = start; i < end; i++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}
