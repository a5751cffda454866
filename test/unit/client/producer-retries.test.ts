import { beforeEach, describe, expect, it } from "vitest";
import { ErrorCode, KafkaError, TransportError } from "../../../src/client/errors.ts";
import { type ProduceRequest, produceApi } from "../../../src/protocol/api/00-produce.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { initProducerIdApi } from "../../../src/protocol/api/22-init-producer-id.ts";
import { batchProducerEpoch } from "../../../src/protocol/record-batch.ts";
import type { FakeBroker } from "./fake-broker.ts";
import { numbered, ProducerWorld } from "./producer-world.ts";
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

describe("retries", () => {
  it("sends a lost request again", async () => {
    onProduce({ 1: { lost: true }, 2: { lost: true } });
    await sendAll(producer(), numbered(3));
    expect(values()).toEqual(numbered(3));
    expect(broker.count(produceApi)).toBe(3);
  });

  it("PROD4 is not written twice when the answer is lost", async () => {
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

  it("PROD11 gives up after delivery.timeout.ms and says why", async () => {
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

  it("PROD10 splits a batch that is too large, and a retry of the parts keeps order", async () => {
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

  it("PROD10 makes requests smaller when the server finds them too large", async () => {
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

  it("PROD4 has several requests in flight, and closes the gap when they overtake each other", async () => {
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

  it("PROD8 keeps to one in flight for a while once requests overtook each other", async () => {
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

  it("PROD5 sends the first batch of a partition alone, and again after an idle time", async () => {
    const p = producer({
      "batch.size": 200,
      "linger.ms": 0,
      "metadata.max.age.ms": 100_000_000,
    });
    const burst = async () => {
      broker.inFlightMax = 0;
      const sends = numbered(60).map((value) => p.send({ topic: "t", value }));
      const before = broker.count(produceApi);
      while (broker.count(produceApi) === before) await clock.advance(1);
      expect(broker.inFlight).toBe(1);
      await clock.run(Promise.all(sends));
      expect(broker.inFlightMax).toBe(5);
    };
    await burst();
    await clock.advance(11 * 60 * 1000);
    await burst();
    expect(values()).toEqual([...numbered(60), ...numbered(60)]);
  });

  it("PROD6 does not go on for ever while an old batch is unconfirmed", async () => {
    const p = producer({ "batch.size": 200, "linger.ms": 0, "request.timeout.ms": 5000 });
    await sendAll(p, ["first"]);
    onProduce({ 2: { hangs: true } });
    const sends = numbered(200).map((value) => p.send({ topic: "t", value }));
    await clock.advance(4000);
    // The one that hangs, and four after it: a sixth would push it out of the server's memory.
    expect(broker.count(produceApi)).toBe(6);
    await clock.run(Promise.all(sends));
    expect(values()).toEqual(["first", ...numbered(200)]);
  });

  it("PROD9 without idempotence has one batch of a partition on the wire", async () => {
    await sendAll(producer({ acks: 1, "batch.size": 200, "linger.ms": 0 }), numbered(100));
    expect(broker.inFlightMax).toBeLessThanOrEqual(2);
    expect(values()).toEqual(numbered(100));
  });

  it("PROD7 raises the epoch when the server has forgotten what came before", async () => {
    const p = producer();
    await sendAll(p, ["a"]);
    onProduce({ 2: { code: ErrorCode.UNKNOWN_PRODUCER_ID } });
    await sendAll(p, ["b"]);
    expect(values()).toEqual(["a", "b"]);
    expect(broker.log("t", 0).batches.map((batch) => batchProducerEpoch(batch, 0))).toEqual([0, 1]);
  });

  it("PROD7 leaves a refused batch behind without a gap for those after it", async () => {
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

  it("PROD7 does not write a batch twice whose answer was lost before a gap opened behind it", async () => {
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
