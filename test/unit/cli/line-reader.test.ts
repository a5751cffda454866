import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lineReader, linesOf } from "../../../src/cli/line-reader.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "utf8");

function read(line: string, properties: Record<string, string> = {}) {
  const { key, value, headers } = lineReader(properties)(bytes(line), 1);
  const text = (part: Uint8Array | null) => (part === null ? null : Buffer.from(part).toString());
  return {
    key: text(key),
    value: text(value),
    headers: headers.map((header) => [header.key, text(header.value)]),
  };
}

const KEYED = { "parse.key": "true" };
const FULL = { "parse.key": "true", "parse.headers": "true" };

describe("console-producer's lines", () => {
  test("a line is a value unless it is asked to be more", () => {
    expect(read("a\tb")).toEqual({ key: null, value: "a\tb", headers: [] });
    expect(read("")).toEqual({ key: null, value: "", headers: [] });
  });

  test("key and value", () => {
    expect(read("k\tv\tw", KEYED)).toEqual({ key: "k", value: "v\tw", headers: [] });
    expect(read("k:v", { ...KEYED, "key.separator": ":" })).toMatchObject({ key: "k", value: "v" });
    expect(read("\tv", KEYED)).toMatchObject({ key: "", value: "v" });
    expect(read("k→v", { ...KEYED, "key.separator": "→" })).toMatchObject({ key: "k", value: "v" });
  });

  test("headers, key and value", () => {
    expect(read("h1:v1,h2:v2:x\tk\tv", FULL)).toEqual({
      key: "k",
      value: "v",
      headers: [
        ["h1", "v1"],
        ["h2", "v2:x"],
      ],
    });
    expect(
      read("h=1;g=2|k/v", {
        ...FULL,
        "headers.delimiter": "|",
        "headers.separator": ";",
        "headers.key.separator": "=",
        "key.separator": "/",
      }),
    ).toEqual({
      key: "k",
      value: "v",
      headers: [
        ["h", "1"],
        ["g", "2"],
      ],
    });
  });

  test("the null marker stands for null in headers, key, value and header values", () => {
    const marked = { ...FULL, "null.marker": "NULL" };
    expect(read("NULL\tNULL\tNULL", marked)).toEqual({ key: null, value: null, headers: [] });
    expect(read("h:NULL\tk\tNULLx", marked)).toEqual({
      key: "k",
      value: "NULLx",
      headers: [["h", null]],
    });
    expect(() => read("NULL:1\tk\tv", marked)).toThrow("Header keys should not be equal");
  });

  test("a missing separator names the line, or is let through by ignore.error", () => {
    expect(() => read("no key", KEYED)).toThrow(
      "No key separator found on line number 1: 'no key'",
    );
    expect(() => read("k\tk\tv", FULL)).toThrow("No header key separator found in pair 'k'");
    expect(read("no key", { ...KEYED, "ignore.error": "true" })).toMatchObject({
      key: null,
      value: "no key",
    });
  });

  test("properties that would be ambiguous or are unknown are refused", () => {
    expect(() => lineReader({ "headers.separator": ":" })).toThrow("may not be equal");
    expect(() => lineReader({ "null.marker": "\t" })).toThrow("null.marker and");
    expect(() => lineReader({ "key.separator": "" })).toThrow("may not be empty");
    expect(() => lineReader({ "parse.kye": "true" })).toThrow("unknown reader property parse.kye");
  });

  test("bytes that are no UTF-8 pass through unchanged", () => {
    const line = Buffer.from([0xff, 0x00, 0x09, 0xfe, 0x80]);
    const { key, value } = lineReader(KEYED)(line, 1);
    expect(key).toEqual(Buffer.from([0xff, 0x00]));
    expect(value).toEqual(Buffer.from([0xfe, 0x80]));
  });

  test("lines come out whole however the stream was cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom("a", "é", "\n", "\r\n", "bc")), { maxLength: 10 }),
        async (chunks) => {
          const parts = chunks
            .map((chunk) => bytes(chunk.join("")))
            .filter((part) => part.length > 0);
          const seen: string[] = [];
          for await (const lines of linesOf(Readable.from(parts))) {
            seen.push(...lines.map((line) => line.toString()));
          }
          const expected = Buffer.concat(parts).toString().split(/\r?\n/);
          if (expected.at(-1) === "") expected.pop();
          expect(seen).toEqual(expected);
        },
      ),
    );
  });
});
