/**
 * kcat -G (librdkafka's consumer) in groups of its own and in one with other clients: all partitions
 * are read, each by one member, and what one leaves behind the others take over. A missing kcat fails:
 * see .ci/run.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type Consumer, Kafka, logLevel, PartitionAssigners } from "kafkajs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { discard, kedge, type Service, startService, until } from "./service.ts";

const PARTITIONS = 3;
const WAIT_MS = 45_000;

let service: Service;
const running = new Set<KcatMember>();
const consumers = new Set<Consumer>();

beforeAll(async () => {
  const config = JSON.stringify({ "group.initial.rebalance.delay.ms": 500 });
  service = await startService({ env: { KEDGE_BROKER_CONFIG: config } });
});

afterEach(async () => {
  for (const member of running) member.kill("SIGKILL");
  running.clear();
  await Promise.all([...consumers].map((consumer) => consumer.disconnect()));
  consumers.clear();
});

afterAll(async () => {
  await discard(service);
});

/** `kcat -G`: one line of output a record, `partition value`. */
class KcatMember {
  readonly values: string[] = [];
  readonly partitions = new Set<number>();
  readonly #child: ChildProcess;

  constructor(group: string, topic: string) {
    this.#child = spawn("kcat", [
      ...["-b", service.kafka, "-G", group, "-q", "-u", "-f", "%p %s\n"],
      ...["-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000"],
      ...["-X", "heartbeat.interval.ms=500", "-X", "auto.commit.interval.ms=100"],
      // The one assignor that kafkajs has, too.
      ...["-X", "partition.assignment.strategy=roundrobin", topic],
    ]);
    let rest = "";
    this.#child.stdout?.on("data", (data: Buffer) => {
      const lines = (rest + data.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [partition = "", value = ""] = line.split(" ");
        this.partitions.add(Number(partition));
        this.values.push(value);
      }
    });
    running.add(this);
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    running.delete(this);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    const gone = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill(signal);
    return gone;
  }
}

const kafka = (): Kafka => new Kafka({ brokers: [service.kafka], logLevel: logLevel.NOTHING });

async function topicOf(
  name: string,
): Promise<(prefix: string, count: number) => Promise<string[]>> {
  await kedge(service, ["topics", "--create", "--topic", name, "--partitions", `${PARTITIONS}`]);
  const producer = kafka().producer();
  return async (prefix, count) => {
    const values = Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
    await producer.connect();
    const messages = values.map((value, i) => ({ value, partition: i % PARTITIONS }));
    await producer.send({ topic: name, messages });
    await producer.disconnect();
    return values;
  };
}

const allOf = (members: readonly Member[]): string[] =>
  members.flatMap(({ values }) => values).sort();

type Member = { readonly values: readonly string[] };

function seen(members: readonly Member[], count: number): Promise<void> {
  const what = (): string => `the members have read ${members.map((m) => m.values.length)}`;
  return until(() => allOf(members).length >= count, what, WAIT_MS);
}

describe("kcat -G", () => {
  test("two members share the partitions; what one that was killed read last is read on by the other", async () => {
    const send = await topicOf("kcat-pair");
    const expected = await send("first", 30);
    const first = new KcatMember("kcat-pair", "kcat-pair");
    await seen([first], 30);
    expect(allOf([first])).toEqual(expected.sort());
    const second = new KcatMember("kcat-pair", "kcat-pair");
    // From some record on both of them read.
    let more: string[] = [];
    await until(
      async () => {
        more = more.concat(await send(`more${more.length}`, 6));
        return second.partitions.size > 0;
      },
      () => `the second member has read ${second.values.length} records`,
      WAIT_MS,
    );
    await seen([first, second], 30 + more.length);
    expect(allOf([first, second])).toEqual([...expected, ...more].sort());
    await first.kill("SIGTERM");
    const last = await send("last", 30);
    await until(
      () => last.every((value) => second.values.includes(value)),
      () => `the one that is left has read ${second.values.length} records`,
      WAIT_MS,
    );
  });

  test("a mixed group: kcat and kafkajs share one topic, and no record is read twice", async () => {
    const send = await topicOf("kcat-mixed");
    const native = new KcatMember("kcat-mixed", "kcat-mixed");
    const expected = await send("a", 30);
    await seen([native], 30);
    const values: string[] = [];
    let joined: readonly number[] = [];
    const consumer = kafka().consumer({
      ...{ groupId: "kcat-mixed", sessionTimeout: 6_000, heartbeatInterval: 500 },
      partitionAssigners: [roundRobin],
    });
    consumers.add(consumer);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      joined = payload.memberAssignment["kcat-mixed"] ?? [];
    });
    await consumer.connect();
    await consumer.subscribe({ topic: "kcat-mixed", fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        values.push(message.value?.toString() ?? "");
      },
    });
    await until(
      () => joined.length > 0 && joined.length < PARTITIONS,
      () => `kafkajs has the partitions ${joined}`,
      WAIT_MS,
    );
    const more = await send("b", 30);
    await seen([native, { values }], 60);
    expect(allOf([native, { values }])).toEqual([...expected, ...more].sort());
    expect(values.length).toBeGreaterThan(0);
  });
});

/** kafkajs calls its own assignor RoundRobinAssigner; librdkafka's is called roundrobin. */
const roundRobin: NonNullable<Parameters<Kafka["consumer"]>[0]["partitionAssigners"]>[number] = (
  config,
) => ({
  ...PartitionAssigners.roundRobin(config),
  name: "roundrobin",
});
