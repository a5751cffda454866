import type { TopicPartitions } from "../assignors/assignor.ts";

/**
 * Which member has each partition, either to read or still to give back (Kafka's
 * ConsumerGroup.currentPartitionEpoch). What is in here is given to nobody else.
 */
export class PartitionOwners {
  readonly #owners = new Map<string, Map<number, string>>();

  get(topicId: string, partition: number): string | undefined {
    return this.#owners.get(topicId)?.get(partition);
  }

  add(memberId: string, partitions: TopicPartitions): void {
    for (const [topicId, indexes] of partitions) {
      let owners = this.#owners.get(topicId);
      if (owners === undefined) {
        owners = new Map();
        this.#owners.set(topicId, owners);
      }
      for (const index of indexes) owners.set(index, memberId);
    }
  }

  /**
   * Takes away what is still this member's: replay of a compacted log may show the next owner before
   * it shows that this one gave the partition back.
   */
  remove(memberId: string, partitions: TopicPartitions): void {
    for (const [topicId, indexes] of partitions) {
      const owners = this.#owners.get(topicId);
      if (owners === undefined) continue;
      for (const index of indexes) if (owners.get(index) === memberId) owners.delete(index);
      if (owners.size === 0) this.#owners.delete(topicId);
    }
  }
}
