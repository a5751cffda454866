/**
 * JSON without loss. `JSON.parse` followed by `JSON.stringify` turns 12345678901234567890 into
 * 12345678901234567000 and 1.50 into 1.5; a record must not change on its way into the log, so
 * numbers that would are kept as they were written (JSON.rawJSON, ES2026).
 */
import { JSON_CONTAINERS_MAX } from "./limits.ts";
import { RestError } from "./rest-error.ts";

interface RawJson {
  readonly rawJSON: string;
}

/** The part of the "JSON.parse source text access" proposal that TypeScript's ES2024 lacks. */
interface JsonWithSource {
  rawJSON(text: string): RawJson;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}

const json = JSON as unknown as JsonWithSource;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * A number that may not survive a double: 16 or more digits, a fraction that ends in 0, or an
 * exponent. A match inside a string costs time, not correctness.
 */
const RISKY_NUMBER = /[:,[\s]-?(?:(?=[\d.]{16})\d|\d+(?:\.\d*0(?!\d)|(?:\.\d+)?[eE]))/;

/** Throws RestError 400 when the text is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return RISKY_NUMBER.test(text) ? json.parse(text, keepNumber) : JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RestError(400, 400, `the body is not JSON: ${reason}`);
  }
}

function keepNumber(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  const { source } = context;
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return json.rawJSON(source);
}

/**
 * As `parseJson`, from bytes; throws RestError 400 too when they are not UTF-8, and 413 when they
 * would take too much memory: three bytes of `{},` become sixty.
 */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  if (bytes.length > JSON_CONTAINERS_MAX && countContainers(bytes) > JSON_CONTAINERS_MAX) {
    const what = `the body has more than ${JSON_CONTAINERS_MAX} objects and lists`;
    throw new RestError(413, 413, `${what}: send fewer records in one request`);
  }
  return parseJson(decodeUtf8(bytes));
}

/** Braces and brackets that open, those inside strings too. */
function countContainers(bytes: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === 0x7b || byte === 0x5b) count++;
  }
  return count;
}

/** Throws RestError 400 when the bytes are not UTF-8: replacing some would change a record. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new RestError(400, 400, "the body is not UTF-8, the only encoding of JSON");
  }
}
