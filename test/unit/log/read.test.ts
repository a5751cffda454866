/** LOG30 to LOG34: reads by offset, and the examples of looking up by time. */
import { describe, expect, test } from "vitest";
import {
  EARLIEST,
  EARLIEST_LOCAL,
  EARLIEST_PENDING_UPLOAD,
  findOffset,
  LATEST,
  LATEST_TIERED,
  MAX_TIMESTAMP,
  type ReadRange,
  readBatches,
} from "../../../src/log/read.ts";
import { batchBaseOffset, iterateBatches } from "../../../src/protocol/record-batch.ts";
import { batchOf, LogHarness, NOW } from "./harness.ts";

const PLENTY = 1 << 28;

/** Base offsets of the batches that a read gives; it must give nothing but whole batches. */
function read(log: LogHarness, range: Partial<ReadRange> & { fetchOffset: number }): number[] {
  const bytes = readBatches(log.store, {
    upperBound: log.log.highWatermark,
    maxBytes: PLENTY,
    minOneBatch: true,
    ...range,
  });
  const positions = [...iterateBatches(bytes)];
  const size = positions.reduce(
    (sum, at) => sum + new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(8) + 12,
    0,
  );
  expect(size).toBe(bytes.byteLength);
  return positions.map((at) => batchBaseOffset(bytes, at));
}

/** Batches at 0, 3, 4, 9 and 11, the end at 12: two chunks of two batches, one of one. */
function fiveBatches(): LogHarness {
  const log = new LogHarness();
  const inputs = [3, 1, 5, 2, 1].map((records) => ({ append: batchOf({ records }) }));
  log.turn(NOW, inputs.slice(0, 2));
  log.turn(NOW, inputs.slice(2, 4));
  log.turn(NOW, inputs.slice(4));
  return log;
}

const sizeOf = (records: number): number => batchOf({ records }).byteLength;

describe("by offset", () => {
  test.each([
    [0, [0, 3, 4, 9, 11]],
    [2, [0, 3, 4, 9, 11]],
    [3, [3, 4, 9, 11]],
    [4, [4, 9, 11]],
    [8, [4, 9, 11]],
    [9, [9, 11]],
    [10, [9, 11]],
    [11, [11]],
    [12, []],
  ])("LOG30: from offset %i, whole batches in order", (fetchOffset, expected) => {
    expect(read(fiveBatches(), { fetchOffset })).toEqual(expected);
  });

  test.each([
    [0, []],
    [3, [0]],
    [4, [0, 3]],
    [9, [0, 3, 4]],
    [11, [0, 3, 4, 9]],
    [12, [0, 3, 4, 9, 11]],
  ])(
    "LOG30: nothing at or beyond the bound %i, even when one batch is promised",
    (bound, expected) => {
      const log = fiveBatches();
      expect(read(log, { fetchOffset: 0, upperBound: bound })).toEqual(expected);
      if (bound > 0) return;
      expect(read(log, { fetchOffset: 0, upperBound: bound, maxBytes: 1 })).toEqual([]);
    },
  );

  test("LOG30: a batch that only begins below the bound is not read", () => {
    expect(read(fiveBatches(), { fetchOffset: 4, upperBound: 6 })).toEqual([]);
    expect(read(fiveBatches(), { fetchOffset: 3, upperBound: 10 })).toEqual([3, 4]);
  });

  test("LOG30: where deletes left a gap below the asked offset, the next batch is read", () => {
    const log = fiveBatches();
    log.deleteRecords(4);
    log.tick();
    expect(log.store.firstOffset()).toBe(4);
    expect(read(log, { fetchOffset: 1 })).toEqual([4, 9, 11]);
  });

  test("LOG31: as many whole batches as fit in maxBytes, over the border of chunks too", () => {
    const log = fiveBatches();
    const three = sizeOf(3) + sizeOf(1) + sizeOf(5);
    expect(read(log, { fetchOffset: 0, maxBytes: three })).toEqual([0, 3, 4]);
    expect(read(log, { fetchOffset: 0, maxBytes: three - 1 })).toEqual([0, 3]);
    expect(read(log, { fetchOffset: 0, maxBytes: three + sizeOf(2) - 1 })).toEqual([0, 3, 4]);
    expect(read(log, { fetchOffset: 3, maxBytes: sizeOf(1) })).toEqual([3]);
    // A later batch that would fit by itself does not jump the one that does not.
    expect(read(log, { fetchOffset: 3, maxBytes: sizeOf(1) + sizeOf(2) })).toEqual([3]);
  });

  test.each([-1, 0, 1, 64])(
    "LOG31: the first batch is whole when one is asked for: maxBytes %i",
    (maxBytes) => {
      const log = fiveBatches();
      for (const [fetchOffset, first] of [
        [0, 0],
        [3, 3],
        [7, 4],
        [9, 9],
        [11, 11],
      ] as const) {
        expect(read(log, { fetchOffset, maxBytes })).toEqual([first]);
        expect(read(log, { fetchOffset, maxBytes, minOneBatch: false })).toEqual([]);
      }
    },
  );

  test("LOG31: only the first: what is left of maxBytes after it does not get one more", () => {
    const log = fiveBatches();
    expect(read(log, { fetchOffset: 0, maxBytes: sizeOf(3) + 1 })).toEqual([0]);
    expect(read(log, { fetchOffset: 4, maxBytes: sizeOf(5) + sizeOf(2) })).toEqual([4, 9]);
  });
});

/** Batches of records with these timestamps, one chunk each. */
function timed(...batches: number[][]): LogHarness {
  const log = new LogHarness();
  for (const records of batches) log.append(batchOf({ records }));
  return log;
}

function find(log: LogHarness, timestamp: number, upperBound = log.log.highWatermark) {
  return findOffset(log.log, log.store, timestamp, upperBound);
}

const NONE = { errorCode: 0, offset: -1, timestamp: -1, leaderEpoch: -1 };

describe("by timestamp", () => {
  test("LOG33: the first record that is not older, within a batch, with its epoch", () => {
    const log = new LogHarness(undefined, 3);
    log.append(batchOf({ records: [10, 20, 30] }));
    log.becomeLeader(4);
    log.append(batchOf({ records: [25, 40], compression: 4 }));
    expect(find(log, 0)).toEqual({ errorCode: 0, offset: 0, timestamp: 10, leaderEpoch: 3 });
    expect(find(log, 11)).toMatchObject({ offset: 1, timestamp: 20 });
    expect(find(log, 30)).toMatchObject({ offset: 2, timestamp: 30 });
    expect(find(log, 31)).toEqual({ errorCode: 0, offset: 4, timestamp: 40, leaderEpoch: 4 });
    expect(find(log, 41)).toEqual(NONE);
  });

  test("LOG33: times that go back do not hide a record", () => {
    const log = timed([50], [10, 60, 20], [5], [60], [70]);
    expect(find(log, 51)).toMatchObject({ offset: 2, timestamp: 60 });
    expect(find(log, 61)).toMatchObject({ offset: 6, timestamp: 70 });
  });

  test("LOG33: records below the log start are not found", () => {
    const log = timed([50, 10, 20], [15]);
    log.deleteRecords(1);
    expect(find(log, 15)).toMatchObject({ offset: 2, timestamp: 20 });
    expect(find(log, 21)).toEqual(NONE);
    log.deleteRecords(3);
    log.tick();
    expect(find(log, 15)).toMatchObject({ offset: 3, timestamp: 15 });
    expect(find(log, 16)).toEqual(NONE);
  });

  test("LOG33: a record at or beyond the bound counts as none", () => {
    const log = timed([10], [20], [30]);
    expect(find(log, 20, 1)).toEqual(NONE);
    expect(find(log, 20, 2)).toMatchObject({ offset: 1 });
    expect(find(log, 5, 0)).toEqual(NONE);
  });

  test("LOG33: with LogAppendTime the stamp counts, not what the producer said", () => {
    const log = new LogHarness();
    log.turn(NOW, [{ append: batchOf({ records: [1, 2] }), logAppendTime: true }]);
    log.turn(NOW + 9, [{ append: batchOf({ records: [NOW * 2] }), logAppendTime: true }]);
    expect(find(log, NOW)).toMatchObject({ offset: 0, timestamp: NOW });
    expect(find(log, NOW + 1)).toMatchObject({ offset: 2, timestamp: NOW + 9 });
    expect(find(log, NOW + 10)).toEqual(NONE);
  });

  test("LOG33: an empty log has no record of any time", () => {
    expect(find(new LogHarness(), 0)).toEqual(NONE);
  });
});

describe("specials", () => {
  test("LOG34: latest is the bound, with the epoch of the last batch", () => {
    const log = new LogHarness(undefined, 3);
    expect(find(log, LATEST)).toEqual({ ...NONE, offset: 0 });
    log.append(batchOf({ records: 4 }));
    expect(find(log, LATEST)).toEqual({ ...NONE, offset: 4, leaderEpoch: 3 });
    expect(find(log, LATEST, 2)).toMatchObject({ offset: 2 });
  });

  test.each([EARLIEST, EARLIEST_LOCAL])(
    "LOG34: %i is the log start, with the epoch that covers it",
    (special) => {
      const log = new LogHarness(undefined, 3);
      expect(find(log, special)).toEqual({ ...NONE, offset: 0 });
      log.append(batchOf({ records: 4 }));
      log.becomeLeader(5);
      log.append(batchOf({ records: 4 }));
      expect(find(log, special)).toEqual({ ...NONE, offset: 0, leaderEpoch: 3 });
      log.deleteRecords(2);
      expect(find(log, special)).toEqual({ ...NONE, offset: 2, leaderEpoch: 3 });
      log.deleteRecords(6);
      expect(find(log, special)).toEqual({ ...NONE, offset: 6, leaderEpoch: 5 });
      log.deleteRecords(8);
      expect(find(log, special)).toEqual({ ...NONE, offset: 8, leaderEpoch: 5 });
    },
  );

  test("LOG34: -3 is the first record with the largest timestamp", () => {
    expect(find(new LogHarness(), MAX_TIMESTAMP)).toEqual(NONE);
    const log = timed([10], [30, 70, 20], [70], [5]);
    expect(find(log, MAX_TIMESTAMP)).toMatchObject({ offset: 2, timestamp: 70, leaderEpoch: 0 });
    expect(find(log, MAX_TIMESTAMP, 2)).toMatchObject({ offset: 1, timestamp: 30 });
    log.deleteRecords(3);
    expect(find(log, MAX_TIMESTAMP)).toMatchObject({ offset: 4, timestamp: 70 });
    log.deleteRecords(5);
    expect(find(log, MAX_TIMESTAMP)).toMatchObject({ offset: 5, timestamp: 5 });
    log.deleteRecords(6);
    expect(find(log, MAX_TIMESTAMP)).toEqual(NONE);
  });

  test("LOG34: -3 looks at the records that are left of a batch, not at the batch's maximum", () => {
    const log = timed([100, 5, 7, 6]);
    log.deleteRecords(1);
    expect(find(log, MAX_TIMESTAMP)).toMatchObject({ offset: 2, timestamp: 7 });
  });

  test.each([LATEST_TIERED, EARLIEST_PENDING_UPLOAD])(
    "LOG34: %i is nothing, without tiered storage",
    (special) => {
      expect(find(timed([10]), special)).toEqual(NONE);
    },
  );

  test("LOG34: any other negative time is refused", () => {
    expect(find(timed([10]), -7)).toEqual({ ...NONE, errorCode: 35 });
  });
});
