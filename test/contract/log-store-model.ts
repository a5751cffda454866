/**
 * A log under random appends (batches from a few bytes to several rows), deletes and evictions, on a
 * real store and with the real limits: what it reads is what an array of batches gives.
 */
import { describe, expect, test } from "vitest";
import { CHUNK_BYTES_MAX } from "../../src/constants.ts";
import { concatBytes, equalBytes } from "../../src/lib/bytes.ts";
import { Prng } from "../../src/lib/prng.ts";
import { type ReadRange, readBatches } from "../../src/log/read.ts";
import {
  encodeRecordBatch,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../../src/protocol/record-batch.ts";
import { LogTurns, NOW, stateOf } from "../unit/log/harness.ts";
import { patterned, type StoreRunner } from "./log-store.ts";

const KB = 1024;
const MB = 1024 * KB;
const TURNS = 60;

interface StoredBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly bytes: Uint8Array;
}

class Model {
  readonly random: Prng;
  readonly batches: StoredBatch[] = [];
  logStart = 0;

  constructor(seed: number) {
    this.random = new Prng(seed);
  }

  get end(): number {
    return (this.batches.at(-1)?.lastOffset ?? -1) + 1;
  }

  /** Mostly small; one in thirty needs several rows. */
  size(): number {
    const { random } = this;
    const [most, what] = random.pick([
      ...Array<[number, number]>(18).fill([2 * KB, 1]),
      ...Array<[number, number]>(8).fill([200 * KB, 1]),
      ...Array<[number, number]>(3).fill([CHUNK_BYTES_MAX, 1]),
      [6 * MB, 2 * MB],
    ]);
    return what + random.int(most);
  }

  /** A new batch, as the producer sends it; the model keeps what must be stored of it. */
  makeBatch(): Uint8Array {
    const count = 1 + this.random.int(4);
    const each = Math.ceil(this.size() / count);
    const value = (i: number): Uint8Array => patterned(each, this.end + i);
    const records = Array.from({ length: count }, (_, i) => ({
      timestamp: NOW,
      key: null,
      value: value(i),
    }));
    const sent = encodeRecordBatch({ records });
    const bytes = sent.slice();
    setBaseOffset(bytes, 0, this.end);
    setPartitionLeaderEpoch(bytes, 0, 0);
    this.batches.push({ baseOffset: this.end, lastOffset: this.end + count - 1, bytes });
    return sent;
  }

  read({ fetchOffset, upperBound, maxBytes, minOneBatch }: ReadRange): Uint8Array {
    const parts: Uint8Array[] = [];
    let room = maxBytes;
    for (const { lastOffset, bytes } of this.batches) {
      if (lastOffset < fetchOffset) continue;
      const free = parts.length === 0 && minOneBatch;
      if (lastOffset >= upperBound || (bytes.byteLength > room && !free)) break;
      parts.push(bytes);
      room -= bytes.byteLength;
    }
    return concatBytes(parts);
  }

  randomRange(): ReadRange {
    const { random, logStart, end } = this;
    const span = end - logStart + 1;
    const behind = this.batches.at(-1 - random.int(3));
    return {
      // Readers stand at the end more often than elsewhere.
      fetchOffset: random.bool(0.4)
        ? Math.max(logStart, end - random.int(5))
        : logStart + random.int(span),
      upperBound: random.bool(0.8) ? end : (behind?.baseOffset ?? end),
      maxBytes: random.int(random.pick([1, KB, 100 * KB, 3 * MB, 16 * MB])),
      minOneBatch: random.bool(0.7),
    };
  }
}

export function logModel(name: string, seeds: readonly number[], run: StoreRunner): void {
  describe(name, () => {
    test.each(seeds)("LOG30 LOG31 LOG4 LOG8: reads equal an array of batches, seed %i", (seed) =>
      run((open) => {
        const model = new Model(seed);
        let log = new LogTurns(open());
        for (let turn = 0; turn < TURNS; turn++) {
          const inputs = Array.from({ length: 1 + model.random.int(5) }, () => ({
            append: model.makeBatch(),
          }));
          log.turn(NOW + turn, inputs);
          if (model.random.bool(0.1)) {
            model.logStart += model.random.int(model.end - model.logStart + 1);
            log.deleteRecords(model.logStart);
          }
          log.tick();
          if (model.random.bool(0.15)) {
            const before = stateOf(log.log);
            log = new LogTurns(open());
            expect(stateOf(log.log)).toEqual(before);
          }
          expect(log.log.logEndOffset).toBe(model.end);
          for (let i = 0; i < 6; i++) {
            const range = model.randomRange();
            const found = readBatches(log.store, range);
            const expected = model.read(range);
            const what = `turn ${turn}, read ${JSON.stringify(range)}`;
            expect(found.byteLength, what).toBe(expected.byteLength);
            expect(equalBytes(found, expected), what).toBe(true);
          }
        }
      }),
    );
  });
}
