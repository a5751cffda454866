/** Time and order in a simulated world: one seed decides everything, so a run can be replayed. */
import { Prng } from "../../src/lib/prng.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export const EPOCH_MS = 1_700_000_000_000;

export class Scheduler {
  readonly random: Prng;
  nowMs = EPOCH_MS;
  readonly trace: string[] = [];
  /** A binary heap, the next event first. */
  readonly #heap: Event[] = [];
  #order = 0;
  /** Promises may have been settled since the last event. */
  #entered = false;

  constructor(seed: number) {
    this.random = new Prng(seed);
  }

  after(ms: number, run: () => void): void {
    const heap = this.#heap;
    const event = { atMs: this.nowMs + ms, order: this.#order++, run };
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  /** As `after`; what was scheduled can be called off. */
  timer(ms: number, run: () => void): () => void {
    let wanted = true;
    this.after(Math.max(0, ms), () => {
      if (wanted) run();
    });
    return () => {
      wanted = false;
    };
  }

  /** Runs code that settles promises: what waits for them runs before the next event. */
  enter(run: () => void): void {
    this.#entered = true;
    run();
  }

  note(line: string): void {
    this.trace.push(`${this.nowMs - EPOCH_MS} ${line}`);
  }

  /**
   * As `runUntil`, for worlds with promises. Nothing in them waits for anything but this scheduler, so
   * one turn of the runtime's own loop after an event lets every `await` go as far as it can.
   */
  async play(untilMs: number): Promise<void> {
    for (;;) {
      if (this.#entered) {
        this.#entered = false;
        await quiescence();
        continue;
      }
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) break;
      this.#removeFirst();
      this.nowMs = event.atMs;
      event.run();
    }
    this.nowMs = untilMs;
  }

  /** Runs events in time order until none is left, or the clock would pass `untilMs`. */
  runUntil(untilMs: number): void {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) break;
      this.#removeFirst();
      this.nowMs = event.atMs;
      event.run();
    }
    this.nowMs = untilMs;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (before(heap[child + 1], heap[child])) child++;
      const below = heap[child];
      if (below === undefined || !before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

/** Immediates run when no promise has anything left to do. */
function quiescence(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function before(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
