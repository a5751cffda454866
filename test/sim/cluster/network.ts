/**
 * Calls between nodes: clients at the edge (0), brokers (1, 2, 3) and the catalogue (9). A call or its
 * answer may be lost, late, doubled or overtaken; a link may be cut in one direction or both.
 */
import type { Scheduler } from "../scheduler.ts";

export const EDGE = 0;
export const CATALOGUE = 9;

export class SimNetwork {
  /** Chances in [0, 1]. */
  drop = 0;
  double = 0;
  maxDelayMs = 10;
  /** Chance that a caller never hears of a loss. */
  silence = 0.4;
  readonly #world: Scheduler;
  readonly #cuts = new Map<string, number>();
  readonly #slow = new Map<number, number>();

  constructor(world: Scheduler) {
    this.#world = world;
  }

  cut(from: number, to: number, forMs: number): void {
    this.#cuts.set(`${from}>${to}`, this.#world.nowMs + forMs);
  }

  slowDown(node: number, extraMs: number): void {
    this.#slow.set(node, extraMs);
  }

  heal(): void {
    this.drop = 0;
    this.double = 0;
    this.#cuts.clear();
    this.#slow.clear();
  }

  /**
   * `deliver` runs at `to`, once, twice or never, and answers through its argument (null: it died
   * over it). `result` runs at `from`, at most once; null is an error that says nothing of what
   * happened.
   */
  call<T>(
    from: number,
    to: number,
    deliver: (answer: (value: T | null) => void) => void,
    result: (value: T | null) => void,
    { mayDouble = true }: { readonly mayDouble?: boolean } = {},
  ): void {
    let settled = false;
    const settle = (value: T | null): void => {
      if (settled) return;
      settled = true;
      result(value);
    };
    const answer = (value: T | null): void => {
      if (this.#lost(to, from)) this.#fail(settle);
      else this.#world.after(this.#delay(from, to), () => settle(value));
    };
    if (this.#lost(from, to)) this.#fail(settle);
    else this.#world.after(this.#delay(from, to), () => deliver(answer));
    if (mayDouble && this.double > 0 && this.#world.random.bool(this.double)) {
      this.#world.after(this.#delay(from, to) * 3, () => deliver(answer));
    }
  }

  /** The caller hears of it, late, or never. */
  #fail(settle: (value: null) => void): void {
    const { random } = this.#world;
    if (random.bool(1 - this.silence))
      this.#world.after(this.maxDelayMs + random.int(100), () => settle(null));
  }

  #lost(from: number, to: number): boolean {
    const until = this.#cuts.get(`${from}>${to}`);
    if (until !== undefined && until > this.#world.nowMs) return true;
    return this.drop > 0 && this.#world.random.bool(this.drop);
  }

  #delay(from: number, to: number): number {
    const extra = (this.#slow.get(from) ?? 0) + (this.#slow.get(to) ?? 0);
    return 1 + this.#world.random.int(this.maxDelayMs + extra);
  }
}
