import type { AssignedPartition } from "./assignment.ts";

/** Where the server wants partitions to be read: a replica near this client (KIP-392). */
export class PreferredReplicas {
  readonly #maxAgeMs: number;
  readonly #preferred = new WeakMap<AssignedPartition, { nodeId: number; untilMs: number }>();

  /** @param maxAgeMs then the leader is asked again, as after metadata.max.age.ms in Kafka */
  constructor(maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
  }

  /** The node to fetch from; -1 when there is none. */
  nodeFor(assigned: AssignedPartition, leader: number, now: number): number {
    const preferred = this.#preferred.get(assigned);
    if (preferred !== undefined && now < preferred.untilMs) return preferred.nodeId;
    this.#preferred.delete(assigned);
    return leader;
  }

  prefer(assigned: AssignedPartition, nodeId: number, now: number): void {
    this.#preferred.set(assigned, { nodeId, untilMs: now + this.#maxAgeMs });
  }

  /** Back to the leader; false when that was asked anyway. */
  forget(assigned: AssignedPartition): boolean {
    return this.#preferred.delete(assigned);
  }
}
