import { describe, expect, test } from "vitest";
import { CONVERGE_MS, simulateGroups } from "./groups.ts";
import { GROUP_BUGS } from "./planted-bugs.ts";
import { GROUP_REGRESSIONS } from "./regressions.ts";

const SEEDS = Number(process.env.KEDGE_GROUP_SEEDS ?? 200);
const BUG_SEEDS = 200;
/** Where a rebalance of either protocol can be cut off, and where there is none. */
const PHASES = ["PreparingRebalance", "CompletingRebalance", "Reconciling", "Stable", "Empty"];

function replay(seed: number): string {
  return `replay: npm run sim -- --world groups --seed ${seed}`;
}

describe("a group, its members and its coordinator under chaos", () => {
  test(`GRP7 GRP9 GRP20 GRP41 GRP71 GRP73 GRP121: ${SEEDS} seeds lose no commit, give no partition twice, and rest within ${CONVERGE_MS} ms`, () => {
    let [generations, commits, elections, crashes] = [0, 0, 0, 0];
    const crashedIn = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = simulateGroups(seed);
      expect(outcome.violations, replay(seed)).toEqual([]);
      generations += outcome.generations;
      commits += outcome.commits;
      elections += outcome.leaderEpochs;
      crashes += outcome.crashes;
      for (const state of outcome.crashedIn) crashedIn.add(state);
    }
    // Chaos that never does anything would prove nothing.
    expect(generations / SEEDS).toBeGreaterThan(10);
    expect(commits / SEEDS).toBeGreaterThan(20);
    expect(elections / SEEDS).toBeGreaterThan(1);
    expect(crashes / SEEDS).toBeGreaterThan(3);
    expect([...crashedIn]).toEqual(expect.arrayContaining(PHASES));
  }, 240_000);

  test.each(GROUP_REGRESSIONS)("seed $seed: $found", ({ seed }) => {
    expect(simulateGroups(seed).violations, replay(seed)).toEqual([]);
  });

  test("a seed run twice gives the same trace", () => {
    for (const seed of [1, 2, 3]) {
      const first = simulateGroups(seed).trace;
      expect(first.length).toBeGreaterThan(20);
      expect(simulateGroups(seed).trace).toEqual(first);
    }
  });
});

describe(`finds a planted bug within ${BUG_SEEDS} seeds`, () => {
  test.each(GROUP_BUGS)("$name", (bug) => {
    let found = 0;
    for (let seed = 1; seed <= BUG_SEEDS && found === 0; seed++) {
      if (simulateGroups(seed, { bug }).violations.length > 0) found = seed;
    }
    expect(found).toBeGreaterThan(0);
  });
});
