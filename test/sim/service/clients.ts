/** The SDK's own producer and consumer, over a simulated HTTP, and an edge app that reads nearby. */
import { call } from "../../../src/broker/dispatch.ts";
import type { Clock } from "../../../src/client/clock.ts";
import { Consumer } from "../../../src/client/consumer.ts";
import { ErrorCode, TransportError } from "../../../src/client/errors.ts";
import type { ClientOptions } from "../../../src/client/options.ts";
import { Producer } from "../../../src/client/producer.ts";
import type { ProducerConfig } from "../../../src/client/producer-config.ts";
import type { TopicPartition } from "../../../src/client/topics.ts";
import type { Transport } from "../../../src/client/transport.ts";
import { utf8Decode } from "../../../src/lib/bytes.ts";
import { fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import type { SimNetwork } from "../cluster/network.ts";
import type { Scheduler } from "../scheduler.ts";
import { type History, recordsOf, type SentRecord } from "./history.ts";
import type { FrameAnswer, Isolate } from "./isolate.ts";

/** Where the clients are. */
export const CLIENTS = 20;
export const BOOTSTRAP = "https://kedge.sim";

export interface ClientSurroundings {
  readonly world: Scheduler;
  readonly network: SimNetwork;
  readonly isolates: readonly Isolate[];
  readonly history: History;
}

/** HTTP to whichever isolate answers. A request that is not to be repeated is delivered once. */
export class SimTransport implements Transport {
  readonly #at: ClientSurroundings;
  readonly #mayDouble: boolean;

  constructor(at: ClientSurroundings, mayDouble: boolean) {
    this.#at = at;
    this.#mayDouble = mayDouble;
  }

  send(frame: Uint8Array, signal: AbortSignal): Promise<Uint8Array | null> {
    const { world, network, isolates } = this.#at;
    const isolate = world.random.pick(isolates);
    const sent = frame.slice();
    const gone = new AbortController();
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => {
        reject(new TransportError(ErrorCode.NETWORK_EXCEPTION, "aborted"));
        // The server notices it some time later.
        world.after(world.random.int(50), () => world.enter(() => gone.abort()));
      });
      network.call<FrameAnswer>(
        CLIENTS,
        isolate.node,
        (answer) => world.enter(() => isolate.handle(sent.slice(), gone.signal, answer)),
        (answer) =>
          world.enter(() => {
            if (answer?.kind === "frame") resolve(answer.bytes);
            else reject(errorOf(answer));
          }),
        { mayDouble: this.#mayDouble },
      );
    });
  }
}

function errorOf(answer: (FrameAnswer & { kind: "refused" }) | null): TransportError {
  if (answer === null) return new TransportError(ErrorCode.NETWORK_EXCEPTION, "connection lost");
  const code = answer.internal ? ErrorCode.NETWORK_EXCEPTION : ErrorCode.INVALID_REQUEST;
  return new TransportError(code, answer.message, { status: answer.internal ? 500 : 400 });
}

export function clientOptions(at: ClientSurroundings, mayDouble = true): ClientOptions {
  const { world } = at;
  const clock: Clock = {
    now: () => world.nowMs,
    setTimeout: (ms, fn) => world.timer(ms, () => world.enter(fn)),
  };
  const transport = new SimTransport(at, mayDouble);
  return { clock, transport, random: () => world.random.float() };
}

export interface ProducerOptions {
  readonly name: string;
  readonly config: Omit<
    ProducerConfig<string | Uint8Array, string | Uint8Array>,
    "bootstrap.servers"
  >;
  readonly acks: "all" | "1";
  /** May a record of it come to nothing? */
  readonly mayFail: boolean;
  readonly places: readonly TopicPartition[];
  readonly pauseMsMax: number;
}

/** One producer's records to one partition. */
interface Lane {
  /** In the order in which they were sent. */
  readonly open: Set<SentRecord>;
  lastAckMs: number;
}

/** Sends records as long as it is told to, and keeps the book. */
export class SdkProducer {
  readonly #at: ClientSurroundings;
  readonly #options: ProducerOptions;
  readonly #producer: Producer;
  readonly #idempotent: boolean;
  readonly #lanes = new Map<string, Lane>();
  #count = 0;
  #running = false;
  #places: readonly TopicPartition[];
  /** Null: nobody watches. */
  #watch: { readonly sinceMs: number; worstMs: number } | null = null;

  constructor(at: ClientSurroundings, options: ProducerOptions) {
    this.#at = at;
    this.#options = options;
    this.#places = options.places;
    const { config, acks } = options;
    this.#idempotent = config["enable.idempotence"] !== false;
    this.#producer = new Producer(
      { "bootstrap.servers": BOOTSTRAP, acks, ...config },
      clientOptions(at, this.#idempotent),
    );
  }

  get isDone(): boolean {
    return [...this.#lanes.values()].every(({ open }) => open.size === 0);
  }

  get name(): string {
    return this.#options.name;
  }

  start(places: readonly TopicPartition[] = this.#options.places): void {
    this.#places = places;
    if (this.#running) return;
    this.#running = true;
    this.#next();
  }

  stop(): void {
    this.#running = false;
  }

  /** Something was acknowledged since then: what it waited for after the chaos is over. */
  hasAckedSince(sinceMs: number): boolean {
    return [...this.#lanes.values()].some(({ lastAckMs }) => lastAckMs >= sinceMs);
  }

  /** From now on every partition must go on. */
  watchStalls(): void {
    this.#watch = { sinceMs: this.#at.world.nowMs, worstMs: 0 };
  }

  /** The longest that a partition with records on their way acknowledged none of them, ms. */
  endWatch(): number {
    for (const lane of this.#lanes.values()) this.#noteStall(lane);
    const worstMs = this.#watch?.worstMs ?? 0;
    this.#watch = null;
    return worstMs;
  }

  #noteStall({ open, lastAckMs }: Lane): void {
    const watch = this.#watch;
    const [oldest] = open;
    if (watch === null || oldest === undefined) return;
    const sinceMs = Math.max(oldest.sentAtMs, lastAckMs, watch.sinceMs);
    watch.worstMs = Math.max(watch.worstMs, this.#at.world.nowMs - sinceMs);
  }

  sendToEach(places: readonly TopicPartition[]): void {
    this.#at.world.enter(() => {
      for (const place of places) this.#send(place);
    });
  }

  #next(): void {
    const { world } = this.#at;
    const { random } = world;
    world.after(1 + random.int(this.#options.pauseMsMax), () => {
      if (!this.#running) return;
      world.enter(() => {
        for (let i = 1 + random.int(3); i > 0; i--) this.#send(random.pick(this.#places));
      });
      this.#next();
    });
  }

  #send({ topic, partition }: TopicPartition): void {
    const { world, history } = this.#at;
    const { name, acks } = this.#options;
    const place = `${topic}-${partition}`;
    const value = `${name}:${this.#count++}`;
    const ordered = this.#idempotent;
    const record: SentRecord = { value, acks, ordered, sentAtMs: world.nowMs, outcome: null };
    history.sent.set(value, record);
    const lane = this.#lane(place);
    lane.open.add(record);
    this.#producer.send({ topic, partition, value }).then(
      ({ offset }) => {
        this.#noteStall(lane);
        lane.lastAckMs = world.nowMs;
        lane.open.delete(record);
        record.outcome = { kind: "acked", place, offset };
        world.note(`${value} is at ${place}@${offset}`);
      },
      (error: unknown) => {
        this.#noteStall(lane);
        lane.open.delete(record);
        const message = error instanceof Error ? error.message : String(error);
        record.outcome = { kind: "failed", message };
        world.note(`${value} failed: ${message}`);
        if (!this.#options.mayFail) history.violation(`"${value}" failed: ${message}`);
      },
    );
  }

  #lane(place: string): Lane {
    let lane = this.#lanes.get(place);
    if (lane === undefined) {
      lane = { open: new Set(), lastAckMs: 0 };
      this.#lanes.set(place, lane);
    }
    return lane;
  }
}

/** Polls the SDK's consumer for ever; what it is given must go on from where it was. */
export class SdkConsumer {
  readonly name: string;
  readonly #at: ClientSurroundings;
  readonly #consumer: Consumer;
  readonly #next = new Map<string, number>();
  #stopped = false;

  constructor(
    at: ClientSurroundings,
    name: string,
    partitions: readonly TopicPartition[],
    config: { readonly "request.timeout.ms": number; readonly "fetch.max.wait.ms": number },
  ) {
    this.#at = at;
    this.name = name;
    this.#consumer = new Consumer(
      {
        "bootstrap.servers": BOOTSTRAP,
        "auto.offset.reset": "earliest",
        "max.partition.fetch.bytes": 600,
        "allow.auto.create.topics": false,
        ...config,
      },
      clientOptions(at),
    );
    this.#consumer.assign(partitions);
  }

  start(): void {
    this.#at.world.enter(() => void this.#run());
  }

  position(place: string): number {
    return this.#next.get(place) ?? 0;
  }

  async #run(): Promise<void> {
    const { world, history } = this.#at;
    while (!this.#stopped) {
      try {
        for (const { topic, partition, offset, value } of await this.#consumer.poll(300)) {
          const place = `${topic}-${partition}`;
          const text = value === null ? "" : utf8Decode(value);
          const next = history.read(this.name, place, this.position(place), offset, text);
          this.#next.set(place, next);
        }
      } catch (error) {
        if (!this.#stopped) history.violation(`${this.name}: ${error}`);
      }
      await new Promise<void>((resolve) => {
        world.after(20 + world.random.int(120), () => world.enter(resolve));
      });
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#at.world.enter(() => void this.#consumer.close());
  }
}

/** An edge app in one region: reads the replica there, by a call inside the Worker (KIP-392). */
export class NearReader {
  readonly name: string;
  readonly #at: ClientSurroundings;
  readonly #topicId: string;
  readonly #place: string;
  readonly #partition: number;
  readonly #rackId: string;
  next = 0;
  #stopped = false;

  constructor(
    at: ClientSurroundings,
    { name, topicId }: { readonly name: string; readonly topicId: string },
    partition: number,
    rackId: string,
  ) {
    this.#at = at;
    this.#topicId = topicId;
    this.#place = `${name}-${partition}`;
    this.#partition = partition;
    this.#rackId = rackId;
    this.name = `a reader in ${rackId}`;
  }

  start(): void {
    this.#at.world.enter(() => void this.#run());
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    const { world, history, isolates } = this.#at;
    const { signal } = new AbortController();
    while (!this.#stopped) {
      const request = this.#request();
      try {
        const base = world.random.pick(isolates).context(signal);
        const { responses } = await call(base, fetchApi, request);
        const answer = responses[0]?.partitions[0];
        if (answer?.errorCode === ErrorCode.NONE && answer.records !== null) {
          for (const { offset, value } of recordsOf(answer.records ?? new Uint8Array(0))) {
            if (offset < this.next) continue;
            this.next = history.read(this.name, this.#place, this.next, offset, value);
          }
        } else if (answer?.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
          this.#outOfRange(answer.logStartOffset);
        }
      } catch (error) {
        history.violation(`${this.name}: ${error}`);
      }
      await new Promise<void>((resolve) => {
        world.after(50 + world.random.int(250), () => world.enter(resolve));
      });
    }
  }

  #outOfRange(logStartOffset: number): void {
    if (logStartOffset > this.next) this.next = logStartOffset;
    else {
      const { history } = this.#at;
      history.violation(`${this.name}: ${this.#place}@${this.next} was there and is out of range`);
    }
  }

  #request() {
    return {
      rackId: this.#rackId,
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 10_000,
      topics: [
        {
          topicId: this.#topicId,
          partitions: [
            { partition: this.#partition, fetchOffset: this.next, partitionMaxBytes: 600 },
          ],
        },
      ],
    };
  }
}
