/** Ctrl-C and SIGTERM as something to look at between two steps; a second one ends the process. */
export interface Stop {
  /** The first that came, null while none did. */
  signal: NodeJS.Signals | null;
  /** Aborts with it. */
  readonly aborted: AbortSignal;
}

export function stopOnSignals(): Stop {
  const controller = new AbortController();
  const stop: Stop = { signal: null, aborted: controller.signal };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      stop.signal = signal;
      controller.abort();
    });
  }
  return stop;
}
