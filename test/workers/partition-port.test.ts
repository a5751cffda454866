/** Partitions as the handlers reach them: the port, its readers that wait, and what goes wrong. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { PartitionPort } from "../../src/broker/ports.ts";
import { createCatalogue, D1Catalogue } from "../../src/catalogue/catalogue.ts";
import type { TopicInfo } from "../../src/cluster/types.ts";
import { createPartitionsPort } from "../../src/objects/partitions-port.ts";
import { SqlLogStore } from "../../src/objects/sql-log-store.ts";
import { STORAGE_FORMAT } from "../../src/objects/storage-format.ts";
import { Waiters } from "../../src/objects/waiters.ts";
import { ErrorCode, KafkaError } from "../../src/protocol/errors.ts";
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

afterEach(() => {
  vi.restoreAllMocks();
});

const LONG_MS = 20_000;
const never = new AbortController().signal;

function partitions() {
  return createPartitionsPort(workerEnv, createCatalogue(workerEnv.CATALOGUE));
}

function portOf(topic: TopicInfo, partition = 0): PartitionPort {
  return partitions().at({ clusterId: CLUSTER, topicId: topic.topicId, partition, brokerId: 1 });
}

async function deleteTopic({ name, topicId }: TopicInfo): Promise<void> {
  await createCatalogue(workerEnv.CATALOGUE).deleteTopic(CLUSTER, name, topicId);
}

describe("the port", () => {
  test("carries every call to the partition's object", async () => {
    const topic = await createTopic(topicOf(2));
    const port = portOf(topic, 1);
    expect(await port.append(append(batchOf({ records: 3 })))).toMatchObject({ baseOffset: 0 });
    expect(await port.read(read(0))).toMatchObject({ errorCode: 0, highWatermark: 3 });
    expect(await port.listOffset(listOffset(-1))).toMatchObject({ offset: 3 });
    expect(await port.deleteRecords(2, 30_000)).toMatchObject({ lowWatermark: 2 });
    const sizeInBytes = batchOf({ records: 3 }).byteLength;
    expect(await port.status()).toEqual({
      ...{ errorCode: 0, isLeader: true, logStartOffset: 2, sizeInBytes },
      ...{ logEndOffset: 3, highWatermark: 3 },
    });
    expect(await port.append(append(sequenced(7, 1, 0)))).toMatchObject({ baseOffset: 3 });
    const { producers } = await port.activeProducers();
    expect(producers).toMatchObject([{ producerId: 7, epoch: 1, lastSequence: 0 }]);
    expect(await portOf(topic, 0).listOffset(listOffset(-1))).toMatchObject({ offset: 0 });
  });

  test("a batch out of a large request travels alone", async () => {
    const topic = await createTopic(topicOf());
    const batch = batchOf({ valueBytes: 100 });
    const request = new Uint8Array(40 * 1024 * 1024);
    request.set(batch, 1_000_000);
    const view = request.subarray(1_000_000, 1_000_000 + batch.byteLength);
    // The whole buffer would not fit one RPC message.
    expect(await portOf(topic).append(append(view))).toMatchObject({ errorCode: 0 });
    const { records } = await portOf(topic).read(read(0));
    expect(records.subarray(17)).toEqual(batch.subarray(17));
  });

  test("a small slice of a large row travels alone too", async () => {
    const topic = await createTopic(topicOf());
    const batches = [...Array(20)].map(() => batchOf({ valueBytes: 50_000 }));
    const { stub } = { stub: stubOf(topic) };
    await stub.open();
    await inside(stub, (partition) => Promise.all(batches.map((b) => partition.append(append(b)))));
    const carried = await inside(stub, async (partition) => {
      const { records } = await partition.read(read(5, { maxBytes: 60_000 }));
      return [records.byteLength, records.buffer.byteLength];
    });
    expect(carried).toEqual([batches[0]?.byteLength, batches[0]?.byteLength]);
  });

  test("open wakes every replica, destroy drops every one, both as often as one likes", async () => {
    const topic = await createTopic(topicOf(20));
    const port = partitions();
    const known = (): Promise<number[]> =>
      Promise.all(
        topic.partitions.map(({ partition }) =>
          inside(stubOf(topic, partition), (_, { storage }) => [...storage.kv.list()].length),
        ),
      );
    await port.open(CLUSTER, topic, topic.partitions);
    await port.open(CLUSTER, topic, topic.partitions);
    expect(await known()).toEqual(Array(20).fill(1));
    await deleteTopic(topic);
    await port.destroy(CLUSTER, topic);
    await port.destroy(CLUSTER, topic);
    expect(await known()).toEqual(Array(20).fill(0));
  });
});

describe("waiting for data", () => {
  test("what is there already is not waited for", async () => {
    const topic = await createTopic(topicOf());
    const port = portOf(topic);
    await port.append(append(batchOf()));
    expect(await port.waitForData(0, LONG_MS, never)).toBe(true);
  });

  test("an append wakes those whose offset it passes, and no others", async () => {
    const topic = await createTopic(topicOf());
    const port = portOf(topic);
    await port.append(append(batchOf({ records: 2 })));
    const woken: string[] = [];
    const wait = async (name: string, offset: number): Promise<void> => {
      if (await port.waitForData(offset, LONG_MS, never)) woken.push(name);
    };
    const all = [wait("at the end", 2), wait("at the end too", 2), wait("one beyond", 3)];
    await waitUntilWaiting(topic, 3);
    expect(woken).toEqual([]);
    await port.append(append(batchOf()));
    await Promise.all(all.slice(0, 2));
    expect(woken.sort()).toEqual(["at the end", "at the end too"]);
    await waitUntilWaiting(topic, 1);
    await port.append(append(batchOf()));
    await Promise.all(all);
    expect(woken).toHaveLength(3);
    await waitUntilWaiting(topic, 0);
  });

  test("who waits is woken by the object that comes back after an eviction", async () => {
    const topic = await createTopic(topicOf());
    const port = portOf(topic);
    await port.append(append(batchOf()));
    const waiting = port.waitForData(1, LONG_MS, never);
    await waitUntilWaiting(topic, 1);
    await evictDurableObject(stubOf(topic));
    await port.append(append(batchOf()));
    expect(await waiting).toBe(true);
  });

  test("the time is over: false, and the object forgets the reader", async () => {
    const topic = await createTopic(topicOf());
    const start = Date.now();
    expect(await portOf(topic).waitForData(0, 80, never)).toBe(false);
    expect(Date.now() - start).toBeLessThan(5_000);
    await waitUntilWaiting(topic, 0);
  });

  test("the reader went away: false at once, before the wait and in it", async () => {
    const topic = await createTopic(topicOf());
    const start = Date.now();
    expect(await portOf(topic).waitForData(0, LONG_MS, AbortSignal.abort())).toBe(false);
    const gone = new AbortController();
    const waiting = portOf(topic).waitForData(0, LONG_MS, gone.signal);
    await waitUntilWaiting(topic, 1);
    gone.abort();
    expect(await waiting).toBe(false);
    expect(Date.now() - start).toBeLessThan(LONG_MS / 2);
    await waitUntilWaiting(topic, 0);
  });

  test("a partition that is not there, or goes away, is looked at again at once", async () => {
    expect(await portOf(topicOf()).waitForData(0, LONG_MS, never)).toBe(true);
    const topic = await createTopic(topicOf());
    const waiting = portOf(topic).waitForData(0, LONG_MS, never);
    await waitUntilWaiting(topic, 1);
    await deleteTopic(topic);
    await stubOf(topic).destroy();
    expect(await waiting).toBe(true);
  });

  test("a reader that has gone is told nothing more", () => {
    const sockets: WebSocket[] = [];
    const ctx = { getWebSockets: () => [], acceptWebSocket: (one: WebSocket) => sockets.push(one) };
    const waiters = new Waiters(ctx as unknown as DurableObjectState);
    vi.spyOn(WebSocket.prototype, "serializeAttachment").mockReturnValue();
    const told = [3, 4].map((offset) => {
      expect(waiters.add(offset).status).toBe(101);
      const socket = sockets.at(-1);
      if (socket === undefined) throw new Error("the object accepted its end");
      vi.spyOn(socket, "close").mockReturnValue();
      return { socket, send: vi.spyOn(socket, "send").mockReturnValue() };
    });
    const [gone, there] = told;
    if (gone !== undefined) waiters.remove(gone.socket);
    waiters.wake(5);
    waiters.wake(6);
    expect(gone?.send).not.toHaveBeenCalled();
    expect(there?.send).toHaveBeenCalledExactlyOnceWith("ready");
  });

  test("an object that breaks ends the wait", async () => {
    const topic = await createTopic(topicOf());
    const waiting = portOf(topic).waitForData(0, LONG_MS, never);
    await waitUntilWaiting(topic, 1);
    await evictDurableObject(stubOf(topic), { webSockets: "close" });
    expect(await waiting).toBe(true);
  });

  async function waitUntilWaiting(topic: TopicInfo, readers: number): Promise<void> {
    await vi.waitFor(async () => {
      const open = await inside(stubOf(topic), (_, ctx) => {
        return ctx.getWebSockets().filter((one) => one.readyState === WebSocket.OPEN).length;
      });
      expect(open).toBe(readers);
    });
  }
});

describe("what goes wrong", () => {
  /**
   * Aborting for real ends what runs in the isolate, and that is the test runner too: the abort is
   * noted, and what it does to the object is done by an eviction.
   */
  async function abortsInstead(stub: PartitionStub): Promise<string[]> {
    const reasons: string[] = [];
    await inside(stub, (_, ctx) => {
      vi.spyOn(ctx, "abort").mockImplementation((reason) => {
        reasons.push(reason ?? "");
      });
    });
    return reasons;
  }

  test("LOG3: a turn that cannot be stored leaves no trace, and the next one is not harmed", async () => {
    const stub = await newPartition();
    await stub.append(append(sequenced(7, 0, 0)));
    const reasons = await abortsInstead(stub);
    vi.spyOn(SqlLogStore.prototype, "putChunk").mockImplementationOnce(() => {
      throw new Error("the disk is full");
    });
    const [outcome] = await inside(stub, (partition) =>
      Promise.allSettled([partition.append(append(sequenced(7, 0, 1)))]),
    );
    expect(String(outcome?.status === "rejected" && outcome.reason)).toContain("the disk is full");
    expect(reasons).toEqual(["the disk is full"]);
    await evictDurableObject(stub);
    expect(await stub.read(read(0))).toMatchObject({ errorCode: 0, highWatermark: 1 });
    expect(await stub.append(append(sequenced(7, 0, 1)))).toMatchObject({ baseOffset: 1 });
    expect(await chunkRows(stub)).toBe(2);
  });

  test("LOG3: a turn that fails half way is rolled back as a whole, for all who were in it", async () => {
    const stub = await newPartition();
    await stub.append(append(batchOf({ records: 2 })));
    const reasons = await abortsInstead(stub);
    vi.spyOn(SqlLogStore.prototype, "putCheckpoint").mockImplementationOnce(() => {
      throw new Error("half way");
    });
    // The first has a turn of its own. Then chunks are written, and the delete's checkpoint fails.
    const large = batchOf({ valueBytes: 3_000_000 });
    const outcomes = await inside(stub, async (partition) => {
      const first = partition.append(append(batchOf()));
      await first;
      const calls = [
        first,
        partition.append(append(batchOf())),
        partition.append(append(large.slice())),
        partition.deleteRecords(-1, 30_000),
      ];
      return (await Promise.allSettled(calls)).map(({ status }) => status);
    });
    expect(outcomes).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
    expect(reasons).toEqual(["half way"]);
    await evictDurableObject(stub);
    const left = await stub.read(read(0));
    expect(left).toMatchObject({ errorCode: 0, highWatermark: 3, logStartOffset: 0 });
    expect(await chunkRows(stub)).toBe(2);
    expect(await stub.append(append(large))).toMatchObject({ errorCode: 0, baseOffset: 3 });
  });

  test.each([
    ["of an early Kedge", undefined],
    ["of a later Kedge", 99],
  ])(
    "storage %s is left alone: error 56 that says so, at once, and one line",
    async (_, format) => {
      const lines = vi.spyOn(console, "error").mockImplementation(() => undefined);
      const topic = await createTopic(topicOf());
      const [port, stub] = [portOf(topic), stubOf(topic)];
      await port.append(append(batchOf()));
      await inside(stub, (__, { storage }) => {
        const { format: ___, ...identity } =
          storage.kv.get<Record<string, unknown>>("identity") ?? {};
        storage.kv.put("identity", format === undefined ? identity : { ...identity, format });
      });
      await evictDurableObject(stub);
      const refused = await port.append(append(batchOf()));
      expect(refused).toMatchObject({ errorCode: 56, baseOffset: -1 });
      expect(refused.errorMessage).toContain(
        format === undefined ? "has no format" : "is of format 99",
      );
      expect(refused.errorMessage).toContain(`this Kedge reads format ${STORAGE_FORMAT}`);
      expect(await port.read(read(0))).toMatchObject({ errorCode: 56 });
      expect(await port.listOffset(listOffset(-1))).toMatchObject({ errorCode: 56 });
      expect(await port.deleteRecords(1, 1_000)).toMatchObject({ errorCode: 56 });
      expect(await port.epochEnd({ leaderEpoch: 0, currentLeaderEpoch: -1 })).toMatchObject({
        errorCode: 56,
      });
      expect(await port.status()).toMatchObject({ errorCode: 56, sizeInBytes: -1 });
      expect(await port.activeProducers()).toEqual({ errorCode: 56, producers: [] });
      expect(await chunkRows(stub)).toBe(1);
      const logged = lines.mock.calls.map(([line]) => JSON.parse(String(line)));
      expect(logged).toEqual([expect.objectContaining({ message: refused.errorMessage })]);
      // It goes with its topic like any other.
      await deleteTopic(topic);
      await stub.destroy();
      expect(await port.append(append(batchOf()))).toMatchObject({ errorCode: 3 });
    },
  );

  test("a catalogue that does not answer fails the call, and is asked again by the next", async () => {
    const topic = await createTopic(topicOf());
    const ask = vi.spyOn(D1Catalogue.prototype, "topicsById");
    ask.mockRejectedValueOnce(new KafkaError(7, "the catalogue does not answer"));
    await expect(portOf(topic).append(append(batchOf()))).rejects.toThrow("does not answer");
    expect(await portOf(topic).append(append(batchOf()))).toMatchObject({ errorCode: 0 });
    expect(ask).toHaveBeenCalledTimes(2);
  });

  test("however many call first, the catalogue is asked once, and never after", async () => {
    const topic = await createTopic(topicOf());
    const ask = vi.spyOn(D1Catalogue.prototype, "topicsById");
    const port = portOf(topic);
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => port.append(append(batchOf()))),
    );
    expect(replies.map(({ errorCode }) => errorCode)).toEqual(Array(8).fill(0));
    await evictDurableObject(stubOf(topic));
    await port.append(append(batchOf()));
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test("a topic deleted while its partition was being opened is not brought back", async () => {
    const topic = await createTopic(topicOf());
    const stub = stubOf(topic);
    const { topicsById } = D1Catalogue.prototype;
    // Flags and not promises: those may not be awaited in one object's context and kept in another.
    let [asked, goOn] = [false, false];
    vi.spyOn(D1Catalogue.prototype, "topicsById").mockImplementationOnce(async function (
      this: D1Catalogue,
      ...given
    ) {
      const found = await topicsById.apply(this, given);
      asked = true;
      while (!goOn) await scheduler.wait(2);
      return found;
    });
    const appended = stub.append(append(batchOf()));
    await vi.waitUntil(() => asked);
    await deleteTopic(topic);
    await stub.destroy();
    goOn = true;
    expect((await appended).errorCode).toBe(3);
    expect(await chunkRows(stub)).toBe(0);
    expect((await stub.read(read(0))).errorCode).toBe(3);
  });

  test("after a deletion only the catalogue itself opens a partition, not what was read before", async () => {
    const topic = await createTopic(topicOf());
    const stub = stubOf(topic);
    await stub.append(append(batchOf()));
    // Another isolate deletes the topic: this one's cache still has it.
    await createCatalogue(workerEnv.CATALOGUE).topicsById(CLUSTER, [topic.topicId]);
    await new D1Catalogue(workerEnv.CATALOGUE).deleteTopic(CLUSTER, topic.name, topic.topicId);
    await stub.destroy();
    expect((await stub.append(append(batchOf()))).errorCode).toBe(3);
    expect(await chunkRows(stub)).toBe(0);
  });

  test("what is under way when the topic is destroyed is answered, and then 3", async () => {
    const topic = await createTopic(topicOf());
    const stub = stubOf(topic);
    await stub.append(append(batchOf()));
    await createCatalogue(workerEnv.CATALOGUE).deleteTopic(CLUSTER, topic.name, topic.topicId);
    const [underWay, after] = await inside(stub, async (partition) => {
      const destroyed = partition.destroy();
      const appends = Array.from({ length: 4 }, () => partition.append(append(batchOf())));
      const moved = partition.deleteRecords(-1, 30_000);
      await destroyed;
      const late = [partition.append(append(batchOf())), partition.deleteRecords(-1, 30_000)];
      return [await Promise.all([...appends, moved]), await Promise.all(late)];
    });
    // In the log before it was dropped, or too late, or nobody knows: each is an answer.
    const { NONE, UNKNOWN_TOPIC_OR_PARTITION, REQUEST_TIMED_OUT } = ErrorCode;
    const answers: number[] = [NONE, UNKNOWN_TOPIC_OR_PARTITION, REQUEST_TIMED_OUT];
    expect(
      underWay.map(({ errorCode }) => errorCode).filter((code) => !answers.includes(code)),
    ).toEqual([]);
    expect(after.map(({ errorCode }) => errorCode)).toEqual([3, 3]);
  });

  test("a replica that the catalogue still has is not destroyed by a call that comes late", async () => {
    const stub = await newPartition();
    await stub.append(append(batchOf()));
    await stub.destroy();
    expect(await stub.append(append(batchOf()))).toMatchObject({ errorCode: 0, baseOffset: 1 });
  });
});
