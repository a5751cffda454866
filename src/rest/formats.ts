/**
 * The forms that a record's key and value have in JSON, and the bytes they stand for.
 *
 * | format | in JSON | bytes |
 * |---|---|---|
 * | binary | base64 text | what it encodes |
 * | json | any value | its compact JSON text, UTF-8 |
 * | string | text | UTF-8 |
 *
 * JSON null is Kafka's null in every format, so a JSON record cannot hold the four bytes "null";
 * read back, they are shown as null.
 */
import { base64Decode, base64Encode } from "../lib/base64.ts";
import { utf8Encode } from "../lib/bytes.ts";
import { show } from "./show.ts";

export const FORMATS = ["binary", "json", "string"] as const;
export type Format = (typeof FORMATS)[number];

export function isFormat(name: string): name is Format {
  return (FORMATS as readonly string[]).includes(name);
}

/** A key or value that is not of its format. The message says what and which. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

/** Throws FormatError. `undefined` and null are Kafka's null. */
export function encodeField(format: Format, data: unknown): Uint8Array | null {
  if (data === null || data === undefined) return null;
  switch (format) {
    case "binary":
      return encodeBinary(data);
    case "json":
      return encodeJson(data);
    case "string":
      return encodeString(data);
  }
}

function encodeBinary(data: unknown): Uint8Array {
  if (typeof data !== "string") throw new FormatError(`data=${show(data)} is not a base64 string.`);
  const bytes = base64Decode(padded(data));
  if (bytes === null) throw new FormatError(`data=${show(data)} is not a valid base64 string.`);
  return bytes;
}

/** Confluent's decoder takes base64 without its padding; ours is strict. */
function padded(text: string): string {
  const missing = (4 - (text.length % 4)) % 4;
  return missing === 0 || missing === 3 ? text : text + "=".repeat(missing);
}

/** JSON.parse goes to any depth, JSON.stringify does not. */
function encodeJson(data: unknown): Uint8Array {
  try {
    return utf8Encode(JSON.stringify(data));
  } catch (error) {
    if (error instanceof RangeError) throw new FormatError("the JSON is nested too deep.");
    throw error;
  }
}

function encodeString(data: unknown): Uint8Array {
  if (typeof data !== "string") throw new FormatError(`data=${show(data)} is not a string.`);
  if (!data.isWellFormed()) {
    throw new FormatError(`data=${show(data)} has half a surrogate pair, which UTF-8 cannot hold.`);
  }
  return utf8Encode(data);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The JSON text that shows the bytes. For `json` it is the record's own text, so no number loses
 * digits. Throws FormatError when the bytes are not of the format.
 */
export function showField(format: Format, bytes: Uint8Array | null): string {
  if (bytes === null) return "null";
  if (format === "binary") return `"${base64Encode(bytes)}"`;
  const text = decodeStrict(bytes);
  if (format === "string") return JSON.stringify(text);
  try {
    JSON.parse(text);
  } catch (error) {
    throw new FormatError(`not JSON: ${error instanceof Error ? error.message : error}`);
  }
  return text;
}

function decodeStrict(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new FormatError("not UTF-8 text");
  }
}
