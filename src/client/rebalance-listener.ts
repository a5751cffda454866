import { RebalanceListenerError } from "./errors.ts";
import type { TopicPartition } from "./topics.ts";

/**
 * Told when partitions come and go (Kafka's ConsumerRebalanceListener), by poll(), close() and
 * unsubscribe(), which wait for what is returned. Offsets may be committed and positions sought here.
 */
export interface RebalanceListener {
  /** These are about to be given up: what was done with their records can still be committed. */
  onPartitionsRevoked?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** These came, beside those kept; possibly none. */
  onPartitionsAssigned?(partitions: readonly TopicPartition[]): void | Promise<void>;
  /** These belong to others by now: nothing can be committed. onPartitionsRevoked when left out. */
  onPartitionsLost?(partitions: readonly TopicPartition[]): void | Promise<void>;
}

/** Calls a listener so that its errors do not stop a rebalance, and keeps the first of them. */
export class ListenerCalls {
  readonly #listener: RebalanceListener;
  #error: RebalanceListenerError | null = null;

  constructor(listener: RebalanceListener | null) {
    this.#listener = listener ?? {};
  }

  async revoked(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    await this.#call(() => this.#listener.onPartitionsRevoked?.(partitions));
  }

  async assigned(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#call(() => this.#listener.onPartitionsAssigned?.(partitions));
  }

  async lost(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    const listener = this.#listener;
    await this.#call(() =>
      listener.onPartitionsLost === undefined
        ? listener.onPartitionsRevoked?.(partitions)
        : listener.onPartitionsLost(partitions),
    );
  }

  async #call(call: () => void | Promise<void>): Promise<void> {
    try {
      await call();
    } catch (cause) {
      this.#error ??= new RebalanceListenerError(cause);
    }
  }

  /** @throws RebalanceListenerError the first that there was */
  throwIfAny(): void {
    if (this.#error !== null) throw this.#error;
  }
}
