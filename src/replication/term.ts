/** Terms: who wrote a batch, or speaks in a message (REP4). */
import type { Term } from "../log/partition-log.ts";

/** Negative when `a` is the older one. */
export function compareTerms(a: Term, b: Term): number {
  return a.leaderEpoch - b.leaderEpoch || a.incarnation - b.incarnation;
}

export function sameTerm(a: Term | null, b: Term | null): boolean {
  return a !== null && b !== null && compareTerms(a, b) === 0;
}
