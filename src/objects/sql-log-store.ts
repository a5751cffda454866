/**
 * A log in a Durable Object's SQLite database. Rowid tables without secondary indexes, since every
 * index entry is a billed row.
 */
import {
  CHUNK_BYTES_MAX,
  CHUNK_PARTS_MAX,
  OFFSET_MAX,
  STORE_SIZE_CHECK_BYTES,
  TAIL_CACHE_BYTES_MAX,
} from "../constants.ts";
import { assert } from "../lib/assert.ts";
import { concatBytes } from "../lib/bytes.ts";
import { cutChunk } from "../log/chunk.ts";
import type { ChunkInfo, StoredChunk } from "../log/log-store.ts";
import type { ReplicaStore } from "../replication/replica-state.ts";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS chunk (
  id INTEGER PRIMARY KEY,
  last_offset INTEGER NOT NULL,
  segment_base INTEGER NOT NULL,
  running_max_timestamp INTEGER NOT NULL,
  appended_at_ms INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  high_watermark INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS checkpoint (
  part INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS replica (id INTEGER PRIMARY KEY CHECK (id = 0), state BLOB NOT NULL);
`;

/** Rows whose sizes are looked up at once, and bytes read by one query, when a reader scans. */
const SCAN_ROWS = 64;
const SCAN_BYTES = 512 * 1024;
/** A chunk larger than this is kept for its reader, who takes it in slices. */
const COLD_BYTES_MIN = SCAN_BYTES / 4;

type InfoRow = {
  id: number;
  last_offset: number;
  segment_base: number;
  running_max_timestamp: number;
  appended_at_ms: number;
  incarnation: number;
  high_watermark: number;
};
type SizedRow = InfoRow & { bytes: number };
type WholeRow = InfoRow & { data: ArrayBuffer };

const INFO =
  "id, last_offset, segment_base, running_max_timestamp, appended_at_ms, incarnation, high_watermark";
const LAST_AT = `SELECT ${INFO} FROM chunk WHERE id < ? ORDER BY id DESC LIMIT 1`;
const LAST_WHOLE_AT = `SELECT ${INFO}, data FROM chunk WHERE id < ? ORDER BY id DESC LIMIT 1`;
const SCAN = `SELECT ${INFO}, length(data) AS bytes FROM chunk WHERE id >= ? ORDER BY id LIMIT ${SCAN_ROWS}`;
const DATA = "SELECT data FROM chunk WHERE id BETWEEN ? AND ? ORDER BY id";
const INSERT = "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const LAST_ID = "SELECT id FROM chunk ORDER BY id DESC LIMIT 1";
const FIRST_LASTS = "SELECT last_offset FROM chunk ORDER BY id LIMIT ?";
const FIRST_ID = "SELECT id FROM chunk ORDER BY id LIMIT 1";

export class SqlLogStore implements ReplicaStore {
  readonly #sql: SqlStorage;
  #rowsWritten = 0;
  /** As SQLite said last, and what was written since; infinitely much when it must be asked again. */
  #size = 0;
  #writtenSince = Infinity;
  /** The newest chunks, contiguous up to the end of the log, for tailing readers. */
  #tail: StoredChunk[] = [];
  #tailBytes = 0;
  /** The chunk a cold reader was last in: it comes back for the next slice of it. */
  #cold: StoredChunk | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  rowsWritten(): number {
    return this.#rowsWritten;
  }

  bytesStored(): number {
    if (this.#writtenSince >= STORE_SIZE_CHECK_BYTES) {
      this.#size = this.#sql.databaseSize;
      this.#writtenSince = 0;
    }
    return this.#size + this.#writtenSince;
  }

  *chunksFrom(offset: number): Generator<StoredChunk> {
    const first = this.#tail[0];
    if (first !== undefined && first.baseOffset <= offset) {
      this.throwIfStale();
      for (let at = this.#tailIndexOf(offset); at < this.#tail.length; at++) {
        const chunk = this.#tail[at];
        if (chunk !== undefined) yield chunk;
      }
      return;
    }
    if (this.#cold !== null && holds(this.#cold, offset)) {
      const { lastOffset } = this.#cold;
      this.throwIfStale();
      yield this.#cold;
      yield* this.#scan((lastOffset + 1) * CHUNK_PARTS_MAX);
      return;
    }
    const chunk = this.#chunkAt(offset);
    if (chunk !== null && chunk.lastOffset >= offset) yield this.#remembered(chunk);
    yield* this.#scan(chunk === null ? 0 : (chunk.lastOffset + 1) * CHUNK_PARTS_MAX);
  }

  /** Of the first chunk in the tail that ends at or after `offset`. */
  #tailIndexOf(offset: number): number {
    let low = 0;
    let high = this.#tail.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#tail[middle]?.lastOffset ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The last chunk whose base offset is at or before `offset`: one query, if it is one row. */
  #chunkAt(offset: number): StoredChunk | null {
    const row = this.#sql.exec<WholeRow>(LAST_WHOLE_AT, idAfter(offset)).toArray()[0];
    if (row === undefined) return null;
    const info = infoOf(row);
    const first = info.baseOffset * CHUNK_PARTS_MAX;
    if (row.id === first) return { ...info, data: new Uint8Array(row.data) };
    const parts = this.#sql.exec<{ data: ArrayBuffer }>(DATA, first, row.id).toArray();
    return { ...info, data: concatBytes(parts.map(({ data }) => new Uint8Array(data))) };
  }

  /** A large chunk is read in slices: its reader comes back for the next one. */
  #remembered(chunk: StoredChunk): StoredChunk {
    if (chunk.data.byteLength > COLD_BYTES_MIN) this.#cold = chunk;
    return chunk;
  }

  /**
   * Memory alone may be that of an instance which the platform has replaced: touching storage fails
   * there, and a log that grew elsewhere shows.
   */
  throwIfStale(): void {
    const row = [...this.#sql.exec<{ id: number }>(LAST_ID)][0];
    const last = this.#tail.at(-1);
    if (last === undefined) return;
    assert(
      row !== undefined && Math.floor(row.id / CHUNK_PARTS_MAX) === last.baseOffset,
      "the stored log ends where memory says",
    );
  }

  *#scan(fromId: number): Generator<StoredChunk> {
    let next = fromId;
    for (;;) {
      const rows = this.#sql.exec<SizedRow>(SCAN, next).toArray();
      const last = rows.at(-1);
      if (last === undefined) return;
      next = last.id + 1;
      const groups = groupRows(rows);
      // A batch's later rows may lie beyond this page: leave its first ones to the next page.
      if (rows.length === SCAN_ROWS && groups.length > 1) {
        const tail = groups.pop();
        next = tail?.[0]?.[0]?.id ?? next;
      }
      for (const group of groups) yield* this.#read(group);
      if (rows.length < SCAN_ROWS) return;
    }
  }

  /** Chunks (each one or more rows) read by one query. */
  *#read(group: readonly (readonly SizedRow[])[]): Generator<StoredChunk> {
    const from = group[0]?.[0]?.id;
    const to = group.at(-1)?.at(-1)?.id;
    assert(from !== undefined && to !== undefined, "a group of rows is not empty");
    const blobs = this.#sql.exec<{ data: ArrayBuffer }>(DATA, from, to).toArray();
    let at = 0;
    for (const rows of group) {
      const parts = rows.map(() => new Uint8Array(blobs[at++]?.data ?? new ArrayBuffer(0)));
      const [row, part] = [rows[0], parts[0]];
      assert(row !== undefined && part !== undefined, "a chunk has a row");
      const data = parts.length === 1 ? part : concatBytes(parts);
      yield this.#remembered({ ...infoOf(row), data });
    }
  }

  chunkInfoAt(offset: number): ChunkInfo | null {
    const row = this.#sql.exec<InfoRow>(LAST_AT, idAfter(offset)).toArray()[0];
    return row === undefined ? null : infoOf(row);
  }

  checkpoint(): Uint8Array | null {
    return this.#readCheckpoint(this.#lastCheckpoint());
  }

  previousCheckpoint(): Uint8Array | null {
    return this.#readCheckpoint(this.#lastCheckpoint() - 1);
  }

  /** Checkpoints are numbered from 1 on; the last two are kept. */
  #lastCheckpoint(): number {
    const row = this.#sql
      .exec<{ number: number }>("SELECT number FROM checkpoint ORDER BY number DESC LIMIT 1")
      .toArray()[0];
    return row?.number ?? 0;
  }

  #readCheckpoint(number: number): Uint8Array | null {
    const rows = this.#sql
      .exec<{ data: ArrayBuffer }>(
        "SELECT data FROM checkpoint WHERE number = ? ORDER BY part",
        number,
      )
      .toArray();
    return rows.length === 0 ? null : concatBytes(rows.map((row) => new Uint8Array(row.data)));
  }

  replicaState(): Uint8Array | null {
    const row = this.#sql.exec<{ state: ArrayBuffer }>("SELECT state FROM replica").toArray()[0];
    return row === undefined ? null : new Uint8Array(row.state);
  }

  putReplicaState(bytes: Uint8Array): void {
    // The binding takes a view, as for chunks.
    const state = bytes as unknown as ArrayBuffer;
    this.#write("INSERT OR REPLACE INTO replica VALUES (0, ?)", state);
  }

  firstOffset(): number | null {
    const row = this.#sql.exec<{ id: number }>(FIRST_ID).toArray()[0];
    return row === undefined ? null : Math.floor(row.id / CHUNK_PARTS_MAX);
  }

  trimPoint(below: number, rows: number): number | null {
    const found = this.#sql.exec<{ last_offset: number }>(FIRST_LASTS, rows + 1).toArray();
    // The row after those tells whether the last of them is only a part of its chunk.
    const beyond = found[rows]?.last_offset;
    const gone = found.filter((row) => row.last_offset < below);
    const last = gone.findLast((row) => row.last_offset !== beyond) ?? gone[0];
    return last === undefined ? null : last.last_offset + 1;
  }

  putChunk(chunk: StoredChunk): void {
    const { data } = chunk;
    const id = chunk.baseOffset * CHUNK_PARTS_MAX;
    const parts = Math.ceil(data.byteLength / CHUNK_BYTES_MAX);
    assert(
      parts >= 1 && parts <= CHUNK_PARTS_MAX,
      `a chunk of ${data.byteLength} bytes fits no rows`,
    );
    for (let part = 0; part < parts; part++) {
      const start = part * CHUNK_BYTES_MAX;
      const bytes = parts === 1 ? data : data.subarray(start, start + CHUNK_BYTES_MAX);
      this.#write(
        INSERT,
        id + part,
        chunk.lastOffset,
        chunk.segmentBase,
        chunk.runningMaxTimestamp,
        chunk.appendedAtMs,
        chunk.incarnation,
        chunk.highWatermark,
        // The binding takes a view and stores just its bytes; its type says ArrayBuffer only.
        bytes as unknown as ArrayBuffer,
      );
    }
    this.#keepInTail(chunk);
  }

  #keepInTail(chunk: StoredChunk): void {
    this.#tail.push(chunk);
    this.#tailBytes += chunk.data.byteLength;
    this.#writtenSince += chunk.data.byteLength;
    while (this.#tailBytes > TAIL_CACHE_BYTES_MAX && this.#tail.length > 1) {
      this.#tailBytes -= this.#tail.shift()?.data.byteLength ?? 0;
    }
  }

  putCheckpoint(bytes: Uint8Array): void {
    const number = this.#lastCheckpoint() + 1;
    // Two slots of rows, used in turn, so that a new one takes the place of the last but one.
    const slot = (number % 2) * CHUNK_PARTS_MAX;
    const parts = Math.ceil(bytes.byteLength / CHUNK_BYTES_MAX);
    assert(parts <= CHUNK_PARTS_MAX, `a checkpoint of ${bytes.byteLength} bytes fits no rows`);
    for (let part = 0; part < parts; part++) {
      const start = part * CHUNK_BYTES_MAX;
      const data = bytes.subarray(start, start + CHUNK_BYTES_MAX);
      this.#write(
        "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)",
        slot + part,
        number,
        data as unknown as ArrayBuffer,
      );
    }
    this.#write(
      "DELETE FROM checkpoint WHERE part >= ? AND part < ?",
      slot + parts,
      slot + CHUNK_PARTS_MAX,
    );
  }

  deleteBelow(offset: number): void {
    this.#write("DELETE FROM chunk WHERE id < ?", offset * CHUNK_PARTS_MAX);
    this.#writtenSince = Infinity;
    this.#tail = this.#tail.filter((chunk) => chunk.baseOffset >= offset);
    this.#tailBytes = this.#tail.reduce((sum, chunk) => sum + chunk.data.byteLength, 0);
    this.#cold = null;
  }

  deleteFrom(offset: number): void {
    const kept = this.#partBelow(offset);
    this.#tail = this.#tail.filter((chunk) => chunk.lastOffset < offset);
    this.#tailBytes = this.#tail.reduce((sum, chunk) => sum + chunk.data.byteLength, 0);
    this.#cold = null;
    this.#writtenSince = Infinity;
    this.#write("DELETE FROM chunk WHERE id >= ?", (kept?.baseOffset ?? offset) * CHUNK_PARTS_MAX);
    if (kept !== null) this.putChunk(kept);
  }

  /** What stays of the chunk that `offset` lies within; null when it lies between two. */
  #partBelow(offset: number): StoredChunk | null {
    const info = this.chunkInfoAt(offset);
    if (info === null || info.baseOffset === offset || info.lastOffset < offset) return null;
    for (const chunk of this.chunksFrom(info.baseOffset)) return cutChunk(chunk, offset);
    return null;
  }

  #write(statement: string, ...bindings: (number | ArrayBuffer)[]): void {
    this.#rowsWritten += this.#sql.exec(statement, ...bindings).rowsWritten;
  }
}

/** Above every row of the chunks that start at or before `offset`. */
function idAfter(offset: number): number {
  return (Math.min(offset, OFFSET_MAX) + 1) * CHUNK_PARTS_MAX;
}

function holds(chunk: StoredChunk, offset: number): boolean {
  return chunk.baseOffset <= offset && offset <= chunk.lastOffset;
}

function infoOf(row: InfoRow): ChunkInfo {
  return {
    baseOffset: Math.floor(row.id / CHUNK_PARTS_MAX),
    lastOffset: row.last_offset,
    segmentBase: row.segment_base,
    runningMaxTimestamp: row.running_max_timestamp,
    appendedAtMs: row.appended_at_ms,
    incarnation: row.incarnation,
    highWatermark: row.high_watermark,
  };
}

/** Rows → chunks (the rows of one batch together) → groups of chunks small enough for one query. */
function groupRows(rows: readonly SizedRow[]): SizedRow[][][] {
  const groups: SizedRow[][][] = [];
  let chunk: SizedRow[] = [];
  let bytes = Infinity;
  for (const row of rows) {
    if (row.id % CHUNK_PARTS_MAX !== 0 && chunk.length > 0) {
      chunk.push(row);
      bytes += row.bytes;
      continue;
    }
    chunk = [row];
    if (bytes + row.bytes > SCAN_BYTES) {
      groups.push([chunk]);
      bytes = row.bytes;
    } else {
      groups.at(-1)?.push(chunk);
      bytes += row.bytes;
    }
  }
  return groups;
}
