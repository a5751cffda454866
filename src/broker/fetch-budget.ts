/**
 * A bound on the bytes of fetch answers that one isolate holds at the same time. A fetch takes bytes
 * before it reads and gives back what it did not need; its request keeps the rest until the answer is
 * sent. Who does not fit waits, in the order of asking. When much is out already less is given, so
 * that large readers leave something for the next ones.
 */

/** The part of what is free that one taker gets at most, if that is enough for it. */
const PART_OF_FREE = 2;

export interface Taking {
  readonly wantedBytes: number;
  /** Not worth having fewer. */
  readonly leastBytes: number;
  /** 0: now or not at all. */
  readonly timeoutMs: number;
  sleep(ms: number): Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly lease: Lease;
  readonly taking: Taking;
  bytes: number;
  readonly wake: () => void;
}

export class FetchBudget {
  readonly #totalBytes: number;
  readonly #lapseMs: number;
  readonly #now: () => number;
  #freeBytes: number;
  #waiters: Waiter[] = [];
  /** Leases that hold bytes, and when that changed last, ms. */
  readonly #leases = new Map<Lease, number>();

  /**
   * @param lapseMs bytes that were held for so long without a change are taken back: the platform may
   *   end a request without a word, and no answer takes that long
   */
  constructor(totalBytes: number, lapseMs: number, now: () => number) {
    this.#totalBytes = totalBytes;
    this.#lapseMs = lapseMs;
    this.#now = now;
    this.#freeBytes = totalBytes;
  }

  /** Below 0 when answers turned out larger than what was taken for them. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * For one request; it holds nothing yet.
   *
   * @param keepAlive is given a promise that resolves when the lease neither holds nor waits for
   *   anything any more: the platform drops a request whose client has gone, and what it would have
   *   given back with it
   */
  lease(keepAlive: (untilFree: Promise<void>) => void = () => {}): Lease {
    return new Lease(this, keepAlive);
  }

  /** @internal Lease.take */
  async take(lease: Lease, taking: Taking): Promise<number> {
    lease.waiting = true;
    try {
      return await this.#take(lease, taking);
    } finally {
      lease.waiting = false;
    }
  }

  async #take(lease: Lease, taking: Taking): Promise<number> {
    if (this.#freeBytes < taking.leastBytes) this.#takeBack();
    const atOnce = this.#waiters.length === 0 ? this.#portion(taking) : 0;
    this.hold(lease, lease.bytes + atOnce);
    if (atOnce > 0 || taking.timeoutMs <= 0 || taking.signal?.aborted === true) return atOnce;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter: Waiter = { lease, taking, bytes: 0, wake: resolve };
    this.#waiters.push(waiter);
    taking.signal?.addEventListener("abort", waiter.wake);
    await Promise.race([promise, taking.sleep(taking.timeoutMs)]);
    taking.signal?.removeEventListener("abort", waiter.wake);
    if (waiter.bytes === 0) {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      this.#serve();
    }
    return waiter.bytes;
  }

  /** @internal Lease.keep */
  hold(lease: Lease, bytes: number): void {
    const more = bytes - lease.bytes;
    lease.bytes = bytes;
    this.#freeBytes -= more;
    if (bytes > 0) this.#leases.set(lease, this.#now());
    else this.#leases.delete(lease);
    if (more < 0) this.#serve();
  }

  #portion({ wantedBytes, leastBytes }: Taking): number {
    const least = Math.min(leastBytes, this.#totalBytes);
    if (this.#freeBytes < least) return 0;
    return Math.min(wantedBytes, Math.max(least, Math.floor(this.#freeBytes / PART_OF_FREE)));
  }

  #serve(): void {
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      const bytes = this.#portion(first.taking);
      if (bytes === 0) return;
      this.#waiters.shift();
      first.bytes = bytes;
      this.hold(first.lease, first.lease.bytes + bytes);
      first.wake();
    }
  }

  #takeBack(): void {
    const before = this.#now() - this.#lapseMs;
    for (const [lease, changedAtMs] of this.#leases) {
      if (changedAtMs <= before) this.hold(lease, 0);
    }
  }
}

/** What one request holds of the budget. */
export class Lease {
  readonly #budget: FetchBudget;
  readonly #keepAlive: (untilFree: Promise<void>) => void;
  #bytes = 0;
  #waiting = false;
  #becomesFree: (() => void) | null = null;

  constructor(budget: FetchBudget, keepAlive: (untilFree: Promise<void>) => void) {
    this.#budget = budget;
    this.#keepAlive = keepAlive;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @internal FetchBudget.hold */
  set bytes(bytes: number) {
    this.#bytes = bytes;
    this.#changed();
  }

  /** @internal FetchBudget.take */
  set waiting(waiting: boolean) {
    this.#waiting = waiting;
    this.#changed();
  }

  #changed(): void {
    const free = this.#bytes === 0 && !this.#waiting;
    if (free) {
      this.#becomesFree?.();
      this.#becomesFree = null;
    } else if (this.#becomesFree === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#becomesFree = resolve;
      this.#keepAlive(promise);
    }
  }

  /**
   * So many bytes more: between least and wanted, or 0 when the time is over or the client has gone.
   * Never rejects.
   */
  take(taking: Taking): Promise<number> {
    return this.#budget.take(this, taking);
  }

  /** Holds so many bytes from now on; more than it took if the answer came out larger. */
  keep(bytes: number): void {
    this.#budget.hold(this, bytes);
  }
}

/** For callers that have no isolate to protect. */
export function unboundedLease(): Lease {
  return new FetchBudget(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, () => 0).lease();
}
