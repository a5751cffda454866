import { describe, expect, test } from "vitest";
import { CONVERGE_MS, simulateCluster } from "./cluster.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";
import { REGRESSIONS } from "./regressions.ts";

const SEEDS = Number(process.env.KEDGE_CLUSTER_SEEDS ?? 300);
const UNCLEAN_SEEDS = 100;
const BUG_SEEDS = 200;
/** A machine that does much else may take its time: what must not take long is simulated time. */
const PATIENT = { timeout: 600_000 };

function replay(seed: number, unclean = false): string {
  return `replay: npm run sim -- --world cluster --seed ${seed}${unclean ? " --unclean" : ""}`;
}

describe("three replicas under chaos", PATIENT, () => {
  test(`REP1 REP16 REP20 REP35: ${SEEDS} seeds lose, repeat and change nothing that was committed, and rest within ${CONVERGE_MS} ms`, () => {
    let [batches, crashes, epochs] = [0, 0, 0];
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = simulateCluster(seed);
      expect(outcome.violations, replay(seed)).toEqual([]);
      batches += outcome.batches;
      crashes += outcome.crashes;
      epochs += outcome.leaderEpochs;
    }
    // Chaos that never does anything would prove nothing.
    expect(batches / SEEDS).toBeGreaterThan(30);
    expect(crashes / SEEDS).toBeGreaterThan(3);
    expect(epochs / SEEDS).toBeGreaterThan(1);
  });

  test(`REP13 REP24: after unclean elections the replicas agree again (${UNCLEAN_SEEDS} seeds)`, () => {
    for (let seed = 1; seed <= UNCLEAN_SEEDS; seed++) {
      expect(simulateCluster(seed, { unclean: true }).violations, replay(seed, true)).toEqual([]);
    }
  });

  test.each(REGRESSIONS)("seed $seed: $found", ({ seed }) => {
    expect(simulateCluster(seed).violations, replay(seed)).toEqual([]);
  });

  test("a seed run twice gives the same trace", () => {
    for (const seed of [1, 2, 3]) {
      const first = simulateCluster(seed).trace;
      expect(first.length).toBeGreaterThan(20);
      expect(simulateCluster(seed).trace).toEqual(first);
    }
  });
});

describe(`finds a planted bug within ${BUG_SEEDS} seeds`, PATIENT, () => {
  test.each(PLANTED_BUGS)("$name", (bug) => {
    let found = 0;
    for (let seed = 1; seed <= BUG_SEEDS && found === 0; seed++) {
      if (simulateCluster(seed, { bug }).violations.length > 0) found = seed;
    }
    expect(found).toBeGreaterThan(0);
  });
});
