/** Points in time as REST writes them. */

/** RFC 3339 with a zone; a fraction finer than milliseconds is cut. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the Unix epoch from RFC 3339, or null. Before 1970 is null: Kafka has -1 for none. */
export function parseRfc3339(text: string): number | null {
  if (!RFC_3339.test(text)) return null;
  const ms = Math.floor(Date.parse(text.toUpperCase().replace(" ", "T")));
  return ms >= 0 ? ms : null;
}

/** As `parseRfc3339`, and plain milliseconds too. */
export function parseTimestamp(text: string): number | null {
  if (/^\d{1,16}$/.test(text)) {
    const ms = Number(text);
    return Number.isSafeInteger(ms) ? ms : null;
  }
  return parseRfc3339(text);
}
