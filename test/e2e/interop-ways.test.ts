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

/** A writer that cannot set all of a record tells what became of the rest. */
type Write = (record: Seen) => Promise<Partial<Seen> | undefined>;

const writers: Readonly<Record<string, Write>> = {
  async sdk({ key, value, headers, timestamp }) {
    const producer = new Producer({ "bootstrap.servers": service.url, "compression.type": "gzip" });
    const named = headers.map(([name, text]) => ({ key: name, value: text }));
    await producer.send({ ...PLACE, key, value, headers: named, timestamp });
    await producer.close();
    return undefined;
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
    return undefined;
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
    return undefined;
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
    return undefined;
  },
  async kcat({ key, value, headers, offset }) {
    const args = ["-b", service.kafka, "-P", "-t", TOPIC, "-p", "0", "-K", "|", "-z", "gzip"];
    const named = headers.flatMap(([name, text]) => ["-H", `${name}=${text}`]);
    const { code, stderr } = await run("kcat", [...args, ...named], { input: `${key}|${value}` });
    expect(code, stderr).toBe(0);
    return { timestamp: await timestampOf(offset) };
  },
  async "rest v2"({ key, value, offset }) {
    const base64 = (text: string | null) => Buffer.from(text ?? "").toString("base64");
    const response = await fetch(`${service.url}/topics/${TOPIC}/partitions/0`, {
      method: "POST",
      headers: { "content-type": "application/vnd.kafka.binary.v2+json" },
      body: JSON.stringify({ records: [{ key: base64(key), value: base64(value) }] }),
    });
    expect(response.status, await response.clone().text()).toBe(200);
    return { headers: [], timestamp: await timestampOf(offset) };
  },
  async "console-producer"({ key, value, headers, offset }) {
    const pairs = headers.map((pair) => pair.join(":")).join(",");
    const properties = ["--property", "parse.key=true", "--property", "parse.headers=true"];
    const { code, stderr } = await kedge(
      service,
      ["console-producer", "--topic", TOPIC, ...properties, "--compression-codec", "gzip"],
      { input: `${pairs}\t${key}\t${value}\n` },
    );
    expect(code, stderr).toBe(0);
    return { timestamp: await timestampOf(offset) };
  },
};

/** The time that a writer gave its record by itself, which must be about now. */
async function timestampOf(offset: number): Promise<number> {
  const consumer = new Consumer({ "bootstrap.servers": service.url });
  consumer.assign([PLACE]);
  consumer.seek(PLACE, offset);
  const [record] = await consumer.poll(10_000);
  await consumer.close();
  const timestamp = record?.timestamp ?? 0;
  expect(Math.abs(Date.now() - timestamp)).toBeLessThan(30_000);
  return timestamp;
}

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
  async kafkajs({ offset }) {
    const message = await fetchByKafkajs(offset);
    if (message === undefined) throw new Error("nothing came");
    return {
      key: message.key?.toString() ?? null,
      value: message.value?.toString() ?? null,
      headers: Object.entries(message.headers).map(([name, value]) => [name, value.toString()]),
      timestamp: Number(message.timestamp),
      offset: Number(message.offset),
    };
  },
  async platformatic({ offset }) {
    const record = await fetchByPlatformatic(offset);
    if (record === undefined) throw new Error("nothing came");
    return record;
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
      headers: (headers ?? "")
        .split(",")
        .filter(Boolean)
        .map((pair) => {
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
      headers:
        headers === "NO_HEADERS"
          ? []
          : headers.split(",").map((pair) => pair.split(":") as [string, string]),
      timestamp: Number(timestamp.replace("CreateTime:", "")),
      offset,
    };
  },
};

/**
 * kafkajs reads for groups only. Its cluster of brokers, which its consumer works with, is asked
 * here as that consumer asks it: its own requests, its own decoding.
 */
async function fetchByKafkajs(offset: number): Promise<KafkajsMessage | undefined> {
  const create = Object.getOwnPropertySymbols(kafkajs).find(({ description }) =>
    description?.endsWith("createCluster"),
  );
  if (create === undefined) throw new Error("kafkajs creates its cluster elsewhere now");
  const internals = kafkajs as unknown as Record<symbol, (options: object) => KafkajsCluster>;
  const cluster = internals[create]?.({ metadataMaxAge: 60_000 });
  if (cluster === undefined) throw new Error("kafkajs gave no cluster");
  await cluster.connect();
  await cluster.addTargetTopic(TOPIC);
  const [partition] = cluster.findTopicPartitionMetadata(TOPIC);
  const broker = await cluster.findBroker({ nodeId: String(partition?.leader) });
  const { responses } = await broker.fetch({
    ...{ maxWaitTime: 1_000, minBytes: 1, maxBytes: 1_000_000, rackId: "" },
    topics: [
      { topic: TOPIC, partitions: [{ partition: 0, fetchOffset: offset, maxBytes: 1_000_000 }] },
    ],
  });
  await cluster.disconnect();
  const messages = responses[0]?.partitions[0]?.messages ?? [];
  return messages.find((message) => Number(message.offset) === offset);
}

interface KafkajsMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
  readonly timestamp: string;
  readonly offset: string;
}

interface KafkajsCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { leader: number }[];
  findBroker(options: { nodeId: string }): Promise<{
    fetch(
      request: object,
    ): Promise<{ responses: { partitions: { messages: KafkajsMessage[] }[] }[] }>;
  }>;
}

/** Its consumer's own Fetch, without the group that its stream would join. */
async function fetchByPlatformatic(offset: number): Promise<Seen | undefined> {
  const consumer = new PlatformaticConsumer({
    clientId: "platformatic",
    bootstrapBrokers: [service.kafka],
    groupId: "none",
  });
  consumer.topics.track(TOPIC);
  const topic = (await consumer.metadata({ topics: [TOPIC] })).topics.get(TOPIC);
  if (topic === undefined) throw new Error("the topic is not there");
  const { responses } = await consumer.fetch({
    node: topic.partitions[0]?.leader ?? -1,
    ...{ maxWaitTime: 1_000, minBytes: 1, maxBytes: 1_000_000 },
    topics: [
      {
        topicId: topic.id,
        partitions: [
          {
            ...{ partition: 0, fetchOffset: BigInt(offset), partitionMaxBytes: 1_000_000 },
            ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
          },
        ],
      },
    ],
  });
  await consumer.close(true);
  const batches = responses[0]?.partitions[0]?.records ?? [];
  const text = (bytes: Buffer | null | undefined) => bytes?.toString() ?? null;
  for (const batch of batches) {
    for (const record of batch.records) {
      const at = Number(batch.firstOffset) + record.offsetDelta;
      if (at !== offset) continue;
      return {
        key: text(record.key),
        value: text(record.value),
        headers: [...record.headers].map(([name, value]) => [text(name) ?? "", text(value) ?? ""]),
        timestamp: Number(batch.firstTimestamp + BigInt(record.timestampDelta)),
        offset: at,
      };
    }
  }
  return undefined;
}

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
      const expected = { ...record, ...(await write(record)) };
      for (const [reader, read] of Object.entries(readers)) {
        expect(await read(record), `${writer} → ${reader}`).toEqual(expected);
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
