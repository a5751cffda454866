import type { CompletedFetch } from "./completed-fetch.ts";
import { IllegalStateError } from "./errors.ts";
import type { ResetStrategy } from "./reset-strategy.ts";
import type { TopicPartition } from "./topics.ts";

/** What a consumer knows of a partition that it reads. */
export interface AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record; null until it is looked up. */
  position: number | null;
  /** Where to look it up: what a seek said, else auto.offset.reset. */
  resetTo: ResetStrategy;
  /** Of the last record given; null before there was one. */
  positionEpoch: number | null;
  /** What the group committed is still to be asked for: it comes before resetTo. */
  awaitsCommitted: boolean;
  /** The position that this consumer committed last, or found committed; null for none. */
  committed: number | null;
  /** Changes with every seek, so that answers to older questions can be told. */
  version: number;
  paused: boolean;
  /** Fetched and not yet returned. */
  fetched: CompletedFetch | null;
  /** Not to be asked for again before. */
  notBeforeMs: number;
  /** Errors in a row. */
  failures: number;
  /** To be thrown by the next poll() that has no record to return. */
  error: Error | null;
  /** Of the last fetch; -1 before. */
  highWatermark: number;
  lastStableOffset: number;
}

/** The partitions of a consumer (Kafka's SubscriptionState), in the order in which they are asked. */
export class Assignment {
  readonly #partitions = new Map<string, AssignedPartition>();
  readonly #defaultReset: ResetStrategy;
  readonly #hasGroup: boolean;

  /** @param hasGroup positions begin at what the group committed */
  constructor(defaultReset: ResetStrategy, hasGroup: boolean) {
    this.#defaultReset = defaultReset;
    this.#hasGroup = hasGroup;
  }

  get isEmpty(): boolean {
    return this.#partitions.size === 0;
  }

  get partitions(): readonly AssignedPartition[] {
    return [...this.#partitions.values()];
  }

  has(topic: string): boolean {
    for (const assigned of this.#partitions.values()) if (assigned.topic === topic) return true;
    return false;
  }

  /** Replaces all; what stays keeps its position. */
  assign(places: readonly TopicPartition[]): void {
    const before = new Map(this.#partitions);
    this.#partitions.clear();
    for (const { topic, partition } of places) {
      throwIfInvalid(topic, partition);
      const key = keyOf(topic, partition);
      this.#partitions.set(key, before.get(key) ?? this.#begin(topic, partition));
    }
  }

  #begin(topic: string, partition: number): AssignedPartition {
    return {
      topic,
      partition,
      position: null,
      resetTo: this.#defaultReset,
      positionEpoch: null,
      awaitsCommitted: this.#hasGroup,
      committed: null,
      version: 0,
      paused: false,
      fetched: null,
      notBeforeMs: 0,
      failures: 0,
      error: null,
      highWatermark: -1,
      lastStableOffset: -1,
    };
  }

  /** @throws IllegalStateError when it is not assigned */
  get({ topic, partition }: TopicPartition): AssignedPartition {
    const assigned = this.#partitions.get(keyOf(topic, partition));
    if (assigned !== undefined) return assigned;
    throw new IllegalStateError(`${topic}-${partition} is not assigned to this consumer`);
  }

  find(topic: string, partition: number): AssignedPartition | null {
    return this.#partitions.get(keyOf(topic, partition)) ?? null;
  }

  /** Lets go of the position: it is looked up before the next fetch. */
  reset(assigned: AssignedPartition, to: ResetStrategy = this.#defaultReset): void {
    this.#move(assigned, null);
    assigned.resetTo = to;
  }

  seek(assigned: AssignedPartition, offset: number): void {
    this.#move(assigned, offset);
  }

  #move(assigned: AssignedPartition, position: number | null): void {
    assigned.position = position;
    assigned.positionEpoch = null;
    assigned.awaitsCommitted = false;
    assigned.version++;
    assigned.fetched = null;
    assigned.error = null;
    assigned.failures = 0;
    assigned.notBeforeMs = 0;
  }

  /** It had its turn: others are asked for, and returned, before it now (fairness is the client's). */
  moveToEnd(assigned: AssignedPartition): void {
    const key = keyOf(assigned.topic, assigned.partition);
    if (!this.#partitions.delete(key)) return;
    this.#partitions.set(key, assigned);
  }
}

const keyOf = (topic: string, partition: number) => `${partition}/${topic}`;

function throwIfInvalid(topic: string, partition: number): void {
  if (typeof topic !== "string" || topic === "") throw new TypeError("a partition needs a topic");
  if (!Number.isInteger(partition) || partition < 0) {
    throw new RangeError(
      `invalid partition ${partition} of ${topic}: it must be an integer, at least 0`,
    );
  }
}
