/** Consumer groups through the front door: kafkajs over the gateway, the whole service under it. */
import { type ChildProcess, spawn } from "node:child_process";
import { type Consumer, type EachMessagePayload, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { discard, kedge, ROOT, type Service, startService, until } from "./service.ts";

const TOPIC = "grouped";
const PARTITIONS = 3;
const WAIT_MS = 30_000;
const SESSION_MS = 6_000;

let service: Service;
let kafka: Kafka;

beforeAll(async () => {
  const config = JSON.stringify({ "group.initial.rebalance.delay.ms": 500 });
  service = await startService({ env: { KEDGE_BROKER_CONFIG: config } });
  kafka = new Kafka({ brokers: [service.kafka], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const everywhere = { numPartitions: PARTITIONS, replicationFactor: 3 };
  await admin.createTopics({ topics: [{ topic: TOPIC, ...everywhere }] });
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
    this.#consumer = kafka.consumer({
      groupId,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: 500,
    });
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

  test("its offsets are with the broker, and the group is listed and described", async () => {
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

/** A consumer in a process of its own, to be killed without a word. */
function lonelyConsumer(groupId: string): ChildProcess {
  const options = { brokers: [service.kafka], logLevel: logLevel.NOTHING };
  const group = { groupId, sessionTimeout: SESSION_MS, heartbeatInterval: 500 };
  const script = `
    import { Kafka } from "kafkajs";
    const consumer = new Kafka(${JSON.stringify(options)}).consumer(${JSON.stringify(group)});
    consumer.on(consumer.events.GROUP_JOIN, () => console.log("joined"));
    await consumer.connect();
    await consumer.subscribe({ topic: ${JSON.stringify(TOPIC)} });
    await consumer.run({ eachMessage: async () => undefined });`;
  return spawn(process.execPath, ["--input-type=module", "-e", script], { cwd: ROOT });
}

describe("a member that is gone without a word", () => {
  test("is replaced after its session timeout", async () => {
    const lonely = lonelyConsumer("lonely");
    let said = "";
    lonely.stdout?.on("data", (data) => {
      said += data;
    });
    const reader = new Reader("lonely");
    try {
      await until(
        () => said.includes("joined"),
        () => `the lonely consumer joined: ${said}`,
        WAIT_MS,
      );
      await reader.start();
      await until(
        () => reader.partitions.length === 1 || reader.partitions.length === 2,
        () => `the partitions are shared: ${reader.partitions}`,
        WAIT_MS,
      );
      lonely.kill("SIGKILL");
      await until(
        () => reader.partitions.length === PARTITIONS,
        () => `the other has them all: ${reader.partitions}`,
        WAIT_MS,
      );
      expect(reader.partitions.toSorted()).toEqual([0, 1, 2]);
    } finally {
      lonely.kill("SIGKILL");
      await reader.stop();
    }
  });
});

describe("brokers that are taken out in turn", () => {
  test("a group goes on by itself, whoever coordinates it, and its commits stay", async () => {
    const admin = kafka.admin();
    await admin.connect();
    const committed = async (): Promise<number> => {
      const [topic] = await admin.fetchOffsets({ groupId: "steady", topics: [TOPIC] });
      // -1: nothing is committed yet.
      return (topic?.partitions ?? []).reduce((sum, p) => sum + Math.max(0, Number(p.offset)), 0);
    };
    const ends = async (): Promise<number> =>
      (await admin.fetchTopicOffsets(TOPIC)).reduce((sum, { high }) => sum + Number(high), 0);
    const reader = await new Reader("steady").start();
    const caughtUp = async (): Promise<void> => {
      const end = await ends();
      let last = -1;
      await until(
        async () => {
          const now = await committed();
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
          return now === end;
        },
        () => `all is committed: ${last} of ${end}`,
        2 * WAIT_MS,
      );
    };
    await caughtUp();
    const inSync = async (): Promise<boolean> => {
      const topics = [TOPIC, "__consumer_offsets"];
      const metadata = await admin.fetchTopicMetadata({ topics });
      return metadata.topics.every(({ partitions }) => partitions.every((p) => p.isr.length === 3));
    };
    for (const broker of ["1", "2", "3"]) {
      expect((await kedge(service, ["brokers", "--fence", broker])).code).toBe(0);
      const values = numbered(`without-${broker}`, 9);
      await produce(values);
      await caughtUp();
      expect(values.filter((value) => !reader.values.includes(value))).toEqual([]);
      expect((await kedge(service, ["brokers", "--unfence", broker])).code).toBe(0);
      await until(inSync, `broker ${broker} is back in every ISR`, 2 * WAIT_MS);
    }
    await reader.stop();
    await admin.disconnect();
  }, 300_000);
});
