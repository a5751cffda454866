/**
 * A LogStore in memory for tests and the simulator, under the same contract suite as the one on
 * SQLite. `copy` lets the simulator lose what was not yet durable.
 */
import { CHUNK_BYTES_MAX } from "../../src/constants.ts";
import { cutChunk } from "../../src/log/chunk.ts";
import type { ChunkInfo, LogStore, StoredChunk } from "../../src/log/log-store.ts";

export class MemoryLogStore implements LogStore {
  #chunks: StoredChunk[] = [];
  #checkpoint: Uint8Array | null = null;
  #previousCheckpoint: Uint8Array | null = null;
  #rowsWritten = 0;

  *chunksFrom(offset: number): Generator<StoredChunk> {
    for (const chunk of this.#chunks) if (chunk.lastOffset >= offset) yield chunk;
  }

  chunkInfoAt(offset: number): ChunkInfo | null {
    return this.#chunks.findLast((chunk) => chunk.baseOffset <= offset) ?? null;
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

  trimPoint(below: number, rows: number): number | null {
    const found = this.#chunks
      .slice(0, rows)
      .filter((chunk) => chunk.lastOffset < below)
      .at(-1);
    return found === undefined ? null : found.lastOffset + 1;
  }

  putChunk(chunk: StoredChunk): void {
    this.#chunks.push({ ...chunk, data: chunk.data.slice() });
    this.#rowsWritten += Math.ceil(chunk.data.byteLength / CHUNK_BYTES_MAX);
  }

  putCheckpoint(bytes: Uint8Array): void {
    this.#previousCheckpoint = this.#checkpoint;
    this.#checkpoint = bytes.slice();
    this.#rowsWritten += Math.ceil(bytes.byteLength / CHUNK_BYTES_MAX);
  }

  deleteBelow(offset: number): void {
    const kept = this.#chunks.filter((chunk) => chunk.baseOffset >= offset);
    this.#rowsWritten += this.#chunks.length - kept.length;
    this.#chunks = kept;
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
    copy.#chunks = [...this.#chunks];
    copy.#checkpoint = this.#checkpoint;
    copy.#previousCheckpoint = this.#previousCheckpoint;
    copy.#rowsWritten = this.#rowsWritten;
    return copy;
  }
}
