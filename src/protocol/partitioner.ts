/**
 * Which partition a record goes to, as the Java producer decides it. The REST routes and the SDK
 * share these rules. Pure: randomness is passed in.
 *
 * A record with a key goes to `murmur2(key) & 0x7fffffff % partitions`, whatever the partitioner
 * (an empty key is a key; null is none). Records without a key are spread by one of two rules:
 *
 * - sticky (KIP-480, uniform as of KIP-794; BuiltInPartitioner): stay on a partition until
 *   `batch.size` bytes went there, then pick any available one at random;
 * - round robin (DefaultPartitioner before 2.4, RoundRobinPartitioner): the next available one.
 */
import { BATCH_SIZE_DEFAULT } from "../constants.ts";
import { assert } from "../lib/assert.ts";
import { partitionForKey } from "../lib/murmur2.ts";

/** Uniform in [0, 1). */
export type Random = () => number;

/** A topic as a partitioner sees it. */
export interface PartitionChoices {
  /** All partitions, 0 to count - 1; at least one. */
  readonly count: number;
  /** Those that have a leader now. Empty: none has, and any may be picked. */
  readonly available: readonly number[];
}

export const PARTITIONER_NAMES = ["sticky", "round-robin"] as const;
export type PartitionerName = (typeof PARTITIONER_NAMES)[number];

export function isPartitionerName(name: string): name is PartitionerName {
  return (PARTITIONER_NAMES as readonly string[]).includes(name);
}

/** The rule for records without a key, with what it remembers of one topic. */
export interface KeylessRule {
  next(choices: PartitionChoices, random: Random): number;
  /**
   * `bytes` were added to `partition`. `batchReady` is false while the batch that took them waits
   * for more: switching then would leave a small batch behind (KIP-794).
   */
  appended(partition: number, bytes: number, batchReady: boolean): void;
}

/** KIP-794's uniform sticky partitioning of one topic. */
export class StickyRule implements KeylessRule {
  private readonly batchSize: number;
  private partition = -1;
  private producedBytes = 0;
  /** The choices under which `partition` was last seen usable: looking it up again is not free. */
  private seen: PartitionChoices | null = null;

  constructor(batchSize: number = BATCH_SIZE_DEFAULT) {
    assert(batchSize >= 1, `batch.size is ${batchSize}: it must be at least 1`);
    this.batchSize = batchSize;
  }

  next(choices: PartitionChoices, random: Random): number {
    if (this.partition >= 0 && choices === this.seen) return this.partition;
    if (!isUsable(this.partition, choices)) {
      this.partition = pickUniform(choices, random);
      this.producedBytes = 0;
    }
    this.seen = choices;
    return this.partition;
  }

  appended(partition: number, bytes: number, batchReady: boolean): void {
    if (partition !== this.partition) return; // The topic changed under an append.
    this.producedBytes += bytes;
    const full = this.producedBytes >= this.batchSize;
    const overfull = this.producedBytes >= this.batchSize * 2;
    if ((full && batchReady) || overfull) this.partition = -1;
  }
}

/** The pre-2.4 rule of one topic: a counter from a random start, over the available partitions. */
export class RoundRobinRule implements KeylessRule {
  private counter = -1;

  next(choices: PartitionChoices, random: Random): number {
    const { available, count } = choices;
    this.counter = this.counter < 0 ? Math.floor(random() * 0x7fffffff) : this.counter + 1;
    return available[this.counter % available.length] ?? this.counter % count;
  }

  appended(): void {}
}

export interface PartitionerOptions {
  /** batch.size, bytes. */
  readonly batchSize?: number;
  /** partitioner.ignore.keys (KIP-794): records with a key are spread like those without. */
  readonly ignoreKeys?: boolean;
  /** Topics remembered; the longest known is forgotten first, which costs it one early switch. */
  readonly topicsMax?: number;
}

/** The partitioner of many topics. `topic` may be any string that identifies one. */
export class Partitioner {
  readonly name: PartitionerName;
  readonly ignoreKeys: boolean;
  private readonly batchSize: number;
  private readonly topicsMax: number;
  private readonly rules = new Map<string, KeylessRule>();

  constructor(name: PartitionerName, options: PartitionerOptions = {}) {
    this.name = name;
    this.ignoreKeys = options.ignoreKeys ?? false;
    this.batchSize = options.batchSize ?? BATCH_SIZE_DEFAULT;
    this.topicsMax = options.topicsMax ?? 10_000;
  }

  /** Throws InvariantError when the topic has no partitions. */
  partition(
    topic: string,
    key: Uint8Array | null,
    choices: PartitionChoices,
    random: Random,
  ): number {
    assert(choices.count > 0, `topic ${topic} has no partitions`);
    if (key !== null && !this.ignoreKeys) return partitionForKey(key, choices.count);
    return this.ruleOf(topic).next(choices, random);
  }

  /** Tells the rule where bytes went; for records with a key it does nothing. */
  appended(
    topic: string,
    key: Uint8Array | null,
    partition: number,
    bytes: number,
    batchReady = true,
  ): void {
    if (key !== null && !this.ignoreKeys) return;
    this.ruleOf(topic).appended(partition, bytes, batchReady);
  }

  private ruleOf(topic: string): KeylessRule {
    const known = this.rules.get(topic);
    if (known !== undefined) return known;
    const rule = this.name === "sticky" ? new StickyRule(this.batchSize) : new RoundRobinRule();
    if (this.rules.size >= this.topicsMax) {
      for (const oldest of this.rules.keys()) {
        this.rules.delete(oldest);
        break;
      }
    }
    this.rules.set(topic, rule);
    return rule;
  }
}

function isUsable(partition: number, choices: PartitionChoices): boolean {
  if (partition < 0 || partition >= choices.count) return false;
  return choices.available.length === 0 || choices.available.includes(partition);
}

function pickUniform(choices: PartitionChoices, random: Random): number {
  const { available, count } = choices;
  return available[Math.floor(random() * available.length)] ?? Math.floor(random() * count);
}
