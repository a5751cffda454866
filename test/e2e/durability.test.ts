/** What was acknowledged is there after the service was killed, once and in order. */
import { afterEach, describe, expect, test } from "vitest";
import { Admin, Consumer, Producer } from "../../src/client/mod.ts";
import { discard, type Service, startService } from "./service.ts";

let service: Service | null = null;

afterEach(async () => {
  if (service !== null) await discard(service);
  service = null;
});

const PARTITIONS = 2;
const CLIENTS = 8;

interface Sent {
  readonly client: number;
  readonly sequence: number;
  acknowledgedOffset: number | null;
}

describe("kill -9 in the middle of acknowledged produces", () => {
  test.each(["SIGKILL of the service", "SIGKILL of workerd alone"])("%s", async (what) => {
    service = await startService();
    const config = { "bootstrap.servers": service.url };
    await new Admin(config).createTopics([{ name: "load", numPartitions: PARTITIONS }]);
    const load = new Load(config);
    load.start();
    await load.reached(3_000);
    if (what.includes("service")) {
      const { port, kafkaPort, dataFolder } = service;
      await service.stop("SIGKILL");
      service = await startService({ port, kafkaPort, dataFolder });
    } else {
      process.kill(await workerdOf(service), "SIGKILL");
    }
    await load.reached(load.acknowledged + 2_000);
    await load.stop();
    const stored = await readAll(config);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      expect(stored[partition]?.map(({ offset }) => offset)).toEqual(
        stored[partition]?.map((_, i) => i),
      );
    }
    for (let client = 0; client < CLIENTS; client++) {
      const seen = stored[client % PARTITIONS]?.filter((record) => record.client === client) ?? [];
      const sequences = seen.map(({ sequence }) => sequence);
      // Once and in order: idempotent producers leave neither gap nor repeat, killed or not.
      expect(sequences).toEqual(sequences.map((_, i) => i));
      for (const sent of load.sentBy(client)) {
        if (sent.acknowledgedOffset === null) continue;
        expect(seen[sent.sequence]?.offset).toBe(sent.acknowledgedOffset);
      }
    }
    expect(load.acknowledged).toBeGreaterThan(5_000 - 1);
  });
});

/** Producers that send one record after the other to the partition that is theirs. */
class Load {
  acknowledged = 0;
  readonly #producers: Producer[];
  readonly #sent: Sent[][] = Array.from({ length: CLIENTS }, () => []);
  #running: Promise<void>[] = [];
  #stopped = false;

  constructor(config: { "bootstrap.servers": string }) {
    this.#producers = Array.from(
      { length: CLIENTS },
      () => new Producer({ ...config, "linger.ms": 0, "delivery.timeout.ms": 60_000 }),
    );
  }

  start(): void {
    this.#running = this.#producers.map((producer, client) => this.#run(producer, client));
  }

  async #run(producer: Producer, client: number): Promise<void> {
    const list = this.#sent[client] ?? [];
    const window: Promise<unknown>[] = [];
    while (!this.#stopped) {
      const sent: Sent = { client, sequence: list.length, acknowledgedOffset: null };
      list.push(sent);
      const value = JSON.stringify({ client, sequence: sent.sequence, pad: "x".repeat(200) });
      const promise = producer
        .send({ topic: "load", partition: client % PARTITIONS, value })
        .then(({ offset }) => {
          sent.acknowledgedOffset = offset;
          this.acknowledged += 1;
        });
      window.push(promise);
      if (window.length >= 20) await window.shift();
    }
    await producer.close();
  }

  sentBy(client: number): readonly Sent[] {
    return this.#sent[client] ?? [];
  }

  async reached(count: number): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (this.acknowledged < count) {
      if (Date.now() > deadline) throw new Error(`only ${this.acknowledged} of ${count}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }
}

interface Stored {
  readonly offset: number;
  readonly client: number;
  readonly sequence: number;
}

async function readAll(config: { "bootstrap.servers": string }): Promise<Stored[][]> {
  const consumer = new Consumer(config);
  const places = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: "load",
    partition,
  }));
  consumer.assign(places);
  consumer.seekToBeginning();
  const ends = await consumer.endOffsets(places);
  const stored: Stored[][] = places.map(() => []);
  while (ends.some(({ partition, offset }) => (stored[partition]?.length ?? 0) < offset)) {
    for (const { partition, offset, value } of await consumer.poll(1_000)) {
      const { client, sequence } = JSON.parse(Buffer.from(value ?? []).toString());
      stored[partition]?.push({ offset, client, sequence });
    }
  }
  await consumer.close();
  return stored;
}

/** The process id of the service's workerd. */
async function workerdOf(running: Service): Promise<number> {
  const { execFileSync } = await import("node:child_process");
  const list = execFileSync("ps", ["-eo", "pid=,ppid=,comm="], { encoding: "utf8" });
  for (const line of list.split("\n")) {
    const [pid, parent, command] = line.trim().split(/\s+/);
    if (Number(parent) === running.process.pid && command?.startsWith("workerd"))
      return Number(pid);
  }
  throw new Error(`no workerd below ${running.process.pid}`);
}
