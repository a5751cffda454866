import { utf8Encode } from "../lib/bytes.ts";
import type { KafkaHeader } from "../protocol/record-batch.ts";
import { Accumulator } from "./accumulator.ts";
import { Admission, type Candidate } from "./admission.ts";
import { type BuilderRecord, soloBatchBytes } from "./batch-builder.ts";
import { BrokerClient } from "./broker-client.ts";
import {
  ErrorCode,
  IllegalStateError,
  KafkaError,
  SerializationError,
  TimeoutError,
} from "./errors.ts";
import { Metadata } from "./metadata.ts";
import type { ClientOptions } from "./options.ts";
import { makePicker } from "./partitioners.ts";
import type { Delivery, RecordMetadata } from "./producer-batch.ts";
import {
  type ProducerConfig,
  type ProducerSettings,
  parseProducerConfig,
} from "./producer-config.ts";
import { Sender } from "./sender.ts";
import { type Serializer, TextOrBytesSerializer } from "./serializers.ts";
import { fetchPartitions, type PartitionInfo } from "./topics.ts";

/** By name, or as a list where names repeat. Strings are written as UTF-8. */
export type HeadersInput =
  | Readonly<Record<string, string | Uint8Array | null>>
  | readonly { readonly key: string; readonly value: string | Uint8Array | null }[];

export interface ProducerRecord<K, V> {
  readonly topic: string;
  /** Records with the same key go to the same partition. */
  readonly key?: K | null;
  /** null is a tombstone: compaction removes the key. */
  readonly value: V | null;
  /** Overrides the partitioner. */
  readonly partition?: number;
  /** Milliseconds since the Unix epoch; now when left out. */
  readonly timestamp?: number;
  readonly headers?: HeadersInput;
}

/** Waits for the sends that were outstanding when it was made. */
interface FlushWaiter {
  readonly lastId: number;
  left: number;
  readonly done: () => void;
}

/** One send(): its promise, and who is told when it is over. */
class SentRecord implements Delivery {
  readonly promise: Promise<RecordMetadata>;
  readonly #id: number;
  readonly #over: (id: number, error: Error | null) => void;
  // Set by the Promise's constructor, which runs its argument at once.
  #resolve: (metadata: RecordMetadata) => void = nothing;
  #reject: (error: Error) => void = nothing;

  constructor(id: number, over: (id: number, error: Error | null) => void) {
    this.#id = id;
    this.#over = over;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  delivered(metadata: RecordMetadata): void {
    this.#resolve(metadata);
    this.#over(this.#id, null);
  }

  failed(error: Error): void {
    // Whoever does not look at the promise learns it from flush(): no unhandled rejection.
    this.promise.catch(nothing);
    this.#reject(error);
    this.#over(this.#id, error);
  }
}

function nothing(): void {}

/**
 * Sends records (Kafka's KafkaProducer). Records gather in batches per partition; a request carries
 * all batches that are ready for a leader. By default every record is written once and in order.
 *
 * Nothing runs in the background but what send() asked for: in a Worker, `await flush()` before
 * the invocation ends, and make one producer per invocation (or one in a Durable Object).
 */
export class Producer<K = string | Uint8Array, V = string | Uint8Array> {
  readonly #settings: ProducerSettings;
  readonly #client: BrokerClient;
  readonly #keySerializer: Serializer<K>;
  readonly #valueSerializer: Serializer<V>;
  readonly #accumulator: Accumulator;
  readonly #admission: Admission;
  readonly #sender: Sender;
  #lastId = 0;
  #outstanding = 0;
  #flushes: FlushWaiter[] = [];
  /** Of the records that failed since the last flush. */
  #firstError: Error | null = null;
  #closed = false;
  #failure: KafkaError | null = null;

  /** @throws ConfigError */
  constructor(config: ProducerConfig<K, V>, options: ClientOptions = {}) {
    const settings = parseProducerConfig(config);
    this.#settings = settings;
    this.#client = new BrokerClient(settings, options);
    const fallback = TextOrBytesSerializer as Serializer<unknown>;
    this.#keySerializer = (settings["key.serializer"] ?? fallback) as Serializer<K>;
    this.#valueSerializer = (settings["value.serializer"] ?? fallback) as Serializer<V>;
    this.#accumulator = new Accumulator({
      batchBytes: settings["batch.size"],
      lingerMs: settings["linger.ms"],
      bufferBytes: settings["buffer.memory"],
    });
    const metadata = new Metadata(this.#client, {
      maxAgeMs: settings["metadata.max.age.ms"],
      autoCreate: true,
      onChange: () => this.#sender.wake(),
    });
    const picker = makePicker(settings["partitioner.class"], {
      batchSize: settings["batch.size"],
      ignoreKeys: settings["partitioner.ignore.keys"],
      random: this.#client.random,
    });
    this.#admission = new Admission(this.#accumulator, metadata, picker, settings["max.block.ms"]);
    this.#sender = this.#makeSender(metadata);
  }

  #makeSender(metadata: Metadata): Sender {
    const settings = this.#settings;
    const options = {
      acks: settings.acks,
      codec: settings["compression.type"],
      idempotent: settings["enable.idempotence"],
      maxInFlight: settings["max.in.flight.requests.per.connection"],
      maxRequestBytes: settings["max.request.size"],
      retries: settings.retries,
      deliveryTimeoutMs: settings["delivery.timeout.ms"],
      requestTimeoutMs: settings["request.timeout.ms"],
    };
    return new Sender(this.#client, metadata, this.#accumulator, options, {
      admit: (now) => this.#admission.admit(now),
      isWaitingFor: (topic) => this.#admission.isWaitingFor(topic),
      isPressed: () => this.#admission.isPressed,
      failedForGood: (error) => {
        this.#failure = error;
        this.#admission.close(error);
      },
    });
  }

  /**
   * Sends one record: resolves once the server has it as safely as `acks` asks.
   *
   * A rejection that nobody handles does not end the process: flush() and close() report it.
   *
   * @throws (rejects) KafkaError by the server, TimeoutError after delivery.timeout.ms or
   *   max.block.ms, SerializationError, IllegalStateError after close()
   */
  send(record: ProducerRecord<K, V>): Promise<RecordMetadata> {
    this.#outstanding++;
    const sent = new SentRecord(++this.#lastId, this.#over);
    try {
      const candidate = this.#candidate(record, sent);
      if (this.#admission.enter(candidate, candidate.sentMs)) this.#sender.wake();
    } catch (error) {
      sent.failed(error instanceof Error ? error : new Error(String(error)));
    }
    return sent.promise;
  }

  #candidate(record: ProducerRecord<K, V>, delivery: Delivery): Candidate {
    if (this.#closed) throw new IllegalStateError("the producer is closed");
    if (this.#failure !== null) throw this.#failure;
    const { topic, partition, timestamp } = record;
    if (typeof topic !== "string" || topic === "") throw new TypeError("a record needs a topic");
    if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0)) {
      throw new RangeError(`invalid partition ${partition}: it must be an integer, at least 0`);
    }
    if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
      throw new RangeError(`invalid timestamp ${timestamp}: it must be milliseconds, at least 0`);
    }
    const now = this.#client.clock.now();
    const headers = normalizeHeaders(record.headers);
    const key = this.#bytes("key", this.#keySerializer, topic, record.key ?? null, headers);
    if (record.value === undefined) {
      throw new TypeError("the record has no value: give null for a tombstone");
    }
    const value = this.#bytes("value", this.#valueSerializer, topic, record.value, headers);
    const built: BuilderRecord = { timestamp: timestamp ?? now, key, value, headers };
    this.#throwIfTooLarge(built);
    return {
      ...built,
      topic,
      partition: partition ?? null,
      originalKey: record.key ?? null,
      originalValue: record.value,
      delivery,
      sentMs: now,
    };
  }

  #bytes<T>(
    what: string,
    serializer: Serializer<T>,
    topic: string,
    data: T | null,
    headers: readonly KafkaHeader[],
  ): Uint8Array | null {
    if (data === null) return null;
    try {
      return serializer.serialize(topic, data, headers);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SerializationError(`the ${what} cannot be serialized: ${reason}`, { cause });
    }
  }

  #throwIfTooLarge(record: BuilderRecord): void {
    const size = soloBatchBytes(record);
    for (const config of ["max.request.size", "buffer.memory"] as const) {
      if (size <= this.#settings[config]) continue;
      throw new KafkaError(
        ErrorCode.MESSAGE_TOO_LARGE,
        `the record is ${size} bytes when serialized, ` +
          `which is larger than ${this.#settings[config]}, the value of ${config}`,
      );
    }
  }

  readonly #over = (id: number, error: Error | null): void => {
    this.#outstanding--;
    this.#firstError ??= error;
    if (this.#flushes.length === 0) return;
    for (const flush of this.#flushes) {
      if (id > flush.lastId) continue;
      flush.left--;
      if (flush.left === 0) flush.done();
    }
    this.#flushes = this.#flushes.filter((flush) => flush.left > 0);
  };

  /**
   * Waits until every record sent before is delivered or failed, without lingering.
   *
   * @throws (rejects) the error of the first record that failed since the last flush(), so that
   *   nothing is lost in silence when the promises of send() are not looked at
   */
  async flush(): Promise<void> {
    if (this.#outstanding > 0) await this.#drained();
    const error = this.#firstError;
    this.#firstError = null;
    if (error !== null) throw error;
  }

  async #drained(): Promise<void> {
    this.#accumulator.hurry(true);
    this.#sender.wake();
    await new Promise<void>((done) => {
      this.#flushes.push({ lastId: this.#lastId, left: this.#outstanding, done });
    });
    this.#accumulator.hurry(false);
  }

  /** The topic's partitions. Throws (rejects) KafkaError, or TimeoutError after max.block.ms. */
  async partitionsFor(topic: string): Promise<PartitionInfo[]> {
    const timeoutMs = this.#settings["max.block.ms"];
    return fetchPartitions(this.#client, topic, { timeoutMs, autoCreate: true });
  }

  /**
   * Takes no more records, then flushes. What is not delivered after `timeoutMs` is failed.
   *
   * @throws (rejects) as flush() does
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closed = true;
    const { timeoutMs } = options;
    if (timeoutMs === undefined) return this.flush();
    const cancel = this.#client.clock.setTimeout(timeoutMs, () => {
      const error = new TimeoutError(`the producer was closed ${timeoutMs} ms before delivery`);
      this.#sender.failForGood(error);
    });
    try {
      await this.flush();
    } finally {
      cancel();
    }
  }
}

function normalizeHeaders(headers: HeadersInput | undefined): readonly KafkaHeader[] {
  if (headers === undefined) return [];
  const list = Array.isArray(headers)
    ? (headers as readonly { key: string; value: string | Uint8Array | null }[])
    : Object.entries(headers).map(([key, value]) => ({ key, value }));
  return list.map(({ key, value }) => {
    if (typeof key !== "string") throw new TypeError("a header's key must be a string");
    if (typeof value === "string") return { key, value: utf8Encode(value) };
    if (value === null || value instanceof Uint8Array) return { key, value };
    throw new TypeError(`header ${key}: its value must be a string, a Uint8Array or null`);
  });
}
