/** Offsets that a group committed, as records have them (Kafka's OffsetMetadataManager.Offsets). */
import type { OffsetCommitValue, OffsetToStore } from "./records.ts";

/** The offsets of one group, by topic and partition; changed by records only. */
export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, OffsetToStore>>();
  #size = 0;

  /** Partitions with an offset. */
  get size(): number {
    return this.#size;
  }

  get(topic: string, partition: number): OffsetToStore | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  /** Also while some are deleted: those are passed over. */
  topics(): MapIterator<[string, ReadonlyMap<number, OffsetToStore>]> {
    return this.#topics.entries();
  }

  partitions(topic: string): ReadonlyMap<number, OffsetToStore> | undefined {
    return this.#topics.get(topic);
  }

  /** Null forgets it. */
  apply(topic: string, partition: number, value: OffsetCommitValue | null): void {
    if (value === null) this.#delete(topic, partition);
    else this.#put(topic, partition, value);
  }

  #put(topic: string, partition: number, value: OffsetCommitValue): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#topics.set(topic, partitions);
    }
    if (!partitions.has(partition)) this.#size += 1;
    const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp } = value;
    partitions.set(partition, { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp });
  }

  #delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (partitions?.delete(partition) !== true) return;
    this.#size -= 1;
    if (partitions.size === 0) this.#topics.delete(topic);
  }
}
