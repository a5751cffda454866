/** The broker of a group's coordinator is taken out in the middle of consumption, under both protocols. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  Consumer,
  type ConsumerConfig,
  type ConsumerRecord,
  Producer,
  StringDeserializer,
  StringSerializer,
} from "../../src/client/mod.ts";
import { ReplicatedService } from "./replication-service.ts";
import { until } from "./service.ts";

const SPREAD = [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
];
const PARTITIONS = SPREAD.length;
const SESSION_MS = 10_000;
/** Generous: other work may take the machine's processors for a while. */
const WAIT_MS = 60_000;
const OFFSETS_TOPIC = "__consumer_offsets";

type Place = Pick<ConsumerRecord<string, string>, "partition" | "offset">;

let service: ReplicatedService;
let producer: Producer<string, string>;
let readers: Reader[] = [];

beforeAll(async () => {
  service = await ReplicatedService.start({
    "group.initial.rebalance.delay.ms": 200,
    "group.consumer.session.timeout.ms": SESSION_MS,
    "group.consumer.heartbeat.interval.ms": 500,
  });
  producer = new Producer({
    "bootstrap.servers": service.url,
    acks: "all",
    "key.serializer": StringSerializer,
    "value.serializer": StringSerializer,
  });
});

afterEach(async () => {
  await Promise.all(readers.map((reader) => reader.stop()));
  readers = [];
});

afterAll(async () => {
  await producer.close();
  await service.stop();
});

/** Polls and commits what it has, until it is stopped. */
class Reader {
  readonly consumer: Consumer<string, string>;
  readonly records: Place[] = [];
  readonly errors: unknown[] = [];
  #running: Promise<void> | null = null;
  #isOver = false;

  constructor(topic: string, config: Partial<ConsumerConfig<string, string>>) {
    this.consumer = new Consumer({
      "bootstrap.servers": service.url,
      "key.deserializer": StringDeserializer,
      "value.deserializer": StringDeserializer,
      "auto.offset.reset": "earliest",
      "auto.commit.interval.ms": 200,
      ...config,
    });
    this.consumer.subscribe([topic]);
    this.#running = this.#run();
    readers.push(this);
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        this.records.push(...(await this.consumer.poll(200)));
      } catch (error) {
        this.errors.push(error);
        return;
      }
    }
  }

  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#running;
    await this.consumer.close({ timeoutMs: 10_000 });
  }
}

async function produce(topic: string, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, at) => at % PARTITIONS);
  await Promise.all(all.map((partition) => producer.send({ topic, partition, value: "v" })));
}

/** Different records that the readers have. */
const seen = (): Set<string> =>
  new Set(readers.flatMap(({ records }) => records.map((r) => `${r.partition}/${r.offset}`)));

async function untilAllRead(count: number): Promise<void> {
  const errors = () => readers.map((reader) => reader.errors);
  await until(
    () => seen().size >= count,
    () => `all is read: ${seen().size} of ${count}; errors: ${errors()}`,
    WAIT_MS,
  );
}

async function committed(groupId: string): Promise<number[]> {
  const offsets = await service.admin.listConsumerGroupOffsets(groupId);
  return offsets.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => offset);
}

async function coordinatorOf(groupId: string): Promise<number> {
  const [description] = await service.admin.describeConsumerGroups([groupId]);
  return description?.coordinator?.id ?? -1;
}

describe.each<[string, Partial<ConsumerConfig<string, string>>]>([
  ["classic", { "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 500 }],
  ["consumer", { "group.protocol": "consumer" }],
])("%s protocol", (name, protocol) => {
  test("consumption goes on within a session timeout when the coordinator's broker is fenced", async () => {
    const topic = `failover-${name}`;
    const groupId = `group-${name}`;
    await service.admin.createTopics([{ name: topic, assignments: SPREAD }]);
    const config = { ...protocol, "group.id": groupId };
    for (let i = 0; i < 2; i++) new Reader(topic, config);
    await produce(topic, 60);
    await untilAllRead(60);
    await until(
      async () => `${await committed(groupId)}` === "20,20,20",
      "60 are committed",
      WAIT_MS,
    );

    const before = await coordinatorOf(groupId);
    const copies = (await service.partitionsOf(OFFSETS_TOPIC)).map(
      ({ replicas }) => replicas.length,
    );
    expect(new Set(copies)).toEqual(new Set([3]));
    await service.fence(before);
    const fencedAt = performance.now();
    await produce(topic, 60);
    await untilAllRead(120);
    await until(
      async () => `${await committed(groupId)}` === "40,40,40",
      "120 are committed",
      WAIT_MS,
    );
    const tookMs = performance.now() - fencedAt;
    console.log(`${name}: read and committed ${Math.round(tookMs)} ms after the fence`);
    expect(tookMs).toBeLessThan(SESSION_MS);
    const after = await coordinatorOf(groupId);
    expect(after).not.toBe(before);
    expect(readers.flatMap(({ errors }) => errors)).toEqual([]);

    await service.unfence(before);
    await service.fullIsr(topic);
    await produce(topic, 60);
    await untilAllRead(180);
    await Promise.all(readers.map((reader) => reader.stop()));
    expect(await committed(groupId)).toEqual([60, 60, 60]);
  });
});
