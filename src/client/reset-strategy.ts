import type { ConfigDef } from "./config.ts";
import { ConfigError } from "./errors.ts";

/** Where to begin without a position (auto.offset.reset). */
export type ResetStrategy =
  | "latest"
  | "earliest"
  | "none"
  /** The first record that is not older than so much (KIP-1106). */
  | { readonly byDurationMs: number };

const WORDS: readonly unknown[] = ["latest", "earliest", "none"];
const BY_DURATION = "by_duration:";
/** java.time.Duration's text: PnDTnHnMn.nS, and no years or months, whose length differs. */
const DURATION =
  /^P(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,9})M)?(?:(\d{1,11}(?:\.\d{1,9})?)S)?)?$/i;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function resetStrategy(): ConfigDef<ResetStrategy> {
  return {
    parse(name, value) {
      if (value === undefined) return "latest";
      if (WORDS.includes(value)) return value as ResetStrategy;
      const text = String(value);
      const ms = text.startsWith(BY_DURATION) ? durationMs(text.slice(BY_DURATION.length)) : null;
      if (ms !== null) return { byDurationMs: ms };
      throw new ConfigError(
        name,
        `invalid value ${JSON.stringify(value)} for ${name}: it must be one of latest, earliest, ` +
          "none, or by_duration: and an ISO 8601 duration, such as by_duration:P1DT6H",
      );
    },
  };
}

function durationMs(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null || /^P?T?$/i.test(text) || /T$/i.test(text)) return null;
  const [, days, hours, minutes, seconds] = match;
  const ms =
    Number(days ?? 0) * DAY_MS +
    Number(hours ?? 0) * HOUR_MS +
    Number(minutes ?? 0) * MINUTE_MS +
    Number(seconds ?? 0) * SECOND_MS;
  return Math.floor(ms);
}
