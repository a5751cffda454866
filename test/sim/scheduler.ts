/** Time and order in a simulated world: one seed decides everything, so a run can be replayed. */
import { Prng } from "../../src/lib/prng.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class Scheduler {
  readonly random: Prng;
  nowMs = 1_700_000_000_000;
  readonly trace: string[] = [];
  #events: Event[] = [];
  #order = 0;

  constructor(seed: number) {
    this.random = new Prng(seed);
  }

  after(ms: number, run: () => void): void {
    this.#events.push({ atMs: this.nowMs + ms, order: this.#order++, run });
  }

  note(line: string): void {
    this.trace.push(`${this.nowMs - 1_700_000_000_000} ${line}`);
  }

  /** Runs events in time order until none is left, or the clock would pass `untilMs`. */
  runUntil(untilMs: number): void {
    for (;;) {
      let next = -1;
      for (let i = 0; i < this.#events.length; i++) {
        if (next < 0 || before(this.#events[i], this.#events[next])) next = i;
      }
      const event = this.#events[next];
      if (event === undefined || event.atMs > untilMs) break;
      this.#events.splice(next, 1);
      this.nowMs = event.atMs;
      event.run();
    }
    this.nowMs = untilMs;
  }
}

function before(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
