/**
 * A cache that reads what it lacks. It answers with what was true at most `ttlMs` ago, or, asked for
 * it fresh, with what is true now.
 *
 * A read that was overtaken by one of our own writes, or by a fresh read, is given to those who
 * asked but not kept: it may say what is no longer so.
 */
import type { After } from "./single-flight.ts";
import { SingleFlight } from "./single-flight.ts";
import type { TtlCacheOptions } from "./ttl-cache.ts";
import { TtlCache } from "./ttl-cache.ts";

export interface ReadThroughOptions<V> extends TtlCacheOptions<V> {
  readonly now: () => number;
  readonly after: After;
  /** How long a reader waits for another's query. */
  readonly patienceMs: number;
  /** What there is of `keys` in a cluster, by key. */
  readonly query: (
    clusterId: string,
    keys: readonly string[],
    fresh: boolean,
  ) => Promise<ReadonlyMap<string, V>>;
}

export class ReadThrough<V> {
  readonly #options: ReadThroughOptions<V>;
  readonly #cache: TtlCache<V>;
  readonly #flight: SingleFlight<V>;
  /** Numbers the reads and writes in the order of their starts. */
  #sequence = 0;
  /** Reads that started before this point are not kept. */
  #barrier = 0;

  constructor(options: ReadThroughOptions<V>) {
    this.#options = options;
    this.#cache = new TtlCache(options);
    this.#flight = new SingleFlight(options.patienceMs, options.after);
  }

  async get(clusterId: string, keys: readonly string[], fresh: boolean): Promise<Map<string, V>> {
    const wanted = new Set(keys);
    if (wanted.size === 0) return new Map();
    if (fresh) return new Map(await this.#readFresh(clusterId, [...wanted]));
    const nowMs = this.#options.now();
    const found = new Map<string, V>();
    const missing: string[] = [];
    for (const key of wanted) {
      const value = this.#cache.get(cacheKey(clusterId, key), nowMs);
      if (value === undefined) missing.push(key);
      else found.set(key, value);
    }
    if (missing.length === 0) return found;
    for (const [key, value] of await this.#readMissing(clusterId, missing)) found.set(key, value);
    return found;
  }

  /** One of our own writes changed this value. */
  forget(clusterId: string, key: string): void {
    this.#raiseBarrier(++this.#sequence);
    this.#cache.delete(cacheKey(clusterId, key));
  }

  forgetWhere(matches: (value: V) => boolean): void {
    this.#raiseBarrier(++this.#sequence);
    this.#cache.deleteWhere(matches);
  }

  async #readFresh(clusterId: string, keys: readonly string[]): Promise<ReadonlyMap<string, V>> {
    const started = ++this.#sequence;
    const found = await this.#options.query(clusterId, keys, true);
    if (started > this.#barrier) {
      this.#raiseBarrier(started);
      this.#keep(clusterId, keys, found);
    }
    return found;
  }

  async #readMissing(clusterId: string, keys: readonly string[]): Promise<ReadonlyMap<string, V>> {
    try {
      return await this.#readShared(clusterId, keys);
    } catch (error) {
      const stale = this.#stale(clusterId, keys);
      if (stale === null) throw error;
      return stale;
    }
  }

  async #readShared(clusterId: string, keys: readonly string[]): Promise<ReadonlyMap<string, V>> {
    const prefix = cacheKey(clusterId, "");
    const values = await this.#flight.load(
      keys.map((key) => prefix + key),
      async (prefixed) => {
        const started = ++this.#sequence;
        const wanted = prefixed.map((key) => key.slice(prefix.length));
        const found = await this.#options.query(clusterId, wanted, false);
        if (started > this.#barrier) this.#keep(clusterId, wanted, found);
        return new Map(Array.from(found, ([key, value]) => [prefix + key, value]));
      },
    );
    return new Map(Array.from(values, ([key, value]) => [key.slice(prefix.length), value]));
  }

  /** All of them or nothing: of a key that was never read nobody can say whether it exists. */
  #stale(clusterId: string, keys: readonly string[]): ReadonlyMap<string, V> | null {
    const nowMs = this.#options.now();
    const stale = new Map<string, V>();
    for (const key of keys) {
      const value = this.#cache.getStale(cacheKey(clusterId, key), nowMs);
      if (value === undefined) return null;
      stale.set(key, value);
    }
    return stale;
  }

  #keep(clusterId: string, keys: readonly string[], found: ReadonlyMap<string, V>): void {
    const nowMs = this.#options.now();
    for (const key of keys) {
      const value = found.get(key);
      if (value === undefined) this.#cache.delete(cacheKey(clusterId, key));
      else this.#cache.set(cacheKey(clusterId, key), value, nowMs);
    }
  }

  #raiseBarrier(to: number): void {
    this.#barrier = to;
    this.#flight.forget();
  }
}

/** A cluster id has no line break, so the first one ends it whatever the key is. */
function cacheKey(clusterId: string, key: string): string {
  return `${clusterId}\n${key}`;
}
