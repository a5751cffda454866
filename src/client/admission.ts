import type { Accumulator } from "./accumulator.ts";
import { type BuilderRecord, soloBatchBytes } from "./batch-builder.ts";
import { BufferExhaustedError, TimeoutError } from "./errors.ts";
import type { Metadata, TopicMetadata } from "./metadata.ts";
import type { PartitionerInput, PartitionPicker } from "./partitioners.ts";
import type { Delivery } from "./producer-batch.ts";

/** A serialized record on its way into the accumulator. */
export interface Candidate extends BuilderRecord {
  readonly topic: string;
  /** Null: the partitioner decides. */
  readonly partition: number | null;
  /** Before serialization, for partitioners of the user's own. */
  readonly originalKey: unknown;
  readonly originalValue: unknown;
  readonly delivery: Delivery;
  /** When send() was called. */
  readonly sentMs: number;
}

/**
 * The door of the accumulator: a record waits here until its topic's partitions are known, then
 * until there is memory, for max.block.ms at most. Records of a topic pass in the order of send().
 */
export class Admission {
  readonly #accumulator: Accumulator;
  readonly #metadata: Metadata;
  readonly #picker: PartitionPicker;
  readonly #maxBlockMs: number;
  /** Records that wait for metadata, by topic. */
  readonly #unknown = new Map<string, Candidate[]>();
  /** Records that wait for memory. */
  #crowd: Candidate[] = [];

  constructor(
    accumulator: Accumulator,
    metadata: Metadata,
    picker: PartitionPicker,
    maxBlockMs: number,
  ) {
    this.#accumulator = accumulator;
    this.#metadata = metadata;
    this.#picker = picker;
    this.#maxBlockMs = maxBlockMs;
  }

  isWaitingFor(topic: string): boolean {
    return this.#unknown.has(topic);
  }

  get isPressed(): boolean {
    return this.#crowd.length > 0;
  }

  /** Takes a record in, or lets it wait. Returns whether the sender has anything new to look at. */
  enter(candidate: Candidate, now: number): boolean {
    const { topic } = candidate;
    const waiting = this.#unknown.get(topic);
    if (waiting !== undefined) {
      waiting.push(candidate);
      return true;
    }
    const known = this.#metadata.use(topic, now);
    if (known === null || !isIn(candidate, known)) {
      this.#unknown.set(topic, [candidate]);
      return true;
    }
    if (this.#crowd.length > 0 || !this.#accumulator.hasRoom(soloBatchBytes(candidate))) {
      this.#crowd.push(candidate);
      return true;
    }
    return this.#append(candidate, known, now);
  }

  /** Lets in who can come in, turns away who waited too long; returns when the next one will be. */
  admit(now: number): number {
    for (const [topic, waiting] of [...this.#unknown]) this.#admitTopic(topic, waiting, now);
    this.#admitCrowd(now);
    let oldest = this.#crowd[0]?.sentMs ?? Number.POSITIVE_INFINITY;
    for (const [first] of this.#unknown.values()) {
      if (first !== undefined) oldest = Math.min(oldest, first.sentMs);
    }
    return oldest + this.#maxBlockMs;
  }

  #admitTopic(topic: string, waiting: Candidate[], now: number): void {
    const failure = this.#metadata.failure(topic);
    if (failure !== null) {
      this.#unknown.delete(topic);
      for (const candidate of waiting) candidate.delivery.failed(failure);
      return;
    }
    const known = this.#metadata.use(topic, now);
    let at = 0;
    for (; at < waiting.length; at++) {
      const candidate = waiting[at] as Candidate;
      if (known !== null && isIn(candidate, known)) this.#crowd.push(candidate);
      else if (candidate.sentMs + this.#maxBlockMs > now) break;
      else candidate.delivery.failed(this.#lateForMetadata(candidate, known));
    }
    waiting.splice(0, at);
    if (waiting.length === 0) this.#unknown.delete(topic);
    else this.#metadata.want(topic);
  }

  #lateForMetadata({ topic, partition }: Candidate, known: TopicMetadata | null): TimeoutError {
    const after = `after ${this.#maxBlockMs} ms (max.block.ms)`;
    return new TimeoutError(
      known === null
        ? `topic ${topic} is not present in metadata ${after}: ${this.#metadata.reason(topic)}`
        : `partition ${partition} of topic ${topic}, which has ${known.partitions.length}, ` +
            `is not present in metadata ${after}`,
    );
  }

  #admitCrowd(now: number): void {
    let at = 0;
    for (; at < this.#crowd.length; at++) {
      const candidate = this.#crowd[at] as Candidate;
      const known = this.#metadata.peek(candidate.topic);
      if (candidate.sentMs + this.#maxBlockMs <= now) {
        candidate.delivery.failed(
          new BufferExhaustedError(
            `no room in buffer.memory within ${this.#maxBlockMs} ms (max.block.ms): ` +
              `${this.#accumulator.usedBytes} bytes wait for delivery`,
          ),
        );
      } else if (known === null || !isIn(candidate, known)) {
        // The topic went away meanwhile: back to the first door.
        this.#enterUnknown(candidate);
      } else if (this.#accumulator.hasRoom(soloBatchBytes(candidate))) {
        this.#append(candidate, known, now);
      } else {
        break;
      }
    }
    if (at > 0) this.#crowd = this.#crowd.slice(at);
  }

  #enterUnknown(candidate: Candidate): void {
    const waiting = this.#unknown.get(candidate.topic);
    if (waiting === undefined) this.#unknown.set(candidate.topic, [candidate]);
    else waiting.push(candidate);
    this.#metadata.want(candidate.topic);
  }

  #append(candidate: Candidate, known: TopicMetadata, now: number): boolean {
    const { topic, delivery } = candidate;
    let { partition } = candidate;
    const chosen = partition === null;
    try {
      partition ??= this.#picker.pick(inputOf(candidate, known), known.choices);
    } catch (error) {
      delivery.failed(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    const added = this.#accumulator.append(topic, partition, candidate, delivery, now);
    if (chosen) this.#picker.appended(topic, candidate.key, partition, added.bytes, added.full);
    return added.begun || added.full;
  }

  /** Turns everybody away. */
  close(error: Error): void {
    const waiting = [...this.#crowd, ...[...this.#unknown.values()].flat()];
    this.#crowd = [];
    this.#unknown.clear();
    for (const { delivery } of waiting) delivery.failed(error);
  }
}

function isIn({ partition }: Candidate, known: TopicMetadata): boolean {
  return partition === null || partition < known.partitions.length;
}

function inputOf(candidate: Candidate, known: TopicMetadata): PartitionerInput {
  return {
    topic: candidate.topic,
    key: candidate.originalKey,
    keyBytes: candidate.key,
    value: candidate.originalValue,
    valueBytes: candidate.value,
    partitionCount: known.choices.count,
    availablePartitions: known.choices.available,
  };
}
