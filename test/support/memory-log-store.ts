/**
 * A LogStore in memory for tests and the simulator, under the same contract suite as the one on
 * SQLite. `copy` lets the simulator lose what was not yet durable.
 */
import { CHUNK_BYTES_MAX, CHUNK_PARTS_MAX } from "../../src/constants.ts";
import { assert } from "../../src/lib/assert.ts";
import type { ChunkInfo, LogStore, StoredChunk } from "../../src/log/log-store.ts";

export class MemoryLogStore implements LogStore {
  #chunks: StoredChunk[] = [];
  #checkpoint: Uint8Array | null = null;
  #rowsWritten = 0;

  *chunksFrom(offset: number): Generator<StoredChunk> {
    for (const chunk of this.#chunks) if (chunk.lastOffset >= offset) yield chunk;
  }

  chunkInfoAt(offset: number): ChunkInfo | null {
    const found = this.#chunks.findLast((chunk) => chunk.baseOffset <= offset);
    if (found === undefined) return null;
    const { data: _, ...info } = found;
    return info;
  }

  checkpoint(): Uint8Array | null {
    return this.#checkpoint;
  }

  firstOffset(): number | null {
    return this.#chunks[0]?.baseOffset ?? null;
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
    this.#checkpoint = bytes.slice();
    this.#rowsWritten += rowsOf(bytes);
  }

  deleteBelow(offset: number): void {
    for (const chunk of this.#chunks) {
      if (chunk.baseOffset < offset) this.#rowsWritten += rowsOf(chunk.data);
    }
    this.#chunks = this.#chunks.filter((chunk) => chunk.baseOffset >= offset);
  }

  rowsWritten(): number {
    return this.#rowsWritten;
  }

  /** A copy that later writes do not touch. */
  copy(): MemoryLogStore {
    const copy = new MemoryLogStore();
    copy.#chunks = [...this.#chunks];
    copy.#checkpoint = this.#checkpoint;
    copy.#rowsWritten = this.#rowsWritten;
    return copy;
  }
}

function rowsOf(bytes: Uint8Array): number {
  return Math.ceil(bytes.byteLength / CHUNK_BYTES_MAX);
}
