import { IllegalStateError } from "./errors.ts";
import type { RebalanceListener } from "./rebalance-listener.ts";

/** What a consumer reads: what it was told by assign(), or what its group gives it. */
export class Subscription {
  #kind: "none" | "assigned" | "topics" | "pattern" = "none";
  #topics: readonly string[] = [];
  #pattern: RegExp | null = null;
  #listener: RebalanceListener | null = null;

  /** Partitions come from a group. */
  get isGroup(): boolean {
    return this.#kind === "topics" || this.#kind === "pattern";
  }

  get isEmpty(): boolean {
    return this.#kind === "none";
  }

  /** Sorted, each once. Of a pattern: those that matched when topics were looked up last. */
  get topics(): readonly string[] {
    return this.#topics;
  }

  get pattern(): RegExp | null {
    return this.#pattern;
  }

  get listener(): RebalanceListener | null {
    return this.#listener;
  }

  /** @throws IllegalStateError after subscribe() */
  assign(): void {
    if (this.isGroup) throw exclusive("assign()", "subscribe()");
    this.#kind = "assigned";
  }

  /** @throws IllegalStateError after assign(), TypeError for what is no topic */
  subscribe(topics: readonly string[] | RegExp, listener: RebalanceListener | null): void {
    if (this.#kind === "assigned") throw exclusive("subscribe()", "assign()");
    if (topics instanceof RegExp) {
      this.#topics = this.#pattern?.source === topics.source ? this.#topics : [];
      // A pattern of the user's that is global or sticky would remember where it was.
      this.#pattern = new RegExp(topics.source, topics.flags.replaceAll(/[gy]/g, ""));
      this.#kind = "pattern";
    } else {
      for (const topic of topics) {
        if (typeof topic === "string" && topic.trim() !== "") continue;
        throw new TypeError(`invalid topic ${JSON.stringify(topic)}: it must be a name`);
      }
      this.#pattern = null;
      this.#topics = [...new Set(topics)].sort();
      this.#kind = "topics";
    }
    this.#listener = listener;
  }

  clear(): void {
    this.#kind = "none";
    this.#topics = [];
    this.#pattern = null;
    this.#listener = null;
  }

  /** Whether the member may be given the topic. */
  includes(topic: string): boolean {
    return this.#pattern === null ? this.#topics.includes(topic) : this.#pattern.test(topic);
  }

  /** Takes those of all topics that the pattern finds. */
  match(topics: Iterable<string>): void {
    const { pattern } = this;
    if (pattern !== null) this.#topics = [...topics].filter((topic) => pattern.test(topic)).sort();
  }
}

function exclusive(call: string, before: string): IllegalStateError {
  return new IllegalStateError(
    `${call} after ${before}: a consumer reads what it is told or what its group gives it; ` +
      "call unsubscribe() first",
  );
}
