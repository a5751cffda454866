/**
 * Long runs of the simulators: `npm run sim -- --world service --seeds 10000 [--from 1]
 * [--bug "an outcome that is not known is taken for done"]`, and `--seed N` replays one with its
 * trace. The world is "cluster" (one partition, the machines alone) unless named. A signal ends a run
 * after its present seed, with the figures so far. Ends with 1 when a seed failed.
 */
import { parseArgs } from "node:util";
import { simulateCluster } from "./cluster/cluster.ts";
import { PLANTED_BUGS } from "./cluster/planted-bugs.ts";
import { simulateGroups } from "./groups/groups.ts";
import { GROUP_BUGS } from "./groups/planted-bugs.ts";
import { SERVICE_BUGS } from "./service/planted-bugs.ts";
import { simulateService } from "./service/service.ts";

interface Outcome {
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  /** Figures of a run: of all runs those that begin with "worst" are the largest, others add up. */
  readonly figures: Readonly<Record<string, number>>;
}

interface World {
  readonly bugs: readonly string[];
  run(seed: number, bug: string | undefined, unclean: boolean): Promise<Outcome>;
}

const FAILURES_MAX = 20;

const WORLDS: Readonly<Record<string, World>> = {
  cluster: {
    bugs: PLANTED_BUGS.map(({ name }) => name),
    run: async (seed, name, unclean) => {
      const bug = PLANTED_BUGS.find((known) => known.name === name);
      const outcome = simulateCluster(seed, { ...(bug === undefined ? {} : { bug }), unclean });
      const { violations, trace, batches, leaderEpochs: elections, crashes } = outcome;
      const worst = { "worst convergence (ms)": outcome.convergedAfterMs };
      return { violations, trace, figures: { batches, elections, crashes, ...worst } };
    },
  },
  service: {
    bugs: SERVICE_BUGS.map(({ name }) => name),
    run: async (seed, name) => {
      const bug = SERVICE_BUGS.find((known) => known.name === name) ?? null;
      const outcome = await simulateService(seed, { bug });
      const { violations, trace, records, acked, leaderEpochs: elections, crashes } = outcome;
      const worst = {
        "worst convergence (ms)": outcome.convergedAfterMs,
        "worst stall, one fenced (ms)": outcome.worstFenceStallMs,
        "worst stall, one cut off (ms)": outcome.worstCutStallMs,
        "worst row changes of a fence": outcome.worstRowChanges,
      };
      return { violations, trace, figures: { records, acked, elections, crashes, ...worst } };
    },
  },
  groups: {
    bugs: GROUP_BUGS.map(({ name }) => name),
    run: async (seed, name) => {
      const bug = GROUP_BUGS.find((known) => known.name === name) ?? null;
      const outcome = simulateGroups(seed, { bug });
      const { violations, trace, leaderEpochs: elections, ...rest } = outcome;
      const { members, generations, commits, crashes, convergedAfterMs } = rest;
      const worst = { "worst convergence (ms)": convergedAfterMs };
      const figures = { members, generations, commits, elections, crashes, ...worst };
      return { violations, trace, figures };
    },
  },
};

const { values } = parseArgs({
  options: {
    world: { type: "string", default: "cluster" },
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    bug: { type: "string" },
    unclean: { type: "boolean", default: false },
  },
});

const world = WORLDS[values.world] ?? exit(`no world is called "${values.world}"`, WORLDS);
const { bug, unclean } = values;
if (bug !== undefined && !world.bugs.includes(bug)) {
  exit(`no bug is called "${bug}"`, Object.fromEntries(world.bugs.map((name) => [name, name])));
}
const fails =
  values.seed === undefined
    ? await runMany(Number(values.from), Number(values.seeds))
    : await replay(Number(values.seed));
process.exitCode = fails ? 1 : 0;

function exit(problem: string, known: Readonly<Record<string, unknown>>): never {
  console.error(`${problem}; there are: ${Object.keys(known).join(", ")}`);
  process.exit(2);
}

async function replay(seed: number): Promise<boolean> {
  const { trace, violations } = await world.run(seed, bug, unclean);
  console.log(trace.join("\n"));
  for (const violation of violations) console.log(`VIOLATION ${violation}`);
  return violations.length > 0;
}

async function runMany(from: number, seeds: number): Promise<boolean> {
  const started = performance.now();
  const totals = new Map<string, number>();
  let failed = 0;
  let run = 0;
  let stopped = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      stopped = true;
    });
  }
  for (; run < seeds && failed < FAILURES_MAX && !stopped; run++) {
    // Signals are heard between seeds.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const seed = from + run;
    const { violations, figures } = await world.run(seed, bug, unclean);
    for (const [name, value] of Object.entries(figures)) {
      const before = totals.get(name) ?? 0;
      totals.set(name, name.startsWith("worst") ? Math.max(before, value) : before + value);
    }
    if (violations.length === 0) continue;
    failed++;
    console.error(`seed ${seed}: ${violations[0]}`);
    console.error(`  replay: npm run sim -- --world ${values.world} --seed ${seed}${options()}`);
  }
  const seconds = (performance.now() - started) / 1_000;
  const figures = Array.from(totals, ([name, value]) => `${name} ${value}`).join(", ");
  console.log(
    `${run} seeds, ${failed} failed; ${figures}; ` +
      `${seconds.toFixed(1)} s, ${((seconds * 1_000) / run).toFixed(1)} ms a seed`,
  );
  return failed > 0;
}

function options(): string {
  return `${unclean ? " --unclean" : ""}${bug === undefined ? "" : ` --bug "${bug}"`}`;
}
