/** Seeds that once found something. A changed simulator draws other faults from them: they only add. */
export const GROUP_REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 250,
    found:
      "what a member was given with an answer that was lost, in an epoch that it had already, it was never told again",
  },
  { seed: 1870, found: "the same" },
];
