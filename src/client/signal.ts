import type { Clock } from "./clock.ts";

/** Lets one or many wait for the next change, or for a time. Without waiters there is no timer. */
export class Signal {
  readonly #clock: Clock;
  #waiters: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Everybody who waits now goes on. */
  notify(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Resolves at the next notify(), or at `untilMs`, whichever comes first. */
  wait(untilMs: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel = () => {};
      const wake = () => {
        cancel();
        resolve();
      };
      this.#waiters.push(wake);
      if (untilMs === Number.POSITIVE_INFINITY) return;
      cancel = this.#clock.setTimeout(Math.max(0, untilMs - this.#clock.now()), () => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== wake);
        resolve();
      });
    });
  }
}
