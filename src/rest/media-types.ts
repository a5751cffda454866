/**
 * The media types of the two dialects, and which one a request asks for (RFC 9110, 12.5.1).
 *
 * v2 names the format of keys and values inside the type: `application/vnd.kafka.json.v2+json`.
 * `binary` is base64 and what an unspecific type means; `string` is UTF-8 text, which Strimzi calls
 * `text`.
 */
import type { Format } from "./formats.ts";
import { RestError } from "./rest-error.ts";

export const KAFKA_V2_JSON = "application/vnd.kafka.v2+json";
export const JSON_TYPE = "application/json";
const JSON_UTF8 = "utf-8";

const GENERIC_V2: readonly string[] = [
  KAFKA_V2_JSON,
  "application/vnd.kafka+json",
  JSON_TYPE,
  "application/*",
  "*/*",
];
const FORMAT_BY_NAME: Readonly<Record<string, Format>> = {
  binary: "binary",
  json: "json",
  string: "string",
  text: "string",
};
const SCHEMA_FORMATS: readonly string[] = ["avro", "jsonschema", "protobuf"];
const EMBEDDED = /^application\/vnd\.kafka\.([a-z]+)\.v2\+json$/;

export const V2_EMBEDDED_TYPES: readonly string[] = ["binary", "json", "string", "text"].map(
  (name) => `application/vnd.kafka.${name}.v2+json`,
);

/** The type without its parameters, in lower case; "" when there is none. */
export function bareType(header: string | null): string {
  if (header === null) return "";
  const end = header.indexOf(";");
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

/** Throws RestError 415 when the charset is one that JSON cannot have. */
function throwIfCharset(header: string): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(header)?.[1]?.toLowerCase();
  if (charset === undefined || charset === JSON_UTF8 || charset === "us-ascii") return;
  throw unsupported(`the charset "${charset}" of ${header}: send UTF-8`);
}

/** The format of a v2 produce request. Throws RestError 415. */
export function produceFormat(contentType: string | null): Format {
  if (contentType === null) {
    throw unsupported(`a request without Content-Type: send one of ${listOf(V2_EMBEDDED_TYPES)}`);
  }
  throwIfCharset(contentType);
  const type = bareType(contentType);
  if (type === KAFKA_V2_JSON || type === JSON_TYPE || type === "application/vnd.kafka+json") {
    return "binary";
  }
  const name = EMBEDDED.exec(type)?.[1];
  const format = name === undefined ? undefined : FORMAT_BY_NAME[name];
  if (format !== undefined) return format;
  if (name !== undefined && SCHEMA_FORMATS.includes(name)) {
    throw unsupported(
      `${type}: Kedge has no schema registry. Serialize on the client and send ` +
        "application/vnd.kafka.binary.v2+json, or send JSON or strings",
    );
  }
  throw unsupported(`${type}: send one of ${listOf(V2_EMBEDDED_TYPES)}`);
}

/** Requests with a JSON body that is not records: v3, and v2's others. Throws RestError 415. */
export function requireJson(contentType: string | null): void {
  if (contentType !== null) throwIfCharset(contentType);
  const type = bareType(contentType);
  if (type === JSON_TYPE) return;
  throw unsupported(`${type === "" ? "no Content-Type" : type}: send ${JSON_TYPE}`);
}

/** v2's bodies that are not records; an embedded type is taken as well. Throws RestError 415. */
export function requireV2Json(contentType: string | null): void {
  if (contentType !== null) throwIfCharset(contentType);
  const type = bareType(contentType);
  if (type === KAFKA_V2_JSON || type === JSON_TYPE || type === "application/vnd.kafka+json") return;
  if (EMBEDDED.test(type)) return;
  throw unsupported(`${type === "" ? "no Content-Type" : type}: send ${KAFKA_V2_JSON}`);
}

function unsupported(detail: string): RestError {
  return new RestError(415, 415, `HTTP 415 Unsupported Media Type: ${detail}`);
}

interface Range {
  readonly type: string;
  readonly q: number;
}

/** The accepted types, best first; equal weights keep the client's order. */
function acceptRanges(accept: string): Range[] {
  return accept
    .split(",")
    .map((part) => {
      const q = /;\s*q\s*=\s*([\d.]+)/i.exec(part)?.[1];
      return { type: bareType(part), q: q === undefined ? 1 : Number(q) };
    })
    .filter(({ type, q }) => type !== "" && q > 0)
    .sort((a, b) => b.q - a.q);
}

/**
 * The type of a v2 answer that holds no records. An embedded type is taken as well, since clients
 * send one Accept for everything. Throws RestError 406.
 */
export function metadataType(accept: string | null): string {
  if (accept === null || accept === "*/*" || accept === KAFKA_V2_JSON) return KAFKA_V2_JSON;
  for (const { type } of acceptRanges(accept)) {
    if (type === JSON_TYPE) return JSON_TYPE;
    if (GENERIC_V2.includes(type) || EMBEDDED.test(type)) return KAFKA_V2_JSON;
  }
  throw notAcceptable(accept, [KAFKA_V2_JSON, JSON_TYPE]);
}

export interface RecordsType {
  readonly format: Format;
  readonly contentType: string;
}

/** How records are to be shown. Throws RestError 406. */
export function recordsType(accept: string | null): RecordsType {
  if (accept === null || accept === "*/*") return embedded("binary");
  let schemaFormat: string | null = null;
  for (const { type } of acceptRanges(accept)) {
    const name = EMBEDDED.exec(type)?.[1];
    const format = name === undefined ? undefined : FORMAT_BY_NAME[name];
    if (format !== undefined) return { format, contentType: type };
    if (type === JSON_TYPE) return { format: "binary", contentType: JSON_TYPE };
    if (GENERIC_V2.includes(type)) return embedded("binary");
    if (name !== undefined && SCHEMA_FORMATS.includes(name)) schemaFormat = name;
  }
  if (schemaFormat === null) throw notAcceptable(accept, V2_EMBEDDED_TYPES);
  const what = `Kedge has no schema registry to read ${schemaFormat} with`;
  throw new RestError(406, 40601, `${what}: accept one of ${listOf(V2_EMBEDDED_TYPES)}`);
}

/**
 * How the records of a consumer instance are shown: in its own format, which an unspecific Accept
 * means. Throws RestError 406 (40601) when another one is asked for.
 */
export function instanceRecordsType(accept: string | null, format: Format): string {
  const own = embedded(format).contentType;
  if (accept === null || accept === "*/*") return own;
  let other: string | null = null;
  for (const { type } of acceptRanges(accept)) {
    const name = EMBEDDED.exec(type)?.[1];
    if (name !== undefined && FORMAT_BY_NAME[name] === format) return type;
    if (type === JSON_TYPE) return JSON_TYPE;
    if (GENERIC_V2.includes(type)) return own;
    if (name !== undefined) other = type;
  }
  if (other === null) throw notAcceptable(accept, [own]);
  const what =
    "The requested embedded data format does not match the deserializer for this consumer";
  throw new RestError(406, 40601, `${what} instance: it is ${own}, not ${other}`);
}

function embedded(format: Format): RecordsType {
  return { format, contentType: `application/vnd.kafka.${format}.v2+json` };
}

/** v3 speaks JSON only. Throws RestError 406. */
export function requireJsonAccepted(accept: string | null): void {
  if (accept === null || accept === "*/*" || accept === JSON_TYPE) return;
  const takes = [JSON_TYPE, "application/*", "*/*"];
  if (acceptRanges(accept).some(({ type }) => takes.includes(type))) return;
  throw notAcceptable(accept, [JSON_TYPE]);
}

function notAcceptable(accept: string, offered: readonly string[]): RestError {
  const detail = `this resource has no form that "${accept}" accepts: ask for ${listOf(offered)}`;
  return new RestError(406, 406, `HTTP 406 Not Acceptable: ${detail}`);
}

function listOf(types: readonly string[]): string {
  return types.join(", ");
}
