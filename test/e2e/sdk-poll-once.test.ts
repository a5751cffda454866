/** pollOnce against the running service: an app that lives for one request and keeps two numbers. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  Admin,
  type FetchFunction,
  type PollOnceRequest,
  type PollOnceResult,
  Producer,
  pollOnce,
  StringDeserializer,
  StringSerializer,
} from "../../src/client/mod.ts";
import { discard, type Service, startService, until } from "./service.ts";

const PARTITIONS = 3;
const WAIT_MS = 60_000;

let service: Service;
let admin: Admin;
let producer: Producer<string, string>;
let topics = 0;

const at = () => ({ "bootstrap.servers": service.url });

beforeAll(async () => {
  service = await startService();
  admin = new Admin(at());
  producer = new Producer({
    ...at(),
    "key.serializer": StringSerializer,
    "value.serializer": StringSerializer,
  });
});

afterAll(async () => {
  await producer.close();
  await discard(service);
});

async function newTopic(): Promise<string> {
  const name = `once-${++topics}`;
  await admin.createTopics([{ name, numPartitions: PARTITIONS }]);
  return name;
}

async function produce(topic: string, prefix: string, count: number): Promise<string[]> {
  const values = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  const headers = [{ key: "h", value: Uint8Array.of(0, 255) }];
  await Promise.all(
    values.map((value, i) =>
      producer.send({ topic, partition: i % PARTITIONS, key: `k${i}`, value, headers }),
    ),
  );
  return values;
}

type Result = PollOnceResult<string, string>;

/** All that an app keeps between its short lives: its name, and what it processed last. */
class App {
  readonly values: string[] = [];
  after = 0;
  readonly #request: PollOnceRequest<string, string>;

  constructor(group: string, instance: string, topic: string) {
    this.#request = {
      ...at(),
      group,
      instance,
      topics: [topic],
      autoOffsetReset: "earliest",
      keyDeserializer: StringDeserializer,
      valueDeserializer: StringDeserializer,
    };
  }

  async live(more: Partial<PollOnceRequest<string, string>> = {}, fetch?: FetchFunction) {
    const request = { timeoutMs: 300, after: this.after, ...this.#request, ...more };
    const result: Result = await pollOnce(request, fetch === undefined ? {} : { fetch });
    this.values.push(...result.records.map(({ value }) => value ?? ""));
    this.after = result.sequence;
    return result;
  }
}

const sum = (places: readonly { readonly offset: number }[]) =>
  places.reduce((total, { offset }) => total + offset, 0);

describe("pollOnce", () => {
  test("joins, reads and commits, a request a life", async () => {
    const topic = await newTopic();
    const values = await produce(topic, "v", 30);
    const app = new App("lives", "one", topic);
    const first = await app.live({ maxRecords: 7, timeoutMs: 5_000 });
    expect(first.records.length).toBeGreaterThan(0);
    expect(first.assignment.length).toBe(PARTITIONS);
    expect(first.records[0]).toMatchObject({
      topic,
      key: expect.stringMatching(/^k\d+$/),
      headers: [{ key: "h", value: new Uint8Array([0, 255]) }],
    });
    for (let lives = 0; app.values.length < values.length && lives < 20; lives++) {
      await app.live({ maxRecords: 7 });
    }
    expect(app.values.toSorted()).toEqual(values.toSorted());
    // Coming back says that the last ones are processed.
    await app.live();
    const committed = await admin.listConsumerGroupOffsets("lives");
    expect(sum(committed)).toBe(values.length);
  });

  test("instances of a group share, and nothing is read twice", async () => {
    const topic = await newTopic();
    const values = await produce(topic, "v", 60);
    const apps = ["a", "b", "c"].map((instance) => new App("shared", instance, topic));
    const all = () => apps.flatMap((app) => app.values);
    let shares: number[] = [];
    const isShared = () => shares.length === 3 && shares.every((share) => share === 1);
    await until(
      async () => {
        shares = [];
        for (const app of apps) {
          const { assignment } = await app.live({ maxRecords: 5, timeoutMs: 50 });
          shares.push(assignment.length);
        }
        return isShared() && all().length >= values.length;
      },
      () => `${all().length} of ${values.length} are read, in shares of ${shares}`,
      WAIT_MS,
    );
    expect(all().toSorted()).toEqual(values.toSorted());
  });

  test("CONS16 an answer that got lost comes again", async () => {
    const topic = await newTopic();
    const values = await produce(topic, "v", 9);
    const app = new App("lossy", "one", topic);
    let requests = 0;
    let lost = 0;
    // Two answers of three are lost, one after the other.
    const lossy: FetchFunction = async (url, init) => {
      const response = await fetch(url, init);
      if (requests++ % 3 === 2) return response;
      await response.arrayBuffer();
      lost++;
      throw new Error("the answer is lost");
    };
    for (let lives = 0; app.values.length < values.length && lives < 20; lives++) {
      await app.live({ maxRecords: 2 }, lossy);
    }
    expect(lost).toBeGreaterThan(5);
    expect(app.values.toSorted()).toEqual(values.toSorted());
  });
});
