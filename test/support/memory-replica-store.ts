/** A replica's store in memory: a log's, and the one row of state beside it. */
import type { ReplicaStore } from "../../src/replication/replica-state.ts";
import { MemoryLogStore } from "./memory-log-store.ts";

export class MemoryReplicaStore extends MemoryLogStore implements ReplicaStore {
  #state: Uint8Array | null = null;

  replicaState(): Uint8Array | null {
    return this.#state;
  }

  putReplicaState(bytes: Uint8Array): void {
    this.#state = bytes;
  }

  override copy(): MemoryReplicaStore {
    const copy = new MemoryReplicaStore();
    copy.copyFrom(this);
    copy.#state = this.#state;
    return copy;
  }
}
