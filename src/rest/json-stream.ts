/**
 * Cuts a byte stream of concatenated JSON objects (`{…}{…}`, white space allowed between) into the
 * bytes of each object, whatever the chunks. Pure; it does not parse: a cut object is balanced, and
 * JSON.parse has the last word on it.
 */
import { concatBytes } from "../lib/bytes.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Nesting that no record needs, and that JSON.parse would still survive. */
const DEPTH_MAX = 512;

export class JsonObjectSplitter {
  private readonly maxBytes: number;
  /** The closing byte that each open brace or bracket waits for. */
  private readonly open: number[] = [];
  private inString = false;
  private escaped = false;
  /** Earlier chunks of the object that is not complete yet. */
  private parts: Uint8Array[] = [];
  private partBytes = 0;
  /** Bytes of the stream before the current chunk. */
  private consumed = 0;
  private problem: string | null = null;

  /** `maxBytes` bounds one object, and so the memory held between chunks. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** What stopped the stream, null while all is well. Once set, nothing more is read. */
  get failure(): string | null {
    return this.problem;
  }

  /** True between objects. */
  get idle(): boolean {
    return this.open.length === 0 && this.problem === null;
  }

  /**
   * The objects that this chunk completes, in order; those before a failure included. The arrays
   * may be views of `chunk`.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const out: Uint8Array[] = [];
    let start = 0;
    let at = 0;
    while (at < chunk.length && this.problem === null) {
      if (this.open.length === 0) {
        at = skipWhiteSpace(chunk, at);
        start = at;
        if (at === chunk.length) break;
        if (chunk[at] !== OPEN_BRACE) {
          this.fail(`expected "{", the start of a record, but found ${describe(chunk, at)}`, at);
          break;
        }
      }
      at = this.inString ? this.scanString(chunk, at) : this.scanStructure(chunk, at);
      if (this.partBytes + at - start > this.maxBytes) {
        this.fail(`a record is larger than ${this.maxBytes} bytes`, at);
      } else if (this.open.length === 0 && this.problem === null) {
        out.push(this.take(chunk.subarray(start, at)));
        start = at;
      }
    }
    if (this.open.length > 0 && this.problem === null) this.keep(chunk.subarray(start));
    this.consumed += chunk.length;
    return out;
  }

  /** No more bytes will come: an object that is still open is a failure. */
  end(): void {
    if (this.open.length === 0 || this.problem !== null) return;
    this.fail(`the body ends inside a record of ${this.partBytes} bytes so far`, 0);
  }

  /** To the end of the string, or of the chunk. */
  private scanString(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.escaped) {
      this.escaped = false;
      at++;
    }
    for (; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE) {
        this.inString = false;
        return at + 1;
      }
      if (byte === BACKSLASH) {
        if (at + 1 === chunk.length) this.escaped = true;
        at++;
      }
    }
    return chunk.length;
  }

  /** To the start of a string, the end of the object, a failure, or the end of the chunk. */
  private scanStructure(chunk: Uint8Array, from: number): number {
    const { open } = this;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE) {
        this.inString = true;
        return at + 1;
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (open.length === DEPTH_MAX) {
          this.fail(`a record is nested deeper than ${DEPTH_MAX} levels`, at);
          return at;
        }
        open.push(byte === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET);
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (open.pop() !== byte) {
          this.fail(`${describe(chunk, at)} closes what it did not open`, at);
          return at;
        }
        if (open.length === 0) return at + 1;
      }
    }
    return chunk.length;
  }

  private keep(part: Uint8Array): void {
    this.parts.push(part);
    this.partBytes += part.length;
  }

  private take(last: Uint8Array): Uint8Array {
    if (this.parts.length === 0) return last;
    const whole = concatBytes([...this.parts, last]);
    this.parts = [];
    this.partBytes = 0;
    return whole;
  }

  private fail(what: string, at: number): void {
    this.problem = `${what} (byte ${this.consumed + at} of the body)`;
    this.parts = [];
    this.partBytes = 0;
  }
}

function skipWhiteSpace(chunk: Uint8Array, from: number): number {
  let at = from;
  for (; at < chunk.length; at++) {
    const byte = chunk[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
  }
  return at;
}

function describe(chunk: Uint8Array, at: number): string {
  const byte = chunk[at] ?? 0;
  if (byte > 0x20 && byte < 0x7f) return `"${String.fromCharCode(byte)}"`;
  return `byte 0x${byte.toString(16).padStart(2, "0")}`;
}
