/** LOG1 to LOG8: order, durability, segments, bytes. */
import { describe, expect, test } from "vitest";
import {
  CHECKPOINT_BYTES,
  CHECKPOINT_CHUNKS,
  CHUNK_BYTES_MAX,
  ROW_BYTES_MAX,
  SEGMENT_BYTES_DEFAULT,
} from "../../../src/constants.ts";
import { decodeCheckpoint } from "../../../src/log/checkpoint.ts";
import { LOG_CONFIG_DEFAULT } from "../../../src/log/log-config.ts";
import { checkpointDue } from "../../../src/log/log-writer.ts";
import { PartitionLog } from "../../../src/log/partition-log.ts";
import {
  batchBaseOffset,
  batchCrc,
  batchIsLogAppendTime,
  batchLastOffset,
  batchMaxTimestamp,
  batchPartitionLeaderEpoch,
  batchSizeInBytes,
  computeBatchCrc,
  iterateBatches,
  setBaseOffset,
  setPartitionLeaderEpoch,
} from "../../../src/protocol/record-batch.ts";
import {
  batchOf,
  type HarnessInput,
  LogHarness,
  NOW,
  sequenced,
  stateOf,
  storedBytes,
} from "./harness.ts";

/** A log throws before it breaks a rule; only facts from elsewhere can try. */
function batchAt(baseOffset: number, leaderEpoch = 0): Uint8Array {
  const batch = batchOf();
  setBaseOffset(batch, 0, baseOffset);
  setPartitionLeaderEpoch(batch, 0, leaderEpoch);
  return batch;
}

describe("order and durability", () => {
  test("LOG1: offsets follow the order in which appends were stepped, without a gap", () => {
    const log = new LogHarness();
    const counts = [3, 1, 7, 1, 2];
    const first = log.turn(
      NOW,
      counts.map((records) => ({ append: batchOf({ records }) })),
    );
    const second = log.append(batchOf({ records: 4 }));
    expect([...first, second].map((reply) => reply.kind === "append" && reply.baseOffset)).toEqual([
      0, 3, 4, 11, 12, 14,
    ]);
    expect(log.log.logEndOffset).toBe(18);
    const bytes = storedBytes(log.store);
    let next = 0;
    for (const at of iterateBatches(bytes)) {
      expect(batchBaseOffset(bytes, at)).toBe(next);
      next = batchLastOffset(bytes, at) + 1;
    }
    expect(next).toBe(18);
  });

  test("LOG1: a refused append takes no offset", () => {
    const log = new LogHarness();
    const replies = log.turn(NOW, [
      { append: sequenced(7, 0, 0) },
      { append: sequenced(7, 0, 5) },
      { append: sequenced(7, 0, 1) },
    ]);
    expect(replies).toMatchObject([{ baseOffset: 0 }, { baseOffset: -1 }, { baseOffset: 1 }]);
  });

  test("LOG1: a fact that would leave a gap or go back is never applied", () => {
    for (const offset of [0, 2]) {
      const log = new PartitionLog();
      log.apply({
        kind: "batch",
        batch: batchAt(0),
        segmentBase: 0,
        appendedAtMs: NOW,
        incarnation: 0,
      });
      const fact = {
        kind: "batch",
        batch: batchAt(offset),
        segmentBase: 0,
        appendedAtMs: NOW,
        incarnation: 0,
      };
      expect(() => log.apply({ ...fact, kind: "batch" })).toThrow(`batch at ${offset}, end 1`);
      expect(log.logEndOffset).toBe(1);
    }
  });

  test.each([
    ["LOG2: a lower leader epoch", 4, 74],
    ["LOG2: a higher leader epoch", 6, 75],
  ])("%s is refused and stores nothing", (_, leaderEpoch, errorCode) => {
    const log = new LogHarness(undefined, 5);
    log.append(batchOf());
    const before = stateOf(log.log);
    const rows = log.store.rowsWritten();
    const [reply] = log.turn(NOW, [{ append: batchOf(), leaderEpoch }]);
    expect(reply).toMatchObject({ errorCode, baseOffset: -1, logStartOffset: 0 });
    expect(log.facts).toEqual([]);
    expect(stateOf(log.log)).toEqual(before);
    expect(log.store.rowsWritten()).toBe(rows);
  });

  test("LOG2: the log's own epoch, and none given, are taken", () => {
    const log = new LogHarness(undefined, 5);
    const replies = log.turn(NOW, [
      { append: batchOf(), leaderEpoch: 5 },
      { append: batchOf(), leaderEpoch: -1 },
    ]);
    expect(replies).toMatchObject([{ errorCode: 0 }, { errorCode: 0 }]);
    expect(log.machine.replica.checkLeaderEpoch(4)).toBe(74);
    log.becomeLeader(6);
    expect(log.machine.replica.checkLeaderEpoch(5)).toBe(74);
    expect(log.machine.replica.checkLeaderEpoch(6)).toBe(0);
    log.becomeLeader(3);
    expect(log.leaderEpoch).toBe(6);
  });

  test("LOG3: what a turn replied is in the facts of that turn, and they are stored together", () => {
    const log = new LogHarness();
    const inputs = Array.from({ length: 64 }, (): HarnessInput => ({ append: batchOf() }));
    const replies = log.turn(NOW, inputs);
    expect(log.facts).toHaveLength(64);
    expect(replies.every((reply) => reply.errorCode === 0)).toBe(true);
    expect([...log.store.chunksFrom(0)]).toHaveLength(1);
    expect(log.store.rowsWritten()).toBe(1);
  });

  test("LOG3: a turn that was not stored is not there after recovery", () => {
    const log = new LogHarness();
    log.append(sequenced(7, 0, 0, 2));
    const durable = log.store.copy();
    const before = stateOf(log.log);
    log.turn(NOW, [{ append: sequenced(7, 0, 2) }, { deleteRecords: 1 }]);
    const recovered = new LogHarness(durable);
    expect(stateOf(recovered.log)).toEqual(before);
    expect(recovered.append(sequenced(7, 0, 2))).toMatchObject({ errorCode: 0, baseOffset: 2 });
  });

  test("LOG4: recovery without a checkpoint replays every chunk", () => {
    const log = new LogHarness();
    log.turn(NOW, [{ append: batchOf({ records: 5 }) }, { append: sequenced(7, 2, 0, 3) }]);
    log.append(sequenced(7, 2, 3), NOW + 5);
    expect(log.store.checkpoint()).toBeNull();
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });

  test(`LOG4: a checkpoint is written after ${CHECKPOINT_CHUNKS} chunks, and not before`, () => {
    let log = new LogHarness();
    for (let i = 1; i < CHECKPOINT_CHUNKS; i++) {
      log.append(batchOf());
      // What recovery replays counts too: an object that wakes often must come to its checkpoint.
      if (i === 100) log = log.restart();
    }
    expect(log.store.checkpoint()).toBeNull();
    log.append(batchOf());
    const checkpoint = decodeCheckpoint(log.store.checkpoint() ?? new Uint8Array(0));
    expect(checkpoint.logEndOffset).toBe(CHECKPOINT_CHUNKS);
    log.append(batchOf());
    expect(PartitionLog.recover(log.store).replayed.chunks).toBe(1);
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });

  test("LOG4: a checkpoint is due after 4 MiB, or eight times its own size when that is more", () => {
    expect(CHECKPOINT_BYTES).toBe(4 * 1024 * 1024);
    expect(checkpointDue({ chunks: 1, bytes: CHECKPOINT_BYTES - 1 }, 0)).toBe(false);
    expect(checkpointDue({ chunks: 1, bytes: CHECKPOINT_BYTES }, 0)).toBe(true);
    expect(checkpointDue({ chunks: 1, bytes: CHECKPOINT_BYTES }, CHECKPOINT_BYTES)).toBe(false);
    const eightfold = 8 * CHECKPOINT_BYTES;
    expect(checkpointDue({ chunks: 1, bytes: eightfold - 1 }, CHECKPOINT_BYTES)).toBe(false);
    expect(checkpointDue({ chunks: 1, bytes: eightfold }, CHECKPOINT_BYTES)).toBe(true);
    expect(checkpointDue({ chunks: CHECKPOINT_CHUNKS, bytes: 0 }, CHECKPOINT_BYTES)).toBe(true);
    const log = new LogHarness();
    const size = 1024 * 1024;
    for (let stored = 0; stored < 4; stored++) {
      expect(log.store.checkpoint()).toBeNull();
      log.append(batchOf({ valueBytes: size }));
    }
    expect(log.store.checkpoint()).not.toBeNull();
  });

  test("LOG4: a move of the log start writes a checkpoint, since nothing else keeps it", () => {
    const log = new LogHarness();
    log.append(batchOf({ records: 5 }));
    log.deleteRecords(3);
    expect(log.restart().log.logStartOffset).toBe(3);
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });

  test("LOG4: a hole in the stored chunks stops recovery", () => {
    const log = new LogHarness();
    for (let i = 0; i < 3; i++) log.append(batchOf());
    const [first, , third] = [...log.store.chunksFrom(0)];
    if (first === undefined || third === undefined) throw new Error("three chunks were stored");
    const { store } = new LogHarness();
    store.putChunk(first);
    store.putChunk(third);
    expect(() => new LogHarness(store)).toThrow("a gap before the chunk at 2");
  });

  test("LOG4: a chunk that the checkpoint cuts in two stops recovery", () => {
    const log = new LogHarness();
    log.append(batchOf({ records: 2 }));
    log.deleteRecords(1);
    const { store } = new LogHarness();
    const checkpoint = log.store.checkpoint();
    const [chunk] = [...log.store.chunksFrom(0)];
    if (checkpoint === null || chunk === undefined) throw new Error("both were stored");
    store.putCheckpoint(checkpoint);
    // One batch more in the same chunk than the checkpoint has seen.
    const more = batchAt(2);
    const data = new Uint8Array([...chunk.data, ...more]);
    store.putChunk({ ...chunk, lastOffset: 2, data });
    expect(() => new LogHarness(store)).toThrow("a gap before the chunk at 0");
  });

  test("LOG5: log start, high watermark and end keep their order and never go back", () => {
    const log = new PartitionLog();
    for (let i = 0; i < 3; i++) {
      log.apply({
        kind: "batch",
        batch: batchAt(i),
        segmentBase: 0,
        appendedAtMs: NOW,
        incarnation: 0,
      });
    }
    expect([log.logStartOffset, log.highWatermark, log.logEndOffset]).toEqual([0, 0, 3]);
    expect(() => log.advanceHighWatermark(4)).toThrow("stays within the log");
    expect(log.advanceHighWatermark(2)).toBe(true);
    expect(log.advanceHighWatermark(1)).toBe(false);
    expect(log.highWatermark).toBe(2);
    log.apply({ kind: "logStart", offset: 2 });
    expect(() => log.apply({ kind: "logStart", offset: 1 })).toThrow("never goes back");
    expect(() => log.apply({ kind: "logStart", offset: 4 })).toThrow("never passes");
    expect([log.logStartOffset, log.highWatermark, log.logEndOffset]).toEqual([2, 2, 3]);
  });

  test("LOG5: the log start does not pass the high watermark", () => {
    const log = new PartitionLog();
    for (let i = 0; i < 3; i++) {
      log.apply({
        kind: "batch",
        batch: batchAt(i),
        segmentBase: 0,
        appendedAtMs: NOW,
        incarnation: 0,
      });
    }
    log.advanceHighWatermark(1);
    expect(() => log.apply({ kind: "logStart", offset: 2 })).toThrow("high watermark");
    expect(log.logStartOffset).toBe(0);
  });

  test("LOG5: holds from the first moment of recovery, before anybody says what is committed", () => {
    const log = new LogHarness();
    log.append(batchOf({ records: 5 }));
    log.deleteRecords(3);
    const recover = (): PartitionLog => PartitionLog.recover(log.store).log;
    // What was deleted was committed.
    expect([recover().logStartOffset, recover().highWatermark]).toEqual([3, 3]);
    log.append(batchOf());
    // The next chunk says what was committed when it was stored.
    expect([recover().logStartOffset, recover().highWatermark]).toEqual([3, 5]);
  });
});

describe("segments and bytes", () => {
  test("LOG6: a batch that would take the segment over segment.bytes starts a new one", () => {
    const log = new PartitionLog();
    const size = batchOf().byteLength;
    const limit = 3 * size;
    const config = { ...LOG_CONFIG_DEFAULT, segmentBytes: limit };
    for (let i = 0; i < 7; i++) {
      const segmentBase = log.segmentFor(size, NOW, config);
      log.apply({
        kind: "batch",
        batch: batchAt(i),
        segmentBase,
        appendedAtMs: NOW + i,
        incarnation: 0,
      });
    }
    const common = { maxTimestamp: NOW };
    expect(log.segments).toEqual([
      { ...common, baseOffset: 0, bytes: limit, firstAppendedAtMs: NOW, lastAppendedAtMs: NOW + 2 },
      {
        ...common,
        baseOffset: 3,
        bytes: limit,
        firstAppendedAtMs: NOW + 3,
        lastAppendedAtMs: NOW + 5,
      },
      {
        ...common,
        baseOffset: 6,
        bytes: size,
        firstAppendedAtMs: NOW + 6,
        lastAppendedAtMs: NOW + 6,
      },
    ]);
    expect(log.sizeInBytes).toBe(7 * size);
  });

  test("LOG6: the machine's segments hold segment.bytes", () => {
    const log = new LogHarness();
    log.append(batchOf());
    const active = log.log.activeSegment;
    if (active === undefined) throw new Error("a log with a batch has a segment");
    // As if that much had been appended.
    active.bytes = SEGMENT_BYTES_DEFAULT - batchOf().byteLength;
    log.append(batchOf());
    expect(log.log.segments).toHaveLength(1);
    log.append(batchOf());
    expect(log.log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 2]);
    expect([...log.store.chunksFrom(0)].map(({ segmentBase }) => segmentBase)).toEqual([0, 0, 2]);
  });

  test("LOG6: a segment wholly below the log start goes, the active one too", () => {
    const log = new PartitionLog();
    const append = (offset: number, segmentBase: number): void => {
      log.apply({
        kind: "batch",
        batch: batchAt(offset),
        segmentBase,
        appendedAtMs: NOW,
        incarnation: 0,
      });
      log.advanceHighWatermark(log.logEndOffset);
    };
    const bases = (): number[] => log.segments.map(({ baseOffset }) => baseOffset);
    for (const offset of [0, 1, 2]) append(offset, offset);
    log.apply({ kind: "logStart", offset: 1 });
    expect(bases()).toEqual([1, 2]);
    log.apply({ kind: "logStart", offset: 3 });
    expect(bases()).toEqual([]);
    append(3, 3);
    expect(bases()).toEqual([3]);
    expect(log.sizeInBytes).toBe(batchOf().byteLength);
  });

  test("LOG7: the bytes stored are the producer's but for base offset and leader epoch", () => {
    const log = new LogHarness(undefined, 9);
    log.append(batchOf({ records: 4 }));
    for (const compression of [0, 1, 2, 3, 4]) {
      const sent = batchOf({
        records: 50,
        compression,
        producerId: 4,
        producerEpoch: 1 + compression,
        baseSequence: 0,
      });
      const { baseOffset, logAppendTimeMs } = log.append(sent.slice());
      expect(logAppendTimeMs).toBe(-1);
      const stored = [...log.store.chunksFrom(baseOffset)][0]?.data ?? new Uint8Array(0);
      expect(batchBaseOffset(stored, 0)).toBe(baseOffset);
      expect(batchPartitionLeaderEpoch(stored, 0)).toBe(9);
      expect(computeBatchCrc(stored, 0)).toBe(batchCrc(sent, 0));
      setBaseOffset(stored, 0, 0);
      setPartitionLeaderEpoch(stored, 0, -1);
      expect(stored).toEqual(sent);
    }
  });

  test("LOG7: with LogAppendTime the log stamps bit, maximum and checksum, and says so", () => {
    const log = new LogHarness(undefined, 9);
    const sent = batchOf({ records: [5, 7, 6] });
    const at = NOW + 123;
    const [reply] = log.turn(at, [{ append: sent.slice(), logAppendTime: true }]);
    expect(reply).toMatchObject({ errorCode: 0, logAppendTimeMs: at });
    const stored = storedBytes(log.store);
    expect(batchIsLogAppendTime(stored, 0)).toBe(true);
    expect(batchMaxTimestamp(stored, 0)).toBe(at);
    expect(batchCrc(stored, 0)).toBe(computeBatchCrc(stored, 0));
    expect(log.log.activeSegment?.maxTimestamp).toBe(at);
    // The records and the fields beside them are untouched: 23..35 and 43 on.
    expect(stored.subarray(23, 35)).toEqual(sent.subarray(23, 35));
    expect(stored.subarray(43)).toEqual(sent.subarray(43));
  });

  test("LOG8: batches of one turn share a row up to the bound, and no further", () => {
    const log = new LogHarness();
    const valueBytes = 700_000;
    const inputs = Array.from({ length: 5 }, () => ({ append: batchOf({ valueBytes }) }));
    log.turn(NOW, inputs);
    const chunks = [...log.store.chunksFrom(0)];
    expect(chunks.map((chunk) => [chunk.baseOffset, chunk.lastOffset])).toEqual([
      [0, 1],
      [2, 3],
      [4, 4],
    ]);
    for (const { data } of chunks) expect(data.byteLength).toBeLessThanOrEqual(CHUNK_BYTES_MAX);
    expect(CHUNK_BYTES_MAX).toBeLessThan(ROW_BYTES_MAX);
  });

  test("LOG8: a batch larger than a row is a chunk of its own, between neighbours that share", () => {
    const log = new LogHarness();
    const giant = batchOf({ valueBytes: 1.5 * ROW_BYTES_MAX });
    log.turn(NOW, [
      ...[batchOf(), batchOf()].map((append) => ({ append })),
      { append: giant },
      ...[batchOf(), batchOf()].map((append) => ({ append })),
    ]);
    const chunks = [...log.store.chunksFrom(0)];
    expect(chunks.map((chunk) => [chunk.baseOffset, chunk.lastOffset])).toEqual([
      [0, 1],
      [2, 2],
      [3, 4],
    ]);
    expect(batchSizeInBytes(chunks[1]?.data ?? new Uint8Array(12), 0)).toBe(giant.byteLength);
    // One row for each pair, two for the giant.
    expect(log.store.rowsWritten()).toBe(2 + Math.ceil(giant.byteLength / CHUNK_BYTES_MAX));
  });
});
