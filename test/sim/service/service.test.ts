import { describe, expect, test } from "vitest";
import { SERVICE_BUGS } from "./planted-bugs.ts";
import { SERVICE_REGRESSIONS } from "./regressions.ts";
import {
  CUT_STALL_MS_MAX,
  FENCE_STALL_MS_MAX,
  SERVICE_CONVERGE_MS,
  simulateService,
} from "./service.ts";

const SEEDS = Number(process.env.KEDGE_SERVICE_SEEDS ?? 80);
const BUG_SEEDS = 200;
/** A machine that does much else may take its time: what must not take long is simulated time. */
const PATIENT = { timeout: 600_000 };

function replay(seed: number): string {
  return `replay: npm run sim -- --world service --seed ${seed}`;
}

describe("SDK, handlers, objects and catalogue under chaos", PATIENT, () => {
  test(
    `REP35 REP41 REP42 CLU8 CLU10: ${SEEDS} seeds keep every promise, rest within ${SERVICE_CONVERGE_MS} ms, ` +
      `and stall no longer than ${FENCE_STALL_MS_MAX} ms while a broker is fenced, ${CUT_STALL_MS_MAX} ms while one is cut off`,
    async () => {
      let [acked, crashes, epochs, fenced, cut] = [0, 0, 0, 0, 0];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const outcome = await simulateService(seed);
        expect(outcome.violations, replay(seed)).toEqual([]);
        acked += outcome.acked;
        crashes += outcome.crashes;
        epochs += outcome.leaderEpochs;
        fenced = Math.max(fenced, outcome.worstFenceStallMs);
        cut = Math.max(cut, outcome.worstCutStallMs);
      }
      console.log(`longest stall: ${fenced} ms with a fenced broker, ${cut} ms with one cut off`);
      // Chaos that never does anything would prove nothing.
      expect(acked / SEEDS).toBeGreaterThan(200);
      expect(crashes / SEEDS).toBeGreaterThan(10);
      expect(epochs / SEEDS).toBeGreaterThan(3);
      expect(fenced).toBeGreaterThan(0);
      expect(cut).toBeGreaterThan(0);
    },
  );

  test.each(SERVICE_REGRESSIONS)("seed $seed: $found", async ({ seed }) => {
    expect((await simulateService(seed)).violations, replay(seed)).toEqual([]);
  });

  test("a seed run twice gives the same trace", async () => {
    for (const seed of [1, 2, 3]) {
      const first = (await simulateService(seed)).trace;
      expect(first.length).toBeGreaterThan(200);
      expect((await simulateService(seed)).trace).toEqual(first);
    }
  });
});

describe(`finds a planted bug of handlers or SDK within ${BUG_SEEDS} seeds`, PATIENT, () => {
  test.each(SERVICE_BUGS)("$name", async (bug) => {
    let found = 0;
    for (let seed = 1; seed <= BUG_SEEDS && found === 0; seed++) {
      if ((await simulateService(seed, { bug })).violations.length > 0) found = seed;
    }
    expect(found).toBeGreaterThan(0);
  });
});
