/**
 * A LogStore in memory for tests and the simulator, under the same contract suite as the one on
 * SQLite. `copy` lets the simulator lose what was not yet durable.
 */
import { CHUNK_BYTES_MAX, CHUNK_PARTS_MAX } from "../../src/constants.ts";
import { assert } from "../../src/lib/assert.ts";
import { cutChunk } from "../../src/log/chunk.ts";
import type { ChunkInfo, LogStore, StoredChunk } from "../../src/log/log-store.ts";

export class MemoryLogStore implements LogStore {
  #chunks: StoredChunk[] = [];
  #checkpoint: Uint8Array | null = null;
  #previousCheckpoint: Uint8Array | null = null;
  #rowsWritten = 0;

  *chunksFrom(offset: number): Generator<StoredChunk> {
    const chunks = this.#chunks;
    const at = this.#lastAtOrBefore(offset);
    for (let i = Math.max(at, 0); i < chunks.length; i++) {
      const chunk = chunks[i];
      if (chunk !== undefined && chunk.lastOffset >= offset) yield chunk;
    }
  }

  chunkInfoAt(offset: number): ChunkInfo | null {
    const found = this.#chunks[this.#lastAtOrBefore(offset)];
    if (found === undefined) return null;
    const { data: _, ...info } = found;
    return info;
  }

  /** Position of the last chunk whose base offset is at or before `offset`, -1 when there is none. */
  #lastAtOrBefore(offset: number): number {
    let [low, high] = [0, this.#chunks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#chunks[middle]?.baseOffset ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  checkpoint(): Uint8Array | null {
    return this.#checkpoint;
  }

  previousCheckpoint(): Uint8Array | null {
    return this.#previousCheckpoint;
  }

  firstOffset(): number | null {
    return this.#chunks[0]?.baseOffset ?? null;
  }

  bytesStored(): number {
    return this.#chunks.reduce((sum, { data }) => sum + data.byteLength, 0);
  }

  trimPoint(below: number, rows: number): number | null {
    let point: number | null = null;
    let left = rows;
    for (const chunk of this.#chunks) {
      left -= rowsOf(chunk.data);
      if (chunk.lastOffset >= below || (left < 0 && point !== null)) break;
      point = chunk.lastOffset + 1;
    }
    return point;
  }

  putChunk(chunk: StoredChunk): void {
    const rows = rowsOf(chunk.data);
    assert(rows >= 1 && rows <= CHUNK_PARTS_MAX, `a chunk fits no ${rows} rows`);
    this.#chunks.push({ ...chunk, data: chunk.data.slice() });
    this.#rowsWritten += rows;
  }

  putCheckpoint(bytes: Uint8Array): void {
    this.#previousCheckpoint = this.#checkpoint;
    this.#checkpoint = bytes.slice();
    this.#rowsWritten += rowsOf(bytes);
  }

  deleteBelow(offset: number): void {
    for (const chunk of this.#chunks) {
      if (chunk.baseOffset < offset) this.#rowsWritten += rowsOf(chunk.data);
    }
    this.#chunks = this.#chunks.filter((chunk) => chunk.baseOffset >= offset);
  }

  deleteFrom(offset: number): void {
    const kept = this.#chunks.filter((chunk) => chunk.baseOffset < offset);
    this.#rowsWritten += this.#chunks.length - kept.length;
    this.#chunks = kept;
    const last = kept.at(-1);
    if (last === undefined || last.lastOffset < offset) return;
    kept.pop();
    this.putChunk(cutChunk(last, offset));
  }

  rowsWritten(): number {
    return this.#rowsWritten;
  }

  /** A copy that later writes do not touch. */
  copy(): MemoryLogStore {
    const copy = new MemoryLogStore();
    copy.copyFrom(this);
    return copy;
  }

  protected copyFrom(other: MemoryLogStore): void {
    this.#chunks = [...other.#chunks];
    this.#checkpoint = other.#checkpoint;
    this.#previousCheckpoint = other.#previousCheckpoint;
    this.#rowsWritten = other.#rowsWritten;
  }
}

function rowsOf(bytes: Uint8Array): number {
  return Math.ceil(bytes.byteLength / CHUNK_BYTES_MAX);
}
