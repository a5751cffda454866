/**
 * Where a log lives, as the pure code sees it: synchronous, ordered by offset, one writer.
 * Implemented on SQLite (objects/sql-log-store.ts) and in memory (test/support), both under the same
 * contract suite (test/contract/log-store.ts).
 */

/** Consecutive whole batches that were stored in one row, or one batch that needed several rows. */
export interface StoredChunk {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Base offset of the segment that the chunk belongs to. */
  readonly segmentBase: number;
  /** Largest record timestamp in the segment up to the end of this chunk. */
  readonly runningMaxTimestamp: number;
  /** The leader's clock when the chunk was stored, ms. */
  readonly appendedAtMs: number;
  /** Which life of its epoch's leader wrote it (LOG23); the epoch itself is in each batch. */
  readonly incarnation: number;
  /** What was known to be committed when it was stored: a lower bound after a restart. */
  readonly highWatermark: number;
  readonly data: Uint8Array;
}

/** A chunk without its bytes. */
export type ChunkInfo = Omit<StoredChunk, "data">;

/** The reading half: what queries may use. */
export interface LogReader {
  /** Starts with the chunk that holds `offset`, or the first one after it; ordered; lazily read. */
  chunksFrom(offset: number): Iterable<StoredChunk>;
  /** The last chunk whose base offset is at or before `offset`, without its bytes. */
  chunkInfoAt(offset: number): ChunkInfo | null;
}

export interface LogStore extends LogReader {
  /** The last checkpoint written (checkpoint.ts), null in a new log. */
  checkpoint(): Uint8Array | null;
  /** The one before it, for a truncation that cuts below the last; null when there was none. */
  previousCheckpoint(): Uint8Array | null;
  /** Base offset of the first chunk stored, null when there is none. */
  firstOffset(): number | null;
  /** What the store takes up, as the platform counts it against an object's bound. */
  bytesStored(): number;
  /**
   * Base offset of the chunk to keep first when whole chunks that end before `below` are deleted, up
   * to `rows` rows of them and at least one chunk; null when there is nothing to delete.
   */
  trimPoint(below: number, rows: number): number | null;

  // The writing half runs inside the shell's one transaction a turn.
  putChunk(chunk: StoredChunk): void;
  putCheckpoint(bytes: Uint8Array): void;
  /** Deletes the chunks whose base offset is below `offset`. */
  deleteBelow(offset: number): void;
  /** Deletes the tail: every batch from `offset` on, which is a batch's base offset or the end. */
  deleteFrom(offset: number): void;
  /** Rows written since the store was opened, as the platform bills them. */
  rowsWritten(): number;
}

/** What a machine may ask of the store while it decides. */
export type LogView = LogReader & Pick<LogStore, "trimPoint" | "bytesStored">;
