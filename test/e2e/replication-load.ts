/** Producers that never learn of what happens to brokers and objects, and what they saw of it. */
import { Consumer, Producer } from "../../src/client/mod.ts";
import { until } from "./service.ts";

interface Sent {
  readonly sequence: number;
  acknowledgedOffset: number | null;
}

/** Sends under way for one partition. */
const WINDOW = 20;
const PACE_MS = 2;

/** One idempotent producer with acks=all for each partition of a topic. */
export class Load {
  readonly #topic: string;
  readonly #config: { readonly "bootstrap.servers": string };
  readonly #sent: Sent[][];
  readonly #acknowledged: number[];
  readonly #running: Promise<void>[];
  #lastAckMs: number[];
  #longestMs = 0;
  #stopped = false;

  constructor(url: string, topic: string, partitions: number) {
    this.#topic = topic;
    this.#config = { "bootstrap.servers": url };
    this.#sent = Array.from({ length: partitions }, () => []);
    this.#acknowledged = this.#sent.map(() => 0);
    this.#lastAckMs = this.#sent.map(() => performance.now());
    this.#running = this.#sent.map((list, partition) => this.#run(list, partition));
  }

  /** The longest time without an acknowledgement on a partition since the last call. */
  longestStallMs(): number {
    const now = performance.now();
    const longest = Math.max(this.#longestMs, ...this.#lastAckMs.map((last) => now - last));
    this.#longestMs = 0;
    this.#lastAckMs = this.#lastAckMs.map(() => now);
    return Math.round(longest);
  }

  /** Resolves once every partition has acknowledged as many records more. */
  async goesOn(records: number, forMs: number): Promise<void> {
    const wanted = this.#acknowledged.map((now) => now + records);
    await until(
      () => wanted.every((each, partition) => (this.#acknowledged[partition] ?? 0) >= each),
      () => `every partition takes writes; they have ${this.#acknowledged} and should ${wanted}`,
      forMs,
    );
  }

  async #run(list: Sent[], partition: number): Promise<void> {
    const producer = new Producer({ ...this.#config, acks: "all", "linger.ms": 0 });
    const window: Promise<void>[] = [];
    while (!this.#stopped) {
      const sent: Sent = { sequence: list.length, acknowledgedOffset: null };
      list.push(sent);
      const value = `${sent.sequence}:${"x".repeat(200)}`;
      window.push(
        producer.send({ topic: this.#topic, partition, value }).then(({ offset }) => {
          sent.acknowledgedOffset = offset;
          this.#acknowledged[partition] = (this.#acknowledged[partition] ?? 0) + 1;
          const now = performance.now();
          const waited = now - (this.#lastAckMs[partition] ?? now);
          this.#longestMs = Math.max(this.#longestMs, waited);
          this.#lastAckMs[partition] = now;
        }),
      );
      if (window.length >= WINDOW) await window.shift();
      await pause(PACE_MS);
    }
    await Promise.all(window);
    await producer.close();
  }

  /** Ends the load; what each partition must hold, by offset: every record was acknowledged. */
  async stop(): Promise<number[][]> {
    this.#stopped = true;
    await Promise.all(this.#running);
    return this.#sent.map((list) => {
      const stored: number[] = [];
      for (const { sequence, acknowledgedOffset } of list) {
        if (acknowledgedOffset === null) throw new Error(`${sequence} was never acknowledged`);
        stored[acknowledgedOffset] = sequence;
      }
      return stored;
    });
  }
}

/** The sequence numbers that a partition holds, by offset. */
export async function readSequences(url: string, topic: string, partition: number) {
  const consumer = new Consumer({ "bootstrap.servers": url });
  const place = { topic, partition };
  consumer.assign([place]);
  consumer.seekToBeginning();
  const end = (await consumer.endOffsets([place]))[0]?.offset ?? 0;
  const stored: number[] = [];
  let read = 0;
  while (read < end) {
    for (const { offset, value } of await consumer.poll(1_000)) {
      stored[offset] = Number(
        Buffer.from(value ?? [])
          .toString()
          .split(":")[0],
      );
      read++;
    }
  }
  await consumer.close();
  return stored;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
