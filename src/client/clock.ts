/** Time as the SDK sees it; a simulator brings its own. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once after `ms`; the function returned cancels that. */
  setTimeout(ms: number, fn: () => void): () => void;
}

/** The longest delay that runtimes take; longer ones would fire at once. */
const DELAY_MS_MAX = 0x7fffffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(ms, 0), DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
};

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(ms, resolve);
  });
}
