/** What every LogStore does, whatever it is made of. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CHUNK_BYTES_MAX, CHUNK_PARTS_MAX, OFFSET_MAX } from "../../src/constants.ts";
import { equalBytes } from "../../src/lib/bytes.ts";
import type { ChunkInfo, LogStore, StoredChunk } from "../../src/log/log-store.ts";
import type { ReplicaStore } from "../../src/replication/replica-state.ts";

/**
 * Runs a test on an empty store. Every `open` gives the same data through a new store: what an
 * object has after it was evicted.
 */
export type StoreRunner = (test: (open: () => ReplicaStore) => void) => Promise<void>;

/** Bytes that tell their position and their chunk, so that no part can take another's place. */
export function patterned(bytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = (i + seed * 65_537) * 2_654_435_761;
  return new Uint8Array(words.buffer, 0, bytes);
}

export function chunkOf(baseOffset: number, lastOffset: number, bytes = 100): StoredChunk {
  return {
    baseOffset,
    lastOffset,
    segmentBase: 0,
    runningMaxTimestamp: 1_700_000_000_000 + lastOffset,
    appendedAtMs: 1_700_000_000_500 + baseOffset,
    incarnation: 3 + baseOffset,
    highWatermark: baseOffset,
    data: patterned(bytes, baseOffset),
  };
}

function infoOf({ data: _, ...info }: StoredChunk): ChunkInfo {
  return info;
}

/** Chunks compared without printing megabytes when they differ. */
function expectChunks(found: Iterable<StoredChunk>, expected: readonly StoredChunk[]): void {
  const chunks = [...found];
  expect(chunks.map(infoOf)).toEqual(expected.map(infoOf));
  chunks.forEach((chunk, i) => {
    expectBytes(chunk.data, expected[i]?.data);
  });
}

function expectBytes(found: Uint8Array | null, expected: Uint8Array | undefined): void {
  expect(found?.byteLength).toBe(expected?.byteLength);
  if (found === null || expected === undefined) return;
  expect(equalBytes(found, expected), "the bytes are those that were stored").toBe(true);
}

/** The first few, and no more is read. */
function take(chunks: Iterable<StoredChunk>, count: number): ChunkInfo[] {
  const taken: ChunkInfo[] = [];
  for (const chunk of chunks) {
    taken.push(infoOf(chunk));
    if (taken.length === count) break;
  }
  return taken;
}

/** The obvious version: a list. */
class ListOfChunks {
  chunks: StoredChunk[] = [];

  from(offset: number): StoredChunk[] {
    return this.chunks.filter((chunk) => chunk.lastOffset >= offset);
  }

  at(offset: number): ChunkInfo | null {
    const found = this.chunks.findLast((chunk) => chunk.baseOffset <= offset);
    return found === undefined ? null : infoOf(found);
  }

  get end(): number {
    return (this.chunks.at(-1)?.lastOffset ?? -1) + 1;
  }
}

function put(store: LogStore, ...chunks: StoredChunk[]): ListOfChunks {
  for (const chunk of chunks) store.putChunk(chunk);
  const list = new ListOfChunks();
  list.chunks = chunks;
  return list;
}

/**
 * Every question at every chunk's ends, to the store that wrote and to one that just woke. Reads
 * from there go `depth` chunks far, the one from the beginning to the end.
 */
function expectSame(open: () => LogStore, writer: LogStore, list: ListOfChunks, depth = 3): void {
  for (const store of [writer, open()]) {
    expect(store.firstOffset()).toBe(list.chunks[0]?.baseOffset ?? null);
    for (const { baseOffset, lastOffset } of list.chunks) {
      for (const offset of new Set([baseOffset, lastOffset, lastOffset + 1])) {
        expect(store.chunkInfoAt(offset)).toEqual(list.at(offset));
        const expected = list.from(offset).slice(0, depth).map(infoOf);
        expect(take(store.chunksFrom(offset), depth), `from ${offset}`).toEqual(expected);
      }
    }
    expectChunks(store.chunksFrom(0), list.from(0));
  }
}

const KB = 1024;
/** Further than a scan's first page. */
const SCAN_DEPTH = 66;

export function logStoreContract(name: string, run: StoreRunner): void {
  describe(name, () => {
    test("an empty store has nothing", () =>
      run((open) => {
        const store = open();
        expect([...store.chunksFrom(0)]).toEqual([]);
        expect(store.chunkInfoAt(5)).toBeNull();
        expect(store.checkpoint()).toBeNull();
        expect(store.firstOffset()).toBeNull();
        expect(store.trimPoint(5, 10)).toBeNull();
        expect(store.rowsWritten()).toBe(0);
        store.deleteBelow(5);
        expect(store.firstOffset()).toBeNull();
      }));

    test.each([
      ["of a segment before them", { segmentBase: 5, baseOffset: 7, lastOffset: 9 }],
      ["without a timestamp", { runningMaxTimestamp: -1 }],
      ["with the timestamp 0", { runningMaxTimestamp: 0 }],
      ["with a timestamp beyond 2^53", { runningMaxTimestamp: 2 ** 60 }],
      ["with the largest timestamp", { runningMaxTimestamp: 2 ** 63 }],
      ["with a timestamp before the epoch", { runningMaxTimestamp: -5_000_000_000_000 }],
      ["at the largest offset", { baseOffset: OFFSET_MAX - 1, lastOffset: OFFSET_MAX - 1 }],
      ["spanning many offsets", { baseOffset: 3, lastOffset: 2 ** 31 + 2 }],
    ])("every field comes back: chunks %s", (_, fields) =>
      run((open) => {
        const chunk = { ...chunkOf(0, 4), ...fields };
        const writer = open();
        writer.putChunk(chunk);
        for (const store of [writer, open()]) {
          expectChunks(store.chunksFrom(chunk.lastOffset), [chunk]);
          expect(store.chunkInfoAt(chunk.baseOffset)).toEqual(infoOf(chunk));
        }
      }),
    );

    test("a view is stored without the buffer around it", () =>
      run((open) => {
        const around = patterned(1_000, 1);
        const chunk = { ...chunkOf(0, 0), data: around.subarray(300, 500) };
        open().putChunk(chunk);
        expectChunks(open().chunksFrom(0), [chunk]);
      }));

    test("reads begin with the chunk that holds the offset, or the first after it", () =>
      run((open) => {
        const store = open();
        const list = put(store, chunkOf(2, 4), chunkOf(5, 5), chunkOf(6, 11), chunkOf(20, 21));
        expectSame(open, store, list);
        for (let offset = 0; offset < 25; offset++) {
          expectChunks(store.chunksFrom(offset), list.from(offset));
          expectChunks(open().chunksFrom(offset), list.from(offset));
          expect(store.chunkInfoAt(offset)).toEqual(list.at(offset));
        }
        expect(store.chunkInfoAt(OFFSET_MAX)).toEqual(list.at(OFFSET_MAX));
        expect(store.chunkInfoAt(2 ** 53)).toEqual(list.at(OFFSET_MAX));
      }));

    test("a read that stops early leaves nothing behind", () =>
      run((open) => {
        const store = open();
        const list = put(store, ...Array.from({ length: 10 }, (_, i) => chunkOf(i, i)));
        for (const reader of [store, open()]) {
          for (const chunk of reader.chunksFrom(3)) {
            expect(chunk.baseOffset).toBe(3);
            break;
          }
          expectChunks(reader.chunksFrom(0), list.from(0));
        }
        store.putChunk(chunkOf(10, 10));
        expect([...store.chunksFrom(9)].map(({ baseOffset }) => baseOffset)).toEqual([9, 10]);
      }));

    test.each([63, 64, 65, 129])("a scan over %i rows misses none", (rows) =>
      run((open) => {
        const store = open();
        const list = put(
          store,
          ...Array.from({ length: rows }, (_, i) => chunkOf(2 * i, 2 * i + 1)),
        );
        expectSame(open, store, list, SCAN_DEPTH);
      }),
    );

    test("chunks of every size between small and a whole row, more than memory keeps", () =>
      run((open) => {
        const store = open();
        const sizes = [1, 100, 120 * KB, 130 * KB, 200 * KB, 500 * KB, 520 * KB, CHUNK_BYTES_MAX];
        const chunks = Array.from({ length: 24 }, (_, i) =>
          chunkOf(i, i, sizes[(i * 5) % sizes.length]),
        );
        expectSame(open, store, put(store, ...chunks));
      }));

    test("a large chunk read again and again, then its neighbours", () =>
      run((open) => {
        const chunks = [
          chunkOf(0, 1),
          chunkOf(2, 9, 900 * KB),
          chunkOf(10, 11),
          chunkOf(12, 20, 900 * KB),
        ];
        const list = put(open(), ...chunks);
        const store = open();
        for (const offset of [2, 5, 9, 10, 5, 13, 2, 0, 20]) {
          expectChunks(store.chunksFrom(offset), list.from(offset));
        }
        // What was read last is deleted: nobody may see it again.
        expect(take(store.chunksFrom(5), 1)).toEqual(take(list.from(5), 1));
        store.deleteBelow(10);
        expectChunks(store.chunksFrom(5), list.from(10));
        expect(store.firstOffset()).toBe(10);
      }));

    test.each([1, 2, CHUNK_PARTS_MAX])("a chunk of %i rows and its neighbours", (rows) =>
      run((open) => {
        const store = open();
        const bytes = rows * CHUNK_BYTES_MAX;
        const list = put(store, chunkOf(0, 3), chunkOf(4, 9, bytes), chunkOf(10, 10));
        expect(store.rowsWritten()).toBe(rows + 2);
        expectSame(open, store, list);
      }),
    );

    test("a chunk one byte over a row takes two, one byte over all its rows is refused", () =>
      run((open) => {
        const store = open();
        const list = put(store, chunkOf(0, 3, CHUNK_BYTES_MAX + 1), chunkOf(4, 4));
        expect(store.rowsWritten()).toBe(3);
        expectSame(open, store, list);
        const bytes = CHUNK_PARTS_MAX * CHUNK_BYTES_MAX + 1;
        expect(() => store.putChunk(chunkOf(5, 5, bytes))).toThrow("fits no");
        expect(() => store.putChunk(chunkOf(5, 5, 0))).toThrow("fits no");
        expectSame(open, open(), list);
      }));

    // A scan takes 64 rows at a time: the chunk of three rows lies before, across and after that.
    test.each([60, 61, 62, 63, 64, 65])("a chunk of three rows behind %i others", (before) =>
      run((open) => {
        const store = open();
        const chunks = Array.from({ length: before }, (_, i) => chunkOf(i, i));
        chunks.push(chunkOf(before, before + 4, 2 * CHUNK_BYTES_MAX + 10));
        for (let i = 0; i < 70; i++) chunks.push(chunkOf(before + 5 + i, before + 5 + i));
        expectSame(open, store, put(store, ...chunks));
      }),
    );

    test("trimPoint keeps what reaches the bound, and passes no more rows than asked", () =>
      run((open) => {
        const store = open();
        put(store, chunkOf(10, 11), chunkOf(12, 12), chunkOf(13, 19), chunkOf(20, 20));
        expect(store.trimPoint(10, 9)).toBeNull();
        expect(store.trimPoint(11, 9)).toBeNull();
        expect(store.trimPoint(12, 9)).toBe(12);
        expect(store.trimPoint(13, 9)).toBe(13);
        expect(store.trimPoint(19, 9)).toBe(13);
        expect(store.trimPoint(20, 9)).toBe(20);
        expect(store.trimPoint(21, 9)).toBe(21);
        expect(store.trimPoint(100, 9)).toBe(21);
        expect(store.trimPoint(100, 4)).toBe(21);
        expect(store.trimPoint(100, 3)).toBe(20);
        expect(store.trimPoint(100, 1)).toBe(12);
      }));

    test("trimPoint never passes part of a chunk, and always one chunk", () =>
      run((open) => {
        const store = open();
        const three = 3 * CHUNK_BYTES_MAX;
        put(store, chunkOf(0, 0), chunkOf(1, 4, three), chunkOf(5, 5), chunkOf(6, 9, three));
        expect([1, 2, 3, 4, 5, 6, 7, 8, 9].map((rows) => store.trimPoint(10, rows))).toEqual([
          1, 1, 1, 5, 6, 6, 6, 10, 10,
        ]);
        expect(store.trimPoint(4, 9)).toBe(1);
        store.deleteBelow(1);
        expect([1, 2, 3, 4].map((rows) => store.trimPoint(10, rows))).toEqual([5, 5, 5, 6]);
      }));

    test("deleteBelow takes whole chunks, every row of them, and the log goes on", () =>
      run((open) => {
        const store = open();
        const rest = [chunkOf(5, 5), chunkOf(6, 9, 3 * CHUNK_BYTES_MAX), chunkOf(10, 12)];
        const list = put(store, chunkOf(0, 0), chunkOf(1, 4, 3 * CHUNK_BYTES_MAX), ...rest);
        const before = store.rowsWritten();
        store.deleteBelow(5);
        expect(store.rowsWritten() - before).toBe(4);
        list.chunks = rest;
        expectSame(open, store, list);
        store.deleteBelow(5);
        expectSame(open, store, list);
        store.deleteBelow(13);
        list.chunks = [];
        expectSame(open, store, list);
        store.putChunk(chunkOf(13, 13));
        list.chunks = [chunkOf(13, 13)];
        expectSame(open, store, list);
      }));

    test("a small chunk costs one row, whatever came before", () =>
      run((open) => {
        const store = open();
        for (let i = 0; i < 100; i++) {
          store.putChunk(chunkOf(i, i));
          expect(store.rowsWritten()).toBe(i + 1);
        }
        for (const reader of [store, open()]) {
          const before = reader.rowsWritten();
          expect([...reader.chunksFrom(0)]).toHaveLength(100);
          reader.chunkInfoAt(50);
          reader.trimPoint(50, 10);
          reader.checkpoint();
          expect(reader.rowsWritten()).toBe(before);
        }
      }));

    test("a checkpoint comes back, also in parts, and leaves nothing of the last but one", () =>
      run((open) => {
        const store = open();
        const sizes = [8, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 5_000_000, 2_500_000, 16];
        for (const bytes of sizes) {
          const checkpoint = patterned(bytes, bytes);
          const before = store.rowsWritten();
          store.putCheckpoint(checkpoint);
          expectBytes(store.checkpoint(), checkpoint);
          expectBytes(open().checkpoint(), checkpoint);
          const parts = Math.ceil(bytes / CHUNK_BYTES_MAX);
          expect(store.rowsWritten() - before).toBeGreaterThanOrEqual(parts);
        }
        // Takes the place of one that had two parts.
        store.putCheckpoint(patterned(2_000, 1));
        expectBytes(store.previousCheckpoint(), patterned(16, 16));
        const before = store.rowsWritten();
        store.putCheckpoint(patterned(2_000, 2));
        expect(store.rowsWritten() - before).toBe(1);
        expectBytes(store.previousCheckpoint(), patterned(2_000, 1));
        expect(store.firstOffset()).toBeNull();
      }));

    test("REP3: a replica's state is as it was put last, through an eviction", () =>
      run((open) => {
        const store = open();
        expect(store.replicaState()).toBeNull();
        for (const seed of [1, 2]) {
          const state = patterned(300 * seed, seed);
          store.putReplicaState(state);
          expectBytes(store.replicaState(), state);
          expectBytes(open().replicaState(), state);
        }
        // It is the log's neighbour and no part of it.
        store.putChunk(chunkOf(0, 4));
        store.deleteBelow(5);
        expectBytes(open().replicaState(), patterned(600, 2));
      }));

    test("any sequence of writes and evictions reads like a list", async () => {
      const step = fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({
            offsets: fc.integer({ min: 1, max: 5 }),
            gap: fc.constantFrom(0, 0, 0, 0, 3),
            bytes: fc.constantFrom(1, 50, 30 * KB, 300 * KB, CHUNK_BYTES_MAX + 7),
            times: fc.constantFrom(1, 1, 2, 30),
          }),
        },
        { weight: 1, arbitrary: fc.record({ deletePercent: fc.nat(100) }) },
        { weight: 1, arbitrary: fc.constant("evict" as const) },
        { weight: 1, arbitrary: fc.record({ readPercent: fc.nat(100) }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 15 }), (steps) =>
          run((open) => {
            let store = open();
            const list = new ListOfChunks();
            for (const one of steps) {
              if (one === "evict") store = open();
              else if ("deletePercent" in one) {
                const at = Math.floor((list.chunks.length * one.deletePercent) / 100);
                const below = list.chunks[at]?.baseOffset ?? list.end;
                store.deleteBelow(below);
                list.chunks = list.chunks.filter((chunk) => chunk.baseOffset >= below);
              } else if ("readPercent" in one) {
                const offset = Math.floor((list.end * one.readPercent) / 100);
                expectChunks(store.chunksFrom(offset), list.from(offset));
              } else {
                // What is deleted is not written again, as in a log.
                for (let i = 0; i < (one.bytes > 30 * KB ? 1 : one.times); i++) {
                  const base = Math.max(list.end, store.firstOffset() ?? 0) + one.gap;
                  const chunk = chunkOf(base, base + one.offsets - 1, one.bytes);
                  store.putChunk(chunk);
                  list.chunks.push(chunk);
                }
              }
            }
            expectSame(open, store, list);
          }),
        ),
        { numRuns: 15 },
      );
    });
  });
}
