import { beforeEach, describe, expect, it } from "vitest";
import { ErrorCode } from "../../../src/client/errors.ts";
import { Producer } from "../../../src/client/producer.ts";
import { StringSerializer } from "../../../src/client/serializers.ts";
import { utf8Decode } from "../../../src/lib/bytes.ts";
import { partitionForKey } from "../../../src/lib/murmur2.ts";
import { type ProduceRequest, produceApi } from "../../../src/protocol/api/00-produce.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { batchCompression, batchSizeInBytes } from "../../../src/protocol/record-batch.ts";
import type { FakeBroker } from "./fake-broker.ts";
import { numbered, ProducerWorld, type Text } from "./producer-world.ts";
import type { VirtualClock } from "./virtual-clock.ts";

let world: ProducerWorld;
let clock: VirtualClock;
let broker: FakeBroker;

beforeEach(() => {
  world = new ProducerWorld();
  ({ clock, broker } = world);
});

const producer: ProducerWorld["producer"] = (config) => world.producer(config);
const values: ProducerWorld["values"] = (topic, partition) => world.values(topic, partition);
const onProduce: ProducerWorld["onProduce"] = (faults) => world.onProduce(faults);
const sendAll: ProducerWorld["sendAll"] = (sender, texts, topic) =>
  world.sendAll(sender, texts, topic);

describe("send", () => {
  it("tells where the record went", async () => {
    const sent = producer().send({ topic: "t", key: "k", value: "hello", timestamp: 1234 });
    expect(await clock.run(sent)).toEqual({
      topic: "t",
      partition: 0,
      offset: 0,
      timestamp: 1234,
      serializedKeySize: 1,
      serializedValueSize: 5,
    });
    expect(clock.timers).toBe(0);
  });

  it("keeps keys, values, nulls, headers and timestamps", async () => {
    const p = producer();
    await clock.run(
      Promise.all([
        p.send({ topic: "t", key: null, value: "a", headers: { h: "x", n: null } }),
        p.send({
          topic: "t",
          key: "",
          value: null,
          timestamp: 5,
          headers: [
            { key: "é", value: Uint8Array.of(1, 2) },
            { key: "é", value: "2" },
          ],
        }),
      ]),
    );
    const records = broker.log("t", 0).records();
    const text = (bytes: Uint8Array | null) => (bytes === null ? null : utf8Decode(bytes));
    expect(
      records.map(({ key, value, timestamp, headers }) => ({
        key: text(key),
        value: text(value),
        timestamp,
        headers: headers.map((header) => [header.key, text(header.value)]),
      })),
    ).toEqual([
      {
        key: null,
        value: "a",
        timestamp: 1_700_000_000_000,
        headers: [
          ["h", "x"],
          ["n", null],
        ],
      },
      {
        key: "",
        value: null,
        timestamp: 5,
        headers: [
          ["é", "\u0001\u0002"],
          ["é", "2"],
        ],
      },
    ]);
  });

  it("gathers records into one batch, and gives each its offset", async () => {
    const metadata = await sendAll(producer(), numbered(100));
    expect(metadata.map(({ offset }) => offset)).toEqual(numbered(100).map((_, i) => i));
    expect(broker.count(produceApi)).toBe(1);
    expect(broker.log("t", 0).batches).toHaveLength(1);
  });

  it("PROD2 waits linger.ms for more, and no longer", async () => {
    const p = producer({ "linger.ms": 50 });
    await sendAll(p, ["first"]);
    const before = clock.now();
    const second = p.send({ topic: "t", value: "second" });
    await clock.advance(30);
    const third = p.send({ topic: "t", value: "third" });
    await clock.run(Promise.all([second, third]));
    expect(broker.log("t", 0).batches).toHaveLength(2);
    expect(clock.now() - before).toBe(52);
  });

  it("PROD2 closes a batch at batch.size, counted to the byte", async () => {
    await sendAll(producer({ "batch.size": 500, "linger.ms": 1000 }), numbered(100));
    const sizes = broker.log("t", 0).batches.map((batch) => batchSizeInBytes(batch, 0));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(500);
    expect(sizes.slice(0, -1).every((size) => size > 500 - 30)).toBe(true);
    expect(values()).toEqual(numbered(100));
  });

  it("sends every record alone with batch.size=0", async () => {
    await sendAll(producer({ "batch.size": 0 }), numbered(7));
    expect(broker.log("t", 0).batches).toHaveLength(7);
    expect(values()).toEqual(numbered(7));
  });

  it.each(["gzip", "snappy", "lz4", "zstd"] as const)("compresses with %s", async (codec) => {
    await sendAll(producer({ "compression.type": codec }), numbered(500));
    const [batch] = broker.log("t", 0).batches as [Uint8Array];
    expect(batchCompression(batch, 0)).toBe({ gzip: 1, snappy: 2, lz4: 3, zstd: 4 }[codec]);
    expect(batchSizeInBytes(batch, 0)).toBeLessThan(6000);
    expect(values()).toEqual(numbered(500));
  });

  it("PROD3 puts all partitions of a leader into one request, and leaders into their own", async () => {
    const topic = broker.createTopic("wide", 9);
    topic.partitions.forEach((log, i) => {
      log.leader = 1 + (i % 3);
    });
    const p = producer();
    await clock.run(
      Promise.all(
        numbered(9).map((value, partition) => p.send({ topic: "wide", value, partition })),
      ),
    );
    expect(broker.count(produceApi)).toBe(3);
    const first = broker.requests.find(({ api }) => api === produceApi)?.body as ProduceRequest;
    expect(first.topicData[0]?.partitionData.map(({ index }) => index)).toEqual([0, 3, 6]);
  });

  it("PROD3 keeps requests within max.request.size", async () => {
    broker.createTopic("wide", 20);
    const p = producer({ "max.request.size": 2500, "batch.size": 2000, "linger.ms": 10 });
    const value = "x".repeat(900);
    await clock.run(
      Promise.all(numbered(20).map((_, partition) => p.send({ topic: "wide", value, partition }))),
    );
    expect(broker.count(produceApi)).toBe(10);
  });

  it("sends keyed records where the Java client would", async () => {
    broker.createTopic("wide", 12);
    const p = producer();
    const keys = numbered(200);
    const sent = await clock.run(
      Promise.all(keys.map((key) => p.send({ topic: "wide", key, value: "v" }))),
    );
    sent.forEach(({ partition }, i) => {
      expect(partition).toBe(partitionForKey(new TextEncoder().encode(keys[i]), 12));
    });
  });

  it("sticks to a partition for batch.size bytes without a key", async () => {
    broker.createTopic("wide", 4);
    let turn = 0;
    const p = new Producer<Text, Text>(
      { "bootstrap.servers": "https://kedge.test", "batch.size": 1000 },
      { transport: broker, clock, random: () => (turn++ % 4) / 4 },
    );
    const sent = await sendAll(p, numbered(400), "wide");
    const runs = sent.filter((m, i) => i === 0 || m.partition !== sent[i - 1]?.partition).length;
    // 400 records are some 7,000 bytes; a batch in progress is finished first, up to twice the size.
    expect(runs).toBeGreaterThanOrEqual(4);
    expect(runs).toBeLessThanOrEqual(8);
  });

  it("takes turns with partitioner.class=round-robin", async () => {
    broker.createTopic("wide", 4);
    const sent = await sendAll(
      producer({ "partitioner.class": "round-robin" }),
      numbered(8),
      "wide",
    );
    const partitions = sent.map(({ partition }) => partition);
    expect(partitions.slice(4)).toEqual(partitions.slice(0, 4));
    expect(new Set(partitions).size).toBe(4);
  });

  it("asks a partitioner function, and refuses what is no partition", async () => {
    broker.createTopic("wide", 4);
    const seen: unknown[] = [];
    const p = producer({
      "partitioner.class": (input) => {
        seen.push([input.topic, input.key, input.partitionCount]);
        return Number(input.value);
      },
    });
    const sent = clock.run(p.send({ topic: "wide", key: "k", value: "3" }));
    expect((await sent).partition).toBe(3);
    expect(seen).toEqual([["wide", "k", 4]]);
    await expect(clock.run(p.send({ topic: "wide", value: "4" }))).rejects.toThrow(/partition 4/);
  });

  it("PROD1 is in the order of the calls even while metadata is on its way", async () => {
    const p = producer();
    const early = numbered(20).map((value) => p.send({ topic: "t", value }));
    await clock.advance(3);
    const late = numbered(20, 20).map((value) => p.send({ topic: "t", value }));
    await clock.run(Promise.all([...early, ...late]));
    expect(values()).toEqual(numbered(40));
  });

  it("says what is wrong with a record", async () => {
    const p = producer({ "value.serializer": StringSerializer as never, "max.request.size": 1000 });
    const wrong = (record: object) => clock.run(p.send(record as never));
    await expect(wrong({ topic: "", value: "x" })).rejects.toThrow(/needs a topic/);
    await expect(wrong({ topic: "t" })).rejects.toThrow(/null for a tombstone/);
    await expect(wrong({ topic: "t", value: "x", partition: -1 })).rejects.toThrow(/partition -1/);
    await expect(wrong({ topic: "t", value: "x", timestamp: -5 })).rejects.toThrow(/timestamp -5/);
    await expect(wrong({ topic: "t", value: 7 })).rejects.toThrow(/value cannot be serialized/);
    await expect(wrong({ topic: "t", value: "x", headers: { a: 1 } })).rejects.toThrow(/header a/);
    await expect(wrong({ topic: "t", value: "x".repeat(2000) })).rejects.toThrow(
      /larger than 1000, the value of max.request.size/,
    );
    expect(broker.requests).toHaveLength(0);
  });
});

describe("waiting for metadata and memory", () => {
  it("PROD11 gives up an unknown topic after max.block.ms, and leaves no timer", async () => {
    const p = producer({ "max.block.ms": 3000 });
    const before = clock.now();
    await expect(clock.run(p.send({ topic: "nowhere", value: "x" }))).rejects.toThrow(
      /topic nowhere is not present in metadata after 3000 ms \(max.block.ms\): This server does not host/,
    );
    expect(clock.now() - before).toBeGreaterThanOrEqual(3000);
    await clock.advance(10_000);
    expect(clock.timers).toBe(0);
    // Doubling from 100 ms up to a second: a handful, not a flood.
    expect(broker.count(metadataApi)).toBeLessThan(9);
  });

  it("goes on when the topic appears", async () => {
    const p = producer();
    const sent = p.send({ topic: "later", value: "x" });
    await clock.advance(2000);
    broker.createTopic("later", 1);
    expect((await clock.run(sent)).offset).toBe(0);
  });

  it("does not hold up other topics", async () => {
    const p = producer();
    const stuck = p.send({ topic: "nowhere", value: "x" });
    await clock.run(p.send({ topic: "t", value: "y" }));
    await expect(clock.run(stuck)).rejects.toThrow(/nowhere/);
  });

  it("waits for a partition that is not there yet", async () => {
    const p = producer({ "max.block.ms": 2000 });
    await expect(clock.run(p.send({ topic: "t", value: "x", partition: 3 }))).rejects.toThrow(
      /partition 3 of topic t, which has 1, is not present/,
    );
  });

  it("PROD1 stays within buffer.memory, in order, and gives up after max.block.ms", async () => {
    const p = producer({
      "buffer.memory": 4000,
      "batch.size": 1000,
      "max.block.ms": 60_000,
      "max.in.flight.requests.per.connection": 1,
    });
    await sendAll(p, numbered(400));
    expect(values()).toEqual(numbered(400));
    const small = producer({ "buffer.memory": 1000, "max.block.ms": 500, "linger.ms": 0 });
    broker.meddle = ({ api }) => (api === produceApi ? { delayMs: 5000 } : undefined);
    const results = await clock.run(
      Promise.allSettled(numbered(100).map((value) => small.send({ topic: "t", value }))),
    );
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(20);
    expect(String((refused[0] as PromiseRejectedResult).reason)).toMatch(
      /buffer.memory within 500/,
    );
  });
});

describe("acks=0", () => {
  it("does not wait for an answer", async () => {
    const [metadata] = await sendAll(producer({ acks: "0" }), ["x"]);
    expect(metadata?.offset).toBe(-1);
    expect(values()).toEqual(["x"]);
  });
});

describe("flush and close", () => {
  it("PROD12 sends at once and waits for what was sent before", async () => {
    const p = producer({ "linger.ms": 60_000 });
    const before = clock.now();
    for (const value of numbered(10)) p.send({ topic: "t", value });
    await clock.run(p.flush());
    expect(values()).toEqual(numbered(10));
    expect(clock.now() - before).toBeLessThan(100);
    expect(clock.timers).toBe(0);
  });

  it("PROD13 reports what nobody looked at", async () => {
    onProduce({ 1: { code: ErrorCode.TOPIC_AUTHORIZATION_FAILED } });
    const p = producer();
    p.send({ topic: "t", value: "x" });
    await expect(clock.run(p.flush())).rejects.toMatchObject({ code: 29 });
    await clock.run(p.flush());
  });

  it("close() sends what is there and takes nothing more", async () => {
    const p = producer({ "linger.ms": 60_000 });
    const sent = p.send({ topic: "t", value: "x" });
    await clock.run(p.close());
    expect((await sent).offset).toBe(0);
    await expect(p.send({ topic: "t", value: "y" })).rejects.toThrow(/closed/);
  });

  it("close({timeoutMs}) fails what is not delivered in time", async () => {
    broker.meddle = ({ api }) => (api === produceApi ? { hangs: true } : undefined);
    const p = producer();
    const sent = p.send({ topic: "t", value: "x" });
    await expect(clock.run(p.close({ timeoutMs: 500 }))).rejects.toThrow(/closed 500 ms/);
    await expect(sent).rejects.toThrow(/closed/);
  });
});

it("partitionsFor names leaders and replicas", async () => {
  broker.createTopic("wide", 2);
  broker.log("wide", 1).leader = -1;
  expect(await clock.run(producer().partitionsFor("wide"))).toMatchObject([
    { topic: "wide", partition: 0, leader: 1, replicas: [1], inSyncReplicas: [1] },
    { topic: "wide", partition: 1, leader: null },
  ]);
});

it("works with old brokers that name topics", async () => {
  broker.versions.set(produceApi.key, [3, 7]);
  broker.versions.set(metadataApi.key, [0, 4]);
  await sendAll(producer({ "compression.type": "zstd" }), numbered(5));
  expect(values()).toEqual(numbered(5));
});
