/** Seeds that once found something. A changed simulator draws other faults from them: they only add. */
export const REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 1156,
    found: "five uncommitted batches of a producer were cut off, and no older one was remembered",
  },
  { seed: 7, found: "a log built anew from a checkpoint older than its first row" },
  { seed: 6, found: "a first segment whose first rows were deleted could not be built anew" },
  { seed: 99, found: "a message that overtook another was taken for done and not sent again" },
  { seed: 105, found: "a new leader's log start stayed behind a follower's" },
  { seed: 300, found: "a follower was believed to know a high watermark beyond its own log" },
  { seed: 1080, found: "a follower forgot the high watermark of a quiet partition, for ever" },
  { seed: 16, found: "a reply went to the caller of another turn" },
  {
    seed: 15818,
    found: "a leader that had deleted everything woke and believed that its followers knew",
  },
  { seed: 942, found: "records deleted in the turn that appended them were never cleaned up" },
  {
    seed: 5801,
    found: "a row that a truncation cut back to below the log start was never deleted",
  },
  { seed: 7798, found: "the simulator itself: an election after the healing disturbed the rest" },
];
