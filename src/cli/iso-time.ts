/** Points in time and spans as Kafka's tools take them. */
import { CommandFailure } from "./failure.ts";

const DATETIME =
  /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}(?::?\d{2})?)?$/;

/**
 * Milliseconds since the Unix epoch of `YYYY-MM-DDTHH:mm:SS.sss`, UTC unless a zone follows (Kafka's
 * Utils.getDateTime); seconds and their fraction may be left out.
 *
 * @throws CommandFailure
 */
export function parseDatetime(text: string): number {
  const [, date, time, zone = "Z"] = DATETIME.exec(text) ?? [];
  const offset = /^[+-]/.test(zone)
    ? `${zone.slice(0, 3)}:${zone.slice(3).replace(":", "") || "00"}`
    : zone;
  const ms = Date.parse(`${date}T${time}${offset}`);
  if (!Number.isNaN(ms)) return ms;
  throw new CommandFailure(
    `${text} is no datetime: YYYY-MM-DDTHH:mm:SS.sss is needed, for example 2026-01-31T08:30:00.000`,
  );
}

const DURATION =
  /^([+-]?)P(?:([+-]?\d+)D)?(?:T(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?\d+(?:\.\d{0,9})?)S)?)?$/i;

const MS = { day: 86_400_000, hour: 3_600_000, minute: 60_000, second: 1_000 };

/**
 * Milliseconds of an ISO-8601 duration in days and less: `PnDTnHnMn.nS` (java.time.Duration.parse).
 *
 * @throws CommandFailure
 */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text);
  const parts = match?.slice(2) ?? [];
  if (match === null || parts.every((part) => part === undefined) || /T$/i.test(text)) {
    const example = "for example P1DT2H30M or PT10M";
    throw new CommandFailure(`${text} is no duration: PnDTnHnMnS is needed, ${example}`);
  }
  const [days = "0", hours = "0", minutes = "0", seconds = "0"] = parts;
  const ms =
    Number(days) * MS.day +
    Number(hours) * MS.hour +
    Number(minutes) * MS.minute +
    Math.trunc(Number(seconds) * MS.second);
  return match[1] === "-" ? 0 - ms : ms;
}
