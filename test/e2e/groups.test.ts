/** Consumer groups through the front door: kafkajs over the gateway, the whole service under it. */
import { type Consumer, type EachMessagePayload, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discard, type Service, startService, until } from "./service.ts";

const TOPIC = "grouped";
const PARTITIONS = 3;
const WAIT_MS = 30_000;

let service: Service;
let kafka: Kafka;

beforeAll(async () => {
  const config = JSON.stringify({ "group.initial.rebalance.delay.ms": 500 });
  service = await startService({ env: { KEDGE_BROKER_CONFIG: config } });
  kafka = new Kafka({ brokers: [service.kafka], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }] });
  await admin.disconnect();
});

afterAll(async () => {
  await discard(service);
});

async function produce(values: readonly string[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const messages = values.map((value, at) => ({ value, partition: at % PARTITIONS }));
  await producer.send({ topic: TOPIC, messages });
  await producer.disconnect();
}

class Reader {
  readonly values: string[] = [];
  partitions: number[] = [];
  readonly #consumer: Consumer;

  constructor(groupId: string) {
    this.#consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, heartbeatInterval: 500 });
  }

  async start(): Promise<this> {
    const { GROUP_JOIN } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => {
      this.partitions = payload.memberAssignment[TOPIC] ?? [];
    });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic: TOPIC, fromBeginning: true });
    await this.#consumer.run({
      autoCommitInterval: 100,
      eachMessage: async ({ message }: EachMessagePayload) => {
        this.values.push(message.value?.toString() ?? "");
      },
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.#consumer.disconnect();
  }
}

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}-${at}`);

const sorted = (values: readonly string[]): string[] => values.toSorted();

function seenBy(readers: readonly Reader[]): string[] {
  return sorted(readers.flatMap(({ values }) => values));
}

describe("a group of two", () => {
  test("shares three partitions, reads all of them once, and one takes over when the other stops", async () => {
    const first = numbered("first", 30);
    await produce(first);
    const readers = [new Reader("pair"), new Reader("pair")] as const;
    await Promise.all(readers.map((reader) => reader.start()));
    const both = (): number[] => readers.flatMap(({ partitions }) => partitions).toSorted();
    await until(
      () => both().length === PARTITIONS && readers.every((r) => r.partitions.length > 0),
      () => `the partitions are shared: ${readers.map((r) => r.partitions)}`,
      WAIT_MS,
    );
    expect(both()).toEqual([0, 1, 2]);
    await until(
      () => seenBy(readers).length >= first.length,
      () => `the first are read: ${seenBy(readers).length}`,
      WAIT_MS,
    );
    expect(seenBy(readers)).toEqual(sorted(first));

    const [left, right] = readers;
    await left.stop();
    await until(
      () => right.partitions.length === PARTITIONS,
      () => `the other takes over: ${right.partitions}`,
      WAIT_MS,
    );
    const second = numbered("second", 30);
    await produce(second);
    await until(
      () => right.values.filter((value) => value.startsWith("second")).length >= second.length,
      () => `the second are read: ${right.values.length}`,
      WAIT_MS,
    );
    expect(sorted(right.values.filter((value) => value.startsWith("second")))).toEqual(
      sorted(second),
    );
    // What was committed by who left is not read again.
    expect(seenBy(readers)).toEqual(sorted([...first, ...second]));
    await right.stop();
  });

  test("its offsets are the broker's, and outlive the service", async () => {
    const admin = kafka.admin();
    await admin.connect();
    const offsets = async (): Promise<number> => {
      const [topic] = await admin.fetchOffsets({ groupId: "pair", topics: [TOPIC] });
      return (topic?.partitions ?? []).reduce((sum, { offset }) => sum + Number(offset), 0);
    };
    expect(await offsets()).toBe(60);
    const { groups } = await admin.listGroups();
    expect(groups).toContainEqual({ groupId: "pair", protocolType: "consumer" });
    const described = await admin.describeGroups(["pair"]);
    expect(described.groups).toMatchObject([{ groupId: "pair", state: "Empty", members: [] }]);
    await admin.disconnect();
  });
});
