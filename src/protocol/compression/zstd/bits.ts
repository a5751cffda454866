import { ProtocolError } from "../../errors.ts";

export const corrupt = (what: string) => new ProtocolError(`corrupt zstd data: ${what}`);

/**
 * A Zstandard bit stream: written forwards from the lowest bit, ended by a one bit, read backwards.
 * `left` counts the bits not read yet; below zero, zeros were read that are not there.
 */
export class BackwardBits {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  left: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? (bytes[end - 1] as number) : 0;
    if (last === 0) throw corrupt("a bit stream without an end");
    this.#bytes = bytes;
    this.#start = start;
    this.left = (end - start - 1) * 8 + 31 - Math.clz32(last);
  }

  /** The next bits, the first at the top of 32; at least 25 of them are real. */
  peek(): number {
    const end = (this.left + 7) >> 3;
    const at = this.#start + end - 4;
    const bytes = this.#bytes;
    if (end >= 4) {
      const word =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      return word << (end * 8 - this.left);
    }
    let word = 0;
    for (let i = Math.max(0, 4 - end); i < 4; i++) word |= (bytes[at + i] as number) << (8 * i);
    return word << (end * 8 - this.left);
  }

  /** n ≤ 25. */
  read(n: number): number {
    if (n === 0) return 0;
    const value = this.peek() >>> (32 - n);
    this.left -= n;
    return value;
  }
}

/** Reads from the lowest bit of the first byte on: table descriptions. */
export class ForwardBits {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #start: number;
  #pos = 0;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** n ≤ 16, without moving on; what lies beyond the end is zero. */
  peek(n: number): number {
    const at = this.#start + (this.#pos >> 3);
    let word = 0;
    for (let i = 0; i < 3 && at + i < this.#end; i++)
      word |= (this.#bytes[at + i] as number) << (8 * i);
    return (word >>> (this.#pos & 7)) & ((1 << n) - 1);
  }

  skip(n: number): void {
    this.#pos += n;
    if (this.#start * 8 + this.#pos > this.#end * 8) throw corrupt("truncated");
  }

  /** The first byte of which no bit was taken. */
  get nextByte(): number {
    return this.#start + ((this.#pos + 7) >> 3);
  }
}

/** Writes what BackwardBits reads. The caller gives it room enough. */
export class BitWriter {
  readonly #out: Uint8Array;
  at: number;
  #hold = 0;
  #count = 0;

  constructor(out: Uint8Array, at: number) {
    this.#out = out;
    this.at = at;
  }

  /** The low n bits of value, n ≤ 16; the bits above them must be zero. */
  add(value: number, n: number): void {
    this.#hold |= value << this.#count;
    this.#count += n;
    while (this.#count >= 8) {
      this.#out[this.at++] = this.#hold;
      this.#hold >>>= 8;
      this.#count -= 8;
    }
  }

  /** n ≤ 31. */
  addLong(value: number, n: number): void {
    const low = Math.min(n, 16);
    this.add(value & ((1 << low) - 1), low);
    this.add(value >>> low, n - low);
  }

  /** The end mark of a backward stream, then the last byte; returns the position after it. */
  finish(): number {
    this.add(1, 1);
    return this.flush();
  }

  flush(): number {
    if (this.#count > 0) this.#out[this.at++] = this.#hold;
    this.#hold = 0;
    this.#count = 0;
    return this.at;
  }
}
