/** Retention inside workerd: configs from the catalogue, alarms, and what SQLite gives back. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { SqlLogStore } from "../../src/objects/sql-log-store.ts";
import { chunkOf } from "../contract/log-store.ts";
import { migratedDatabase } from "../support/d1.ts";
import { batchOf } from "../unit/log/harness.ts";
import {
  append,
  CLUSTER,
  chunkRows,
  createTopic,
  inside,
  listOffset,
  newPartition,
  type PartitionStub,
  stubOf,
  topicOf,
  workerEnv,
} from "./partition-topics.ts";

// Two cores that others use too: slow is not wrong.
vi.setConfig({ testTimeout: 60_000 });

beforeAll(async () => {
  await migratedDatabase();
});

async function logStart(stub: PartitionStub): Promise<number> {
  return (await stub.listOffset(listOffset(-2))).offset;
}

function alarmOf(stub: PartitionStub): Promise<number | null> {
  return inside(stub, (_, { storage }) => storage.getAlarm());
}

/** A batch whose record is as old as its append. */
function freshBatch(): Uint8Array {
  return batchOf({ records: [Date.now()] });
}

describe("retention", () => {
  test("LOG70 LOG71: with retention.ms of a moment the records go, and their rows", async () => {
    const stub = stubOf(await createTopic(topicOf(1, 0, { "retention.ms": "100" })));
    for (let i = 0; i < 3; i++) await stub.append(append(freshBatch()));
    await vi.waitFor(async () => expect(await logStart(stub)).toBe(3), { timeout: 30_000 });
    await vi.waitFor(async () => expect(await chunkRows(stub)).toBe(0), { timeout: 30_000 });
    expect(await stub.append(append(freshBatch()))).toMatchObject({ baseOffset: 3, errorCode: 0 });
  });

  test("LOG73: one alarm, for when the oldest segment is due, and an object that slept goes on", async () => {
    const retentionMs = 3_600_000;
    const configs = { "retention.ms": `${retentionMs}`, "segment.ms": "1" };
    const stub = stubOf(await createTopic(topicOf(1, 0, configs)));
    const oldMs = Date.now() - retentionMs + 60_000;
    await stub.append(append(batchOf({ records: [oldMs] })));
    const dueMs = oldMs + retentionMs + 1;
    const alarm = await vi.waitUntil(() => alarmOf(stub));
    // Five minutes after the append: Kafka would not have looked before.
    expect(alarm).toBeGreaterThan(dueMs);
    const { rowsWritten } = await stub.stats();
    for (let i = 0; i < 5; i++) await stub.append(append(freshBatch()));
    expect((await stub.stats()).rowsWritten).toBe(rowsWritten + 5);
    await evictDurableObject(stub);
    await stub.append(append(freshBatch()));
    expect((await stub.stats()).rowsWritten).toBe(1);
    expect(await alarmOf(stub)).toBe(alarm);
    await runDurableObjectAlarm(stub);
    // Too early: the clock is asked again for the same moment.
    expect(await vi.waitUntil(() => alarmOf(stub))).toBe(alarm);
    expect(await logStart(stub)).toBe(0);
  });

  test("LOG73: what the catalogue says of the topic takes effect when the replica is told", async () => {
    const topic = await createTopic(topicOf());
    const stub = stubOf(topic);
    await stub.append(append(freshBatch()));
    const catalogue = createCatalogue(workerEnv.CATALOGUE);
    const next = { "retention.bytes": "0" };
    await catalogue.changeTopicConfigs(CLUSTER, topic.topicId, topic.configs, next);
    await stub.nudge();
    await vi.waitFor(async () => expect(await logStart(stub)).toBe(1), { timeout: 30_000 });
  });

  test("LOG75: the store says what it takes up, and gives back what was deleted", async () => {
    const stub = await newPartition();
    await inside(stub, (_, { storage }) => {
      const store = new SqlLogStore(storage.sql);
      const empty = store.bytesStored();
      for (let i = 0; i < 10; i++) store.putChunk(chunkOf(i, i, 1_000_000));
      const full = store.bytesStored();
      expect(full - empty).toBeGreaterThanOrEqual(10_000_000);
      expect(new SqlLogStore(storage.sql).bytesStored()).toBeLessThan(full + 1_000_000);
      store.deleteBelow(9);
      expect(store.bytesStored()).toBeLessThan(empty + 2_000_000);
    });
  });
});
