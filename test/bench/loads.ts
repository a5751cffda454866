/** What the groups of figures share: loads, figures of them, and what an object has counted. */
import { produceErrorAt, type Topic } from "./kafka.ts";
import type { Expectation, LoadResult } from "./load/job.ts";
import type { LoadGenerator } from "./load/load-generator.ts";
import type { Comparison, Load, Rounds } from "./measure.ts";
import type { Figure, Target } from "./report.ts";
import type { Service } from "./service.ts";

export interface Bench {
  readonly service: Service;
  readonly generator: LoadGenerator;
  readonly rounds: Rounds;
}

export const CONNECTIONS = 64;

/** Above this the figure may be the load generator's own. */
const GENERATOR_BUSY_MAX = 0.9;

export const MEGABYTE = 1_000_000;

export const ANY: Expectation = { zeroAt: [], contains: "", bodyBytesMin: 1 };

export const perSecond = ({ responses, seconds }: LoadResult): number => responses / seconds;

export function load(
  to: URL,
  requests: readonly Uint8Array[],
  expect: Expectation,
  inFlight = CONNECTIONS,
): Load {
  const { hostname: host, port } = to;
  return { host, port: Number(port), requests, connections: CONNECTIONS, inFlight, expect };
}

export function untilDone(total: number): { warmUpMs: number; measureMs: number; total: number } {
  return { warmUpMs: 0, measureMs: 0, total };
}

export function produced(topic: Topic): Expectation {
  return { ...ANY, zeroAt: produceErrorAt(topic) };
}

export async function rowsWritten(bench: Bench, topic: Topic): Promise<number> {
  return (await statsOf(bench, topic.object)).rowsWritten;
}

/** Of an object since it woke: of a partition, or of a partition of `__consumer_offsets`. */
export async function statsOf(
  { service }: Bench,
  object: string,
  of: "partition" | "coordinator" = "partition",
): Promise<{ rowsWritten: number; requests: number }> {
  const url = new URL(`/${of}-stats`, service.floor);
  url.searchParams.set("object", object);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${of} stats: ${response.status} ${await response.text()}`);
  return (await response.json()) as { rowsWritten: number; requests: number };
}

export function ratio(
  name: string,
  what: string,
  unit: string,
  compared: Comparison,
  target: Target,
): Figure {
  const { value, floor, ratio, spread, generatorBusy } = compared;
  if (generatorBusy > GENERATOR_BUSY_MAX) {
    const percent = (generatorBusy * 100).toFixed(0);
    console.error(`bench: ${name}: the load generator was busy for ${percent} % of the time`);
  }
  return { name, what, value, unit, floor, ratio, spread, target };
}

export function count(name: string, what: string, value: number, target: Target): Figure {
  return { name, what, value, unit: "rows", floor: null, ratio: null, spread: null, target };
}
