/** LOG20 to LOG22: leader epochs, by example and against a slow second version. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EpochCache, type EpochEnd, type EpochEntry } from "../../../src/log/epochs.ts";
import { batchOf, LogHarness, stateOf } from "./harness.ts";

describe("leader epochs", () => {
  test("LOG20: the first batch of an epoch notes where it began, the others nothing", () => {
    const cache = new EpochCache();
    expect(cache.latest).toBe(-1);
    cache.append(3, 0);
    cache.append(3, 5);
    cache.append(7, 9);
    cache.append(7, 10);
    expect(cache.entries).toEqual([
      { epoch: 3, startOffset: 0 },
      { epoch: 7, startOffset: 9 },
    ]);
    expect(cache.latest).toBe(7);
  });

  test("LOG20: an epoch that wrote nothing leaves no entry", () => {
    let log = new LogHarness(undefined, 1);
    log.append(batchOf({ records: 4 }));
    log = log.restart(2);
    log = log.restart(5);
    log.append(batchOf());
    log.becomeLeader(6);
    log.becomeLeader(7);
    log.append(batchOf());
    expect(log.log.epochs.entries).toEqual([
      { epoch: 1, startOffset: 0 },
      { epoch: 5, startOffset: 4 },
      { epoch: 7, startOffset: 5 },
    ]);
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });

  test("LOG20: an epoch never goes back", () => {
    const cache = new EpochCache([{ epoch: 3, startOffset: 4 }]);
    expect(() => cache.append(2, 5)).toThrow("leader epoch went back to 2");
    expect(() => cache.append(4, 3)).toThrow("epoch start went back");
  });

  test("LOG21: endOffsetFor, as LeaderEpochFileCache has it", () => {
    const cache = new EpochCache([
      { epoch: 2, startOffset: 10 },
      { epoch: 4, startOffset: 20 },
      { epoch: 7, startOffset: 30 },
    ]);
    const answers: readonly (readonly [number, number, number])[] = [
      [-1, -1, -1],
      [0, 0, 10],
      [1, 1, 10],
      [2, 2, 20],
      [3, 2, 20],
      [4, 4, 30],
      [6, 4, 30],
      [7, 7, 35],
      [8, -1, -1],
    ];
    for (const [asked, epoch, endOffset] of answers) {
      expect(cache.endOffsetFor(asked, 35), `epoch ${asked}`).toEqual({ epoch, endOffset });
    }
    expect(new EpochCache().endOffsetFor(0, 0)).toEqual({ epoch: -1, endOffset: -1 });
  });

  test("LOG22: a truncation of the tail forgets epochs that start in it", () => {
    const cache = new EpochCache([
      { epoch: 2, startOffset: 10 },
      { epoch: 4, startOffset: 20 },
    ]);
    cache.truncateFrom(21);
    expect(cache.latest).toBe(4);
    cache.truncateFrom(20);
    expect(cache.entries).toEqual([{ epoch: 2, startOffset: 10 }]);
    cache.truncateFrom(0);
    expect(cache.entries).toEqual([]);
  });

  test("LOG22: a move of the log start keeps the epoch that covers it", () => {
    const log = new LogHarness(undefined, 1);
    log.append(batchOf({ records: 4 }));
    log.becomeLeader(3);
    log.append(batchOf({ records: 4 }));
    log.deleteRecords(2);
    expect(log.log.epochs.entries).toEqual([
      { epoch: 1, startOffset: 2 },
      { epoch: 3, startOffset: 4 },
    ]);
    log.deleteRecords(4);
    expect(log.log.epochs.entries).toEqual([{ epoch: 3, startOffset: 4 }]);
    log.deleteRecords(8);
    expect(log.log.epochs.entries).toEqual([{ epoch: 3, startOffset: 8 }]);
    expect(log.log.epochs.epochAt(8)).toBe(3);
    log.becomeLeader(4);
    log.append(batchOf());
    expect(log.log.epochs.entries).toEqual([{ epoch: 4, startOffset: 8 }]);
  });
});

/** The obvious version: the epoch of every single offset. */
class SlowEpochs {
  /** Epoch of offset i, for every offset ever written. */
  epochOf: number[] = [];
  start = 0;

  entries(): EpochEntry[] {
    const found: EpochEntry[] = [];
    for (let offset = this.start; offset < this.epochOf.length; offset++) {
      const epoch = this.epochOf[offset] ?? -1;
      if (found.at(-1)?.epoch !== epoch) found.push({ epoch, startOffset: offset });
    }
    // Nothing is left: the epoch of what was deleted last still covers the start.
    const last = this.epochOf[this.start - 1];
    if (found.length === 0 && last !== undefined)
      found.push({ epoch: last, startOffset: this.start });
    return found;
  }

  endOffsetFor(epoch: number): EpochEnd {
    const entries = this.entries();
    const later = entries.find((entry) => entry.epoch > epoch);
    const floor = entries.findLast((entry) => entry.epoch <= epoch);
    if (epoch === entries.at(-1)?.epoch) return { epoch, endOffset: this.epochOf.length };
    if (epoch < 0 || later === undefined) return { epoch: -1, endOffset: -1 };
    return { epoch: floor?.epoch ?? epoch, endOffset: later.startOffset };
  }

  epochAt(offset: number): number {
    return this.entries().findLast((entry) => entry.startOffset <= offset)?.epoch ?? -1;
  }
}

type Operation =
  | { readonly kind: "append"; readonly epochBy: number; readonly count: number }
  | { readonly kind: "truncateFrom" | "truncateBefore" /** Percent. */; readonly where: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      epochBy: fc.nat(2),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("truncateFrom" as const, "truncateBefore" as const),
      where: fc.nat(100),
    }),
  },
);

test("LOG20 LOG21 LOG22: the cache equals the epoch of every offset, after any operations", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      const cache = new EpochCache();
      const slow = new SlowEpochs();
      let epoch = 0;
      for (const step of operations) {
        const end = slow.epochOf.length;
        if (step.kind === "append") {
          epoch += step.epochBy;
          for (let i = 0; i < step.count; i++) {
            cache.append(epoch, slow.epochOf.length);
            slow.epochOf.push(epoch);
          }
        } else {
          const at = slow.start + Math.floor((step.where * (end - slow.start)) / 100);
          if (step.kind === "truncateBefore") {
            cache.truncateBefore(at);
            slow.start = at;
          } else if (at > slow.start) {
            cache.truncateFrom(at);
            slow.epochOf.length = at;
          }
        }
        expect(cache.entries).toEqual(slow.entries());
        for (let asked = -1; asked <= epoch + 1; asked++) {
          const found = cache.endOffsetFor(asked, slow.epochOf.length);
          expect(found, `the end of epoch ${asked}`).toEqual(slow.endOffsetFor(asked));
        }
        for (let offset = slow.start; offset < slow.epochOf.length; offset++) {
          expect(cache.epochAt(offset)).toBe(slow.epochAt(offset));
        }
        expect(new EpochCache(cache.entries).entries).toEqual(cache.entries);
      }
    }),
    { numRuns: 300 },
  );
});
