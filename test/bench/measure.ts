/** Two loads in alternation, and what their rates are to each other. */

import type { LoadJob, LoadResult } from "./load/job.ts";
import type { LoadGenerator } from "./load/load-generator.ts";

export type Load = Omit<LoadJob, "warmUpMs" | "measureMs" | "total">;

export interface Rounds {
  readonly rounds: number;
  readonly roundMs: number;
}

export interface Comparison {
  /** Medians over the rounds. */
  readonly value: number;
  readonly floor: number;
  readonly ratio: number;
  /** The smallest and the largest ratio of one round. */
  readonly spread: readonly [number, number];
  /** Everything that Kedge answered, the warm-ups too. */
  readonly responses: number;
  /** The median of how busy the load generator was while Kedge was measured, 0 to 1. */
  readonly generatorBusy: number;
}

const WARM_UP_MS = 200;
const FIRST_WARM_UP_MS = 1_000;

/**
 * Floor, Kedge, floor, Kedge …, floor: other work on the machine then falls on both. A ratio is taken
 * of each measurement of Kedge to its two neighbours, and the median of the ratios is the figure.
 */
export async function compare(
  generator: LoadGenerator,
  floor: Load,
  kedge: Load,
  rateOf: (result: LoadResult) => number,
  { rounds, roundMs }: Rounds,
): Promise<Comparison> {
  const run = (load: Load, measureMs: number): Promise<LoadResult> =>
    generator.run({ ...load, warmUpMs: WARM_UP_MS, measureMs, total: null });
  // Code is compiled and caches are filled before anything counts.
  await run(floor, FIRST_WARM_UP_MS);
  const warmUp = await run(kedge, FIRST_WARM_UP_MS);
  const floors = [await run(floor, roundMs)];
  const kedges: LoadResult[] = [];
  for (let round = 0; round < rounds; round++) {
    kedges.push(await run(kedge, roundMs));
    floors.push(await run(floor, roundMs));
  }
  const floorRates = floors.map(rateOf);
  const kedgeRates = kedges.map(rateOf);
  const ratios = kedgeRates.map((rate, at) => {
    const [before = Number.NaN, after = Number.NaN] = floorRates.slice(at, at + 2);
    return (2 * rate) / (before + after);
  });
  return {
    value: median(kedgeRates),
    floor: median(floorRates),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    responses: kedges.reduce((sum, result) => sum + result.allResponses, warmUp.allResponses),
    generatorBusy: median(kedges.map((result) => result.busy)),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
