/**
 * Reads a line of console-producer's input as Kafka's LineMessageReader does:
 * `headers<TAB>key<TAB>value`, of which headers and key are there when asked for.
 */
import { CommandFailure } from "./failure.ts";

export interface ParsedRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
}

export type ReadLine = (line: Uint8Array, lineNumber: number) => ParsedRecord;

const PROPERTIES = new Set([
  "parse.key",
  "key.separator",
  "parse.headers",
  "headers.delimiter",
  "headers.separator",
  "headers.key.separator",
  "ignore.error",
  "null.marker",
]);

/**
 * Text is handled as one character a byte: separators are found and values are passed on exactly,
 * whatever encoding the input has.
 */
const bytesAsText = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const textAsBytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** @throws CommandFailure when a property is unknown or two separators are the same. */
export function lineReader(properties: Readonly<Record<string, string>>): ReadLine {
  for (const name of Object.keys(properties)) {
    if (PROPERTIES.has(name)) continue;
    const known = [...PROPERTIES].join(", ");
    throw new CommandFailure(`unknown reader property ${name}; known are ${known}`);
  }
  const text = (name: string, fallback: string): string =>
    bytesAsText(properties[name] ?? fallback);
  const flag = (name: string): boolean => properties[name]?.trim().toLowerCase() === "true";
  const parseKey = flag("parse.key");
  const parseHeaders = flag("parse.headers");
  const ignoreError = flag("ignore.error");
  const separators = {
    "key.separator": text("key.separator", "\t"),
    "headers.delimiter": text("headers.delimiter", "\t"),
    "headers.separator": text("headers.separator", ","),
    "headers.key.separator": text("headers.key.separator", ":"),
  };
  const marker = properties["null.marker"];
  const nullMarker = marker === undefined ? null : bytesAsText(marker);
  throwIfAmbiguous(separators, nullMarker);

  const orNull = (part: string): Uint8Array | null =>
    part === nullMarker ? null : textAsBytes(part);

  const cut = (line: string, from: number, name: keyof typeof separators, at: number): string => {
    const end = line.indexOf(separators[name], from);
    if (end !== -1) return line.slice(from, end);
    const what = name === "headers.delimiter" ? "headers delimiter" : "key separator";
    throw new CommandFailure(`No ${what} found on line number ${at}: '${fromBytes(line)}'`);
  };

  const readHeader = (pair: string, at: number): ParsedRecord["headers"][number] => {
    const end = pair.indexOf(separators["headers.key.separator"]);
    if (end === -1) {
      if (ignoreError) return { key: fromBytes(pair), value: null };
      throw new CommandFailure(
        `No header key separator found in pair '${fromBytes(pair)}' on line number ${at}`,
      );
    }
    const key = pair.slice(0, end);
    if (key === nullMarker) {
      throw new CommandFailure(
        `Header keys should not be equal to the null marker '${marker}' as they can't be null`,
      );
    }
    const value = pair.slice(end + separators["headers.key.separator"].length);
    return { key: fromBytes(key), value: orNull(value) };
  };

  /** The part up to the separator and what follows it; with ignore.error, no part if there is none. */
  const take = (
    line: string,
    from: number,
    name: "headers.delimiter" | "key.separator",
    at: number,
  ): [part: string | null, next: number] => {
    if (ignoreError && !line.includes(separators[name], from)) return [null, from];
    const part = cut(line, from, name, at);
    return [part, from + part.length + separators[name].length];
  };

  return (bytes, at) => {
    const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    let next = 0;
    let headers: string | null = null;
    let key: string | null = null;
    if (parseHeaders) [headers, next] = take(line, next, "headers.delimiter", at);
    if (parseKey) [key, next] = take(line, next, "key.separator", at);
    return {
      headers:
        headers === null || headers === nullMarker
          ? []
          : headers.split(separators["headers.separator"]).map((pair) => readHeader(pair, at)),
      key: key === null ? null : orNull(key),
      value: orNull(line.slice(next)),
    };
  };
}

function fromBytes(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8");
}

function throwIfAmbiguous(
  separators: Readonly<Record<string, string>>,
  nullMarker: string | null,
): void {
  const same = (a: string, b: string): boolean => separators[a] === separators[b];
  for (const [a, b] of [
    ["headers.delimiter", "headers.separator"],
    ["headers.delimiter", "headers.key.separator"],
    ["headers.separator", "headers.key.separator"],
  ] as const) {
    if (same(a, b)) throw new CommandFailure(`${a} and ${b} may not be equal`);
  }
  for (const name of Object.keys(separators)) {
    if (separators[name] === "") throw new CommandFailure(`${name} may not be empty`);
    if (separators[name] === nullMarker) {
      throw new CommandFailure(`null.marker and ${name} may not be equal`);
    }
  }
}

/** The lines of a stream, without their ends ("\n" or "\r\n"); a last one without an end counts. */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = [];
  for await (const chunk of stream) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const part = chunk.subarray(start, end);
      lines.push(withoutReturn(rest.length === 0 ? part : Buffer.concat([...rest, part])));
      rest = [];
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [withoutReturn(Buffer.concat(rest))];
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line;
}
