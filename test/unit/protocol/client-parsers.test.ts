/**
 * Our responses as a client of another author reads them: @platformatic/kafka has a parser for each
 * version of each API, written by hand, with Kafka's field names.
 */
import { existsSync, readdirSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { apis } from "../../../src/protocol/api/registry.ts";
import type { AnyApi } from "../../../src/protocol/schema.ts";
import type { TypeSpec } from "../../../src/protocol/type-spec.ts";
import { hasVersion } from "../../../src/protocol/versions.ts";
import { Writer } from "../../../src/protocol/writer.ts";
import type { Case, Override } from "./arbitrary.ts";
import { casesOf } from "./arbitrary.ts";

interface ClientReader {
  readonly remaining: number;
}
type Parse = (correlationId: number, key: number, version: number, reader: ClientReader) => unknown;

const dist = new URL("../../../node_modules/@platformatic/kafka/dist/", import.meta.url);
const { Reader: TheirReader } = (await import(new URL("protocol/reader.js", dist).href)) as {
  Reader: { from(bytes: Buffer): ClientReader };
};

async function parserOf({ name }: AnyApi, version: number): Promise<Parse | null> {
  const kebab = name.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  for (const folder of readdirSync(new URL("apis/", dist))) {
    const file = new URL(`apis/${folder}/${kebab}-v${version}.js`, dist);
    if (existsSync(file))
      return ((await import(file.href)) as { parseResponse: Parse }).parseResponse;
  }
  return null;
}

/** The client throws on any error, and looks into record batches: neither is our matter here. */
const override: Override = ({ name, type }) => {
  if (/errorCode$/i.test(name)) return fc.constant(0);
  if (name === "batchIndexErrorMessage") return fc.constant(null);
  if (type.kind === "records") return fc.constantFrom(null, new Uint8Array(0));
  if (type.kind === "int64") return fc.maxSafeInteger();
  return undefined;
};

/** Compares what both sides have a name for, and returns how many values that were. */
function compare(theirs: unknown, ours: unknown, type: TypeSpec, at: Place): number {
  if (type.kind === "array" && Array.isArray(ours) && Array.isArray(theirs)) {
    expect(theirs.length, at.path).toBe(ours.length);
    const each = ours.map((item, i) => {
      return compare(theirs[i], item, type.element, { ...at, path: `${at.path}[${i}]` });
    });
    return sum(each);
  }
  if (type.kind === "struct" && isFields(ours) && isFields(theirs)) {
    const shared = type.fields.filter(
      ({ name, versions, type: kind }) =>
        name in theirs && hasVersion(versions, at.version) && kind.kind !== "records",
    );
    const each = shared.map(({ name, type: kind }) => {
      return compare(theirs[name], ours[name], kind, { ...at, path: `${at.path}.${name}` });
    });
    return sum(each);
  }
  expect(plain(theirs), at.path).toEqual(plain(ours));
  return 1;
}

interface Place {
  readonly version: number;
  readonly path: string;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function isFields(value: unknown): value is { [name: string]: unknown } {
  return typeof value === "object" && value !== null;
}

/** One spelling for numbers, ids and bytes, whichever side they come from. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)) {
    return Buffer.from(value.replaceAll("-", ""), "hex").toString("base64url");
  }
  return value;
}

interface ParsedCase extends Case {
  readonly parse: Parse;
}

let compared = 0;
const parsed: ParsedCase[] = [];
for (const one of casesOf(apis.values(), override)) {
  const parse = one.message === one.api.response ? await parserOf(one.api, one.version) : null;
  if (parse !== null) parsed.push({ ...one, parse });
}

test("most versions have a parser to be read by", () => {
  expect(parsed.length).toBeGreaterThan(150);
});

test.each(parsed)("$label", ({ api, message, version, value, parse }) => {
  fc.assert(
    fc.property(value, (x) => {
      const writer = new Writer();
      message.encode(writer, version, x);
      const reader = TheirReader.from(Buffer.from(writer.finish()));
      compared += compare(parse(1, api.key, version, reader), x, message.type, {
        version,
        path: message.name,
      });
      expect(reader.remaining).toBe(0);
    }),
    { numRuns: 20 },
  );
});

test("values were compared, and not only lengths", () => {
  expect(compared).toBeGreaterThan(20_000);
});
