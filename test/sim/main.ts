/**
 * Long runs of the simulators: `npm run sim -- --seeds 10000 [--from 1] [--bug "epoch not checked"]`,
 * and `--seed N` replays one with its trace. Ends with 1 when a seed failed.
 */
import { parseArgs } from "node:util";
import { type ClusterOutcome, simulateCluster } from "./cluster/cluster.ts";
import { PLANTED_BUGS } from "./cluster/planted-bugs.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    bug: { type: "string" },
    unclean: { type: "boolean", default: false },
  },
});

const bug = PLANTED_BUGS.find(({ name }) => name === values.bug);
if (values.bug !== undefined && bug === undefined) {
  console.error(`no bug is called "${values.bug}"; there are: ${PLANTED_BUGS.map((b) => b.name)}`);
  process.exit(2);
}

function run(seed: number): ClusterOutcome {
  return simulateCluster(seed, { ...(bug === undefined ? {} : { bug }), unclean: values.unclean });
}

if (values.seed !== undefined) {
  const outcome = run(Number(values.seed));
  console.log(outcome.trace.join("\n"));
  for (const violation of outcome.violations) console.log(`VIOLATION ${violation}`);
  process.exitCode = outcome.violations.length > 0 ? 1 : 0;
} else {
  runMany(Number(values.from), Number(values.seeds));
}

function runMany(from: number, seeds: number): void {
  const started = performance.now();
  const failed: number[] = [];
  let [batches, epochs, crashes, slowestMs] = [0, 0, 0, 0];
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = run(seed);
    batches += outcome.batches;
    epochs += outcome.leaderEpochs;
    crashes += outcome.crashes;
    slowestMs = Math.max(slowestMs, outcome.convergedAfterMs);
    if (outcome.violations.length === 0) continue;
    failed.push(seed);
    console.error(`seed ${seed}: ${outcome.violations[0]}`);
    console.error(`  replay: npm run sim -- --seed ${seed}${values.unclean ? " --unclean" : ""}`);
    if (failed.length >= 20) break;
  }
  const seconds = (performance.now() - started) / 1_000;
  console.log(
    `${seeds} seeds, ${failed.length} failed; ${batches} batches committed, ${epochs} elections, ` +
      `${crashes} crashes; slowest convergence ${slowestMs} ms of simulated time; ` +
      `${seconds.toFixed(1)} s, ${((seconds * 1_000) / seeds).toFixed(1)} ms a seed`,
  );
  process.exitCode = failed.length > 0 ? 1 : 0;
}
