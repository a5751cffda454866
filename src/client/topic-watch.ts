import { metadataApi } from "../protocol/api/03-metadata.ts";
import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, KafkaError } from "./errors.ts";

export interface TopicWatchOptions {
  readonly maxAgeMs: number;
  readonly autoCreate: boolean;
  /** All topics, for a pattern: without Kafka's own. */
  readonly excludeInternal: boolean;
  readonly onChange: () => void;
}

/**
 * How many partitions topics have: what the leader of a classic group divides, and what patterns are
 * held against. Looked at again when it is old, and often while a topic is missing.
 */
export class TopicWatch {
  readonly #client: BrokerClient;
  readonly #options: TopicWatchOptions;
  #names: readonly string[] | null = [];
  #counts: ReadonlyMap<string, number> = new Map();
  #nextMs = Number.NEGATIVE_INFINITY;
  #attempts = 0;
  #asking: Promise<void> | null = null;

  constructor(client: BrokerClient, options: TopicWatchOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Of the topics that exist. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** @param names null: all topics */
  watch(names: readonly string[] | null): void {
    const same = names === null ? this.#names === null : sameNames(this.#names, names);
    if (same) return;
    this.#names = names;
    this.#counts = new Map();
    this.#nextMs = Number.NEGATIVE_INFINITY;
    this.#attempts = 0;
  }

  /** Starts to look if it is time to; returns when it is. */
  step(now: number): number {
    if (this.#names?.length === 0 || this.#asking !== null) return Number.POSITIVE_INFINITY;
    if (now < this.#nextMs) return this.#nextMs;
    // Whoever needs the answer meets the error when it asks itself.
    this.refresh().catch(() => {});
    return Number.POSITIVE_INFINITY;
  }

  /** @throws (rejects) KafkaError when there is no answer */
  async refresh(): Promise<void> {
    // An answer that is on its way may be about other names.
    while (this.#asking !== null) await this.#asking.catch(() => {});
    this.#asking = this.#ask(this.#names);
    try {
      await this.#asking;
    } finally {
      this.#asking = null;
      this.#options.onChange();
    }
  }

  async #ask(names: readonly string[] | null): Promise<void> {
    this.#attempts++;
    this.#nextMs = this.#client.clock.now() + this.#backoff();
    const { topics } = await this.#client.request(metadataApi, {
      topics: names?.map((name) => ({ name, topicId: undefined })) ?? null,
      allowAutoTopicCreation: this.#options.autoCreate,
    });
    // Another subscription meanwhile: the answer is about the one before.
    if (this.#names !== names) return this.#ask(this.#names);
    const counts = new Map<string, number>();
    for (const { name, errorCode, isInternal, partitions } of topics) {
      if (name === null || (names === null && isInternal && this.#options.excludeInternal))
        continue;
      if (errorCode === ErrorCode.NONE) counts.set(name, partitions.length);
      else throwIfFinal(name, errorCode);
    }
    this.#counts = counts;
    const missing = names?.some((name) => !counts.has(name)) ?? false;
    if (!missing) this.#attempts = 0;
    this.#nextMs = this.#client.clock.now() + (missing ? this.#backoff() : this.#options.maxAgeMs);
  }

  #backoff(): number {
    return backoffMs(this.#client.backoff, Math.max(1, this.#attempts), this.#client.random);
  }
}

function throwIfFinal(name: string, code: number): void {
  const error = new KafkaError(code);
  if (!error.retriable) throw new KafkaError(code, `topic ${name}: ${error.message}`);
}

function sameNames(a: readonly string[] | null, b: readonly string[]): boolean {
  return a !== null && a.length === b.length && a.every((name, i) => name === b[i]);
}
