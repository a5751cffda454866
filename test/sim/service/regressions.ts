/** Seeds that once found something. A changed simulator draws other faults from them: they only add. */
export const SERVICE_REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 3,
    found: "a router sent a batch without a number again after its leader had stepped down over it",
  },
  {
    seed: 13,
    found: "a leader asked for a fenced replica in every turn, two writes of its row each",
  },
  {
    seed: 45,
    found:
      "a partition that nobody wrote to stayed short of replicas: no timer survives an eviction",
  },
  { seed: 59, found: "a leader that nobody had told of its election, and nobody wrote to" },
  {
    seed: 2071,
    found: "a batch refused for coming too early was renumbered, and a copy of it had been written",
  },
  {
    seed: 32,
    found:
      "a replica back in the ISR refused its leader until its region heard that the fence was over",
  },
];
