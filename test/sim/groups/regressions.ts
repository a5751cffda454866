/** Seeds that once found something. A changed simulator draws other faults from them: they only add. */
export const GROUP_REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 20,
    found:
      "what a member was given with an answer that was lost, in an epoch that it had already, it was never told again",
  },
  { seed: 64, found: "the same, and nobody read two partitions" },
  {
    seed: 410,
    found:
      "a late copy of a member's first heartbeat took from it what it had been given meanwhile",
  },
  {
    seed: 1171,
    found:
      "a static member met a generation of the number that it had been told for another, and was taken for one of it",
  },
  { seed: 2418, found: "the simulator itself: a client that rejoined forgot that it did" },
];
