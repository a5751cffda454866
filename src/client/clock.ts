/** Time as the SDK sees it; a simulator brings its own. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once after `ms`; the function returned cancels that. */
  setTimeout(ms: number, fn: () => void, options?: TimerOptions): () => void;
}

export interface TimerOptions {
  /** Nobody waits for it: the process may end before it fires. */
  readonly background?: boolean;
}

/** The longest delay that runtimes take; longer ones would fire at once. */
const DELAY_MS_MAX = 0x7fffffff;

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(ms, fn, options) {
    const timer: unknown = setTimeout(fn, Math.min(Math.max(ms, 0), DELAY_MS_MAX));
    if (options?.background === true) (timer as { unref?: () => void }).unref?.();
    return () => clearTimeout(timer as number);
  },
};

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(ms, resolve);
  });
}

/** Resolves when the promise is settled either way, or after `ms`. */
export function settledWithin(clock: Clock, promise: Promise<unknown>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.setTimeout(ms, resolve);
    const done = () => {
      cancel();
      resolve();
    };
    promise.then(done, done);
  });
}
