/** The partition's object inside workerd: what its callers see, and what survives. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import {
  APPEND_IN_FLIGHT_BYTES_MAX,
  CHUNK_BYTES_MAX,
  CHUNK_PARTS_MAX,
  MAX_MESSAGE_BYTES_LIMIT,
  TRIM_ROWS_PER_TURN,
} from "../../src/constants.ts";
import { parsePartitionName } from "../../src/objects/partition-name.ts";
import {
  batchBaseOffset,
  batchPartitionLeaderEpoch,
  iterateBatches,
} from "../../src/protocol/record-batch.ts";
import { migratedDatabase } from "../support/d1.ts";
import { batchOf, sequenced } from "../unit/log/harness.ts";
import {
  append,
  CLUSTER,
  chunkRows,
  createTopic,
  inside,
  listOffset,
  newPartition,
  type PartitionStub,
  read,
  stubOf,
  topicOf,
  workerEnv,
} from "./partition-topics.ts";

// Two cores that others use too: slow is not wrong.
vi.setConfig({ testTimeout: 60_000 });

beforeAll(async () => {
  await migratedDatabase();
});

/** Base offsets of what a read gives. */
async function offsetsFrom(stub: PartitionStub, offset: number): Promise<number[]> {
  const { records, errorCode } = await stub.read(read(offset));
  expect(errorCode).toBe(0);
  return [...iterateBatches(records)].map((at) => batchBaseOffset(records, at));
}

describe("append and read", () => {
  test("LOG1: what was appended is read, with the offsets that were told", async () => {
    const stub = await newPartition(3);
    const sent = batchOf({ records: 3 });
    const first = await stub.append(append(sent));
    const { baseOffset, errorCode, errorMessage, logStartOffset, logAppendTimeMs } = first;
    expect({ baseOffset, errorCode, errorMessage, logStartOffset, logAppendTimeMs }).toEqual({
      baseOffset: 0,
      errorCode: 0,
      errorMessage: null,
      logStartOffset: 0,
      logAppendTimeMs: -1,
    });
    expect(await stub.append(append(batchOf()))).toMatchObject({ baseOffset: 3 });
    const answer = await stub.read(read(1));
    expect(answer).toMatchObject({
      errorCode: 0,
      highWatermark: 4,
      lastStableOffset: 4,
      logStartOffset: 0,
      logEndOffset: 4,
      divergingEpoch: null,
    });
    expect(answer.records.byteLength).toBe(sent.byteLength + batchOf().byteLength);
    expect(answer.records.subarray(17, sent.byteLength)).toEqual(sent.subarray(17));
    expect(batchPartitionLeaderEpoch(answer.records, 0)).toBe(3);
  });

  test("LOG7: with LogAppendTime the object's clock is stamped and told", async () => {
    const stub = await newPartition();
    const before = Date.now();
    const { logAppendTimeMs } = await stub.append(append(batchOf(), { logAppendTime: true }));
    expect(logAppendTimeMs).toBeGreaterThanOrEqual(before - 1_000);
    expect(logAppendTimeMs).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(await stub.listOffset(listOffset(-3))).toMatchObject({ timestamp: logAppendTimeMs });
  });

  test("LOG2: append, read and listOffset check the caller's leader epoch", async () => {
    const stub = await newPartition(5);
    await stub.append(append(batchOf()));
    for (const [epoch, errorCode] of [
      [4, 74],
      [5, 0],
      [6, 75],
    ] as const) {
      const appended = await stub.append(append(batchOf(), { leaderEpoch: epoch }));
      expect(appended.errorCode).toBe(errorCode);
      const answer = await stub.read(read(0, { currentLeaderEpoch: epoch }));
      expect(answer.errorCode).toBe(errorCode);
      if (errorCode !== 0) expect(answer.highWatermark).toBe(-1);
      expect((await stub.listOffset(listOffset(-1, epoch))).errorCode).toBe(errorCode);
    }
    expect(await stub.listOffset(listOffset(-1))).toMatchObject({ offset: 2 });
  });

  test("LOG30 LOG31: batches from any offset, as many as fit", async () => {
    const stub = await newPartition();
    for (const records of [2, 3, 1]) await stub.append(append(batchOf({ records })));
    expect(await offsetsFrom(stub, 0)).toEqual([0, 2, 5]);
    expect(await offsetsFrom(stub, 3)).toEqual([2, 5]);
    const { records } = await stub.read(read(3, { maxBytes: 1 }));
    expect([...iterateBatches(records)]).toHaveLength(1);
    const none = await stub.read(read(3, { maxBytes: 1, minOneBatch: false }));
    expect(none).toMatchObject({ errorCode: 0, highWatermark: 6 });
    expect(none.records.byteLength).toBe(0);
  });

  test("LOG32: below the log start and above the end is error 1, at the end it is empty", async () => {
    const stub = await newPartition();
    await stub.append(append(batchOf({ records: 4 })));
    await stub.deleteRecords(2, 30_000);
    for (const offset of [-1, 0, 1, 5, 2 ** 53]) {
      const answer = await stub.read(read(offset));
      expect(answer.errorCode, `offset ${offset}`).toBe(1);
      expect(answer.records.byteLength).toBe(0);
      expect(answer).toMatchObject({ highWatermark: -1, lastStableOffset: -1, logStartOffset: 2 });
    }
    for (const offset of [2, 3]) expect(await offsetsFrom(stub, offset)).toEqual([0]);
    for (const readCommitted of [false, true]) {
      const atEnd = await stub.read(read(4, { readCommitted }));
      expect(atEnd).toMatchObject({ errorCode: 0, highWatermark: 4, logStartOffset: 2 });
      expect(atEnd.records.byteLength).toBe(0);
    }
  });

  test("LOG21: a reader whose last epoch ended elsewhere is told where, and given nothing", async () => {
    const stub = await newPartition(5);
    await stub.append(append(batchOf({ records: 4 })));
    const same = await stub.read(read(2, { lastFetchedEpoch: 5 }));
    expect(same).toMatchObject({ errorCode: 0, divergingEpoch: null });
    expect(same.records.byteLength).toBeGreaterThan(0);
    // Epoch 3 wrote nothing that is known here: it ended where 5 began.
    const older = await stub.read(read(2, { lastFetchedEpoch: 3 }));
    expect(older).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 3, endOffset: 0 } });
    expect(older.records.byteLength).toBe(0);
  });

  test("LOG21: a reader past the end of its epoch is told where it ended, not that it is out of range", async () => {
    const stub = await newPartition(5);
    await stub.append(append(batchOf({ records: 4 })));
    const ahead = await stub.read(read(9, { lastFetchedEpoch: 5 }));
    expect(ahead).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 5, endOffset: 4 } });
    await stub.deleteRecords(2, 30_000);
    const behind = await stub.read(read(1, { lastFetchedEpoch: 3 }));
    expect(behind).toMatchObject({ errorCode: 1, divergingEpoch: null });
  });

  test("LOG21: an epoch that the log cannot place is error 1, not an empty answer for ever", async () => {
    const stub = await newPartition(5);
    const empty = await stub.read(read(0, { lastFetchedEpoch: 5 }));
    expect(empty).toMatchObject({ errorCode: 1, divergingEpoch: null });
    await stub.append(append(batchOf()));
    const later = await stub.read(read(0, { lastFetchedEpoch: 6 }));
    expect(later).toMatchObject({ errorCode: 1, divergingEpoch: null });
  });

  test("LOG33 LOG34: listOffset looks up times and specials", async () => {
    const stub = await newPartition();
    await stub.append(append(batchOf({ records: [10, 30, 20] })));
    const offsets = [-1, -2, -3, -4, -5, -6, 0, 11, 31].map(async (timestamp) => {
      const { offset, errorCode } = await stub.listOffset(listOffset(timestamp));
      return errorCode === 0 ? offset : `error ${errorCode}`;
    });
    expect(await Promise.all(offsets)).toEqual([3, 0, 1, 0, -1, -1, 0, 1, -1]);
  });
});

describe("load", () => {
  test("LOG3: 64 appends at the same time share one row", async () => {
    const stub = await newPartition();
    await stub.open();
    const opened = (await stub.stats()).rowsWritten;
    const results = await inside(stub, (partition) =>
      Promise.all(Array.from({ length: 64 }, () => partition.append(append(batchOf())))),
    );
    expect(results.map(({ baseOffset }) => baseOffset)).toEqual([...Array(64).keys()]);
    expect(await chunkRows(stub)).toBe(1);
    expect((await stub.stats()).rowsWritten - opened).toBe(1);
    expect(await offsetsFrom(stub, 0)).toEqual([...Array(64).keys()]);
  });

  test("LOG1: 64 callers at the same time get 64 offsets, and what arrives together shares rows", async () => {
    const stub = await newPartition();
    await stub.open();
    const results = await Promise.all(
      Array.from({ length: 64 }, () => stub.append(append(batchOf()))),
    );
    const offsets = results.map(({ baseOffset }) => baseOffset).sort((a, b) => a - b);
    expect(offsets).toEqual([...Array(64).keys()]);
    expect(await chunkRows(stub)).toBeLessThan(64);
  });

  test("REP50: one small append costs one row, after the one that says who leads", async () => {
    const stub = await newPartition();
    await stub.open();
    expect((await stub.stats()).rowsWritten).toBe(1);
    for (let i = 1; i <= 5; i++) {
      await stub.append(append(batchOf()));
      expect((await stub.stats()).rowsWritten).toBe(1 + i);
    }
  });

  test("more than 32 MiB of appends under way are asked to come back later", async () => {
    const stub = await newPartition();
    await stub.open();
    const batch = batchOf({ valueBytes: 8 * 1024 * 1024 - 1_000 });
    const codes = await inside(stub, async (partition) => {
      const results = await Promise.all(
        Array.from({ length: 6 }, () => partition.append(append(batch.slice()))),
      );
      expect(results[5]?.errorMessage).toMatch(`${APPEND_IN_FLIGHT_BYTES_MAX} bytes`);
      return results.map(({ errorCode }) => errorCode);
    });
    expect(codes).toEqual([0, 0, 0, 0, 89, 89]);
    expect((await stub.stats()).inFlightBytes).toBe(0);
    expect(await stub.append(append(batchOf()))).toMatchObject({ errorCode: 0, baseOffset: 4 });
  });

  test("refused appends give their bytes back too", async () => {
    const stub = await newPartition(5);
    await stub.append(append(batchOf(), { leaderEpoch: 4 }));
    expect((await stub.stats()).inFlightBytes).toBe(0);
  });

  test("the largest batch is stored, read back whole, and survives", async () => {
    const stub = await newPartition();
    const empty = batchOf({ valueBytes: 0 }).byteLength;
    const batch = batchOf({ valueBytes: MAX_MESSAGE_BYTES_LIMIT - empty - 20 });
    expect(batch.byteLength).toBeLessThanOrEqual(MAX_MESSAGE_BYTES_LIMIT);
    expect(await stub.append(append(batch))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    await evictDurableObject(stub);
    const { records } = await stub.read(read(0, { maxBytes: 1 }));
    expect(records.byteLength).toBe(batch.byteLength);
    expect(await chunkRows(stub)).toBe(Math.ceil(batch.byteLength / CHUNK_BYTES_MAX));
  });

  test.each([
    ["one that a topic may not allow", MAX_MESSAGE_BYTES_LIMIT + 1],
    ["one that fits no rows", CHUNK_BYTES_MAX * CHUNK_PARTS_MAX + 1],
    ["one larger than what may be under way", APPEND_IN_FLIGHT_BYTES_MAX + 1],
  ])("an oversize batch, %s, is refused for good and hurts nobody", async (_, bytes) => {
    const stub = await newPartition();
    await stub.append(append(batchOf()));
    const reply = await inside(stub, (partition) =>
      partition.append(append(new Uint8Array(bytes))),
    );
    expect(reply.errorCode).toBe(10);
    expect(reply.errorMessage).toMatch(`${bytes} bytes`);
    expect(await stub.append(append(batchOf()))).toMatchObject({ errorCode: 0, baseOffset: 1 });
  });
});

describe("what survives", () => {
  test("LOG16: an eviction keeps records, log start and producer state", async () => {
    const stub = await newPartition(2);
    for (const sequence of [0, 1, 2, 3]) await stub.append(append(sequenced(7, 1, sequence)));
    await stub.deleteRecords(1, 30_000);
    const before = await stub.read(read(1));
    await evictDurableObject(stub);
    expect(await stub.read(read(1))).toEqual(before);
    expect(await stub.append(append(sequenced(7, 1, 2)))).toMatchObject({
      errorCode: 0,
      baseOffset: 2,
      logStartOffset: 1,
    });
    expect((await stub.append(append(sequenced(7, 1, 9)))).errorCode).toBe(45);
    expect((await stub.append(append(sequenced(7, 0, 4)))).errorCode).toBe(47);
    expect(await stub.append(append(sequenced(7, 1, 4)))).toMatchObject({ baseOffset: 4 });
    expect((await stub.read(read(0))).errorCode).toBe(1);
    expect((await stub.append(append(batchOf(), { leaderEpoch: 1 }))).errorCode).toBe(74);
  });

  test("LOG4: many appends with evictions between them", async () => {
    const stub = await newPartition();
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 5; i++) {
        const next = round * 5 + i;
        const reply = await stub.append(append(sequenced(7, 0, next)));
        expect(reply).toMatchObject({ errorCode: 0, baseOffset: next });
      }
      await evictDurableObject(stub);
    }
    expect(await offsetsFrom(stub, 0)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    // A log that just woke has paid for nothing yet.
    expect((await stub.stats()).rowsWritten).toBe(0);
  });
});

describe("deleting", () => {
  test("LOG40: deleteRecords moves the log start, -1 up to the high watermark", async () => {
    const stub = await newPartition();
    for (let i = 0; i < 4; i++) await stub.append(append(batchOf()));
    expect(await stub.deleteRecords(2, 30_000)).toMatchObject({ errorCode: 0, lowWatermark: 2 });
    expect(await stub.deleteRecords(1, 30_000)).toMatchObject({ errorCode: 0, lowWatermark: 2 });
    expect(await stub.deleteRecords(5, 30_000)).toMatchObject({ errorCode: 1, lowWatermark: -1 });
    expect(await stub.listOffset(listOffset(-2))).toMatchObject({ offset: 2 });
    expect(await stub.deleteRecords(-1, 30_000)).toMatchObject({ errorCode: 0, lowWatermark: 4 });
    expect(await stub.append(append(batchOf()))).toMatchObject({
      baseOffset: 4,
      logStartOffset: 4,
    });
  });

  test("LOG41: rows below the log start go with the alarm, step by step", async () => {
    const stub = await newPartition();
    await inside(stub, async (partition) => {
      // One at a time, so that each is a row.
      for (let i = 0; i < TRIM_ROWS_PER_TURN + 20; i++) await partition.append(append(batchOf()));
    });
    expect(await chunkRows(stub)).toBe(TRIM_ROWS_PER_TURN + 20);
    await stub.deleteRecords(TRIM_ROWS_PER_TURN + 10, 30_000);
    await vi.waitFor(
      async () => {
        await runDurableObjectAlarm(stub);
        expect(await chunkRows(stub)).toBe(10);
      },
      { timeout: 5_000, interval: 20 },
    );
    expect((await offsetsFrom(stub, TRIM_ROWS_PER_TURN + 10))[0]).toBe(TRIM_ROWS_PER_TURN + 10);
    const alarm = await vi.waitUntil(async () => {
      await runDurableObjectAlarm(stub);
      return inside(stub, async (_, { storage }) => (await storage.getAlarm()) === null);
    });
    expect(alarm, "no alarm is left").toBe(true);
    expect(await stub.append(append(batchOf()))).toMatchObject({ errorCode: 0 });
  });

  test("LOG41: an object that is woken by its alarm alone goes on", async () => {
    const stub = await newPartition();
    for (let i = 0; i < 3; i++) await stub.append(append(batchOf()));
    await inside(stub, async (partition, { storage }) => {
      await partition.deleteRecords(-1, 30_000);
      await storage.setAlarm(Date.now() + 600_000);
    });
    await evictDurableObject(stub);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await chunkRows(stub)).toBe(0);
  });
});

describe("the catalogue decides", () => {
  const unknown: [string, () => Promise<PartitionStub>][] = [
    ["a topic that is not there", async () => stubOf(topicOf())],
    [
      "a partition that the topic does not have",
      async () => stubOf(await createTopic(topicOf(2)), 2),
    ],
    ["a broker that holds no replica", async () => stubOf(await createTopic(topicOf()), 0, 2)],
  ];

  test.each(unknown)("%s answers 3 to everything and stores nothing", async (_, make) => {
    const stub = await make();
    expect(await stub.open()).toBe(false);
    expect(await stub.append(append(batchOf()))).toMatchObject({ errorCode: 3, baseOffset: -1 });
    expect(await stub.read(read(0))).toMatchObject({ errorCode: 3, highWatermark: -1 });
    expect(await stub.listOffset(listOffset(-1))).toMatchObject({ errorCode: 3, offset: -1 });
    expect(await stub.deleteRecords(-1, 30_000)).toMatchObject({ errorCode: 3, lowWatermark: -1 });
    const stored = await inside(stub, (__, { storage }) => [
      ...storage.kv.list(),
      ...storage.sql.exec("SELECT name FROM sqlite_schema WHERE name IN ('chunk', 'checkpoint')"),
    ]);
    expect(stored).toEqual([]);
  });

  test("a topic is there as soon as it is created, even to an object that just said no", async () => {
    const topic = topicOf();
    expect((await stubOf(topic).append(append(batchOf()))).errorCode).toBe(3);
    await createTopic(topic);
    expect(await stubOf(topic).append(append(batchOf()))).toMatchObject({ errorCode: 0 });
    expect(await stubOf(topic).open()).toBe(true);
  });

  test.each(["somebody", "", "a/b/0", "a/b/0/1/c", "a//0/1"])(
    "the name %j is no partition's, and refused with words",
    (name) => {
      expect(() => parsePartitionName(name)).toThrow(`"${name}" is not cluster/topicId/partition`);
    },
  );

  test("destroy drops everything for good", async () => {
    const topic = await createTopic(topicOf());
    const stub = stubOf(topic);
    await stub.append(append(batchOf({ valueBytes: 3_000_000 })));
    await stub.deleteRecords(-1, 30_000);
    await createCatalogue(workerEnv.CATALOGUE).deleteTopic(CLUSTER, topic.name, topic.topicId);
    await stub.destroy();
    const left = await inside(stub, async (_, { storage }) => ({
      keys: [...storage.kv.list()],
      tables: storage.sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'chunk'").toArray(),
      alarm: await storage.getAlarm(),
    }));
    expect(left).toEqual({ keys: [], tables: [], alarm: null });
    expect((await stub.append(append(batchOf()))).errorCode).toBe(3);
    await evictDurableObject(stub);
    expect((await stub.read(read(0))).errorCode).toBe(3);
    await stub.destroy();
    expect(await chunkRows(stub)).toBe(0);
  });
});
