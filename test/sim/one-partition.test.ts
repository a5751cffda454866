import { expect, test } from "vitest";
import { LONE_BUGS } from "./cluster/planted-bugs.ts";
import { simulateOnePartition } from "./one-partition.ts";

const SEEDS = Number(process.env.KEDGE_SIM_SEEDS ?? 1_000);
const ONE = process.env.KEDGE_SIM_SEED;

function replay(seed: number): string {
  return `replay: KEDGE_SIM_SEED=${seed} npx vitest run --project unit test/sim/one-partition.test.ts`;
}

test(`LOG1 LOG3 LOG10 LOG16: ${SEEDS} seeds of chaos leave no gap and no repeat`, () => {
  const seeds = ONE === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(ONE)];
  let records = 0;
  for (const seed of seeds) {
    const outcome = simulateOnePartition(seed);
    records += outcome.records;
    if (ONE !== undefined) console.log(outcome.trace.join("\n"));
    expect(outcome.violations, replay(seed)).toEqual([]);
  }
  expect(records).toBeGreaterThan(seeds.length);
});

test("a seed run twice gives the same trace", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const first = simulateOnePartition(seed).trace;
    expect(first.length).toBeGreaterThan(20);
    expect(simulateOnePartition(seed).trace).toEqual(first);
  }
});

// The simulator's own worth: a replica with one of these bugs must not pass.
test.each(LONE_BUGS)("finds a planted bug within 200 seeds: $name", (bug) => {
  const found = Array.from({ length: 200 }, (_, i) => i + 1).some(
    (seed) => simulateOnePartition(seed, bug).violations.length > 0,
  );
  expect(found).toBe(true);
});
