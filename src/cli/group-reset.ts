/** Which offsets `consumer-groups --reset-offsets` sets (Kafka's prepareOffsetsToReset). */
import { readFileSync } from "node:fs";
import type { Admin, OffsetSpec, TopicPartition } from "../client/mod.ts";
import { CommandFailure, failureText } from "./failure.ts";
import { keyOf } from "./group-describe.ts";
import { parseDatetime, parseDuration } from "./iso-time.ts";
import { type NewOffset, parseResetCsv, type ResetPlan } from "./reset-csv.ts";

export interface ResetScenario {
  toOffset?: number;
  toEarliest?: true;
  toLatest?: true;
  toCurrent?: true;
  shiftBy?: number;
  toDatetime?: string;
  byDuration?: string;
  fromFile?: string;
}

const SCENARIOS: Readonly<Record<keyof ResetScenario, string>> = {
  toOffset: "--to-offset",
  toEarliest: "--to-earliest",
  toLatest: "--to-latest",
  toCurrent: "--to-current",
  shiftBy: "--shift-by",
  toDatetime: "--to-datetime",
  byDuration: "--by-duration",
  fromFile: "--from-file",
};

/** @throws CommandFailure unless exactly one is given. */
export function throwIfNoScenario(options: ResetScenario): void {
  const names = Object.keys(SCENARIOS) as (keyof ResetScenario)[];
  const given = names.filter((name) => options[name] !== undefined);
  const flags = names.map((name) => SCENARIOS[name]).join(", ");
  if (given.length === 1) return;
  const what = given.map((name) => SCENARIOS[name]).join(", ") || "none";
  throw new CommandFailure(
    `Option --reset-offsets requires one of the following scenarios: ${flags}; it was given ${what}`,
  );
}

/** @throws CommandFailure when the file cannot be read or is not what `--export` writes. */
export function planFromFile(file: string, groups: readonly string[]): ResetPlan {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandFailure(`cannot read ${file}: ${failureText(error)}`);
  }
  return parseResetCsv(file, text, groups.length === 1 ? (groups[0] ?? null) : null);
}

/** @throws CommandFailure, AdminError */
export async function newOffsets(
  admin: Admin,
  group: string,
  options: ResetScenario,
  places: readonly TopicPartition[],
  nowMs: number,
): Promise<NewOffset[]> {
  if (places.length === 0) return [];
  const { toOffset, shiftBy, toDatetime, byDuration } = options;
  if (options.toEarliest) return offsetsAt(admin, places, "earliest");
  if (options.toLatest) return offsetsAt(admin, places, "latest");
  if (toDatetime !== undefined) return offsetsSince(admin, places, parseDatetime(toDatetime));
  if (byDuration !== undefined) {
    return offsetsSince(admin, places, nowMs - parseDuration(byDuration));
  }
  if (toOffset !== undefined)
    return inRange(
      admin,
      places.map((one) => ({ ...one, offset: toOffset })),
    );
  const committed = await committedBy(admin, group);
  if (shiftBy !== undefined) {
    const shifted = places.map((one) => {
      const current = committed.get(keyOf(one));
      if (current !== undefined) return { ...one, offset: current + shiftBy };
      const why = "since there is no current committed offset";
      throw new CommandFailure(`Cannot shift offset for partition ${keyOf(one)} ${why}`);
    });
    return inRange(admin, shifted);
  }
  // --to-current: the end, where nothing was committed.
  const ends = await offsetsAt(
    admin,
    places.filter((one) => !committed.has(keyOf(one))),
    "latest",
  );
  const known = new Map([...committed, ...ends.map((one) => [keyOf(one), one.offset] as const)]);
  return places.map((one) => ({ ...one, offset: known.get(keyOf(one)) ?? 0 }));
}

async function committedBy(admin: Admin, group: string): Promise<Map<string, number>> {
  const offsets = await admin.listConsumerGroupOffsets(group);
  return new Map(offsets.map((one) => [keyOf(one), one.offset]));
}

async function offsetsAt(
  admin: Admin,
  places: readonly TopicPartition[],
  spec: OffsetSpec,
): Promise<NewOffset[]> {
  if (places.length === 0) return [];
  const found = await admin.listOffsets(places.map((one) => ({ ...one, spec })));
  return found.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
}

async function offsetsSince(
  admin: Admin,
  places: readonly TopicPartition[],
  timestamp: number,
): Promise<NewOffset[]> {
  const found = await offsetsAt(admin, places, { timestamp });
  const none = found.filter(({ offset }) => offset < 0);
  for (const { topic, partition } of none) {
    console.log(
      `\nWarn: Partition ${partition} from topic ${topic} is empty. Falling back to latest known offset.`,
    );
  }
  const ends = await offsetsAt(admin, none, "latest");
  return [...found.filter(({ offset }) => offset >= 0), ...ends];
}

/** An offset outside of the log becomes the nearest inside, with a warning. */
export async function inRange(admin: Admin, wanted: readonly NewOffset[]): Promise<NewOffset[]> {
  const [starts, ends] = await Promise.all([
    offsetsAt(admin, wanted, "earliest"),
    offsetsAt(admin, wanted, "latest"),
  ]);
  const byKey = (offsets: readonly NewOffset[]): Map<string, number> =>
    new Map(offsets.map((one) => [keyOf(one), one.offset]));
  const [start, end] = [byKey(starts), byKey(ends)];
  return wanted.map((one) => {
    const key = keyOf(one);
    const last = end.get(key) ?? one.offset;
    const first = start.get(key) ?? one.offset;
    if (one.offset > last) return clamped(one, last, "higher than latest");
    if (one.offset < first) return clamped(one, first, "lower than earliest");
    return one;
  });
}

function clamped(one: NewOffset, offset: number, how: string): NewOffset {
  console.error(
    `WARN New offset (${one.offset}) is ${how} offset for topic partition ${keyOf(one)}. ` +
      `Value will be set to ${offset}`,
  );
  return { ...one, offset };
}
