/** Cuts a byte stream into Kafka request frames: a 4-byte length, then that many bytes. */

/** A whole frame with its length prefix, in the pieces in which it arrived: nothing was copied. */
export interface Frame {
  readonly chunks: readonly Buffer[];
  /** Of all chunks together. */
  readonly bytes: number;
}

/** The stream cannot be a Kafka client's, or asks for more than is allowed. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

const PREFIX_BYTES = 4;
/** The smallest request header: api key, version and correlation id. */
const FRAME_BYTES_MIN = 8;
/** A frame that trickles in byte by byte must not cost an object a byte: small pieces are merged. */
const SMALL_CHUNK_BYTES = 4_096;
const SMALL_CHUNKS_MAX = 256;

export class FrameSplitter {
  readonly #frameBytesMax: number;
  #chunks: Buffer[] = [];
  #smallAtEnd = 0;
  #bytes = 0;
  /** Of the frame being gathered, prefix included; -1 until its prefix is whole. */
  #wanted = -1;

  /** @param frameBytesMax the largest length a prefix may announce. */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes held of a frame that is not whole yet: they grow as bytes come, never ahead of them. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /**
   * Takes what came off the wire and returns the frames that are whole now.
   *
   * @throws FrameError on a length that no request can have; the stream is of no use after it.
   */
  push(data: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = data;
    while (rest.length > 0) {
      const target = this.#wanted === -1 ? PREFIX_BYTES : this.#wanted;
      const taken = rest.subarray(0, target - this.#bytes);
      rest = rest.subarray(taken.length);
      this.#keep(taken);
      if (this.#bytes < target) break;
      if (this.#wanted === -1) {
        this.#wanted = PREFIX_BYTES + this.#readLength();
      } else {
        frames.push({ chunks: this.#chunks, bytes: this.#bytes });
        this.#chunks = [];
        this.#smallAtEnd = 0;
        this.#bytes = 0;
        this.#wanted = -1;
      }
    }
    return frames;
  }

  #keep(chunk: Buffer): void {
    const last = this.#chunks.at(-1);
    // The prefix and what follows it mostly lie in one buffer: then they stay one piece.
    if (last !== undefined && adjoins(last, chunk)) {
      this.#chunks[this.#chunks.length - 1] = Buffer.from(
        last.buffer,
        last.byteOffset,
        last.length + chunk.length,
      );
    } else {
      this.#chunks.push(chunk);
      this.#smallAtEnd = chunk.length < SMALL_CHUNK_BYTES ? this.#smallAtEnd + 1 : 0;
    }
    this.#bytes += chunk.length;
    if (this.#smallAtEnd >= SMALL_CHUNKS_MAX) {
      const merged = Buffer.concat(this.#chunks.splice(-SMALL_CHUNKS_MAX));
      this.#chunks.push(merged);
      this.#smallAtEnd = merged.length < SMALL_CHUNK_BYTES ? 1 : 0;
    }
  }

  #readLength(): number {
    const prefix = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    const length = prefix?.readInt32BE(0) ?? 0;
    if (length < FRAME_BYTES_MIN || length > this.#frameBytesMax) {
      throw new FrameError(
        `a frame of ${length} bytes was announced, a request has ${FRAME_BYTES_MIN} to ` +
          `${this.#frameBytesMax}${prefix === undefined ? "" : guess(prefix)}`,
      );
    }
    return length;
  }
}

function adjoins(a: Buffer, b: Buffer): boolean {
  return a.buffer === b.buffer && a.byteOffset + a.length === b.byteOffset;
}

/** The two mistakes that people make: a browser, or a TLS client, on this port. */
function guess(prefix: Buffer): string {
  if (prefix[0] === 0x16 && prefix[1] === 0x03) {
    return " (this looks like TLS: the listener speaks plain Kafka, set security.protocol=PLAINTEXT)";
  }
  if (/^(GET |POST|PUT |HEAD|OPTI|DELE|PATC|PRI )$/.test(prefix.toString("latin1", 0, 4))) {
    return " (this looks like HTTP: the HTTP listener has another port)";
  }
  return "";
}
