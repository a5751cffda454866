/**
 * `npm run bench`: what Kedge costs over the least that an object with durable storage can do. Each
 * figure is a ratio to a floor that ran in the same workerd, in turns with it.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { groups } from "./figures.ts";
import { LoadGenerator } from "./load/load-generator.ts";
import { type Figure, jsonLine, table } from "./report.ts";
import { startService } from "./service.ts";

const USAGE = `npm run bench -- [--only ${Object.keys(groups).join(",")}] [--rounds 9] [--round-ms 1000]
  --only           groups of figures, separated by commas; all of them when left out
  --rounds         measurements of Kedge for each figure, each between two of the floor
  --round-ms       length of one measurement
  --inspector-port where workerd's debugger listens, to take a CPU profile
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "9" },
    "round-ms": { type: "string", default: "1000" },
    "inspector-port": { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(USAGE);
else await bench();

async function bench(): Promise<void> {
  const chosen = chooseGroups(values.only);
  const rounds = { rounds: whole("rounds"), roundMs: whole("round-ms") };
  const inspectorPort = values["inspector-port"] === undefined ? null : whole("inspector-port");
  const startedAt = performance.now();
  progress("starting Kedge and the floor in one workerd");
  const service = await startService(inspectorPort);
  // Gigabytes: the data goes too when the bench is broken off.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => void service.stop().finally(() => process.exit(130)));
  }
  const generator = new LoadGenerator();
  const figures: Figure[] = [];
  try {
    for (const [at, [name, measure]] of chosen.entries()) {
      progress(`${at + 1} of ${chosen.length}: ${name}, ${rounds.rounds} rounds`);
      figures.push(...(await measure({ service, generator, rounds })));
    }
  } finally {
    await generator.stop();
    await service.stop();
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
  const load = loadavg()[0]?.toFixed(1);
  progress(`${seconds} s on ${cpus().length} processors, load average ${load}`);
  console.log(`${table(figures)}\n`);
  for (const figure of figures) console.log(jsonLine(figure));
}

function chooseGroups(only: string | undefined): [string, (typeof groups)[string]][] {
  const all = Object.entries(groups);
  if (only === undefined) return all;
  const names = only.split(",");
  const unknown = names.find((name) => !(name in groups));
  if (unknown !== undefined) throw new Error(`--only names ${unknown}.\n${USAGE}`);
  return all.filter(([name]) => names.includes(name));
}

function whole(flag: "rounds" | "round-ms" | "inspector-port"): number {
  const number = Number(values[flag]);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${flag} is ${values[flag]}: it must be a whole number above 0.\n${USAGE}`);
}

function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
