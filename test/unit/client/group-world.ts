import { Consumer } from "../../../src/client/consumer.ts";
import type { ConsumerConfig } from "../../../src/client/consumer-config.ts";
import type { ConsumerRecord } from "../../../src/client/consumer-record.ts";
import type { RebalanceListener } from "../../../src/client/rebalance-listener.ts";
import { StringDeserializer } from "../../../src/client/serializers.ts";
import type { TopicPartition } from "../../../src/client/topics.ts";
import { utf8Encode } from "../../../src/lib/bytes.ts";
import { Prng } from "../../../src/lib/prng.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { FakeBroker } from "./fake-broker.ts";
import { FakeGroups } from "./fake-groups.ts";
import { VirtualClock } from "./virtual-clock.ts";

export type Text = Consumer<string, string>;

/** A consumer of a test: polled by itself until it is stopped, or killed without a word. */
export class Reader {
  readonly consumer: Text;
  readonly records: ConsumerRecord<string, string>[] = [];
  /** What the listener was told, such as "assigned t-0 t-1". */
  readonly events: string[] = [];
  readonly errors: unknown[] = [];
  #isDead = false;
  #polling: Promise<void> | null = null;
  #stopped = false;

  constructor(world: GroupWorld, config: Partial<ConsumerConfig<string, string>>, seed: number) {
    const prng = new Prng(seed);
    const transport = {
      send: (frame: Uint8Array, signal: AbortSignal) =>
        this.#isDead ? Promise.reject(new Error("unplugged")) : world.broker.send(frame, signal),
    };
    this.consumer = new Consumer(
      {
        "bootstrap.servers": "https://kedge.test",
        "key.deserializer": StringDeserializer,
        "value.deserializer": StringDeserializer,
        "auto.offset.reset": "earliest",
        "group.id": "g",
        ...config,
      },
      { transport, clock: world.clock, random: () => prng.float() },
    );
  }

  readonly listener: Required<RebalanceListener> = {
    onPartitionsRevoked: (places) => this.#note("revoked", places),
    onPartitionsAssigned: (places) => this.#note("assigned", places),
    onPartitionsLost: (places) => this.#note("lost", places),
  };

  #note(what: string, places: readonly TopicPartition[]): void {
    this.events.push([what, ...names(places)].join(" "));
  }

  subscribe(topics: string[] | RegExp = ["t"]): this {
    this.consumer.subscribe(topics, this.listener);
    return this;
  }

  /** Polls again and again, keeping what comes. */
  start(): this {
    this.#polling = this.#loop();
    return this;
  }

  async #loop(): Promise<void> {
    while (!this.#stopped && !this.#isDead) {
      try {
        this.records.push(...(await this.consumer.poll(100)));
      } catch (error) {
        this.errors.push(error);
        return;
      }
    }
  }

  /** Polls no more; its heartbeats go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#polling;
    this.#stopped = false;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.consumer.close();
  }

  /** The process is gone: nothing leaves it any more. */
  kill(): void {
    this.#isDead = true;
  }

  get owned(): string[] {
    return names(this.consumer.assignment());
  }

  get values(): (string | null)[] {
    return this.records.map(({ value }) => value);
  }
}

const names = (places: readonly TopicPartition[]) =>
  places.map(({ topic, partition }) => `${topic}-${partition}`).sort();

export class GroupWorld {
  readonly clock = new VirtualClock();
  readonly broker = new FakeBroker(this.clock);
  readonly groups = new FakeGroups(this.broker, this.clock);
  readonly readers: Reader[] = [];
  #appended = 0;

  reader(config: Partial<ConsumerConfig<string, string>> = {}): Reader {
    const reader = new Reader(this, config, 1 + this.readers.length);
    this.readers.push(reader);
    return reader;
  }

  /** Records with distinct values, over all partitions in turn. */
  append(topic: string, count: number): string[] {
    const logs = this.broker.topics.get(topic)?.partitions ?? [];
    return Array.from({ length: count }, () => {
      const n = this.#appended++;
      const record = { timestamp: 1000 * n, key: null, value: utf8Encode(`v${n}`), headers: [] };
      logs[n % logs.length]?.append(encodeRecordBatch({ records: [record] }));
      return `v${n}`;
    });
  }

  /** Appends a little again and again while `ms` pass; what was appended. */
  async appendFor(topic: string, ms: number): Promise<string[]> {
    const values: string[] = [];
    for (const until = this.clock.now() + ms; this.clock.now() < until; ) {
      values.push(...this.append(topic, 3));
      await this.clock.advance(97);
    }
    return values;
  }

  /** How many partitions each owns, the largest share first. */
  shares(): number[] {
    return this.readers.map(({ owned }) => owned.length).sort((a, b) => b - a);
  }

  /** Everybody who polls, polls no more. */
  async stopAll(): Promise<void> {
    await this.clock.run(Promise.all(this.readers.map((reader) => reader.stop())));
  }
}
