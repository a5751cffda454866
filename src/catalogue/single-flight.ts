/**
 * Concurrent readers of the same keys share one query.
 *
 * Workers end a request's I/O when its client goes away, and a promise that hung on it then never
 * settles. So nobody waits for another request's query longer than `patienceMs`; after that the
 * query is given up and the first who waited sends a new one.
 */

type Found<V> = ReadonlyMap<string, V>;
type Query<V> = (keys: readonly string[]) => Promise<Found<V>>;
/** Calls back after `ms` unless the function that it returns is called before. */
export type After = (ms: number, callback: () => void) => () => void;

export const setTimer: After = (ms, callback) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

export class SingleFlight<V> {
  readonly #patienceMs: number;
  readonly #after: After;
  readonly #underWay = new Map<string, Promise<Found<V>>>();

  constructor(patienceMs: number, after: After) {
    this.#patienceMs = patienceMs;
    this.#after = after;
  }

  /** What was found; a key that does not exist is absent. Rejects when a query does. */
  async load(keys: readonly string[], query: Query<V>): Promise<Map<string, V>> {
    const own: string[] = [];
    const others = new Map<Promise<Found<V>>, string[]>();
    for (const key of keys) {
      const other = this.#underWay.get(key);
      const theirs = other === undefined ? own : (others.get(other) ?? []);
      theirs.push(key);
      if (other !== undefined) others.set(other, theirs);
    }
    const parts = Array.from(others, ([other, theirs]) => this.#join(other, theirs, query));
    if (own.length > 0) parts.push(this.#start(own, query));
    const found = new Map<string, V>();
    for (const part of await Promise.all(parts)) {
      for (const key of keys) {
        const value = part.get(key);
        if (value !== undefined) found.set(key, value);
      }
    }
    return found;
  }

  /** Queries that began before now are not joined any more: what they read may be outdated. */
  forget(): void {
    this.#underWay.clear();
  }

  async #start(keys: readonly string[], query: Query<V>): Promise<Found<V>> {
    const running = query(keys);
    for (const key of keys) this.#underWay.set(key, running);
    try {
      return await running;
    } finally {
      this.#giveUp(running, keys);
    }
  }

  async #join(
    other: Promise<Found<V>>,
    keys: readonly string[],
    query: Query<V>,
  ): Promise<Found<V>> {
    const found = await this.#patiently(other);
    if (found !== null) return found;
    this.#giveUp(other, keys);
    return await this.load(keys, query);
  }

  #giveUp(running: Promise<Found<V>>, keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#underWay.get(key) === running) this.#underWay.delete(key);
    }
  }

  /** Null when patience came to its end. */
  #patiently(other: Promise<Found<V>>): Promise<Found<V> | null> {
    return new Promise((resolve, reject) => {
      const cancel = this.#after(this.#patienceMs, () => resolve(null));
      other.then(resolve, reject).finally(cancel);
    });
  }
}
