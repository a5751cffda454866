/** `client.rack`: a server that sends its readers from the leader to a replica near them. */
import { beforeEach, describe, expect, it } from "vitest";
import { Consumer } from "../../../src/client/consumer.ts";
import type { ConsumerConfig } from "../../../src/client/consumer-config.ts";
import { ErrorCode } from "../../../src/client/errors.ts";
import { StringDeserializer } from "../../../src/client/serializers.ts";
import { HttpTransport, type Transport } from "../../../src/client/transport.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { type FetchRequest, fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import { decodeRequestHeader, encodeResponseFrame } from "../../../src/protocol/frame.ts";
import { Reader } from "../../../src/protocol/reader.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { FakeBroker } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

const LEADER = 1;
const NEAR = 2;
const PLACE = { topic: "t", partition: 0 };

let clock: VirtualClock;
let broker: FakeBroker;
/** The broker that each fetch was for, and the rack that it named. */
let fetches: [brokerId: number | undefined, rack: string][];
/** What the near replica answers in place of records. */
let nearCode: number;
let nearIsLost: boolean;

/** Before the fake broker: the leader sends readers of rack "weur" on, without records. */
const transport: Transport = {
  async send(frame, signal, brokerId) {
    const header = decodeRequestHeader(frame, 4);
    if (header.apiKey !== fetchApi.key) return broker.send(frame, signal);
    const version = header.apiVersion;
    const request = fetchApi.request.decode(
      new Reader(frame, header.bodyOffset),
      version,
    ) as FetchRequest;
    fetches.push([brokerId, request.rackId]);
    if (brokerId === NEAR && nearIsLost) throw new Error("connection reset");
    const isRedirect = brokerId === LEADER && request.rackId === "weur";
    const errorCode = brokerId === NEAR ? nearCode : 0;
    if (!isRedirect && errorCode === 0) return broker.send(frame, signal);
    await clock.sleep(1);
    const responses = request.topics.map(({ topic, topicId, partitions }) => ({
      ...{ topic, topicId },
      partitions: partitions.map(({ partition: partitionIndex }) => ({
        ...{ partitionIndex, errorCode, highWatermark: 0, lastStableOffset: 0, records: null },
        preferredReadReplica: isRedirect ? NEAR : -1,
      })),
    }));
    const body = { errorCode: 0, sessionId: 0, responses };
    return encodeResponseFrame(fetchApi, version, header.correlationId, body);
  },
};

beforeEach(() => {
  clock = new VirtualClock();
  broker = new FakeBroker(clock);
  broker.createTopic("t", 1);
  fetches = [];
  nearCode = 0;
  nearIsLost = false;
});

function consumer(config: Partial<ConsumerConfig<string, string>> = {}) {
  const made = new Consumer<string, string>(
    {
      "bootstrap.servers": "https://kedge.test",
      "value.deserializer": StringDeserializer,
      "key.deserializer": StringDeserializer,
      "auto.offset.reset": "earliest",
      "client.rack": "weur",
      ...config,
    },
    { transport, clock, random: () => 0.5 },
  );
  made.assign([PLACE]);
  return made;
}

function append(value: string): void {
  const records = [{ timestamp: 0, key: null, value: utf8Encode(value), headers: [] }];
  broker.log("t", 0).append(encodeRecordBatch({ records, compress: (_, bytes) => bytes }));
}

const brokersAsked = () => fetches.map(([brokerId]) => brokerId);

describe("CONS30: with client.rack", () => {
  it("reads where the leader sends it, and stays there", async () => {
    append("a");
    const c = consumer();
    expect((await clock.run(c.poll(5_000))).map(({ value }) => value)).toEqual(["a"]);
    append("b");
    expect((await clock.run(c.poll(5_000))).map(({ value }) => value)).toEqual(["b"]);
    expect(fetches.slice(0, 3)).toEqual([
      [LEADER, "weur"],
      [NEAR, "weur"],
      [NEAR, "weur"],
    ]);
    expect(brokersAsked().slice(1)).not.toContain(LEADER);
  });

  it("asks the leader again after metadata.max.age.ms", async () => {
    const c = consumer({ "metadata.max.age.ms": 10_000 });
    await clock.run(c.poll(9_000));
    expect(brokersAsked().filter((id) => id === LEADER)).toHaveLength(1);
    await clock.run(c.poll(3_000));
    expect(brokersAsked().filter((id) => id === LEADER)).toHaveLength(2);
    expect(brokersAsked().at(-1)).toBe(NEAR);
  });

  it.each([
    ["does not have the offset yet", ErrorCode.OFFSET_NOT_AVAILABLE],
    ["is no replica any more", ErrorCode.NOT_LEADER_OR_FOLLOWER],
    ["has a storage error", ErrorCode.KAFKA_STORAGE_ERROR],
    ["has the offset out of range", ErrorCode.OFFSET_OUT_OF_RANGE],
  ])("goes back to the leader when the near replica %s", async (_, code) => {
    append("a");
    nearCode = code;
    const c = consumer({ "auto.offset.reset": "none" });
    c.seek(PLACE, 0);
    const polled = c.poll(5_000);
    while (fetches.length < 3) await clock.advance(1);
    expect(brokersAsked().slice(0, 3)).toEqual([LEADER, NEAR, LEADER]);
    nearCode = 0;
    expect((await clock.run(polled)).map(({ value }) => value)).toEqual(["a"]);
  });

  it("goes back to the leader when the near replica is out of reach", async () => {
    append("a");
    nearIsLost = true;
    const polled = consumer().poll(5_000);
    while (fetches.length < 3) await clock.advance(1);
    expect(brokersAsked().slice(0, 3)).toEqual([LEADER, NEAR, LEADER]);
    nearIsLost = false;
    expect((await clock.run(polled)).map(({ value }) => value)).toEqual(["a"]);
  });
});

describe("without client.rack", () => {
  it("names neither a rack nor a broker", async () => {
    append("a");
    const c = consumer({ "client.rack": "" });
    expect(await clock.run(c.poll(5_000))).toHaveLength(1);
    expect(new Set(fetches.map(String))).toEqual(new Set([[undefined, ""].join(",")]));
  });
});

describe("over HTTP", () => {
  it("DOOR8 the broker is a header, for requests that are for one", async () => {
    const seen: (string | null)[] = [];
    const http = new HttpTransport({
      urls: ["https://kedge.test"],
      fetch: async (_, init) => {
        seen.push(new Headers(init.headers).get("x-kedge-broker"));
        return new Response(new Uint8Array(4));
      },
    });
    const { signal } = new AbortController();
    await http.send(new Uint8Array(4), signal, 2);
    await http.send(new Uint8Array(4), signal);
    expect(seen).toEqual(["2", null]);
  });
});
