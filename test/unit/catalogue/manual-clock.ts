import type { After } from "../../../src/catalogue/single-flight.ts";

/** Time that moves when the test says so. */
export class ManualClock {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  readonly now = (): number => this.nowMs;

  readonly after: After = (ms, callback) => {
    const timer = { atMs: this.nowMs + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Calls the timers that are due, then lets what waited for them run. */
  async advance(ms: number): Promise<void> {
    this.nowMs += ms;
    const due = this.#timers.filter((timer) => timer.atMs <= this.nowMs);
    this.#timers = this.#timers.filter((timer) => timer.atMs > this.nowMs);
    for (const { callback } of due) callback();
    await settle();
  }
}

/** Everything that can happen without time passing has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
