/** A user's value in a message to that user. */

const SHOWN_CHARS = 80;

/** As JSON, cut where it gets long. */
export function show(value: unknown): string {
  const text = textOf(value);
  if (text.length <= SHOWN_CHARS) return text;
  return `${text.slice(0, SHOWN_CHARS)}… (${text.length} characters)`;
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Nested deeper than JSON.stringify goes.
    return Array.isArray(value) ? "[…]" : "{…}";
  }
}
