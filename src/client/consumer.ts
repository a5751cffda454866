import type { KafkaHeader } from "../protocol/record-batch.ts";
import { type AssignedPartition, Assignment } from "./assignment.ts";
import { BrokerClient } from "./broker-client.ts";
import type { FetchedRecord } from "./completed-fetch.ts";
import {
  type ConsumerConfig,
  type ConsumerSettings,
  parseConsumerConfig,
} from "./consumer-config.ts";
import {
  AdminError,
  IllegalStateError,
  RecordDeserializationError,
  TimeoutError,
} from "./errors.ts";
import { Fetcher } from "./fetcher.ts";
import { listOffsetsWithRetry, type OffsetQuery, type OffsetResult } from "./list-offsets.ts";
import { Metadata } from "./metadata.ts";
import type { ClientOptions } from "./options.ts";
import { BytesDeserializer, type Deserializer } from "./serializers.ts";
import { Signal } from "./signal.ts";
import { fetchPartitions, type PartitionInfo, type TopicPartition } from "./topics.ts";

export interface ConsumerRecord<K, V> extends TopicPartition {
  readonly offset: number;
  /** Milliseconds since the Unix epoch; -1 when there is none. */
  readonly timestamp: number;
  /** Whose clock that was: the producer's, or the log's. */
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly key: K | null;
  /** null is a tombstone. */
  readonly value: V | null;
  readonly headers: readonly KafkaHeader[];
  /** Bytes; -1 for null. */
  readonly serializedKeySize: number;
  readonly serializedValueSize: number;
  /** -1 when the log does not say. */
  readonly leaderEpoch: number;
}

/**
 * Reads partitions that it is told to read (Kafka's KafkaConsumer, with assign()).
 *
 * poll() is to be called again and again, by one caller at a time. While it is not called nothing
 * runs but the fetch that the last call began.
 */
export class Consumer<K = Uint8Array, V = Uint8Array> {
  readonly #settings: ConsumerSettings;
  readonly #client: BrokerClient;
  readonly #keyDeserializer: Deserializer<K>;
  readonly #valueDeserializer: Deserializer<V>;
  readonly #assignment: Assignment;
  readonly #fetcher: Fetcher;
  readonly #signal: Signal;
  #polling = false;
  #closed = false;

  /** @throws ConfigError */
  constructor(config: ConsumerConfig<K, V>, options: ClientOptions = {}) {
    const settings = parseConsumerConfig(config);
    this.#settings = settings;
    this.#client = new BrokerClient(settings, options);
    const fallback = BytesDeserializer as Deserializer<unknown>;
    this.#keyDeserializer = (settings["key.deserializer"] ?? fallback) as Deserializer<K>;
    this.#valueDeserializer = (settings["value.deserializer"] ?? fallback) as Deserializer<V>;
    this.#signal = new Signal(this.#client.clock);
    this.#assignment = new Assignment(settings["auto.offset.reset"]);
    const changed = () => this.#signal.notify();
    const metadata = new Metadata(this.#client, {
      maxAgeMs: settings["metadata.max.age.ms"],
      autoCreate: settings["allow.auto.create.topics"],
      onChange: changed,
    });
    this.#fetcher = new Fetcher(this.#client, metadata, this.#assignment, settings, { changed });
  }

  /** Reads these partitions and no others; those read before go on where they are. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#throwIfClosed();
    this.#assignment.assign(partitions);
    this.#signal.notify();
  }

  assignment(): TopicPartition[] {
    return this.#assignment.partitions.map(({ topic, partition }) => ({ topic, partition }));
  }

  /**
   * Up to max.poll.records records: at once if there are any, else after waiting `timeoutMs` at
   * most. Empty when the time is over. Advances the positions.
   *
   * @throws (rejects) RecordDeserializationError, OffsetOutOfRangeError, or the server's KafkaError
   *   if asking again would not help
   */
  async poll(timeoutMs: number): Promise<ConsumerRecord<K, V>[]> {
    const deadline = this.#client.clock.now() + timeoutMs;
    return this.#exclusively(async () => {
      for (;;) {
        const records = this.#collect(this.#settings["max.poll.records"]);
        const now = this.#client.clock.now();
        const wakeAt = this.#fetcher.step(now);
        if (records.length > 0 || now >= deadline) return records;
        await this.#signal.wait(Math.min(wakeAt, deadline));
        this.#throwIfClosed();
      }
    });
  }

  /** Record by record, for ever: `for await (const record of consumer)`; close() ends it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerRecord<K, V>, void, undefined> {
    while (!this.#closed) {
      const record = await this.#exclusively(() => this.#next());
      if (record === null) return;
      yield record;
    }
  }

  async #next(): Promise<ConsumerRecord<K, V> | null> {
    for (;;) {
      const [record] = this.#collect(1);
      const wakeAt = this.#fetcher.step(this.#client.clock.now());
      if (record !== undefined) return record;
      await this.#signal.wait(wakeAt);
      if (this.#closed) return null;
    }
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#throwIfClosed();
    if (this.#assignment.isEmpty) throw new IllegalStateError("no partitions are assigned");
    if (this.#polling) throw new IllegalStateError("another poll() is under way");
    this.#polling = true;
    try {
      return await work();
    } finally {
      this.#polling = false;
    }
  }

  #collect(max: number): ConsumerRecord<K, V>[] {
    const records: ConsumerRecord<K, V>[] = [];
    this.#fetcher.collect(max, (assigned, record) => {
      records.push(this.#deserialize(assigned, record));
    });
    return records;
  }

  #deserialize({ topic, partition }: TopicPartition, record: FetchedRecord): ConsumerRecord<K, V> {
    const { offset, timestamp, timestampType, key, value, headers, leaderEpoch } = record;
    try {
      return {
        topic,
        partition,
        offset,
        timestamp,
        timestampType,
        key: key === null ? null : this.#keyDeserializer.deserialize(topic, key, headers),
        value: value === null ? null : this.#valueDeserializer.deserialize(topic, value, headers),
        headers,
        serializedKeySize: key?.length ?? -1,
        serializedValueSize: value?.length ?? -1,
        leaderEpoch,
      };
    } catch (cause) {
      throw new RecordDeserializationError(topic, partition, offset, cause);
    }
  }

  /** Goes on at `offset` with the next poll(). */
  seek(place: TopicPartition, offset: number): void {
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new RangeError(`invalid offset ${offset}: it must be an integer, at least 0`);
    }
    this.#assignment.seek(this.#assignment.get(place), offset);
    this.#signal.notify();
  }

  /** All assigned partitions when none are named. */
  seekToBeginning(places: readonly TopicPartition[] = this.assignment()): void {
    for (const place of places) this.#assignment.reset(this.#assignment.get(place), "earliest");
    this.#signal.notify();
  }

  /** The end as it is when the position is looked up: with the next poll() or position(). */
  seekToEnd(places: readonly TopicPartition[] = this.assignment()): void {
    for (const place of places) this.#assignment.reset(this.#assignment.get(place), "latest");
    this.#signal.notify();
  }

  /**
   * The offset of the next record that poll() will return, or a later one.
   *
   * @throws (rejects) TimeoutError after default.api.timeout.ms, OffsetOutOfRangeError
   */
  async position(place: TopicPartition): Promise<number> {
    const assigned = this.#assignment.get(place);
    const timeoutMs = this.#settings["default.api.timeout.ms"];
    const deadline = this.#client.clock.now() + timeoutMs;
    for (;;) {
      this.#throwIfClosed();
      if (assigned.position !== null) return assigned.position;
      const wakeAt = this.#fetcher.step(this.#client.clock.now());
      const error = takeError(assigned);
      if (error !== null) throw error;
      if (this.#client.clock.now() >= deadline) {
        const { topic, partition } = place;
        throw new TimeoutError(`no position for ${topic}-${partition} within ${timeoutMs} ms`);
      }
      await this.#signal.wait(Math.min(wakeAt, deadline));
    }
  }

  /** poll() returns nothing of these until resume(). */
  pause(places: readonly TopicPartition[]): void {
    for (const place of places) this.#assignment.get(place).paused = true;
  }

  resume(places: readonly TopicPartition[]): void {
    for (const place of places) this.#assignment.get(place).paused = false;
    this.#signal.notify();
  }

  paused(): TopicPartition[] {
    return this.#assignment.partitions
      .filter(({ paused }) => paused)
      .map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Records between the position and the end as of the last fetch; null before there was one. */
  currentLag(place: TopicPartition): number | null {
    const assigned = this.#assignment.get(place);
    const readCommitted = this.#settings["isolation.level"] === "read_committed";
    const end = readCommitted ? assigned.lastStableOffset : assigned.highWatermark;
    return end < 0 || assigned.position === null ? null : Math.max(0, end - assigned.position);
  }

  /** Where the logs begin, in the order asked for. */
  async beginningOffsets(places: readonly TopicPartition[]): Promise<OffsetResult[]> {
    return this.#listOffsets(places.map((place) => ({ ...place, spec: "earliest" })));
  }

  /** Where the logs end: the high watermark, or the last stable offset under read_committed. */
  async endOffsets(places: readonly TopicPartition[]): Promise<OffsetResult[]> {
    return this.#listOffsets(places.map((place) => ({ ...place, spec: "latest" })));
  }

  /** The first record not older than a time, in the order asked for; null where all are older. */
  async offsetsForTimes(
    places: readonly (TopicPartition & { readonly timestamp: number })[],
  ): Promise<(OffsetResult | null)[]> {
    const queries = places.map(({ topic, partition, timestamp }) => {
      if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
        throw new RangeError(`invalid timestamp ${timestamp}: it must be milliseconds, at least 0`);
      }
      return { topic, partition, spec: { timestamp } };
    });
    const results = await this.#listOffsets(queries);
    return results.map((result) => (result.offset < 0 ? null : result));
  }

  async #listOffsets(queries: readonly OffsetQuery[]): Promise<OffsetResult[]> {
    this.#throwIfClosed();
    const answers = await listOffsetsWithRetry(this.#client, queries, {
      readCommitted: this.#settings["isolation.level"] === "read_committed",
      timeoutMs: this.#settings["default.api.timeout.ms"],
    });
    const failures = answers.flatMap(({ topic, partition, error }) =>
      error === null ? [] : [{ name: `${topic}-${partition}`, error }],
    );
    if (failures.length > 0) throw new AdminError(failures);
    return answers.map(({ result }) => result as OffsetResult);
  }

  /** The topic's partitions. Throws (rejects) KafkaError, or TimeoutError. */
  async partitionsFor(topic: string): Promise<PartitionInfo[]> {
    this.#throwIfClosed();
    return fetchPartitions(this.#client, topic, {
      timeoutMs: this.#settings["default.api.timeout.ms"],
      autoCreate: this.#settings["allow.auto.create.topics"],
    });
  }

  /** Ends a poll() that waits (it rejects) and an iteration (it ends), and gives up fetches. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#fetcher.close();
    this.#signal.notify();
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new IllegalStateError("the consumer is closed");
  }
}

function takeError(assigned: AssignedPartition): Error | null {
  const { error } = assigned;
  assigned.error = null;
  return error;
}
