/** Values by key, each trusted for a while and kept a while longer, the oldest dropped for room. */

interface Entry<V> {
  readonly value: V;
  readonly weight: number;
  readonly readAtMs: number;
}

export interface TtlCacheOptions<V> {
  readonly ttlMs: number;
  /** An older value is still given to those who ask for a stale one. */
  readonly staleMsMax: number;
  readonly weightMax: number;
  weigh(value: V): number;
}

export class TtlCache<V> {
  readonly #options: TtlCacheOptions<V>;
  /** In the order of reading, so that the first is the oldest. */
  readonly #entries = new Map<string, Entry<V>>();
  #weight = 0;

  constructor(options: TtlCacheOptions<V>) {
    this.#options = options;
  }

  get(key: string, nowMs: number): V | undefined {
    return this.#youngerThan(this.#options.ttlMs, key, nowMs);
  }

  /** For when there is no way to read the value again. */
  getStale(key: string, nowMs: number): V | undefined {
    return this.#youngerThan(this.#options.staleMsMax, key, nowMs);
  }

  set(key: string, value: V, nowMs: number): void {
    this.delete(key);
    const weight = this.#options.weigh(value);
    if (weight > this.#options.weightMax) return;
    this.#entries.set(key, { value, weight, readAtMs: nowMs });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#options.weightMax) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0;
    this.#entries.delete(key);
  }

  deleteWhere(matches: (value: V) => boolean): void {
    for (const [key, entry] of this.#entries) if (matches(entry.value)) this.delete(key);
  }

  get weight(): number {
    return this.#weight;
  }

  #youngerThan(ageMs: number, key: string, nowMs: number): V | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && nowMs - entry.readAtMs < ageMs ? entry.value : undefined;
  }
}
