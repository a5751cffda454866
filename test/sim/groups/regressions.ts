/** Seeds that once found something. A changed simulator draws other faults from them: they only add. */
export const GROUP_REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 250,
    found:
      "what a member was given with an answer that was lost, in an epoch that it had already, it was never told again",
  },
  {
    seed: 2660,
    found:
      "a late copy of a member's first heartbeat took from it what it had been given meanwhile",
  },
];
