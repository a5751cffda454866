import { beforeEach, describe, expect, it } from "vitest";
import { ErrorCode, KafkaError, TransportError } from "../../../src/client/errors.ts";
import { Producer } from "../../../src/client/producer.ts";
import type { RecordMetadata } from "../../../src/client/producer-batch.ts";
import type { ProducerConfig } from "../../../src/client/producer-config.ts";
import { StringSerializer } from "../../../src/client/serializers.ts";
import { utf8Decode } from "../../../src/lib/bytes.ts";
import { partitionForKey } from "../../../src/lib/murmur2.ts";
import { type ProduceRequest, produceApi } from "../../../src/protocol/api/00-produce.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { initProducerIdApi } from "../../../src/protocol/api/22-init-producer-id.ts";
import {
  batchCompression,
  batchProducerEpoch,
  batchSizeInBytes,
} from "../../../src/protocol/record-batch.ts";
import { type Exchange, FakeBroker, type Fault } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let broker: FakeBroker;

beforeEach(() => {
  clock = new VirtualClock();
  broker = new FakeBroker(clock);
  broker.createTopic("t", 1);
});

type Text = string | Uint8Array;

function producer(config: Partial<ProducerConfig<Text, Text>> = {}): Producer {
  return new Producer<Text, Text>(
    { "bootstrap.servers": "https://kedge.test", ...config },
    { transport: broker, clock, random: () => 0.5 },
  );
}

const values = (topic = "t", partition = 0) =>
  broker
    .log(topic, partition)
    .records()
    .map(({ value }) => utf8Decode(value ?? new Uint8Array(0)));

/** Applies a fault to the nth Produce request. */
function onProduce(faults: Record<number, Fault>): void {
  broker.meddle = ({ api, nth }: Exchange) => (api === produceApi ? faults[nth] : undefined);
}

async function sendAll(
  sender: Producer,
  texts: readonly string[],
  topic = "t",
): Promise<RecordMetadata[]> {
  return clock.run(Promise.all(texts.map((value) => sender.send({ topic, value }))));
}

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `value-${from + i}`);

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

  it("waits linger.ms for more, and no longer", async () => {
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

  it("closes a batch at batch.size, counted to the byte", async () => {
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

  it("puts all partitions of a leader into one request, and leaders into their own", async () => {
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

  it("keeps requests within max.request.size", async () => {
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

  it("is in the order of the calls even while metadata is on its way", async () => {
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
  it("gives up an unknown topic after max.block.ms, and leaves no timer", async () => {
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

  it("stays within buffer.memory, in order, and gives up after max.block.ms", async () => {
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

describe("retries", () => {
  it("sends a lost request again", async () => {
    onProduce({ 1: { lost: true }, 2: { lost: true } });
    await sendAll(producer(), numbered(3));
    expect(values()).toEqual(numbered(3));
    expect(broker.count(produceApi)).toBe(3);
  });

  it("is not written twice when the answer is lost", async () => {
    onProduce({ 1: { replyLost: true }, 2: { replyLost: true } });
    const [metadata] = await sendAll(producer(), ["once"]);
    expect(metadata?.offset).toBe(0);
    expect(values()).toEqual(["once"]);
    expect(broker.count(produceApi)).toBe(3);
  });

  it("without idempotence the lost answer means twice", async () => {
    onProduce({ 1: { replyLost: true } });
    await sendAll(producer({ "enable.idempotence": false }), ["twice"]);
    expect(values()).toEqual(["twice", "twice"]);
  });

  it("is repeated after request.timeout.ms without an answer", async () => {
    onProduce({ 1: { hangs: true } });
    const before = clock.now();
    await sendAll(producer({ "request.timeout.ms": 2000 }), ["x"]);
    expect(clock.now() - before).toBeGreaterThan(2000);
    expect(clock.now() - before).toBeLessThan(2500);
    expect(values()).toEqual(["x"]);
  });

  it.each([
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.REQUEST_TIMED_OUT,
    ErrorCode.THROTTLING_QUOTA_EXCEEDED,
    ErrorCode.CORRUPT_MESSAGE,
  ])("retries error %s", async (code) => {
    onProduce({ 1: { code }, 2: { code } });
    await sendAll(producer(), numbered(2));
    expect(values()).toEqual(numbered(2));
  });

  it("looks leaders up again when the leader has moved", async () => {
    const p = producer();
    await sendAll(p, ["before"]);
    onProduce({ 2: { code: ErrorCode.NOT_LEADER_OR_FOLLOWER } });
    broker.log("t", 0).leader = 2;
    await sendAll(p, ["after"]);
    expect(broker.count(metadataApi)).toBe(2);
    expect(values()).toEqual(["before", "after"]);
  });

  it("waits for a leader to be there", async () => {
    broker.log("t", 0).leader = -1;
    const sent = producer().send({ topic: "t", value: "x" });
    await clock.advance(5000);
    expect(broker.count(produceApi)).toBe(0);
    broker.log("t", 0).leader = 3;
    await clock.run(sent);
    expect(values()).toEqual(["x"]);
  });

  it("follows a topic that was made anew, by its new id", async () => {
    const p = producer();
    await sendAll(p, ["old"]);
    broker.createTopic("t", 1);
    await sendAll(p, ["new"]);
    expect(values()).toEqual(["new"]);
  });

  it("backs off longer and longer, and leaves HTTP 429 alone for as long as it says", async () => {
    const busy = (retryAfterMs: number | null) =>
      new TransportError(ErrorCode.NETWORK_EXCEPTION, "HTTP 429", { status: 429, retryAfterMs });
    onProduce({ 1: { error: busy(null) }, 2: { error: busy(null) }, 3: { error: busy(7000) } });
    const before = clock.now();
    await sendAll(producer({ "linger.ms": 0 }), ["x"]);
    // 100, 200, then what was asked for; a few ms for the exchanges.
    expect(clock.now() - before).toBeGreaterThan(7300);
    expect(clock.now() - before).toBeLessThan(7330);
  });

  it("does not retry what would not help", async () => {
    onProduce({ 1: { code: ErrorCode.TOPIC_AUTHORIZATION_FAILED } });
    const p = producer();
    await expect(sendAll(p, ["x"])).rejects.toMatchObject({
      code: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    });
    await sendAll(p, ["y"]);
    expect(values()).toEqual(["y"]);
    expect(broker.count(produceApi)).toBe(2);
  });

  it("gives up after `retries`", async () => {
    onProduce({ 1: { lost: true }, 2: { lost: true }, 3: { lost: true } });
    await expect(sendAll(producer({ retries: 2 }), ["x"])).rejects.toThrow(/connection reset/);
    expect(broker.count(produceApi)).toBe(3);
  });

  it("gives up after delivery.timeout.ms and says why", async () => {
    broker.meddle = ({ api }) => (api === produceApi ? { lost: true } : undefined);
    const p = producer({ "delivery.timeout.ms": 5000, "request.timeout.ms": 1000 });
    const before = clock.now();
    await expect(sendAll(p, numbered(3))).rejects.toThrow(
      /expiring 3 record\(s\) for t-0: 500\d ms .*last error: .*connection reset/,
    );
    expect(clock.now() - before).toBeLessThan(5100);
    broker.meddle = () => undefined;
    await sendAll(p, ["after"]);
    expect(values()).toEqual(["after"]);
  });

  it("leaves a throttling server alone", async () => {
    onProduce({ 1: { throttleMs: 4000 } });
    const p = producer();
    await sendAll(p, ["a"]);
    const before = clock.now();
    await sendAll(p, ["b"]);
    expect(clock.now() - before).toBeGreaterThan(3990);
  });

  it("takes an unreadable answer for a lost one", async () => {
    onProduce({ 1: { garbage: Uint8Array.of(0, 0, 0, 1, 9) } });
    await sendAll(producer(), ["x"]);
    expect(values()).toEqual(["x"]);
  });

  it("splits a batch that is too large, and a retry of the parts keeps order", async () => {
    broker.log("t", 0).maxMessageBytes = 700;
    onProduce({ 3: { replyLost: true } });
    await sendAll(producer(), numbered(200));
    expect(values()).toEqual(numbered(200));
  });

  it("fails a record that is too large by itself, and only that", async () => {
    broker.log("t", 0).maxMessageBytes = 700;
    const p = producer();
    const large = "x".repeat(2000);
    const results = await clock.run(
      Promise.allSettled(["a", large, "b"].map((value) => p.send({ topic: "t", value }))),
    );
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(values()).toEqual(["a", "b"]);
  });

  it("makes requests smaller when the server finds them too large", async () => {
    broker.createTopic("wide", 8);
    const tooLarge = new TransportError(ErrorCode.MESSAGE_TOO_LARGE, "HTTP 413", { status: 413 });
    broker.meddle = ({ api, body }) =>
      api === produceApi && ((body as ProduceRequest).topicData[0]?.partitionData.length ?? 0) > 2
        ? { error: tooLarge }
        : undefined;
    const p = producer();
    await clock.run(
      Promise.all(
        numbered(8).map((value, partition) => p.send({ topic: "wide", value, partition })),
      ),
    );
    expect(broker.log("wide", 7).endOffset).toBe(1);
  });
});

describe("idempotence", () => {
  it("asks for an id once, and not at all without idempotence", async () => {
    const p = producer();
    await sendAll(p, ["a"]);
    await sendAll(p, ["b"]);
    expect(broker.count(initProducerIdApi)).toBe(1);
    await sendAll(producer({ acks: 1 }), ["c"]);
    expect(broker.count(initProducerIdApi)).toBe(1);
  });

  it("has several requests in flight, and closes the gap when they overtake each other", async () => {
    const p = producer({ "batch.size": 200, "linger.ms": 0 });
    await sendAll(p, ["first"]);
    // Of five requests, the first is the last to arrive.
    onProduce({ 2: { delayMs: 50 } });
    await sendAll(p, numbered(100));
    expect(broker.inFlightMax).toBe(5);
    expect(values()).toEqual(["first", ...numbered(100)]);
    expect(broker.log("t", 0).batches.map((batch) => batchProducerEpoch(batch, 0))).not.toContain(
      1,
    );
  });

  it("keeps to one in flight for a while once requests overtook each other", async () => {
    const p = producer({ "batch.size": 200, "linger.ms": 0 });
    await sendAll(p, ["first"]);
    onProduce({ 2: { delayMs: 50 } });
    await sendAll(p, numbered(60));
    const before = broker.count(produceApi);
    broker.inFlightMax = 0;
    await sendAll(p, numbered(60, 60));
    expect(broker.inFlightMax).toBe(1);
    expect(broker.count(produceApi) - before).toBe(broker.log("t", 0).batches.length - before + 4);
  });

  it("raises the epoch when the server has forgotten what came before", async () => {
    const p = producer();
    await sendAll(p, ["a"]);
    onProduce({ 2: { code: ErrorCode.UNKNOWN_PRODUCER_ID } });
    await sendAll(p, ["b"]);
    expect(values()).toEqual(["a", "b"]);
    expect(broker.log("t", 0).batches.map((batch) => batchProducerEpoch(batch, 0))).toEqual([0, 1]);
  });

  it("leaves a refused batch behind without a gap for those after it", async () => {
    const p = producer({ "batch.size": 200, "linger.ms": 0 });
    await sendAll(p, ["first"]);
    onProduce({ 3: { code: ErrorCode.INVALID_RECORD } });
    const results = await clock.run(
      Promise.allSettled(numbered(50).map((value) => p.send({ topic: "t", value }))),
    );
    const delivered = numbered(50).filter((_, i) => results[i]?.status === "fulfilled");
    expect(delivered.length).toBeLessThan(50);
    expect(delivered.length).toBeGreaterThan(30);
    expect(values()).toEqual(["first", ...delivered]);
  });

  it("does not write a batch twice whose answer was lost before a gap opened behind it", async () => {
    const p = producer({ "batch.size": 200, "linger.ms": 0 });
    await sendAll(p, ["first"]);
    onProduce({ 2: { replyLost: true }, 3: { code: ErrorCode.INVALID_RECORD } });
    const results = await clock.run(
      Promise.allSettled(numbered(50).map((value) => p.send({ topic: "t", value }))),
    );
    const delivered = numbered(50).filter((_, i) => results[i]?.status === "fulfilled");
    expect(values()).toEqual(["first", ...delivered]);
  });

  it("goes on after a batch expired on the wire", async () => {
    const p = producer({
      "delivery.timeout.ms": 3000,
      "request.timeout.ms": 2500,
      "linger.ms": 0,
      "batch.size": 200,
    });
    await sendAll(p, ["first"]);
    onProduce({ 2: { hangs: true }, 3: { hangs: true }, 4: { lost: true } });
    const results = await clock.run(
      Promise.allSettled(numbered(60).map((value) => p.send({ topic: "t", value }))),
    );
    await sendAll(p, ["last"]);
    const delivered = numbered(60).filter((_, i) => results[i]?.status === "fulfilled");
    expect(values()).toEqual(["first", ...delivered, "last"]);
  });

  it("takes another id when the epochs are used up", async () => {
    await sendAll(producer(), ["a"]);
    let refuse = true;
    broker.meddle = ({ api, body }) => {
      if (api !== produceApi) return undefined;
      const batch = (body as ProduceRequest).topicData[0]?.partitionData[0]?.records as Uint8Array;
      // Once epoch 32767 was refused, the next batch comes with another id.
      const last = batchProducerEpoch(batch, 0) === 0x7fff;
      const code = refuse;
      if (last) refuse = false;
      return code
        ? { code: ErrorCode.UNKNOWN_PRODUCER_ID, delayMs: 0, replyDelayMs: 0 }
        : undefined;
    };
    await sendAll(producer({ "retry.backoff.ms": 0, "delivery.timeout.ms": 2_000_000_000 }), ["b"]);
    expect(values()).toEqual(["a", "b"]);
    expect(broker.count(initProducerIdApi)).toBe(3);
  });

  it("fails everything when no id is to be had, and says so", async () => {
    broker.meddle = ({ api }) =>
      api === initProducerIdApi ? { code: ErrorCode.CLUSTER_AUTHORIZATION_FAILED } : undefined;
    const p = producer();
    await expect(sendAll(p, ["a"])).rejects.toThrow(/could not begin: /);
    await expect(sendAll(p, ["b"])).rejects.toBeInstanceOf(KafkaError);
    expect(clock.timers).toBe(0);
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
  it("sends at once and waits for what was sent before", async () => {
    const p = producer({ "linger.ms": 60_000 });
    const before = clock.now();
    for (const value of numbered(10)) p.send({ topic: "t", value });
    await clock.run(p.flush());
    expect(values()).toEqual(numbered(10));
    expect(clock.now() - before).toBeLessThan(100);
    expect(clock.timers).toBe(0);
  });

  it("reports what nobody looked at", async () => {
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
