import { ZERO_UUID } from "../lib/uuid.ts";
import { produceApi } from "../protocol/api/00-produce.ts";
import { initProducerIdApi } from "../protocol/api/22-init-producer-id.ts";
import { Compression } from "../protocol/batch-header.ts";
import { compress } from "../protocol/compression/compress.ts";
import { isRetriable } from "../protocol/errors.ts";
import type { Accumulator } from "./accumulator.ts";
import { backoffMs } from "./backoff.ts";
import type { BatchCompression } from "./batch-builder.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, errorMessage, KafkaError, TimeoutError, TransportError } from "./errors.ts";
import type { Metadata } from "./metadata.ts";
import {
  asKafkaError,
  errorsOf,
  keyOf,
  type Outcome,
  outcome,
  produce,
} from "./produce-exchange.ts";
import type { ProducerBatch } from "./producer-batch.ts";
import { ProducerState } from "./producer-state.ts";

export interface SenderOptions {
  readonly acks: number;
  readonly codec: number;
  readonly idempotent: boolean;
  readonly maxInFlight: number;
  readonly maxRequestBytes: number;
  readonly retries: number;
  readonly deliveryTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/** What the producer does at each step, before batches are chosen. */
export interface SenderHooks {
  /** Lets records in that wait; returns when the next of them gives up. */
  admit(now: number): number;
  /** Whether records wait for the topic's metadata. */
  isWaitingFor(topic: string): boolean;
  /** Whether records wait for memory. */
  isPressed(): boolean;
  /** Nothing will ever be sent again. */
  failedForGood(error: KafkaError): void;
}

/** One leader, as far as requests to it are concerned. */
interface Node {
  inFlight: number;
  /** The server asked to be left alone until then. */
  mutedUntilMs: number;
}

const NEVER = Number.POSITIVE_INFINITY;
/** The first version in which the server must know zstd. */
const PRODUCE_ZSTD_VERSION = 7;
/** Errors after which leaders are looked up anew (InvalidMetadataException). */
const STALE_METADATA: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.REPLICA_NOT_AVAILABLE,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.UNKNOWN_LEADER_EPOCH,
  ErrorCode.UNKNOWN_TOPIC_ID,
]);

/**
 * Takes batches out of the accumulator, sends them, and decides what becomes of them (Kafka's
 * Sender). Works in steps: each looks at the clock once, does all that can be done, and leaves at
 * most one timer; with nothing to wait for, none.
 */
export class Sender {
  readonly #client: BrokerClient;
  readonly #metadata: Metadata;
  readonly #accumulator: Accumulator;
  readonly #options: SenderOptions;
  readonly #hooks: SenderHooks;
  readonly #compression: BatchCompression;
  /** Null when the producer is not idempotent. */
  readonly #state: ProducerState | null;
  readonly #nodes = new Map<number, Node>();
  readonly #onWire = new Set<ProducerBatch>();
  /** Partitions with a batch on the wire: without sequences one at a time keeps the order. */
  readonly #busy = new Set<string>();
  #version: number | null = null;
  #preparing = false;
  #prepareAttempts = 0;
  #prepareNotBefore = 0;
  /** Shrinks when the server finds whole requests too large. */
  #maxRequestBytes: number;
  #stepScheduled = false;
  #cancelTimer: () => void = () => {};
  #failure: KafkaError | null = null;

  constructor(
    client: BrokerClient,
    metadata: Metadata,
    accumulator: Accumulator,
    options: SenderOptions,
    hooks: SenderHooks,
  ) {
    this.#client = client;
    this.#metadata = metadata;
    this.#accumulator = accumulator;
    this.#options = options;
    this.#hooks = hooks;
    this.#compression = { codec: options.codec, compress };
    this.#state = options.idempotent ? new ProducerState(options.maxInFlight) : null;
    this.#maxRequestBytes = options.maxRequestBytes;
  }

  /** Steps soon: once, however often it is called. */
  wake(): void {
    if (this.#stepScheduled) return;
    this.#stepScheduled = true;
    void Promise.resolve().then(() => {
      this.#stepScheduled = false;
      this.#step();
    });
  }

  #step(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    const now = this.#client.clock.now();
    let wakeAt = this.#hooks.admit(now);
    wakeAt = Math.min(wakeAt, this.#expire(now));
    if (!this.#accumulator.isEmpty && this.#failure === null) {
      this.#state?.settle();
      wakeAt = Math.min(wakeAt, this.#isPrepared() ? this.#sendReady(now) : this.#prepare(now));
    }
    wakeAt = Math.min(
      wakeAt,
      this.#metadata.step(now, (topic) => this.#needs(topic)),
    );
    if (wakeAt !== NEVER) {
      this.#cancelTimer = this.#client.clock.setTimeout(Math.max(0, wakeAt - now), () =>
        this.#step(),
      );
    }
  }

  /** Whether anything waits for the topic: what nobody needs is not looked up. */
  #needs(topic: string): boolean {
    if (this.#hooks.isWaitingFor(topic)) return true;
    for (const queue of this.#accumulator.queues) if (queue.topic === topic) return true;
    for (const batch of this.#onWire) if (batch.topic === topic) return true;
    return false;
  }

  #isPrepared(): boolean {
    return this.#version !== null && this.#state?.needsId !== true;
  }

  /** Learns what the server speaks, and gets a producer id; returns when to look again. */
  #prepare(now: number): number {
    if (this.#preparing) return NEVER;
    if (now < this.#prepareNotBefore) return this.#prepareNotBefore;
    this.#preparing = true;
    void this.#askToBegin().then(
      () => this.#prepared(null),
      (error: unknown) => this.#prepared(error),
    );
    return NEVER;
  }

  async #askToBegin(): Promise<void> {
    const version = await this.#client.version(produceApi);
    if (this.#options.codec === Compression.ZSTD && version < PRODUCE_ZSTD_VERSION) {
      throw new KafkaError(
        ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
        "the server does not know compression.type=zstd",
      );
    }
    if (this.#state?.needsId === true) {
      const response = await this.#client.request(initProducerIdApi, {
        transactionalId: null,
        transactionTimeoutMs: 0x7fffffff,
        producerId: -1,
        producerEpoch: -1,
      });
      if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode);
      this.#state.setId(response.producerId, response.producerEpoch);
    }
    this.#version = version;
  }

  #prepared(error: unknown): void {
    this.#preparing = false;
    if (error === null) {
      this.#prepareAttempts = 0;
    } else if (error instanceof KafkaError && error.retriable) {
      this.#prepareAttempts++;
      this.#prepareNotBefore =
        this.#client.clock.now() + this.#backoff(this.#prepareAttempts, error);
      for (const queue of this.#accumulator.queues) {
        for (const batch of queue.batches) batch.lastError = error.message;
      }
    } else {
      const cause = error instanceof KafkaError ? error : asKafkaError(error);
      this.failForGood(
        new KafkaError(cause.code, `the producer could not begin: ${cause.message}`),
      );
    }
    this.wake();
  }

  #backoff(attempts: number, error: unknown): number {
    const asked = error instanceof TransportError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(asked, backoffMs(this.#client.backoff, attempts, this.#client.random));
  }

  /** Gives up what is older than delivery.timeout.ms; returns when the next batch will be. */
  #expire(now: number): number {
    const { deliveryTimeoutMs } = this.#options;
    let oldest = this.#accumulator.oldestMs();
    for (const batch of this.#onWire) if (!batch.done) oldest = Math.min(oldest, batch.createdMs);
    if (oldest + deliveryTimeoutMs > now) return oldest + deliveryTimeoutMs;
    const before = now - deliveryTimeoutMs;
    const onWire = [...this.#onWire].filter((batch) => !batch.done && batch.createdMs <= before);
    for (const batch of [...this.#accumulator.takeExpired(before), ...onWire]) {
      const last = batch.lastError === null ? "" : `; last error: ${batch.lastError}`;
      const error = new TimeoutError(
        `expiring ${batch.count} record(s) for ${batch.topic}-${batch.partition}: ` +
          `${now - batch.createdMs} ms have passed since the batch was created${last}`,
      );
      this.#giveUp(batch, () => error, "unknown");
    }
    return this.#expire(now);
  }

  /** Sends all that may go; returns when something else may. */
  #sendReady(now: number): number {
    for (;;) {
      const { groups, wakeAt } = this.#collect(now);
      if (groups.size === 0) return wakeAt;
      for (const [leader, batches] of groups) void this.#send(leader, batches);
    }
  }

  /** At most one batch of a partition and one request to a leader. */
  #collect(now: number): { groups: Map<number, ProducerBatch[]>; wakeAt: number } {
    const groups = new Map<number, ProducerBatch[]>();
    const sizes = new Map<number, number>();
    const pressed = this.#hooks.isPressed();
    let wakeAt = NEVER;
    for (const queue of [...this.#accumulator.queues]) {
      const readyAt = this.#accumulator.readyAt(queue, pressed);
      if (readyAt > now) {
        wakeAt = Math.min(wakeAt, readyAt);
        continue;
      }
      const leader = this.#metadata.leader(queue.topic, queue.partition);
      if (leader < 0) {
        this.#metadata.want(queue.topic);
        continue;
      }
      const node = this.#node(leader);
      if (node.mutedUntilMs > now) {
        wakeAt = Math.min(wakeAt, node.mutedUntilMs);
        continue;
      }
      const batch = queue.batches[0] as ProducerBatch;
      if (node.inFlight >= this.#options.maxInFlight || !this.#maySend(batch, now)) continue;
      const size = (sizes.get(leader) ?? 0) + batch.sizeInBytes;
      const group = groups.get(leader);
      if (group !== undefined && size > this.#maxRequestBytes) continue;
      sizes.set(leader, size);
      this.#accumulator.take(queue);
      if (group === undefined) groups.set(leader, [batch]);
      else group.push(batch);
    }
    return { groups, wakeAt };
  }

  #node(leader: number): Node {
    let node = this.#nodes.get(leader);
    if (node === undefined) {
      node = { inFlight: 0, mutedUntilMs: 0 };
      this.#nodes.set(leader, node);
    }
    return node;
  }

  #maySend(batch: ProducerBatch, now: number): boolean {
    return this.#state === null ? !this.#busy.has(keyOf(batch)) : this.#state.maySend(batch, now);
  }

  async #send(leader: number, batches: readonly ProducerBatch[]): Promise<void> {
    const node = this.#node(leader);
    node.inFlight++;
    for (const batch of batches) {
      batch.attempts++;
      this.#onWire.add(batch);
      if (this.#state === null) this.#busy.add(keyOf(batch));
      else this.#state.sending(batch);
    }
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.#exchange(node, batches);
    } catch (error) {
      outcomes = this.#failedRequest(node, batches, error);
    }
    node.inFlight--;
    batches.forEach((batch, i) => {
      this.#onWire.delete(batch);
      this.#busy.delete(keyOf(batch));
      this.#state?.landed(batch);
      this.#complete(batch, outcomes[i] as Outcome);
    });
    this.#step();
  }

  async #exchange(node: Node, batches: readonly ProducerBatch[]): Promise<readonly Outcome[]> {
    const { outcomes, throttleTimeMs } = await produce(this.#client, batches, {
      version: this.#version as number,
      acks: this.#options.acks,
      timeoutMs: this.#options.requestTimeoutMs,
      compression: this.#compression,
      topicIdOf: (topic) => this.#metadata.peek(topic)?.topicId ?? ZERO_UUID,
    });
    if (throttleTimeMs > 0) node.mutedUntilMs = this.#client.clock.now() + throttleTimeMs;
    return outcomes;
  }

  /** The whole request failed: every batch of it did. */
  #failedRequest(node: Node, batches: readonly ProducerBatch[], error: unknown): Outcome[] {
    const cause = asKafkaError(error);
    if (error instanceof TransportError && error.retryAfterMs !== null) {
      node.mutedUntilMs = this.#client.clock.now() + error.retryAfterMs;
    }
    if (cause.code === ErrorCode.MESSAGE_TOO_LARGE && batches.length > 1) {
      // Too large together, which does not say that any of them is.
      const bytes = batches.reduce((sum, batch) => sum + batch.sizeInBytes, 0);
      this.#maxRequestBytes = Math.min(this.#maxRequestBytes, bytes >> 1);
      return batches.map(() => outcome(ErrorCode.NETWORK_EXCEPTION, cause.message));
    }
    return batches.map(() => outcome(cause.code, cause.message));
  }

  #complete(batch: ProducerBatch, result: Outcome): void {
    const { code } = result;
    const written = code === ErrorCode.NONE || code === ErrorCode.DUPLICATE_SEQUENCE_NUMBER;
    if (written) {
      this.#state?.confirmed(batch, this.#client.clock.now());
      if (batch.done) return;
      this.#accumulator.release(batch);
      batch.succeed(code === ErrorCode.NONE ? result.baseOffset : -1, result.logAppendTimeMs);
      return;
    }
    if (STALE_METADATA.has(code)) this.#metadata.want(batch.topic);
    if (batch.done) return;
    const reason = result.message ?? errorMessage(code);
    batch.lastError = reason;
    if (code === ErrorCode.MESSAGE_TOO_LARGE && batch.count > 1) {
      this.#split(batch);
    } else if (this.#mayRetry(batch, code)) {
      batch.retryAtMs = this.#client.clock.now() + this.#backoff(batch.attempts, null);
      this.#accumulator.putBack(batch);
    } else {
      const unknown = isRetriable(code) || code === ErrorCode.UNKNOWN_SERVER_ERROR;
      this.#giveUp(batch, errorsOf(batch, result, reason), unknown ? "unknown" : false);
    }
  }

  #mayRetry(batch: ProducerBatch, code: number): boolean {
    const { retries, deliveryTimeoutMs } = this.#options;
    if (this.#failure !== null || batch.attempts > retries) return false;
    if (this.#client.clock.now() >= batch.createdMs + deliveryTimeoutMs) return false;
    return this.#state?.shouldRetry(batch, code) === true || isRetriable(code);
  }

  /** Halves, so that it ends; no part is smaller than the largest record. */
  #split(batch: ProducerBatch): void {
    const parts = batch.splitInto(Math.max(batch.maxRecordBytes, batch.sizeInBytes >> 1));
    this.#state?.split(batch, parts);
    batch.done = true;
    this.#accumulator.putBackSplit(batch, parts);
  }

  #giveUp(
    batch: ProducerBatch,
    errorOf: (index: number) => Error,
    written: false | "unknown",
  ): void {
    this.#state?.failed(batch, written);
    this.#accumulator.release(batch);
    batch.fail(errorOf);
  }

  /** Fails all that was not delivered, now and from now on. */
  failForGood(error: KafkaError): void {
    this.#failure = error;
    const queued = this.#accumulator.takeExpired(NEVER);
    const onWire = [...this.#onWire].filter((batch) => !batch.done);
    for (const batch of [...onWire, ...queued]) this.#giveUp(batch, () => error, "unknown");
    this.#hooks.failedForGood(error);
    this.wake();
  }
}
