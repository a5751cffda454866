import { metadataApi } from "../protocol/api/03-metadata.ts";
import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode } from "./errors.ts";

/** Names of topics that a group is told by id (KIP-848). An id never gets another name. */
export class TopicNames {
  readonly #client: BrokerClient;
  readonly #changed: () => void;
  readonly #names = new Map<string, string>();
  #asking = false;
  #attempts = 0;
  #notBeforeMs = 0;

  constructor(client: BrokerClient, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
  }

  get(topicId: string): string | null {
    return this.#names.get(topicId) ?? null;
  }

  /** Starts to ask for those that are not known; returns when it may be asked again. */
  step(topicIds: readonly string[], now: number): number {
    const missing = topicIds.filter((topicId) => !this.#names.has(topicId));
    if (missing.length === 0 || this.#asking) return Number.POSITIVE_INFINITY;
    if (now < this.#notBeforeMs) return this.#notBeforeMs;
    void this.#ask(missing);
    return Number.POSITIVE_INFINITY;
  }

  async #ask(topicIds: readonly string[]): Promise<void> {
    this.#asking = true;
    let found = 0;
    try {
      const { topics } = await this.#client.request(metadataApi, {
        topics: topicIds.map((topicId) => ({ topicId, name: null })),
        allowAutoTopicCreation: false,
      });
      for (const { topicId, name, errorCode } of topics) {
        if (errorCode !== ErrorCode.NONE || name === null) continue;
        this.#names.set(topicId, name);
        found++;
      }
    } catch {
      // Asked again after the wait: without its name a topic cannot be read.
    }
    this.#attempts = found === topicIds.length ? 0 : this.#attempts + 1;
    const { clock, backoff, random } = this.#client;
    this.#notBeforeMs = clock.now() + backoffMs(backoff, Math.max(1, this.#attempts), random);
    this.#asking = false;
    this.#changed();
  }
}
