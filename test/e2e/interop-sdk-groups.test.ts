/** The SDK in groups, of both protocols, against the running service. */
import { join } from "node:path";
import { Consumer as PlatformaticConsumer, stringDeserializers } from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  Admin,
  Consumer,
  type ConsumerConfig,
  type ConsumerRecord,
  ErrorCode,
  type FetchFunction,
  Producer,
  StringDeserializer,
  StringSerializer,
} from "../../src/client/mod.ts";
import { discard, ROOT, run, type Service, startService, until } from "./service.ts";

const PARTITIONS = 3;
const WAIT_MS = 40_000;
const SESSION_MS = 6_000;
/** One commit a second: what a killed member read since is read again. */
const COMMIT_MS = 500;

let service: Service;
let admin: Admin;
let producer: Producer<string, string>;
let readers: Reader[] = [];
let topics = 0;

const at = () => ({ "bootstrap.servers": service.url });

beforeAll(async () => {
  const config = JSON.stringify({
    "group.initial.rebalance.delay.ms": 200,
    "group.consumer.session.timeout.ms": SESSION_MS,
    "group.consumer.heartbeat.interval.ms": 500,
  });
  service = await startService({ env: { KEDGE_BROKER_CONFIG: config } });
  admin = new Admin(at());
  producer = new Producer({
    ...at(),
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
  await discard(service);
});

async function newTopic(): Promise<string> {
  const name = `group-${++topics}`;
  await admin.createTopics([{ name, numPartitions: PARTITIONS }]);
  return name;
}

async function produce(topic: string, prefix: string, count: number): Promise<string[]> {
  const values = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  await Promise.all(
    values.map((value, i) => producer.send({ topic, partition: i % PARTITIONS, value })),
  );
  return values;
}

/** Reads in a group until it is stopped, or dies: then nothing leaves it any more. */
class Reader {
  readonly consumer: Consumer<string, string>;
  readonly records: ConsumerRecord<string, string>[] = [];
  readonly errors: unknown[] = [];
  #state: "running" | "stopping" | "dead" = "running";
  #running: Promise<void> = Promise.resolve();

  constructor(config: Partial<ConsumerConfig<string, string>>) {
    const throughADeadWire: FetchFunction = (url, init) =>
      this.#state === "dead" ? Promise.reject(new Error("unplugged")) : fetch(url, init);
    const classic = {
      "session.timeout.ms": SESSION_MS,
      "heartbeat.interval.ms": 500,
    };
    this.consumer = new Consumer(
      {
        ...at(),
        "key.deserializer": StringDeserializer,
        "value.deserializer": StringDeserializer,
        "auto.offset.reset": "earliest",
        "auto.commit.interval.ms": COMMIT_MS,
        "metadata.max.age.ms": 2_000,
        ...(config["group.protocol"] === "consumer" ? {} : classic),
        ...config,
      },
      { fetch: throughADeadWire },
    );
    readers.push(this);
  }

  start(topic: string | RegExp): this {
    this.consumer.subscribe(typeof topic === "string" ? [topic] : topic);
    this.#running = this.#run();
    return this;
  }

  async #run(): Promise<void> {
    while (this.#state === "running") {
      try {
        this.records.push(...(await this.consumer.poll(200)));
      } catch (error) {
        if (this.#state === "running") this.errors.push(error);
        return;
      }
    }
  }

  async stop(): Promise<void> {
    const isDead = this.#state === "dead";
    this.#state = isDead ? "dead" : "stopping";
    await this.#running;
    await this.consumer.close({ timeoutMs: isDead ? 1 : 10_000 });
    readers = readers.filter((reader) => reader !== this);
  }

  kill(): void {
    this.#state = "dead";
  }

  get owned(): number[] {
    return this.consumer.assignment().map(({ partition }) => partition);
  }

  get values(): string[] {
    return this.records.map(({ value }) => value ?? "");
  }
}

const shares = (of: readonly Reader[] = readers) =>
  of.map(({ owned }) => owned.length).sort((a, b) => b - a);
const allOwned = (of: readonly Reader[] = readers) => of.flatMap(({ owned }) => owned).sort();
const seen = (of: readonly Reader[]) => of.flatMap(({ values }) => values).sort();

async function untilShares(expected: readonly number[]): Promise<void> {
  await until(
    () => JSON.stringify(shares()) === JSON.stringify(expected),
    () => `shares are ${expected}: they are ${shares()}, errors ${readers.map((r) => r.errors)}`,
    WAIT_MS,
  );
}

const PROTOCOLS: readonly [string, Partial<ConsumerConfig<string, string>>][] = [
  ["classic, range", { "partition.assignment.strategy": "range" }],
  ["classic, cooperative-sticky", { "partition.assignment.strategy": "cooperative-sticky" }],
  ["consumer (KIP-848)", { "group.protocol": "consumer" }],
];

describe.each(PROTOCOLS)("%s", (name, protocol) => {
  const group = (suffix: string) => `${name.replaceAll(/\W+/g, "-")}-${suffix}`;

  test("the first poll gives records", async () => {
    const topic = await newTopic();
    const values = await produce(topic, "v", 9);
    const reader = new Reader({ ...protocol, "group.id": group("first") });
    reader.consumer.subscribe([topic]);
    const records = await reader.consumer.poll(WAIT_MS);
    expect(records.length).toBeGreaterThan(0);
    reader.records.push(...records);
    while (reader.records.length < values.length) {
      reader.records.push(...(await reader.consumer.poll(5_000)));
    }
    expect(seen([reader])).toEqual(values.sort());
    await reader.stop();
    const [description] = await admin.describeConsumerGroups([group("first")]);
    expect(description).toMatchObject({ state: "Empty", members: [] });
    const offsets = await admin.listConsumerGroupOffsets(group("first"));
    expect(offsets.map(({ offset }) => offset)).toEqual([3, 3, 3]);
  });

  test("1, 2, 3 and 4 members get 3, 2+1, 1+1+1 and 1+1+1+0 partitions", async () => {
    const topic = await newTopic();
    const config = { ...protocol, "group.id": group("shares") };
    const expected = [[3], [2, 1], [1, 1, 1], [1, 1, 1, 0]];
    const produced: string[] = [];
    const all: Reader[] = [];
    for (const [i, share] of expected.entries()) {
      all.push(new Reader(config).start(topic));
      produced.push(...(await produce(topic, `join${i}`, 30)));
      await untilShares(share);
      expect(allOwned()).toEqual([0, 1, 2]);
    }
    const [{ members }] = (await admin.describeConsumerGroups([group("shares")])) as [
      Awaited<ReturnType<Admin["describeConsumerGroups"]>>[number],
    ];
    expect(members.map(({ assignment }) => assignment.length).sort()).toEqual([0, 1, 1, 1]);
    for (const share of expected.slice(0, 3).reverse()) {
      await readers[0]?.stop();
      produced.push(...(await produce(topic, `leave${share.length}`, 30)));
      await untilShares(share);
      expect(allOwned()).toEqual([0, 1, 2]);
    }
    await until(
      () => seen(all).length >= produced.length,
      () => `${seen(all).length} of ${produced.length} are read`,
      WAIT_MS,
    );
    // Nobody was killed: what one gave up was committed, and nobody else reads it.
    expect(seen(all)).toEqual(produced.sort());
    expect(all.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test("one killed without a word is replaced after its session timeout, and nothing is skipped", async () => {
    const topic = await newTopic();
    const config = { ...protocol, "group.id": group("killed") };
    const [killed, other] = [new Reader(config).start(topic), new Reader(config).start(topic)];
    const produced = await produce(topic, "before", 60);
    await untilShares([2, 1]);
    await until(() => seen([killed, other]).length >= produced.length, "all are read", WAIT_MS);
    killed.kill();
    const killedAt = Date.now();
    produced.push(...(await produce(topic, "after", 60)));
    await until(() => other.owned.length === PARTITIONS, "the other has all", WAIT_MS);
    const tookMs = Date.now() - killedAt;
    expect(tookMs).toBeGreaterThan(SESSION_MS - 1_500);
    await until(
      () => new Set(seen([killed, other])).size === produced.length,
      () => `${new Set(seen([killed, other])).size} of ${produced.length} are read`,
      WAIT_MS,
    );
    // Within one member nothing comes twice.
    for (const reader of [killed, other]) {
      const offsets = reader.records.map((r) => `${r.partition}/${r.offset}`);
      expect(new Set(offsets).size).toBe(offsets.length);
    }
  });

  test("a second group reads everything for itself", async () => {
    const topic = await newTopic();
    const values = await produce(topic, "v", 30);
    const both = ["one", "two"].map((id) =>
      new Reader({ ...protocol, "group.id": group(id) }).start(topic),
    );
    for (const reader of both) {
      await until(() => reader.values.length >= values.length, "all are read", WAIT_MS);
      expect(seen([reader])).toEqual([...values].sort());
    }
  });

  test("a pattern finds topics, those to come too", async () => {
    const base = await newTopic();
    const reader = new Reader({ ...protocol, "group.id": group("pattern") });
    reader.start(new RegExp(`^${base}(-|$)`));
    await until(() => reader.owned.length === PARTITIONS, "the first topic is found", WAIT_MS);
    await admin.createTopics([{ name: `${base}-more`, numPartitions: 2 }]);
    await until(
      () => reader.owned.length === PARTITIONS + 2,
      () => `the second topic is found: ${JSON.stringify(reader.consumer.assignment())}`,
      WAIT_MS,
    );
    expect(reader.errors).toEqual([]);
  });

  test("a static member comes back to its place", async () => {
    const topic = await newTopic();
    const config = {
      ...protocol,
      "group.id": group("static"),
      "group.instance.id": "i",
    };
    const first = new Reader(config).start(topic);
    await until(() => first.owned.length === PARTITIONS, "the first has all", WAIT_MS);
    await first.stop();
    const second = new Reader(config).start(topic);
    await until(() => second.owned.length === PARTITIONS, "the second has all", WAIT_MS);
    const [description] = await admin.describeConsumerGroups([group("static")]);
    expect(description?.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(["i"]);
    await admin.removeMembersFromConsumerGroup(group("static"), [{ groupInstanceId: "i" }]);
    await until(() => second.owned.length === PARTITIONS, "it joined anew", WAIT_MS);
  });

  test("what Admin may do with its offsets depends on who is in it", async () => {
    const topic = await newTopic();
    const id = group("admin");
    const reader = new Reader({ ...protocol, "group.id": id }).start(topic);
    await until(() => reader.owned.length === PARTITIONS, "it has all", WAIT_MS);
    const offsets = [{ topic, partition: 0, offset: 2, metadata: "by hand" }];
    await expect(admin.alterConsumerGroupOffsets(id, offsets)).rejects.toMatchObject({
      code: ErrorCode.UNKNOWN_MEMBER_ID,
    });
    await expect(admin.deleteConsumerGroups([id])).rejects.toMatchObject({
      code: ErrorCode.NON_EMPTY_GROUP,
    });
    await expect(
      admin.deleteConsumerGroupOffsets(id, [{ topic, partition: 0 }]),
    ).rejects.toMatchObject({ code: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC });
    const live = await admin.listConsumerGroups({ states: ["Stable"] });
    expect(live.map(({ groupId }) => groupId)).toContain(id);
    await reader.stop();
    await admin.alterConsumerGroupOffsets(id, offsets);
    const [found] = await admin.listConsumerGroupOffsets(id, { partitions: offsets });
    expect(found).toMatchObject(offsets[0] as object);
    await produce(topic, "v", 9);
    const next = new Reader({ ...protocol, "group.id": id }).start(topic);
    await until(() => next.values.length >= 7, "the rest is read", WAIT_MS);
    const places = next.records.filter(({ partition }) => partition === 0);
    expect(places.map(({ offset }) => offset)).toEqual([2]);
    await next.stop();
    await admin.deleteConsumerGroupOffsets(id, [{ topic, partition: 0 }]);
    const left = await admin.listConsumerGroupOffsets(id);
    expect(left.map(({ partition }) => partition)).toEqual([1, 2]);
    await admin.deleteConsumerGroups([id]);
    await expect(admin.describeConsumerGroups([id])).rejects.toMatchObject({
      code: ErrorCode.GROUP_ID_NOT_FOUND,
    });
  });
});

test("a group of Kedge's SDK and @platformatic/kafka shares a topic", async () => {
  const topic = await newTopic();
  const groupId = "mixed";
  const values = await produce(topic, "v", 30);
  const reader = new Reader({
    "group.id": groupId,
    "partition.assignment.strategy": "roundrobin",
  }).start(topic);
  await until(() => reader.owned.length === PARTITIONS, "the SDK has all", WAIT_MS);
  const other = new PlatformaticConsumer({
    groupId,
    clientId: "platformatic",
    bootstrapBrokers: [service.kafka],
    deserializers: stringDeserializers,
    sessionTimeout: SESSION_MS,
    heartbeatInterval: 500,
  });
  const theirs: string[] = [];
  const stream = await other.consume({
    topics: [topic],
    mode: "committed",
    fallbackMode: "earliest",
    autocommit: 100,
  });
  stream.on("data", ({ value }) => theirs.push(value ?? ""));
  try {
    await until(
      () => reader.owned.length === 1 || reader.owned.length === 2,
      () => `the SDK shares: ${reader.owned}`,
      WAIT_MS,
    );
    const more = await produce(topic, "more", 30);
    await until(
      () => new Set([...theirs, ...reader.values]).size === values.length + more.length,
      () => `${theirs.length} + ${reader.values.length} are read`,
      WAIT_MS,
    );
    expect(theirs.filter((value) => value.startsWith("more")).length).toBeGreaterThan(0);
    expect(reader.values.filter((value) => value.startsWith("more")).length).toBeGreaterThan(0);
    const twice = theirs.filter(
      (value) => value.startsWith("more") && reader.values.includes(value),
    );
    expect(twice).toEqual([]);
  } finally {
    await other.close(true);
  }
});

describe("a process", () => {
  /** A module of its own, with a consumer `c` that has subscribed to the topic. */
  function script(topic: string, groupId: string, body: string): Promise<{ code: number | null }> {
    const config = { ...at(), "group.id": groupId, "heartbeat.interval.ms": 500 };
    const text = `
      import { Consumer } from ${JSON.stringify(join(ROOT, "src/client/mod.ts"))};
      const c = new Consumer(${JSON.stringify(config)});
      c.subscribe([${JSON.stringify(topic)}]);
      ${body}`;
    return run(process.execPath, ["--input-type=module", "--eval", text], { timeoutMs: 20_000 });
  }

  test("that only has a member in a group ends", async () => {
    const topic = await newTopic();
    const { code } = await script(topic, "ends", "await c.poll(2000);");
    expect(code).toBe(0);
    const [description] = await admin.describeConsumerGroups(["ends"]);
    expect(description?.members.length).toBe(1);
  });

  test("that waits for records does not", async () => {
    const topic = await newTopic();
    const body = `
      setTimeout(() => process.exit(7), 4000).unref();
      for await (const record of c) console.log(record);`;
    const reader = new Reader({ "group.id": "waits" }).start(topic);
    await until(() => reader.owned.length === PARTITIONS, "it has all", WAIT_MS);
    await Promise.all([1, 2, 3].map(() => script(topic, "waits", body))).then((outcomes) => {
      expect(outcomes.map(({ code }) => code)).toEqual([7, 7, 7]);
    });
  });
});
