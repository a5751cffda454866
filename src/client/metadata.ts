import { metadataApi } from "../protocol/api/03-metadata.ts";
import type { PartitionChoices } from "../protocol/partitioner.ts";
import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, errorMessage, KafkaError } from "./errors.ts";

export interface PartitionMetadata {
  readonly partition: number;
  /** Node id, -1 when there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface TopicMetadata {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  /** Ordered by number. */
  readonly partitions: readonly PartitionMetadata[];
  readonly choices: PartitionChoices;
  readonly updatedMs: number;
}

/**
 * What a client knows of topics. It is told what is wanted and asks when it is stepped, so that
 * whoever owns it decides about timers; a broken or empty answer is asked for again after a backoff.
 */
export class Metadata {
  readonly #client: BrokerClient;
  readonly #maxAgeMs: number;
  readonly #autoCreate: boolean;
  readonly #onChange: () => void;
  readonly #topics = new Map<string, TopicMetadata>();
  readonly #wanted = new Set<string>();
  readonly #failures = new Map<string, KafkaError>();
  /** The last answer for a topic that was no use, to tell whoever waited in vain. */
  readonly #reasons = new Map<string, string>();
  #asking = false;
  #attempts = 0;
  #notBefore = 0;

  constructor(
    client: BrokerClient,
    options: { maxAgeMs: number; autoCreate: boolean; onChange: () => void },
  ) {
    this.#client = client;
    this.#maxAgeMs = options.maxAgeMs;
    this.#autoCreate = options.autoCreate;
    this.#onChange = options.onChange;
  }

  /** What is known, however old; asks for more where that is nothing, or too old. */
  use(topic: string, now: number): TopicMetadata | null {
    const known = this.#topics.get(topic);
    if (known === undefined || now - known.updatedMs >= this.#maxAgeMs) this.want(topic);
    return known ?? null;
  }

  peek(topic: string): TopicMetadata | null {
    return this.#topics.get(topic) ?? null;
  }

  /** Node id, -1 when there is none or none is known. */
  leader(topic: string, partition: number): number {
    return this.#topics.get(topic)?.partitions[partition]?.leader ?? -1;
  }

  /** Why a topic cannot be had, if asking again would not help. */
  failure(topic: string): KafkaError | null {
    return this.#failures.get(topic) ?? null;
  }

  reason(topic: string): string {
    return this.#reasons.get(topic) ?? "the server has not answered";
  }

  /** Asks for the topic at the next step. */
  want(topic: string): void {
    this.#wanted.add(topic);
    this.#failures.delete(topic);
  }

  /**
   * Asks if there is need and it may; returns when it wants to be stepped again.
   *
   * @param isNeeded what is wanted but not needed any more is forgotten
   */
  step(now: number, isNeeded: (topic: string) => boolean): number {
    if (this.#asking) return Number.POSITIVE_INFINITY;
    for (const topic of this.#wanted) if (!isNeeded(topic)) this.#wanted.delete(topic);
    if (this.#wanted.size === 0) return Number.POSITIVE_INFINITY;
    if (now < this.#notBefore) return this.#notBefore;
    this.#asking = true;
    void this.#ask([...this.#wanted]);
    return Number.POSITIVE_INFINITY;
  }

  async #ask(names: readonly string[]): Promise<void> {
    try {
      const response = await this.#client.request(metadataApi, {
        topics: names.map((name) => ({ name, topicId: undefined })),
        allowAutoTopicCreation: this.#autoCreate,
      });
      const missing = this.#take(response.topics, names);
      this.#attempts = missing ? this.#attempts + 1 : 0;
    } catch (cause) {
      this.#attempts++;
      this.#takeError(cause, names);
    }
    // Even after a good answer the next question waits a little: errors may come in swarms.
    this.#notBefore =
      this.#client.clock.now() +
      backoffMs(this.#client.backoff, Math.max(1, this.#attempts), this.#client.random);
    this.#asking = false;
    this.#onChange();
  }

  #takeError(cause: unknown, names: readonly string[]): void {
    const error =
      cause instanceof KafkaError
        ? cause
        : new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, `no metadata: ${String(cause)}`);
    for (const name of names) {
      this.#reasons.set(name, error.message);
      if (error.retriable) continue;
      this.#failures.set(name, error);
      this.#wanted.delete(name);
    }
  }

  /** Returns whether a topic asked for is still to be had. */
  #take(
    answers: readonly {
      readonly errorCode: number;
      readonly name: string | null;
      readonly topicId: string;
      readonly isInternal: boolean;
      readonly partitions: readonly {
        readonly partitionIndex: number;
        readonly leaderId: number;
        readonly leaderEpoch: number;
        readonly replicaNodes: readonly number[];
        readonly isrNodes: readonly number[];
      }[];
    }[],
    names: readonly string[],
  ): boolean {
    const updatedMs = this.#client.clock.now();
    const answered = new Map(answers.map((answer) => [answer.name, answer]));
    let missing = false;
    for (const name of names) {
      const answer = answered.get(name);
      const code = answer?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (answer === undefined || code !== ErrorCode.NONE || answer.partitions.length === 0) {
        missing = this.#takeMissing(name, code) || missing;
        continue;
      }
      const partitions = answer.partitions
        .map((partition) => ({
          partition: partition.partitionIndex,
          leader: partition.leaderId,
          leaderEpoch: partition.leaderEpoch,
          replicas: partition.replicaNodes,
          isr: partition.isrNodes,
        }))
        .sort((a, b) => a.partition - b.partition);
      const available = partitions.filter(({ leader }) => leader >= 0);
      this.#topics.set(name, {
        name,
        topicId: answer.topicId,
        isInternal: answer.isInternal,
        partitions,
        choices: {
          count: partitions.length,
          available: available.map(({ partition }) => partition),
        },
        updatedMs,
      });
      this.#reasons.delete(name);
      this.#wanted.delete(name);
    }
    return missing;
  }

  #takeMissing(name: string, code: number): boolean {
    const error = new KafkaError(code);
    this.#topics.delete(name);
    this.#reasons.set(name, code === ErrorCode.NONE ? "it has no partitions" : errorMessage(code));
    if (code === ErrorCode.NONE || error.retriable) return true;
    this.#failures.set(name, new KafkaError(code, `topic ${name}: ${errorMessage(code)}`));
    this.#wanted.delete(name);
    return false;
  }
}
