/** Writes a record as Kafka's DefaultMessageFormatter does. */
import { CommandFailure } from "./failure.ts";

export interface ShownRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  /** CreateTime or LogAppendTime. */
  readonly timestampType: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
}

/** Turns bytes into what is printed; throws on bytes that it cannot read. */
export type Show = (topic: string, bytes: Uint8Array) => Uint8Array;

export interface Deserializers {
  readonly key: Show | null;
  readonly value: Show | null;
  readonly headers: Show | null;
}

const PROPERTIES = new Set([
  "print.timestamp",
  "print.key",
  "print.offset",
  "print.delivery",
  "print.partition",
  "print.headers",
  "print.value",
  "key.separator",
  "line.separator",
  "headers.separator",
  "null.literal",
]);

/** @throws CommandFailure when a property is unknown. */
export function recordFormatter(
  properties: Readonly<Record<string, string>>,
  deserializers: Deserializers,
): (record: ShownRecord) => Buffer {
  for (const name of Object.keys(properties)) {
    if (PROPERTIES.has(name)) continue;
    const known = [...PROPERTIES].join(", ");
    throw new CommandFailure(`unknown formatter property ${name}; known are ${known}`);
  }
  const flag = (name: string, fallback: boolean): boolean =>
    properties[name] === undefined ? fallback : properties[name].trim().toLowerCase() === "true";
  const literal = (name: string, fallback: string): Buffer =>
    Buffer.from(properties[name] ?? fallback, "utf8");
  const keySeparator = literal("key.separator", "\t");
  const lineSeparator = literal("line.separator", "\n");
  const headersSeparator = literal("headers.separator", ",");
  const nullLiteral = literal("null.literal", "null");

  const show = (topic: string, bytes: Uint8Array | null, how: Show | null): Uint8Array => {
    if (bytes === null) return nullLiteral;
    return how === null ? bytes : how(topic, bytes);
  };

  const columns: ((record: ShownRecord) => Uint8Array)[] = [];
  const column = (name: string, fallback: boolean, text: (r: ShownRecord) => string): void => {
    if (flag(name, fallback)) columns.push((record) => Buffer.from(text(record), "utf8"));
  };
  column("print.timestamp", false, (r) => `${r.timestampType}:${r.timestamp}`);
  column("print.partition", false, (r) => `Partition:${r.partition}`);
  column("print.offset", false, (r) => `Offset:${r.offset}`);
  column("print.delivery", false, () => "Delivery:NONE");
  if (flag("print.headers", false)) {
    columns.push(({ topic, headers }) => {
      if (headers.length === 0) return Buffer.from("NO_HEADERS");
      const parts = headers.flatMap((header, i) => [
        ...(i === 0 ? [] : [headersSeparator]),
        Buffer.from(`${header.key}:`, "utf8"),
        show(topic, header.value, deserializers.headers),
      ]);
      return Buffer.concat(parts);
    });
  }
  if (flag("print.key", false)) columns.push((r) => show(r.topic, r.key, deserializers.key));
  if (flag("print.value", true)) columns.push((r) => show(r.topic, r.value, deserializers.value));

  return (record) => {
    const parts: Uint8Array[] = [];
    columns.forEach((write, i) => {
      parts.push(write(record), i === columns.length - 1 ? lineSeparator : keySeparator);
    });
    return Buffer.concat(parts);
  };
}
