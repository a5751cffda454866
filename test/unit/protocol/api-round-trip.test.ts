import fc from "fast-check";
import { expect, test } from "vitest";
import { apis } from "../../../src/protocol/api/registry.ts";
import { Reader } from "../../../src/protocol/reader.ts";
import type { Message } from "../../../src/protocol/schema.ts";
import type { StructSpec, TypeSpec } from "../../../src/protocol/type-spec.ts";
import { Writer } from "../../../src/protocol/writer.ts";
import { casesOf } from "./arbitrary.ts";

function encode(message: Message<unknown, unknown>, version: number, value: unknown): Uint8Array {
  const writer = new Writer();
  message.encode(writer, version, value);
  const { length } = writer;
  const bytes = writer.finish();
  expect(bytes.length).toBe(length);
  return bytes;
}

/** The value without the fields that say what their absence would say. */
function withoutDefaults(value: unknown, type: TypeSpec): unknown {
  if (type.kind === "array" && Array.isArray(value)) {
    return value.map((item) => withoutDefaults(item, type.element));
  }
  if (type.kind !== "struct" || value === null) return value;
  const given = value as { [name: string]: unknown };
  const kept = type.fields
    .filter(({ name, defaultValue }) => !isSame(given[name], defaultValue))
    .map(({ name, type: kind }) => [name, withoutDefaults(given[name], kind)]);
  return Object.fromEntries(kept);
}

function isSame(a: unknown, b: unknown): boolean {
  // JSON has no negative zero, and a float64 has.
  if (typeof a === "number" && typeof b === "number") return Object.is(a, b);
  return JSON.stringify(a) === JSON.stringify(b);
}

test.each(casesOf(apis.values()))(
  "$label: decode(encode(x)) = x",
  ({ message, version, value }) => {
    fc.assert(
      fc.property(value, (x) => {
        const bytes = encode(message, version, x);
        const reader = new Reader(bytes);
        expect(message.decode(reader, version)).toEqual(x);
        expect(reader.remaining).toBe(0);
        expect(message.normalize(version, x)).toEqual(x);
        const sparse = withoutDefaults(x, message.type as StructSpec);
        expect(encode(message, version, sparse)).toEqual(bytes);
        expect(message.normalize(version, sparse)).toEqual(x);
      }),
      { numRuns: 15 },
    );
  },
);
