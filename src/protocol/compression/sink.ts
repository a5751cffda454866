import { ProtocolError } from "../errors.ts";

/**
 * Where a decoder puts what it decodes: one array that grows by doubling and never beyond
 * `maxBytes`, so that a few hostile bytes cannot ask for the memory of the whole object.
 *
 * Decoders read and write `bytes` and `length` themselves (a call per byte would cost more than the
 * decoding), after they reserved room. `reserve` may replace `bytes`: take it again afterwards.
 */
export class Sink {
  bytes: Uint8Array;
  length = 0;
  readonly #maxBytes: number;

  constructor(expectedBytes: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.bytes = new Uint8Array(Math.max(0, Math.min(expectedBytes, maxBytes)));
  }

  /** Makes room for `count` bytes after `length`; throws ProtocolError past the bound. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    if (needed > this.#maxBytes) throw this.tooLarge();
    const size = Math.min(this.#maxBytes, Math.max(needed, this.bytes.length * 2, 1024));
    const grown = new Uint8Array(size);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Makes as much room as the bound allows, `count` bytes at most, and says how much there is. */
  reserveUpTo(count: number): number {
    const room = Math.min(count, this.#maxBytes - this.length);
    this.reserve(room);
    return room;
  }

  tooLarge(): ProtocolError {
    return new ProtocolError(
      `compressed records are larger than ${this.#maxBytes} bytes when decompressed`,
    );
  }

  append(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  finish(): Uint8Array {
    return this.length === this.bytes.length ? this.bytes : this.bytes.subarray(0, this.length);
  }
}
