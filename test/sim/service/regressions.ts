/** Seeds that once found something. A changed simulator draws other faults from them: they only add. */
export const SERVICE_REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 11,
    found: "a router sent a batch without a number again after its leader had stepped down over it",
  },
  {
    seed: 8,
    found: "a leader asked for a fenced replica in every turn, two writes of its row each",
  },
  {
    seed: 52,
    found:
      "a partition that nobody wrote to stayed short of replicas: no timer survives an eviction",
  },
  { seed: 94, found: "the same, with a leader that had never heard of its election" },
];
