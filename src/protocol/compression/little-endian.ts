/**
 * Little-endian reads that never fail: a byte beyond the end counts as zero, so callers check the
 * length first where that matters.
 */
export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
}

export function readU24(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) | ((bytes[at + 2] as number) << 16);
}

/** Signed: compare with other results of this function, or take `>>> 0`. */
export function readI32(bytes: Uint8Array, at: number): number {
  return readU24(bytes, at) | ((bytes[at + 3] as number) << 24);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return readI32(bytes, at) >>> 0;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
