/** LOG40 and LOG41: DeleteRecords, and the rows that go after it. */
import { describe, expect, test } from "vitest";
import { TRIM_ROWS_PER_TURN } from "../../../src/constants.ts";
import type { LogFact } from "../../../src/log/partition-log.ts";
import { batchOf, LogHarness, NOW, stateOf, storedBytes } from "./harness.ts";

function logOf(batches: number): LogHarness {
  const log = new LogHarness();
  for (let i = 0; i < batches; i++) log.append(batchOf({ records: 2 }));
  return log;
}

describe("DeleteRecords", () => {
  test("LOG40: moves the log start forward, into the middle of a batch too", () => {
    const log = logOf(3);
    expect(log.deleteRecords(3)).toEqual({ kind: "deleteRecords", errorCode: 0, lowWatermark: 3 });
    expect(log.log.logStartOffset).toBe(3);
    expect(log.append(batchOf())).toMatchObject({ baseOffset: 6, logStartOffset: 3 });
  });

  test("LOG40: -1 is the high watermark", () => {
    const log = logOf(3);
    expect(log.deleteRecords(-1)).toMatchObject({ errorCode: 0, lowWatermark: 6 });
    expect(log.log.logStartOffset).toBe(6);
    expect(log.append(batchOf())).toMatchObject({ errorCode: 0, baseOffset: 6 });
  });

  test("LOG40: -1 on an empty log changes nothing", () => {
    const log = new LogHarness();
    expect(log.deleteRecords(-1)).toMatchObject({ errorCode: 0, lowWatermark: 0 });
    expect(log.facts).toEqual([]);
  });

  test.each([7, 1_000_000, 2 ** 53, -2, -7])("LOG40: %i, beyond the log, is error 1", (offset) => {
    const log = logOf(3);
    const before = stateOf(log.log);
    expect(log.deleteRecords(offset)).toMatchObject({ errorCode: 1, lowWatermark: -1 });
    expect(stateOf(log.log)).toEqual(before);
    expect(log.facts).toEqual([]);
  });

  test.each([0, 2, 4])("LOG40: %i, not above the present start of 4, changes nothing", (offset) => {
    const log = logOf(3);
    log.deleteRecords(4);
    const before = stateOf(log.log);
    expect(log.deleteRecords(offset)).toMatchObject({ errorCode: 0, lowWatermark: 4 });
    expect(stateOf(log.log)).toEqual(before);
    expect(log.facts).toEqual([]);
  });

  test("LOG40: a delete reaches what is committed, and so not the appends of its own turn", () => {
    const log = logOf(1);
    const replies = log.turn(NOW, [
      { append: batchOf() },
      { deleteRecords: -1 },
      { append: batchOf() },
      { deleteRecords: 2 },
      { deleteRecords: 3 },
    ]);
    expect(replies).toMatchObject([
      { baseOffset: 2, logStartOffset: 0 },
      { lowWatermark: 2 },
      { baseOffset: 3, logStartOffset: 2 },
      { lowWatermark: 2 },
      { errorCode: 1 },
    ]);
    expect(log.deleteRecords(3)).toMatchObject({ errorCode: 0, lowWatermark: 3 });
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });
});

function ticksUntilClean(log: LogHarness): LogFact[][] {
  const turns: LogFact[][] = [];
  while (log.deadline() <= NOW) {
    log.step(NOW, ["tick"]);
    turns.push([...log.facts]);
    expect(turns.length).toBeLessThan(100);
  }
  return turns;
}

describe("trimming", () => {
  test("LOG41: rows wholly below the log start go, the one that holds it stays", () => {
    const log = logOf(5);
    expect(log.deadline()).toBe(Infinity);
    log.step(NOW, [{ deleteRecords: 5 }]);
    expect(log.facts.map(({ kind }) => kind)).toEqual(["logStart", "trim"]);
    expect(log.deadline()).toBe(0);
    ticksUntilClean(log);
    expect(log.store.firstOffset()).toBe(4);
    expect(log.log.firstStored).toBe(4);
    expect(log.deadline()).toBe(Infinity);
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });

  test(`LOG41: at most ${TRIM_ROWS_PER_TURN} rows a turn, and the clock is asked for the next`, () => {
    const rows = 2 * TRIM_ROWS_PER_TURN + 10;
    const log = logOf(rows);
    const counts: number[] = [];
    log.step(NOW, [{ deleteRecords: -1 }]);
    for (let left = rows; ; log.step(NOW, ["tick"])) {
      expect(log.deadline()).toBe(0);
      const now = [...log.store.chunksFrom(0)].length;
      counts.push(left - now);
      left = now;
      if (left === 0) break;
    }
    expect(counts).toEqual([TRIM_ROWS_PER_TURN, TRIM_ROWS_PER_TURN, 10]);
    log.step(NOW, ["tick"]);
    expect(log.facts).toEqual([]);
    expect(log.deadline()).toBe(Infinity);
    expect(log.log.firstStored).toBe(2 * rows);
  });

  test("LOG41: trimming goes on after a restart in the middle of it", () => {
    let log = logOf(TRIM_ROWS_PER_TURN + 44);
    log.step(NOW, [{ deleteRecords: -1 }]);
    log = log.restart();
    expect([...log.store.chunksFrom(0)]).toHaveLength(44);
    expect(log.deadline()).toBe(0);
    ticksUntilClean(log);
    expect(log.store.firstOffset()).toBeNull();
    expect(log.append(batchOf()).baseOffset).toBe(2 * (TRIM_ROWS_PER_TURN + 44));
    expect(storedBytes(log.store).byteLength).toBe(batchOf().byteLength);
  });

  test("LOG41: a chunk that shares its row with live batches waits for all of them", () => {
    const log = new LogHarness();
    log.turn(NOW, [{ append: batchOf() }, { append: batchOf() }]);
    log.append(batchOf());
    log.deleteRecords(1);
    ticksUntilClean(log);
    expect(log.store.firstOffset()).toBe(0);
    log.deleteRecords(2);
    ticksUntilClean(log);
    expect(log.store.firstOffset()).toBe(2);
  });

  test("LOG41: a log that wakes with nothing to trim asks for no tick, which would be billed", () => {
    const log = logOf(5);
    log.deleteRecords(5);
    ticksUntilClean(log);
    // The first chunk, 4 to 5, reaches below the log start: it stays.
    expect(log.restart().log.firstStored).toBe(4);
    expect(log.restart().deadline()).toBe(Infinity);
  });

  test("LOG41: a tick with nothing to do stores nothing", () => {
    const log = logOf(2);
    log.tick();
    expect(log.facts).toEqual([]);
  });

  test("LOG41: what is at or above the log start is never deleted", () => {
    const log = logOf(3);
    log.deleteRecords(2);
    expect(() => log.log.apply({ kind: "trim", offset: 3 })).toThrow("below the log start");
  });
});
