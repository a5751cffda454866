/** Kafka's ExponentialBackoff (KIP-580): doubling, capped, with a fifth of jitter either way. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

const JITTER = 0.2;

/** How long to wait before attempt number `attempts` + 1, attempts counting from 1. */
export function backoffMs(
  { baseMs, maxMs }: Backoff,
  attempts: number,
  random: () => number,
): number {
  if (baseMs === 0) return 0;
  const exponent = Math.min(attempts - 1, 40);
  const term = Math.min(baseMs * 2 ** exponent, Math.max(maxMs, baseMs));
  return Math.floor(term * (1 - JITTER + 2 * JITTER * random()));
}
