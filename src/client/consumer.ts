import { type AssignedPartition, Assignment } from "./assignment.ts";
import { BrokerClient } from "./broker-client.ts";
import { settledWithin } from "./clock.ts";
import {
  type ConsumerConfig,
  type ConsumerSettings,
  parseConsumerConfig,
} from "./consumer-config.ts";
import { type ConsumerRecord, RecordReader } from "./consumer-record.ts";
import { AdminError, IllegalStateError, TimeoutError, WakeupError } from "./errors.ts";
import { Fetcher } from "./fetcher.ts";
import { type CommittedOffset, type OffsetToCommit, throwIfNoOffset } from "./group-offsets.ts";
import { GroupSession } from "./group-session.ts";
import { listOffsetsWithRetry, type OffsetQuery, type OffsetResult } from "./list-offsets.ts";
import type { MembershipAtClose } from "./membership.ts";
import { Metadata } from "./metadata.ts";
import type { OffsetCommitCallback } from "./offset-commits.ts";
import type { ClientOptions } from "./options.ts";
import type { RebalanceListener } from "./rebalance-listener.ts";
import { Signal } from "./signal.ts";
import { fetchPartitions, type PartitionInfo, placesOf, type TopicPartition } from "./topics.ts";

export interface ConsumerGroupMetadata {
  readonly groupId: string;
  /** Member epoch under KIP-848; -1 before the group was joined. */
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface CloseOptions {
  /** Bound on committing and leaving. Default 30000. */
  readonly timeoutMs?: number;
  /** Whether to leave the group: by default unless group.instance.id is set. */
  readonly membership?: MembershipAtClose;
}

const CLOSE_TIMEOUT_MS = 30_000;

/**
 * Reads what its group gives it (subscribe()), or the partitions that it is told to read (assign()).
 * Kafka's KafkaConsumer.
 *
 * poll() is to be called again and again, by one caller at a time. While it is not called nothing
 * runs but heartbeats and what the last call began.
 */
export class Consumer<K = Uint8Array, V = Uint8Array> {
  readonly #settings: ConsumerSettings;
  readonly #client: BrokerClient;
  readonly #reader: RecordReader<K, V>;
  readonly #assignment: Assignment;
  readonly #fetcher: Fetcher;
  readonly #group: GroupSession;
  readonly #signal: Signal;
  /** What poll() is doing; null while nobody polls. */
  #polling: Promise<unknown> | null = null;
  #isWaiting = false;
  #polledMs: number;
  #woken = false;
  #closed = false;

  /** @throws ConfigError */
  constructor(config: ConsumerConfig<K, V>, options: ClientOptions = {}) {
    const settings = parseConsumerConfig(config);
    this.#settings = settings;
    this.#client = new BrokerClient(settings, options);
    this.#reader = new RecordReader(settings);
    this.#signal = new Signal(this.#client.clock);
    this.#polledMs = this.#client.clock.now();
    this.#assignment = new Assignment(settings["auto.offset.reset"], settings["group.id"] !== null);
    const changed = () => this.#signal.notify();
    const metadata = new Metadata(this.#client, {
      maxAgeMs: settings["metadata.max.age.ms"],
      autoCreate: settings["allow.auto.create.topics"],
      onChange: changed,
    });
    this.#fetcher = new Fetcher(this.#client, metadata, this.#assignment, settings, { changed });
    this.#group = new GroupSession({
      client: this.#client,
      settings,
      assignment: this.#assignment,
      changed,
      idleSinceMs: () => (this.#isWaiting ? null : this.#polledMs),
    });
  }

  /**
   * Reads, as a member of the group, what of these topics the group gives it. The next poll() joins;
   * in place of what was subscribed to before.
   *
   * @param topics names, or a RegExp for all topics in whose names it finds a match, also those to
   *   come. Under group.protocol=consumer the server holds it against them, in RE2's syntax.
   * @param listener told when partitions come and go
   * @throws KafkaError INVALID_GROUP_ID without a group.id
   */
  subscribe(topics: readonly string[] | RegExp, listener?: RebalanceListener): void {
    this.#throwIfClosed();
    if (this.#group.subscription.isEmpty) this.#polledMs = this.#client.clock.now();
    this.#group.subscribe(topics, listener ?? null);
    this.#signal.notify();
  }

  /** Leaves the group, or gives up what was assigned; a static member's place stays. */
  async unsubscribe(): Promise<void> {
    this.#throwIfClosed();
    const timeoutMs = this.#settings["default.api.timeout.ms"];
    const reason = "the consumer unsubscribed from all topics";
    try {
      await this.#group.leave(reason, "default", timeoutMs);
    } finally {
      this.#assignment.assign([]);
      this.#signal.notify();
    }
  }

  /** The topics subscribed to; of a RegExp, those known to match. */
  subscription(): string[] {
    const { subscription } = this.#group;
    return subscription.isGroup ? [...subscription.topics] : [];
  }

  /** Reads these partitions and no others; those read before go on where they are. */
  assign(partitions: readonly TopicPartition[]): void {
    this.#throwIfClosed();
    this.#group.subscription.assign();
    this.#assignment.assign(partitions);
    if (partitions.length === 0) this.#group.subscription.clear();
    this.#signal.notify();
  }

  assignment(): TopicPartition[] {
    return placesOf(this.#assignment.partitions);
  }

  /**
   * Up to max.poll.records records: at once if there are any, else after waiting `timeoutMs` at
   * most, for the group too. Empty when the time is over. Advances the positions.
   *
   * @throws (rejects) RecordDeserializationError, OffsetOutOfRangeError, RebalanceListenerError,
   *   WakeupError, or the server's KafkaError if asking again would not help
   */
  async poll(timeoutMs: number): Promise<ConsumerRecord<K, V>[]> {
    const deadline = this.#client.clock.now() + timeoutMs;
    return this.#exclusively(async () => {
      for (;;) {
        const { records, wakeAt, now } = await this.#turn(this.#settings["max.poll.records"]);
        if (records.length > 0 || now >= deadline) return records;
        await this.#wait(Math.min(wakeAt, deadline));
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
      const { records, wakeAt } = await this.#turn(1);
      const [record] = records;
      if (record !== undefined) return record;
      await this.#wait(wakeAt);
      if (this.#closed) return null;
    }
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#throwIfClosed();
    if (this.#group.subscription.isEmpty) {
      throw new IllegalStateError("no partitions are assigned and no topics subscribed to");
    }
    if (this.#polling !== null) throw new IllegalStateError("another poll() is under way");
    const polling = work();
    this.#polling = polling;
    try {
      return await polling;
    } finally {
      this.#polling = null;
      this.#polledMs = this.#client.clock.now();
    }
  }

  /** What the group wants comes first, then what was given before is committed, then more is given. */
  async #turn(max: number) {
    this.#throwIfWoken();
    this.#polledMs = this.#client.clock.now();
    const groupAt = await this.#group.advance();
    this.#throwIfClosed();
    const now = this.#client.clock.now();
    const offsetsAt = this.#group.step(now);
    const records = this.#group.holdsRecords ? [] : this.#collect(max);
    const wakeAt = Math.min(groupAt, offsetsAt, this.#fetcher.step(now));
    return { records, wakeAt, now };
  }

  #collect(max: number): ConsumerRecord<K, V>[] {
    const records: ConsumerRecord<K, V>[] = [];
    this.#fetcher.collect(max, (assigned, record) => {
      records.push(this.#reader.read(assigned, record));
      assigned.positionEpoch = record.leaderEpoch < 0 ? null : record.leaderEpoch;
    });
    return records;
  }

  async #wait(untilMs: number): Promise<void> {
    this.#isWaiting = true;
    try {
      await this.#signal.wait(untilMs);
    } finally {
      this.#isWaiting = false;
    }
    this.#throwIfWoken();
  }

  /** Whatever waits in poll(), position() or an iteration rejects with WakeupError, or the next will. */
  wakeup(): void {
    this.#woken = true;
    this.#signal.notify();
  }

  #throwIfWoken(): void {
    if (!this.#woken) return;
    this.#woken = false;
    throw new WakeupError();
  }

  /**
   * Commits offsets for the group, again and again until it is done.
   *
   * @param offsets the next to be read of each; left out: the positions, after what poll() gave
   * @throws (rejects) CommitFailedError, RebalanceInProgressError, TimeoutError after
   *   default.api.timeout.ms, KafkaError
   */
  async commitSync(
    offsets?: readonly OffsetToCommit[],
    options: { readonly timeoutMs?: number } = {},
  ): Promise<void> {
    this.#throwIfClosed();
    const timeoutMs = options.timeoutMs ?? this.#settings["default.api.timeout.ms"];
    return this.#group.commits.commit(this.#toCommit(offsets), timeoutMs);
  }

  /**
   * Commits without waiting, in one attempt; a later commit is not overtaken.
   *
   * @param callback told how it went; without it nobody is
   */
  commitAsync(offsets?: readonly OffsetToCommit[] | null, callback?: OffsetCommitCallback): void {
    this.#throwIfClosed();
    const toCommit = this.#toCommit(offsets ?? undefined);
    this.#group.commits.commitOnce(toCommit).then(
      () => callback?.(null, toCommit),
      (error: Error) => callback?.(error, toCommit),
    );
  }

  #toCommit(offsets: readonly OffsetToCommit[] | undefined): readonly OffsetToCommit[] {
    offsets?.forEach(throwIfNoOffset);
    return offsets ?? this.#group.commits.consumed();
  }

  /** What the group committed, in the order asked for; null where it has not. */
  async committed(places: readonly TopicPartition[]): Promise<(CommittedOffset | null)[]> {
    this.#throwIfClosed();
    return this.#group.committed(places, this.#settings["default.api.timeout.ms"]);
  }

  /** @throws KafkaError INVALID_GROUP_ID without a group.id */
  groupMetadata(): ConsumerGroupMetadata {
    const { groupId, memberId, generationIdOrMemberEpoch, groupInstanceId } = this.#group.member;
    const generationId = generationIdOrMemberEpoch;
    return { groupId, generationId, memberId, groupInstanceId };
  }

  /** The next poll() joins anew, so that partitions are divided again (not under KIP-848). */
  enforceRebalance(reason = "rebalance enforced by user"): void {
    this.#throwIfClosed();
    this.#group.enforceRebalance(reason);
    this.#signal.notify();
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
      const now = this.#client.clock.now();
      const wakeAt = Math.min(this.#group.step(now), this.#fetcher.step(now));
      const error = takeError(assigned);
      if (error !== null) throw error;
      if (now >= deadline) {
        const { topic, partition } = place;
        throw new TimeoutError(`no position for ${topic}-${partition} within ${timeoutMs} ms`);
      }
      await this.#signal.wait(Math.min(wakeAt, deadline));
      this.#throwIfWoken();
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
    return placesOf(this.#assignment.partitions.filter(({ paused }) => paused));
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

  /**
   * Ends a poll() that waits (it rejects) and an iteration (it ends), commits if that is to happen by
   * itself, calls the listener and leaves the group.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.#closed) return;
    const { timeoutMs = CLOSE_TIMEOUT_MS, membership = "default" } = options;
    const { clock } = this.#client;
    const deadline = clock.now() + timeoutMs;
    this.#closed = true;
    this.#signal.notify();
    if (this.#polling !== null) await settledWithin(clock, this.#polling, timeoutMs);
    this.#fetcher.close();
    const leftMs = Math.max(1, deadline - clock.now());
    await this.#group.leave("the consumer is being closed", membership, leftMs);
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
