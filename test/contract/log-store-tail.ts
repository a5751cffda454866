/** The end of a log taken away: what every LogStore does of it, whatever it is made of. */
import { describe, expect, test } from "vitest";
import { concatBytes, equalBytes } from "../../src/lib/bytes.ts";
import type { LogStore, StoredChunk } from "../../src/log/log-store.ts";
import { setBaseOffset } from "../../src/protocol/record-batch.ts";
import { batchOf } from "../unit/log/harness.ts";

/** Runs a test on an empty store; every `open` gives the same data through a new one. */
export type TailStoreRunner = (test: (open: () => LogStore) => void) => Promise<void>;

/** A chunk of batches that hold `records` records each. */
function chunkOf(baseOffset: number, records: readonly number[], valueBytes = 10): StoredChunk {
  const batches: Uint8Array[] = [];
  let offset = baseOffset;
  for (const count of records) {
    const batch = batchOf({ records: count, valueBytes });
    setBaseOffset(batch, 0, offset);
    batches.push(batch);
    offset += count;
  }
  return {
    baseOffset,
    lastOffset: offset - 1,
    segmentBase: 0,
    runningMaxTimestamp: 1_700_000_000_000,
    appendedAtMs: 1_700_000_000_500,
    incarnation: 3,
    highWatermark: baseOffset,
    data: concatBytes(batches),
  };
}

function offsetsOf(store: LogStore, from = 0): [number, number][] {
  return [...store.chunksFrom(from)].map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset]);
}

export function logStoreTailContract(name: string, run: TailStoreRunner): void {
  describe(name, () => {
    test("LOG42: deleteFrom takes the chunks from an offset on, and others may follow there", () =>
      run((open) => {
        const store = open();
        for (const base of [0, 3, 6, 9]) store.putChunk(chunkOf(base, [1, 2]));
        store.deleteFrom(6);
        for (const each of [store, open()]) {
          expect(offsetsOf(each)).toEqual([
            [0, 2],
            [3, 5],
          ]);
          expect(each.chunkInfoAt(100)?.lastOffset).toBe(5);
        }
        store.putChunk(chunkOf(6, [5]));
        for (const each of [store, open()])
          expect(offsetsOf(each, 4)).toEqual([
            [3, 5],
            [6, 10],
          ]);
      }));

    test("LOG42: a chunk that is cut through keeps its first batches, byte for byte", () =>
      run((open) => {
        const store = open();
        store.putChunk(chunkOf(0, [2]));
        const cut = chunkOf(2, [3, 1, 4]);
        store.putChunk(cut);
        store.putChunk(chunkOf(10, [2]));
        store.deleteFrom(6);
        for (const each of [store, open()]) {
          const [, kept, ...more] = [...each.chunksFrom(0)];
          expect(more).toEqual([]);
          const { data: _, ...info } = cut;
          expect(kept).toMatchObject({ ...info, lastOffset: 5 });
          const first = chunkOf(2, [3, 1]).data;
          expect(equalBytes(kept?.data ?? new Uint8Array(0), first)).toBe(true);
        }
      }));

    test("LOG8 LOG42: a batch of several rows goes as a whole", () =>
      run((open) => {
        const store = open();
        store.putChunk(chunkOf(0, [2]));
        store.putChunk(chunkOf(2, [1], 4_500_000));
        store.deleteFrom(2);
        expect(offsetsOf(store)).toEqual([[0, 1]]);
        store.putChunk(chunkOf(2, [1], 2_500_000));
        for (const each of [store, open()]) {
          expect([...each.chunksFrom(2)].map(({ data }) => data.byteLength)).toEqual([
            chunkOf(2, [1], 2_500_000).data.byteLength,
          ]);
        }
      }));

    test("LOG42: deleteFrom at the end takes nothing, from the start everything", () =>
      run((open) => {
        const store = open();
        store.putChunk(chunkOf(5, [2]));
        store.deleteFrom(7);
        expect(offsetsOf(store)).toEqual([[5, 6]]);
        store.deleteFrom(0);
        for (const each of [store, open()]) {
          expect(offsetsOf(each)).toEqual([]);
          expect(each.firstOffset()).toBe(null);
        }
      }));

    test("LOG23: a chunk remembers its incarnation and the high watermark it was stored under", () =>
      run((open) => {
        const store = open();
        store.putChunk({ ...chunkOf(0, [2]), incarnation: 7, highWatermark: 0 });
        store.putChunk({ ...chunkOf(2, [2]), incarnation: 8, highWatermark: 2 });
        for (const each of [store, open()]) {
          expect(each.chunkInfoAt(1)).toMatchObject({ incarnation: 7, highWatermark: 0 });
          expect([...each.chunksFrom(2)]).toMatchObject([{ incarnation: 8, highWatermark: 2 }]);
        }
      }));

    test("LOG42: the last two checkpoints are kept, each as it was written", () =>
      run((open) => {
        const store = open();
        expect([store.checkpoint(), store.previousCheckpoint()]).toEqual([null, null]);
        const sizes = [100, 4_100_000, 8, 2_500_000, 16];
        sizes.forEach((size, i) => {
          store.putCheckpoint(new Uint8Array(size).fill(i));
          const before = sizes[i - 1];
          for (const each of [store, open()]) {
            expect(each.checkpoint()?.byteLength).toBe(size);
            expect(each.checkpoint()?.every((byte) => byte === i)).toBe(true);
            expect(each.previousCheckpoint()?.byteLength).toBe(before);
          }
        });
      }));
  });
}
