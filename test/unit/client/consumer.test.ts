import { beforeEach, describe, expect, it } from "vitest";
import { Consumer } from "../../../src/client/consumer.ts";
import type { ConsumerConfig } from "../../../src/client/consumer-config.ts";
import type { ConsumerRecord } from "../../../src/client/consumer-record.ts";
import { ErrorCode } from "../../../src/client/errors.ts";
import { IntegerDeserializer, StringDeserializer } from "../../../src/client/serializers.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { type FetchRequest, fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import { listOffsetsApi } from "../../../src/protocol/api/02-list-offsets.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { compress } from "../../../src/protocol/compression/compress.ts";
import {
  encodeRecordBatch,
  type RecordBatchInput,
  setLogAppendTime,
} from "../../../src/protocol/record-batch.ts";
import { FakeBroker, type FakeLog } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let broker: FakeBroker;

beforeEach(() => {
  clock = new VirtualClock();
  broker = new FakeBroker(clock);
  broker.createTopic("t", 2);
});

type Text = Consumer<string, string>;

function consumer(config: Partial<ConsumerConfig<string, string>> = {}): Text {
  return new Consumer(
    {
      "bootstrap.servers": "https://kedge.test",
      "key.deserializer": StringDeserializer,
      "value.deserializer": StringDeserializer,
      "auto.offset.reset": "earliest",
      ...config,
    },
    { transport: broker, clock, random: () => 0.5 },
  );
}

function append(
  log: FakeLog,
  values: readonly string[],
  more: Partial<RecordBatchInput> = {},
): void {
  const records = values.map((value, i) => ({
    timestamp: 1000 + log.endOffset + i,
    key: null,
    value: utf8Encode(value),
    headers: [{ key: "n", value: Uint8Array.of(i) }],
  }));
  log.append(encodeRecordBatch({ records, compress, ...more }));
}

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `value-${from + i}`);
const texts = (records: readonly ConsumerRecord<string, string>[]) =>
  records.map(({ value }) => value);
const t0 = { topic: "t", partition: 0 };
const t1 = { topic: "t", partition: 1 };

async function drain(c: Text, count: number): Promise<ConsumerRecord<string, string>[]> {
  const all: ConsumerRecord<string, string>[] = [];
  while (all.length < count) {
    const records = await clock.run(c.poll(10_000));
    if (records.length === 0) throw new Error(`only ${all.length} of ${count} came`);
    all.push(...records);
  }
  return all;
}

describe("poll", () => {
  it("gives records whole", async () => {
    append(broker.log("t", 0), ["a", "b"]);
    const c = consumer();
    c.assign([t0]);
    expect(await clock.run(c.poll(1000))).toEqual([
      {
        ...t0,
        offset: 0,
        timestamp: 1000,
        timestampType: "CreateTime",
        key: null,
        value: "a",
        headers: [{ key: "n", value: Uint8Array.of(0) }],
        serializedKeySize: -1,
        serializedValueSize: 1,
        leaderEpoch: -1,
      },
      expect.objectContaining({ offset: 1, value: "b", timestamp: 1001 }),
    ]);
    expect(await clock.run(c.position(t0))).toBe(2);
    expect(c.currentLag(t0)).toBe(0);
  });

  it.each([0, 1, 2, 3, 4])("decompresses codec %s", async (compression) => {
    append(broker.log("t", 0), numbered(300), { compression });
    const c = consumer();
    c.assign([t0]);
    expect(texts(await drain(c, 300))).toEqual(numbered(300));
  });

  it("CONS3 returns max.poll.records at most, and goes on where it was", async () => {
    append(broker.log("t", 0), numbered(25));
    const c = consumer({ "max.poll.records": 10 });
    c.assign([t0]);
    const sizes = [];
    for (let i = 0; i < 3; i++) sizes.push(texts(await clock.run(c.poll(1000))));
    expect(sizes).toEqual([numbered(10), numbered(10, 10), numbered(5, 20)]);
  });

  it("returns nothing when the time is over, and wakes when a record comes", async () => {
    const c = consumer();
    c.assign([t0]);
    const before = clock.now();
    expect(await clock.run(c.poll(2000))).toEqual([]);
    expect(clock.now() - before).toBe(2000);
    const waiting = c.poll(60_000);
    await clock.advance(3000);
    append(broker.log("t", 0), ["late"]);
    const appended = clock.now();
    expect(texts(await clock.run(waiting))).toEqual(["late"]);
    expect(clock.now() - appended).toBeLessThan(20);
  });

  it("poll(0) never waits", async () => {
    append(broker.log("t", 0), ["a"]);
    const c = consumer();
    c.assign([t0]);
    const now = clock.now();
    expect(await clock.run(c.poll(0))).toEqual([]);
    expect(clock.now()).toBe(now);
    await clock.advance(100);
    expect(texts(await clock.run(c.poll(0)))).toEqual([]);
    await clock.advance(100);
    expect(texts(await clock.run(c.poll(0)))).toEqual(["a"]);
  });

  it("CONS1 asks each leader once for all its partitions, and nobody for what is not used up", async () => {
    const topic = broker.createTopic("wide", 6);
    topic.partitions.forEach((log, i) => {
      log.leader = 1 + (i % 2);
      append(log, numbered(3, i * 10));
    });
    const c = consumer();
    c.assign(topic.partitions.map((_, partition) => ({ topic: "wide", partition })));
    expect(new Set(texts(await drain(c, 18))).size).toBe(18);
    const bodies = broker.requests
      .filter(({ api }) => api === fetchApi)
      .map(({ body }) => (body as FetchRequest).topics[0]?.partitions.map((p) => p.partition));
    expect(bodies.slice(0, 2)).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ]);
  });

  it("skips what lies before the position in a batch", async () => {
    append(broker.log("t", 0), numbered(10));
    const c = consumer();
    c.assign([t0]);
    c.seek(t0, 7);
    expect(texts(await clock.run(c.poll(1000)))).toEqual(numbered(3, 7));
  });

  it("is refused without an assignment, twice at a time, and after close", async () => {
    const c = consumer();
    await expect(c.poll(0)).rejects.toThrow(/no partitions are assigned/);
    c.assign([t0]);
    const first = c.poll(60_000);
    await expect(c.poll(0)).rejects.toThrow(/another poll/);
    await c.close();
    await expect(clock.run(first)).rejects.toThrow(/closed/);
    await expect(c.poll(0)).rejects.toThrow(/closed/);
  });

  it("takes LogAppendTime for every record", async () => {
    const log = broker.log("t", 0);
    append(log, ["a", "b"]);
    setLogAppendTime(log.batches[0] as Uint8Array, 0, 777);
    const c = consumer();
    c.assign([t0]);
    const records = await clock.run(c.poll(1000));
    expect(records.map((r) => [r.timestamp, r.timestampType])).toEqual([
      [777, "LogAppendTime"],
      [777, "LogAppendTime"],
    ]);
  });
});

describe("positions", () => {
  it("begin at the end by default, and where auto.offset.reset says", async () => {
    append(broker.log("t", 0), numbered(5));
    const latest = consumer({ "auto.offset.reset": "latest" });
    latest.assign([t0]);
    expect(await clock.run(latest.position(t0))).toBe(5);
    const earliest = consumer();
    earliest.assign([t0]);
    expect(await clock.run(earliest.position(t0))).toBe(0);
    const none = consumer({ "auto.offset.reset": "none" });
    none.assign([t0]);
    await expect(clock.run(none.poll(1000))).rejects.toThrow(/t-0 has no position/);
    none.seek(t0, 4);
    expect(texts(await clock.run(none.poll(1000)))).toEqual(["value-4"]);
  });

  it("move to the beginning, the end, and anywhere", async () => {
    append(broker.log("t", 0), numbered(5));
    const c = consumer();
    c.assign([t0]);
    await drain(c, 5);
    c.seekToBeginning([t0]);
    expect(texts(await drain(c, 5))).toEqual(numbered(5));
    c.seekToEnd();
    expect(await clock.run(c.position(t0))).toBe(5);
    c.seek(t0, 2);
    expect(await clock.run(c.position(t0))).toBe(2);
    expect(() => c.seek(t0, -1)).toThrow(/offset -1/);
    expect(() => c.seek({ topic: "t", partition: 9 }, 0)).toThrow(/t-9 is not assigned/);
  });

  it("CONS5 a seek drops what was fetched before it, even while it is on its way", async () => {
    append(broker.log("t", 0), numbered(10));
    broker.meddle = ({ api }) => (api === fetchApi ? { replyDelayMs: 100 } : undefined);
    const c = consumer();
    c.assign([t0]);
    const polled = c.poll(5000);
    await clock.advance(50);
    c.seek(t0, 8);
    expect(texts(await clock.run(polled))).toEqual(["value-8", "value-9"]);
  });

  it("that are not in the log any more are reset, or reported with none", async () => {
    const log = broker.log("t", 0);
    append(log, numbered(5));
    append(log, numbered(5, 5));
    log.batches.shift();
    log.startOffset = 5;
    const c = consumer();
    c.assign([t0]);
    c.seek(t0, 1);
    expect(texts(await clock.run(c.poll(5000)))).toEqual(numbered(5, 5));
    const none = consumer({ "auto.offset.reset": "none" });
    none.assign([t0]);
    none.seek(t0, 1);
    await expect(clock.run(none.poll(5000))).rejects.toMatchObject({
      name: "OffsetOutOfRangeError",
      topic: "t",
      partition: 0,
    });
  });

  it("stay with partitions that stay assigned", async () => {
    append(broker.log("t", 0), numbered(4));
    const c = consumer();
    c.assign([t0]);
    await drain(c, 4);
    c.assign([t1, t0]);
    expect(await clock.run(c.position(t0))).toBe(4);
    expect(c.assignment()).toEqual([t1, t0]);
  });

  it("give up after default.api.timeout.ms", async () => {
    broker.meddle = ({ api }) => (api === listOffsetsApi ? { lost: true } : undefined);
    const c = consumer({ "default.api.timeout.ms": 3000 });
    c.assign([t0]);
    await expect(clock.run(c.position(t0))).rejects.toThrow(/no position for t-0 within 3000 ms/);
  });
});

describe("pause and resume", () => {
  it("leave out paused partitions and keep what was fetched", async () => {
    append(broker.log("t", 0), ["a0"]);
    append(broker.log("t", 1), ["b0"]);
    const c = consumer();
    c.assign([t0, t1]);
    c.pause([t0]);
    expect(c.paused()).toEqual([t0]);
    expect(texts(await clock.run(c.poll(1000)))).toEqual(["b0"]);
    expect(await clock.run(c.poll(1000))).toEqual([]);
    c.resume([t0]);
    expect(texts(await clock.run(c.poll(1000)))).toEqual(["a0"]);
  });
});

describe("offsets", () => {
  it("at the ends and by time, in the order asked for", async () => {
    append(broker.log("t", 0), numbered(5));
    const c = consumer();
    const ends = await clock.run(c.endOffsets([t1, t0]));
    expect(ends.map(({ partition, offset }) => [partition, offset])).toEqual([
      [1, 0],
      [0, 5],
    ]);
    expect((await clock.run(c.beginningOffsets([t0])))[0]?.offset).toBe(0);
    const times = await clock.run(
      c.offsetsForTimes([
        { ...t0, timestamp: 1003 },
        { ...t0, timestamp: 5000 },
      ]),
    );
    expect(times.map((found) => found?.offset ?? null)).toEqual([3, null]);
    await expect(clock.run(c.endOffsets([{ topic: "t", partition: 7 }]))).rejects.toThrow(/t-7/);
  });
});

describe("errors", () => {
  it("retries what may go away: lost requests, moved leaders, server errors", async () => {
    append(broker.log("t", 0), numbered(3));
    const codes = [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.UNKNOWN_SERVER_ERROR];
    broker.meddle = ({ api, nth }) => {
      if (api === listOffsetsApi && nth === 1) return { lost: true };
      if (api !== fetchApi) return undefined;
      if (nth === 1) return { replyLost: true };
      const code = codes[nth - 2];
      return code === undefined ? undefined : { code };
    };
    const c = consumer();
    c.assign([t0]);
    expect(texts(await drain(c, 3))).toEqual(numbered(3));
    expect(broker.count(fetchApi)).toBeGreaterThanOrEqual(4);
    expect(broker.count(metadataApi)).toBeGreaterThan(1);
  });

  it("throws what would not", async () => {
    append(broker.log("t", 0), ["x"]);
    broker.meddle = ({ api, nth }) =>
      api === fetchApi && nth === 1 ? { code: ErrorCode.TOPIC_AUTHORIZATION_FAILED } : undefined;
    const c = consumer();
    c.assign([t0]);
    await expect(clock.run(c.poll(1000))).rejects.toMatchObject({
      code: ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    });
    expect(texts(await clock.run(c.poll(1000)))).toEqual(["x"]);
  });

  it("CONS2 finds a corrupt batch, gives what comes before it, and nothing behind it", async () => {
    const log = broker.log("t", 0);
    append(log, ["good"]);
    append(log, ["bad"]);
    append(log, ["behind"]);
    const bad = log.batches[1] as Uint8Array;
    bad[bad.length - 6] = (bad[bad.length - 6] as number) ^ 1;
    const c = consumer();
    c.assign([t0]);
    expect(texts(await clock.run(c.poll(1000)))).toEqual(["good"]);
    for (let i = 0; i < 2; i++) {
      await expect(clock.run(c.poll(1000))).rejects.toThrow(
        /offset 1 of t-0 is corrupt: its checksum/,
      );
    }
    c.seek(t0, 2);
    expect(texts(await clock.run(c.poll(1000)))).toEqual(["behind"]);
    const trusting = consumer({ "check.crcs": false });
    trusting.assign([t0]);
    expect(await drain(trusting, 3)).toHaveLength(3);
  });

  it("CONS2 names the record that cannot be deserialized, after those before it", async () => {
    append(broker.log("t", 0), ["1234", "12345", "abcd"]);
    const c = new Consumer(
      {
        "bootstrap.servers": "https://kedge.test",
        "value.deserializer": IntegerDeserializer,
        "auto.offset.reset": "earliest",
      },
      { transport: broker, clock },
    );
    c.assign([t0]);
    expect((await clock.run(c.poll(1000))).map(({ value }) => value)).toEqual([0x31323334]);
    await expect(clock.run(c.poll(1000))).rejects.toMatchObject({
      name: "RecordDeserializationError",
      offset: 1,
    });
    c.seek(t0, 2);
    expect((await clock.run(c.poll(1000))).map(({ value }) => value)).toEqual([0x61626364]);
  });

  it("waits for a topic that is not there yet", async () => {
    const c = consumer();
    c.assign([{ topic: "later", partition: 0 }]);
    expect(await clock.run(c.poll(3000))).toEqual([]);
    append(broker.createTopic("later", 1).partitions[0] as FakeLog, ["x"]);
    expect(texts(await clock.run(c.poll(5000)))).toEqual(["x"]);
  });
});

describe("transactions", () => {
  const marker = (type: number) =>
    ({
      records: [{ timestamp: 0, key: Uint8Array.of(0, 0, 0, type), value: new Uint8Array(6) }],
      control: true,
      transactional: true,
    }) as const;
  const of = (producerId: number) => ({ producerId, producerEpoch: 0 });

  function interleaved(log: FakeLog): void {
    const raw = (input: RecordBatchInput) => {
      // Control batches carry no sequence; the fake's own checks are for producers.
      log.batches.push(encodeRecordBatch({ ...input, baseOffset: log.endOffset }));
      log.endOffset += input.records.length;
    };
    const data = (text: string, more: Partial<RecordBatchInput>) =>
      raw({ records: [{ timestamp: 0, key: null, value: utf8Encode(text) }], ...more });
    data("plain-0", {});
    data("aborted-1", { ...of(1), transactional: true });
    data("committed-2", { ...of(2), transactional: true });
    data("aborted-3", { ...of(1), transactional: true });
    raw({ ...marker(0), ...of(1) });
    raw({ ...marker(1), ...of(2) });
    data("committed-6", { ...of(1), transactional: true });
    raw({ ...marker(1), ...of(1) });
    log.aborted = [{ producerId: 1, firstOffset: 1 }];
  }

  it("CONS4 read_committed leaves out what was aborted, until its marker", async () => {
    interleaved(broker.log("t", 0));
    const c = consumer({ "isolation.level": "read_committed" });
    c.assign([t0]);
    expect(texts(await drain(c, 3))).toEqual(["plain-0", "committed-2", "committed-6"]);
    expect(await clock.run(c.poll(100))).toEqual([]);
    expect(await clock.run(c.position(t0))).toBe(8);
  });

  it("CONS4 read_uncommitted gives all but the markers", async () => {
    interleaved(broker.log("t", 0));
    const c = consumer();
    c.assign([t0]);
    expect(await drain(c, 5)).toHaveLength(5);
  });
});

describe("iteration", () => {
  it("CONS3 gives record by record, with the position after the last one given", async () => {
    append(broker.log("t", 0), numbered(10));
    const c = consumer();
    c.assign([t0]);
    const seen: (string | null)[] = [];
    const read = async () => {
      for await (const record of c) {
        seen.push(record.value);
        if (seen.length % 4 === 0) break;
      }
    };
    await clock.run(read());
    expect(seen).toEqual(numbered(4));
    expect(await clock.run(c.position(t0))).toBe(4);
    await clock.run(read());
    expect(seen).toEqual(numbered(8));
  });

  it("ends with close()", async () => {
    const c = consumer();
    c.assign([t0]);
    const read = (async () => {
      let count = 0;
      for await (const _ of c) count++;
      return count;
    })();
    await clock.advance(2000);
    append(broker.log("t", 0), numbered(3));
    await clock.advance(1000);
    await c.close();
    expect(await clock.run(read)).toBe(3);
    await clock.advance(60_000);
    expect(clock.timers).toBe(0);
  });
});

it("partitionsFor lists the topic's partitions", async () => {
  expect(await clock.run(consumer().partitionsFor("t"))).toHaveLength(2);
  await expect(
    clock.run(consumer({ "default.api.timeout.ms": 500 }).partitionsFor("nowhere")),
  ).rejects.toThrow(/topic nowhere/);
});

it("works with old brokers that name topics", async () => {
  broker.versions.set(fetchApi.key, [4, 11]);
  broker.versions.set(metadataApi.key, [0, 4]);
  append(broker.log("t", 0), numbered(3));
  const c = consumer();
  c.assign([t0]);
  expect(texts(await drain(c, 3))).toEqual(numbered(3));
});
