import { join } from "node:path";
import { build } from "esbuild";
import { Kafka, logLevel } from "kafkajs";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  Admin,
  Consumer,
  type ConsumerRecord,
  ErrorCode,
  IntegerDeserializer,
  IntegerSerializer,
  JSONDeserializer,
  JSONSerializer,
  Producer,
  StringDeserializer,
} from "../../src/client/mod.ts";
import { partitionForKey } from "../../src/lib/murmur2.ts";
import { discard, ROOT, type Service, startService } from "./service.ts";

let service: Service;
let admin: Admin;

const at = () => ({ "bootstrap.servers": service.url });
let topics = 0;

beforeAll(async () => {
  service = await startService();
  admin = new Admin(at());
});

afterAll(() => discard(service));

async function newTopic(numPartitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const name = `sdk-${++topics}`;
  await admin.createTopics([{ name, numPartitions, configs }]);
  return name;
}

const places = (topic: string, count = 1) =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }));

/** Everything in the topic, in the order in which it comes. */
async function readAll(topic: string, partitions = 1): Promise<ConsumerRecord<string, string>[]> {
  const consumer = new Consumer({
    ...at(),
    "key.deserializer": StringDeserializer,
    "value.deserializer": StringDeserializer,
    "auto.offset.reset": "earliest",
  });
  consumer.assign(places(topic, partitions));
  const ends = await consumer.endOffsets(places(topic, partitions));
  const starts = await consumer.beginningOffsets(places(topic, partitions));
  const sum = (offsets: typeof ends) => offsets.reduce((total, { offset }) => total + offset, 0);
  const count = sum(ends) - sum(starts);
  const records: ConsumerRecord<string, string>[] = [];
  while (records.length < count) {
    const polled = await consumer.poll(5000);
    if (polled.length === 0) throw new Error(`only ${records.length} of ${count} records came`);
    records.push(...polled);
  }
  await consumer.close();
  return records;
}

const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `value ${from + i}`);

describe("records", () => {
  test.each(["none", "gzip", "snappy", "lz4", "zstd"] as const)(
    "go there and back with compression.type=%s, as REST sees them too",
    async (codec) => {
      const topic = await newTopic(3);
      const producer = new Producer({ ...at(), "compression.type": codec, "batch.size": 30_000 });
      const sent = await Promise.all(
        numbered(3000).map((value, i) =>
          producer.send({
            topic,
            key: i % 3 === 0 ? null : `key ${i % 97}`,
            value: i % 50 === 0 ? null : value,
            timestamp: 1_750_000_000_000 + i,
            headers: { index: String(i), none: null },
          }),
        ),
      );
      await producer.close();
      const records = await readAll(topic, 3);
      expect(records).toHaveLength(3000);
      for (const record of records) {
        const i = Number(new TextDecoder().decode(record.headers[0]?.value ?? undefined));
        expect(sent[i]).toMatchObject({ partition: record.partition, offset: record.offset });
        expect(record).toMatchObject({
          key: i % 3 === 0 ? null : `key ${i % 97}`,
          value: i % 50 === 0 ? null : `value ${i}`,
          timestamp: 1_750_000_000_000 + i,
          headers: [{ key: "index" }, { key: "none", value: null }],
        });
        if (record.key !== null) {
          const key = new TextEncoder().encode(record.key);
          expect(record.partition).toBe(partitionForKey(key, 3));
        }
      }
      // Per partition the order is that of send().
      for (let partition = 0; partition < 3; partition++) {
        const own = records.filter((record) => record.partition === partition);
        expect(own.map(({ offset }) => offset)).toEqual(own.map((_, offset) => offset));
      }
      const first = records.find(({ value }) => value !== null) as ConsumerRecord<string, string>;
      const url = `${service.url}/topics/${topic}/partitions/${first.partition}/records`;
      const answer = await fetch(`${url}?offset=${first.offset}&max_bytes=1000`, {
        headers: { accept: "application/vnd.kafka.binary.v2+json" },
      });
      const body = (await answer.json()) as
        | { offset: number; value: string }[]
        | { records: { offset: number; value: string }[] };
      const found = (Array.isArray(body) ? body : body.records).find(
        ({ offset }) => offset === first.offset,
      );
      expect(Buffer.from(found?.value ?? "", "base64").toString()).toBe(first.value);
    },
  );

  test("carry typed keys and values", async () => {
    const topic = await newTopic();
    const producer = new Producer({
      ...at(),
      "key.serializer": IntegerSerializer,
      "value.serializer": JSONSerializer,
    });
    await producer.send({ topic, key: -7, value: { nested: ["é", 1.5, null] } });
    await producer.close();
    const consumer = new Consumer({
      ...at(),
      "key.deserializer": IntegerDeserializer,
      "value.deserializer": JSONDeserializer,
      "auto.offset.reset": "earliest",
    });
    consumer.assign(places(topic));
    const [record] = await consumer.poll(5000);
    expect(record).toMatchObject({ key: -7, value: { nested: ["é", 1.5, null] } });
    await consumer.close();
  });

  test("of kafkajs are read by the SDK", async () => {
    const topic = await newTopic(2);
    const kafka = new Kafka({ brokers: [service.kafka], logLevel: logLevel.NOTHING });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({
      topic,
      compression: 1,
      messages: numbered(50).map((value, i) => ({ key: `k${i}`, value, headers: { h: "x" } })),
    });
    await producer.disconnect();
    const records = await readAll(topic, 2);
    expect(records.map(({ value }) => value).sort()).toEqual(numbered(50).sort());
    expect(records[0]?.headers[0]).toMatchObject({ key: "h" });
  });

  test("without a wait for an answer, with acks=0", async () => {
    const topic = await newTopic();
    const producer = new Producer({ ...at(), acks: 0 });
    const sent = await Promise.all(numbered(20).map((value) => producer.send({ topic, value })));
    expect(sent[0]?.offset).toBe(-1);
    await producer.close();
    const consumer = new Consumer({ ...at(), "auto.offset.reset": "earliest" });
    consumer.assign(places(topic));
    let count = 0;
    while (count < 20) count += (await consumer.poll(5000)).length;
    await consumer.close();
  });

  test("too large for the topic are refused by themselves", async () => {
    const topic = await newTopic(1, { "max.message.bytes": "5000" });
    const producer = new Producer(at());
    const values = [...numbered(200), "x".repeat(6000), ...numbered(200, 200)];
    const results = await Promise.allSettled(
      values.map((value) => producer.send({ topic, value })),
    );
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
    expect((results[200] as PromiseRejectedResult).reason).toMatchObject({
      code: ErrorCode.MESSAGE_TOO_LARGE,
    });
    expect((await readAll(topic)).map(({ value }) => value)).toEqual(numbered(400));
  });
});

describe("a consumer", () => {
  test("is woken by a record that comes while it waits", async () => {
    const topic = await newTopic();
    const consumer = new Consumer({ ...at(), "fetch.max.wait.ms": 20_000 });
    consumer.assign(places(topic));
    await consumer.position({ topic, partition: 0 });
    const waiting = consumer.poll(20_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const producer = new Producer(at());
    const before = performance.now();
    await producer.send({ topic, value: "wake up" });
    expect(await waiting).toHaveLength(1);
    expect(performance.now() - before).toBeLessThan(5000);
    await consumer.close();
    await producer.close();
  });

  test("seeks by offset and by time, and goes on after records were deleted", async () => {
    const topic = await newTopic();
    const producer = new Producer(at());
    for (let i = 0; i < 30; i += 10) {
      numbered(10, i).forEach((value, j) => {
        producer.send({ topic, value, timestamp: 1_750_000_000_000 + i + j });
      });
      await producer.flush();
    }
    const consumer = new Consumer({
      ...at(),
      "value.deserializer": StringDeserializer,
      "auto.offset.reset": "earliest",
    });
    const place = { topic, partition: 0 };
    consumer.assign([place]);
    consumer.seek(place, 25);
    expect((await consumer.poll(5000)).map(({ value }) => value)).toEqual(numbered(5, 25));
    const [found] = await consumer.offsetsForTimes([{ ...place, timestamp: 1_750_000_000_013 }]);
    expect(found).toMatchObject({ offset: 13, timestamp: 1_750_000_000_013 });
    await admin.deleteRecords([{ ...place, offset: 20 }]);
    consumer.seek(place, 3);
    expect((await consumer.poll(5000)).map(({ offset }) => offset)).toEqual(
      numbered(10).map((_, i) => 20 + i),
    );
    await consumer.close();
    await producer.close();
  });
});

describe("an admin", () => {
  test("makes, describes, widens and deletes topics", async () => {
    const topic = await newTopic(2, { "retention.ms": "3600000" });
    expect((await admin.listTopics()).map(({ name }) => name)).toContain(topic);
    await admin.createPartitions([{ name: topic, count: 5 }]);
    const [description] = await admin.describeTopics([topic]);
    expect(description?.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 4]);
    await expect(admin.createTopics([{ name: topic }])).rejects.toMatchObject({
      code: ErrorCode.TOPIC_ALREADY_EXISTS,
    });
    await admin.deleteTopics([topic]);
    await expect(admin.describeTopics([topic])).rejects.toMatchObject({
      code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
  });

  test("describes many partitions, in order", async () => {
    const topic = await newTopic(60);
    const [description] = await admin.describeTopics([topic]);
    expect(description?.partitions.map(({ partition }) => partition)).toEqual(
      Array.from({ length: 60 }, (_, i) => i),
    );
    await admin.deleteTopics([topic]);
  });

  test("knows the cluster and what it speaks", async () => {
    const { nodes, controller, clusterId } = await admin.describeCluster();
    expect(clusterId).not.toBe("");
    expect(nodes).toContainEqual(controller);
    const names = (await admin.apiVersions()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["Produce", "Fetch", "Metadata", "ApiVersions"]));
  });
});

describe("anywhere", () => {
  /** The SDK as a user's bundler sees it: nothing of Node, nothing left out. */
  async function bundle(entry: string): Promise<string> {
    const built = await build({
      stdin: { contents: entry, resolveDir: join(ROOT, "src/client"), loader: "ts" },
      bundle: true,
      format: "esm",
      platform: "browser",
      write: false,
      metafile: true,
    });
    const imports = Object.values(built.metafile?.outputs ?? {}).flatMap(({ imports: i }) => i);
    expect(imports).toEqual([]);
    return built.outputFiles?.[0]?.text ?? "";
  }

  test("it bundles for browsers, small, without node modules or eval", async () => {
    const script = await bundle(`export * from "./mod.ts"`);
    expect(script).not.toMatch(/node:|require\(|eval\(|new Function\(|WebAssembly/);
    expect(script.length).toBeLessThan(700_000);
  });

  test("it produces and consumes inside a Worker, by a fetch of the Worker's own", async () => {
    const topic = await newTopic(2);
    const script = await bundle(`
      import { Consumer, Producer, StringDeserializer } from "./mod.ts";
      export default {
        async fetch(request, env) {
          const base = "https://anything.example";
          const options = { fetch: (url, init) => fetch(url.replace(base, env.KEDGE_URL), init) };
          const at = { "bootstrap.servers": base };
          const producer = new Producer({ ...at, "compression.type": "zstd" }, options);
          for (let i = 0; i < 100; i++) producer.send({ topic: "${topic}", key: "k" + i, value: "v" + i });
          await producer.flush();
          const consumer = new Consumer({
            ...at,
            "value.deserializer": StringDeserializer,
            "auto.offset.reset": "earliest",
          }, options);
          consumer.assign([0, 1].map((partition) => ({ topic: "${topic}", partition })));
          const values = [];
          for await (const record of consumer) if (values.push(record.value) === 100) break;
          await consumer.close();
          return Response.json(values.sort());
        },
      };`);
    const worker = new Miniflare({
      workers: [
        {
          config: {
            name: "sdk",
            compatibilityDate: "2026-10-01",
            manifest: {
              mainModule: "index.js",
              modulesRoot: ROOT,
              modules: { "index.js": { type: "esm", contents: script } },
            },
            env: { KEDGE_URL: { type: "text", value: service.url } },
          },
        },
      ],
    });
    try {
      const answer = await worker.dispatchFetch("http://worker.test/");
      expect(answer.status).toBe(200);
      expect(await answer.json()).toEqual(
        numbered(100)
          .map((_, i) => `v${i}`)
          .sort(),
      );
    } finally {
      await worker.dispose();
    }
  });
});
