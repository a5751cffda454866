/** A record written by any way in is read by every other way, headers and timestamp intact. */
import {
  Consumer as PlatformaticConsumer,
  Producer as PlatformaticProducer,
} from "@platformatic/kafka";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Admin, Consumer, Producer } from "../../src/client/mod.ts";
import { discard, kedge, run, type Service, startService, until } from "./service.ts";

/** What every way has to say of a record; header values as text. */
interface Seen {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
  readonly timestamp: number;
  readonly offset: number;
}

const TOPIC = "ways";
const PLACE = { topic: TOPIC, partition: 0 };
const HEADERS = [
  ["trace", "abc"],
  ["kind", "grüße"],
] as const;
const BASE_MS = 1_750_000_000_000;

let service: Service;
let kafkajs: Kafka;

const writers: Readonly<Record<string, (record: Seen) => Promise<unknown>>> = {
  async sdk({ key, value, headers, timestamp }) {
    const producer = new Producer({ "bootstrap.servers": service.url, "compression.type": "zstd" });
    const named = headers.map(([name, text]) => ({ key: name, value: text }));
    await producer.send({ ...PLACE, key, value, headers: named, timestamp });
    await producer.close();
  },
  async kafkajs({ key, value, headers, timestamp }) {
    const producer = kafkajs.producer();
    await producer.connect();
    const message = { key, value, headers: Object.fromEntries(headers), partition: 0 };
    await producer.send({
      topic: TOPIC,
      compression: CompressionTypes.GZIP,
      messages: [{ ...message, timestamp: String(timestamp) }],
    });
    await producer.disconnect();
  },
  async platformatic({ key, value, headers, timestamp }) {
    const producer = new PlatformaticProducer({
      clientId: "platformatic",
      bootstrapBrokers: [service.kafka],
    });
    const bytes = (text: string): Buffer => Buffer.from(text);
    await producer.send({
      messages: [
        {
          topic: TOPIC,
          partition: 0,
          key: bytes(key ?? ""),
          value: bytes(value ?? ""),
          headers: new Map(headers.map(([name, text]) => [bytes(name), bytes(text)])),
          timestamp: BigInt(timestamp),
        },
      ],
    });
    await producer.close();
  },
  async "rest v3"({ key, value, headers, timestamp }) {
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    const { clusterId } = await new Admin({ "bootstrap.servers": service.url }).describeCluster();
    const response = await fetch(
      `${service.url}/v3/clusters/${clusterId}/topics/${TOPIC}/records`,
      {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          partition_id: 0,
          key: { type: "STRING", data: key },
          value: { type: "STRING", data: value },
          headers: headers.map(([name, text]) => ({ name, value: base64(text) })),
          timestamp: new Date(timestamp).toISOString(),
        }),
      },
    );
    expect(response.status, await response.clone().text()).toBe(200);
  },
};

const readers: Readonly<Record<string, (record: Seen) => Promise<Seen>>> = {
  async sdk({ offset }) {
    const consumer = new Consumer({ "bootstrap.servers": service.url });
    consumer.assign([PLACE]);
    consumer.seek(PLACE, offset);
    const [record] = await consumer.poll(10_000);
    await consumer.close();
    if (record === undefined) throw new Error("nothing came");
    const text = (bytes: Uint8Array | null) =>
      bytes === null ? null : Buffer.from(bytes).toString();
    return {
      key: text(record.key),
      value: text(record.value),
      headers: record.headers.map((header) => [header.key, text(header.value) ?? ""] as const),
      timestamp: record.timestamp,
      offset: record.offset,
    };
  },
  async kcat({ offset }) {
    const args = [
      "-b",
      service.kafka,
      "-C",
      "-t",
      TOPIC,
      "-p",
      "0",
      "-o",
      String(offset),
      "-c",
      "1",
    ];
    const { stdout, stderr, code } = await run("kcat", [...args, "-q", "-f", "%k|%s|%h|%T|%o"]);
    expect(code, stderr).toBe(0);
    const [key, value, headers, timestamp, at] = stdout.split("|");
    return {
      key: key ?? null,
      value: value ?? null,
      headers: (headers ?? "").split(",").map((pair) => {
        const [name = "", text = ""] = pair.split("=");
        return [name, text] as const;
      }),
      timestamp: Number(timestamp),
      offset: Number(at),
    };
  },
  async "stateless fetch"({ offset }) {
    const url = `${service.url}/topics/${TOPIC}/partitions/0/records?offset=${offset}&timeout=1000`;
    const accept = "application/vnd.kafka.binary.v2+json";
    const response = await fetch(url, { headers: { accept } });
    const body = await response.text();
    expect(response.status, body).toBe(200);
    const [record] = JSON.parse(body);
    const text = (base64: string) => Buffer.from(base64, "base64").toString();
    return {
      key: text(record.key),
      value: text(record.value),
      headers: record.headers.map((header: { key: string; name: string; value: string }) => [
        header.key ?? header.name,
        text(header.value),
      ]),
      timestamp: record.timestamp,
      offset: record.offset,
    };
  },
  async "console-consumer"({ offset }) {
    const { stdout } = await kedge(service, [
      ...["console-consumer", "--topic", TOPIC, "--partition", "0", "--offset", String(offset)],
      ...[
        "--max-messages",
        "1",
        "--property",
        "print.key=true",
        "--property",
        "print.headers=true",
      ],
      ...["--property", "print.timestamp=true", "--property", "key.separator=|"],
    ]);
    const [timestamp = "", headers = "", key = "", value = ""] = stdout.trimEnd().split("|");
    return {
      key,
      value,
      headers: headers.split(",").map((pair) => pair.split(":") as [string, string]),
      timestamp: Number(timestamp.replace("CreateTime:", "")),
      offset,
    };
  },
};

beforeAll(async () => {
  service = await startService();
  kafkajs = new Kafka({
    brokers: [service.kafka],
    clientId: "kafkajs",
    logLevel: logLevel.NOTHING,
  });
  await new Admin({ "bootstrap.servers": service.url }).createTopics([{ name: TOPIC }]);
});

afterAll(() => discard(service));

describe("a record written by", () => {
  for (const [i, [writer, write]] of Object.entries(writers).entries()) {
    test(`${writer} is read by every way`, async () => {
      const [end] = await new Admin({ "bootstrap.servers": service.url }).listOffsets([
        { ...PLACE, spec: "latest" },
      ]);
      const record: Seen = {
        key: `key of ${writer}`,
        value: `value of ${writer} ✓`,
        headers: HEADERS,
        timestamp: BASE_MS + i * 1_000 + 123,
        offset: end?.offset ?? 0,
      };
      await write(record);
      for (const [reader, read] of Object.entries(readers)) {
        expect(await read(record), `${writer} → ${reader}`).toEqual(record);
      }
    });
  }
});

describe("clients that always have a group", () => {
  test("@platformatic/kafka lists offsets and fetches by hand", async () => {
    const consumer = new PlatformaticConsumer({
      clientId: "platformatic",
      bootstrapBrokers: [service.kafka],
      groupId: "none",
    });
    const offsets = await consumer.listOffsets({ topics: [TOPIC] });
    expect(offsets.get(TOPIC)?.[0]).toBe(BigInt(Object.keys(writers).length));
    await consumer.close(true);
  });

  test("kafkajs administers topics", async () => {
    const admin = kafkajs.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "by-kafkajs", numPartitions: 2 }] });
    expect(await admin.listTopics()).toContain("by-kafkajs");
    expect(await admin.fetchTopicOffsets(TOPIC)).toMatchObject([{ partition: 0, low: "0" }]);
    await admin.createPartitions({ topicPartitions: [{ topic: "by-kafkajs", count: 3 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ["by-kafkajs"] });
    expect(topics[0]?.partitions).toHaveLength(3);
    await admin.deleteTopics({ topics: ["by-kafkajs"] });
    await until(
      async () => !(await admin.listTopics()).includes("by-kafkajs"),
      "kafkajs sees that it is gone",
    );
    await admin.disconnect();
  });
});
