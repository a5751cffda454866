import type { Clock } from "../../../src/client/clock.ts";

/** Time that passes only when everything else waits: a second of it takes no time. */
export class VirtualClock implements Clock {
  #now: number;
  #sequence = 0;
  #timers: { at: number; sequence: number; fn: () => void }[] = [];

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  get timers(): number {
    return this.#timers.length;
  }

  setTimeout(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, sequence: this.#sequence++, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.setTimeout(ms, resolve);
    });
  }

  /** Runs timers, in their order, until the promise is settled; gives its outcome. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => {
      settled = true;
    });
    watched.catch(() => {});
    for (let steps = 0; ; steps++) {
      await settle();
      if (settled) return watched;
      if (steps > 1_000_000) throw new Error("the promise is never settled");
      if (!this.#fireNext(Number.POSITIVE_INFINITY)) {
        throw new Error("everything waits and no timer is left");
      }
    }
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    while (this.#fireNext(until)) await settle();
    this.#now = until;
  }

  #fireNext(until: number): boolean {
    let next = this.#timers[0];
    for (const timer of this.#timers) {
      if (next === undefined) break;
      if (timer.at < next.at || (timer.at === next.at && timer.sequence < next.sequence))
        next = timer;
    }
    if (next === undefined || next.at > until) return false;
    const due = next;
    this.#timers = this.#timers.filter((timer) => timer !== due);
    this.#now = Math.max(this.#now, due.at);
    due.fn();
    return true;
  }
}

/** Until no promise has anything left to do. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
