import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LOG_CONFIG_DEFAULT } from "../../../src/log/log-config.ts";
import { LogWriter } from "../../../src/log/log-writer.ts";
import { type LogFact, PartitionLog } from "../../../src/log/partition-log.ts";
import { setBaseOffset, setPartitionLeaderEpoch } from "../../../src/protocol/record-batch.ts";
import { MemoryLogStore } from "../../support/memory-log-store.ts";
import { batchOf, NOW, sequenced, stateOf } from "./harness.ts";

const CONFIG = { ...LOG_CONFIG_DEFAULT, segmentBytes: 400 };

/** A log with its store and writer, fed with facts by the turn. */
class Bench {
  readonly store: MemoryLogStore;
  readonly log: PartitionLog;
  readonly #writer: LogWriter;

  constructor(store = new MemoryLogStore()) {
    this.store = store;
    const { log, replayed } = PartitionLog.recover(store);
    this.log = log;
    this.#writer = new LogWriter(store, log, replayed);
  }

  turn(...facts: readonly (LogFact | BatchSketch)[]): void {
    const done = facts.map((sketch) => {
      const fact = "kind" in sketch ? sketch : batchFact(this.log, sketch);
      this.log.apply(fact);
      return fact;
    });
    this.#writer.write(done);
  }

  /** Memory is gone; what was stored comes back. */
  reopen(): Bench {
    return new Bench(this.store.copy());
  }
}

interface BatchSketch {
  readonly producer: number;
  readonly sequence: number;
  readonly records: number;
  readonly epoch: number;
  readonly incarnation: number;
}

function batchFact(log: PartitionLog, sketch: BatchSketch): LogFact {
  const { producer, sequence, records, epoch, incarnation } = sketch;
  const batch =
    producer < 0 ? batchOf({ records }) : sequenced(1_000 + producer, 0, sequence, records);
  setBaseOffset(batch, 0, log.logEndOffset);
  setPartitionLeaderEpoch(batch, 0, epoch);
  const segmentBase = log.segmentFor(batch.byteLength, NOW, CONFIG);
  return { kind: "batch", batch, segmentBase, appendedAtMs: NOW, incarnation };
}

/** Two producers and one without numbers, in terms that only grow. */
const sketches = fc
  .array(
    fc.record({
      producer: fc.integer({ min: -1, max: 1 }),
      records: fc.integer({ min: 1, max: 3 }),
      newEpoch: fc.nat(5),
      newLife: fc.nat(3),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((drawn) => {
    const sequences = [0, 0];
    let [epoch, incarnation] = [0, 1];
    return drawn.map(({ producer, records, newEpoch, newLife }): BatchSketch => {
      if (newEpoch === 0) [epoch, incarnation] = [epoch + 1, 1];
      else if (newLife === 0) incarnation++;
      const sequence = sequences[producer] ?? 0;
      if (producer >= 0) sequences[producer] = sequence + records;
      return { producer, sequence, records, epoch, incarnation };
    });
  });

function turnsOf(batches: readonly BatchSketch[], sizes: readonly number[]): BatchSketch[][] {
  const turns: BatchSketch[][] = [];
  for (let at = 0, i = 0; at < batches.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    turns.push(batches.slice(at, at + size));
    at += size;
  }
  return turns;
}

/** Without what a longer log has forgotten of its producers, or a row did not say. */
function comparable(log: PartitionLog): unknown {
  const { epochs, segments, logStartOffset, logEndOffset, firstStored } = log;
  const last = [...log.producers.entries()].map(({ batches }) => batches.at(-1));
  return { epochs: epochs.entries, segments, logStartOffset, logEndOffset, firstStored, last };
}

describe("a truncation of the tail", () => {
  test("LOG42: leaves the log that would be there, had the tail never come", () => {
    fc.assert(
      fc.property(
        sketches,
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1 }),
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        (batches, sizes, at, reopen, sameTurn) => {
          const keep = at % (batches.length + 1);
          const expected = new Bench();
          expected.turn(...batches.slice(0, keep));
          const offset = expected.log.logEndOffset;
          let bench = new Bench();
          const turns = turnsOf(batches, sizes);
          const last = turns.pop() ?? [];
          for (const turn of turns) bench.turn(...turn);
          if (reopen) bench = bench.reopen();
          if (sameTurn) {
            bench.turn(...last, { kind: "truncate", offset });
          } else {
            bench.turn(...last);
            bench.turn({ kind: "truncate", offset });
          }
          expect(stateOf(bench.log)).toEqual(stateOf(expected.log));
          expect(stateOf(bench.reopen().log)).toEqual(stateOf(expected.log));
          for (let o = 0; o < offset; o++) {
            expect(bench.log.termAt(o)).toEqual(expected.log.termAt(o));
            expect(bench.reopen().log.termAt(o)).toEqual(expected.log.termAt(o));
          }
          expect(bench.log.termAt(offset)).toBe(null);
          // And it goes on from there.
          const next = { producer: -1, sequence: 0, records: 2, epoch: 9, incarnation: 1 };
          bench.turn(next);
          expect(bench.reopen().log.logEndOffset).toBe(offset + 2);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("LOG42: within one turn, batches before and after the cut", () => {
    const bench = new Bench();
    const batch = { producer: 0, records: 2, epoch: 0, incarnation: 1 };
    bench.turn({ ...batch, sequence: 0 });
    bench.turn(
      { ...batch, sequence: 2 },
      { kind: "truncate", offset: 2 },
      {
        ...batch,
        sequence: 2,
        epoch: 1,
      },
    );
    for (const each of [bench, bench.reopen()]) {
      expect(each.log.logEndOffset).toBe(4);
      expect(each.log.epochs.entries).toEqual([
        { epoch: 0, startOffset: 0 },
        { epoch: 1, startOffset: 2 },
      ]);
      expect([...each.log.producers.entries()][0]?.batches.map((b) => b.baseOffset)).toEqual([
        0, 2,
      ]);
    }
  });

  test("LOG42: below the last checkpoint the one before it serves, and the first row below both", () => {
    const bench = new Bench();
    const batch = { producer: 0, records: 1, epoch: 0, incarnation: 1 };
    for (let sequence = 0; sequence < 10; sequence++) {
      bench.turn({ ...batch, sequence });
      bench.log.advanceHighWatermark(Math.min(3, bench.log.logEndOffset));
      // A move of the log start writes a checkpoint.
      if (sequence === 4 || sequence === 8) {
        bench.turn({ kind: "logStart", offset: sequence === 4 ? 1 : 2 });
      }
    }
    for (const offset of [9, 6, 3]) {
      const cut = bench.reopen();
      cut.turn({ kind: "truncate", offset });
      const again = new Bench();
      for (let sequence = 0; sequence < offset; sequence++) again.turn({ ...batch, sequence });
      again.log.advanceHighWatermark(3);
      again.turn({ kind: "logStart", offset: 2 });
      expect(comparable(cut.log)).toEqual(comparable(again.log));
      expect(comparable(cut.reopen().log)).toEqual(comparable(again.log));
    }
  });

  test("LOG10 LOG42: the newest committed batch says where a producer goes on", () => {
    const bench = new Bench();
    const batch = { producer: 0, records: 1, epoch: 0, incarnation: 1 };
    for (let sequence = 0; sequence < 3; sequence++) bench.turn({ ...batch, sequence });
    bench.log.advanceHighWatermark(3);
    for (let sequence = 3; sequence < 12; sequence++) bench.turn({ ...batch, sequence });
    bench.turn({ kind: "logStart", offset: 3 }, { kind: "trim", offset: 3 });
    for (const each of [bench, bench.reopen()]) {
      each.turn({ kind: "truncate", offset: 3 });
      const check = (sequence: number): string =>
        each.log.producers.check(NOW, 1_000, 0, sequence, 0).kind;
      expect([check(3), check(2), check(4)]).toEqual(["append", "duplicate", "refused"]);
    }
  });

  test("LOG42: the high watermark goes back only with what it covered", () => {
    const bench = new Bench();
    const batch = { producer: -1, sequence: 0, records: 5, epoch: 0, incarnation: 1 };
    bench.turn(batch, batch, batch);
    bench.log.advanceHighWatermark(5);
    bench.turn({ kind: "truncate", offset: 10 });
    expect(bench.log.highWatermark).toBe(5);
    bench.turn({ kind: "truncate", offset: 0 });
    expect(bench.log.highWatermark).toBe(0);
  });

  test("LOG42: not within a batch, not below the log start", () => {
    const bench = new Bench();
    const batch = { producer: -1, sequence: 0, records: 5, epoch: 0, incarnation: 1 };
    bench.turn(batch, batch);
    expect(() => bench.log.apply({ kind: "truncate", offset: 7 })).toThrow();
    const other = new Bench();
    other.turn(batch, batch);
    other.log.advanceHighWatermark(10);
    other.turn({ kind: "logStart", offset: 5 });
    expect(() => other.log.apply({ kind: "truncate", offset: 0 })).toThrow("above the log start");
  });

  test("LOG43: a restart is an empty log at an offset, with the producers that it was given", () => {
    const bench = new Bench();
    const batch = { producer: 0, sequence: 0, records: 2, epoch: 3, incarnation: 1 };
    bench.turn(batch);
    const producers = [
      {
        producerId: 1_001,
        epoch: 0,
        lastAppendMs: NOW,
        batches: [{ firstSequence: 4, lastSequence: 5, baseOffset: 70, lastOffset: 71 }],
      },
    ];
    bench.turn({ kind: "restart", offset: 100, producers });
    for (const each of [bench, bench.reopen()]) {
      const { log } = each;
      expect([log.logStartOffset, log.highWatermark, log.logEndOffset]).toEqual([100, 100, 100]);
      expect([log.epochs.entries, log.segments, log.firstStored]).toEqual([[], [], 100]);
      expect([...log.producers.entries()]).toEqual(producers);
      each.turn({ ...batch, producer: 1, sequence: 6 });
      expect(each.reopen().log.logEndOffset).toBe(102);
    }
  });
});
