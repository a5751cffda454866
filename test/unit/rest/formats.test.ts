import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64Encode } from "../../../src/lib/base64.ts";
import { utf8Decode, utf8Encode } from "../../../src/lib/bytes.ts";
import { encodeField, FormatError, isFormat, showField } from "../../../src/rest/formats.ts";
import { decodeUtf8, parseJson, parseJsonBytes } from "../../../src/rest/json-text.ts";
import { RestError } from "../../../src/rest/rest-error.ts";

describe("encodeField and showField", () => {
  test("REST6: binary: any bytes there and back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const shown = JSON.parse(showField("binary", bytes));
        expect(shown).toBe(base64Encode(bytes));
        expect(encodeField("binary", shown)).toEqual(bytes);
        expect(encodeField("binary", shown.replace(/=+$/, ""))).toEqual(bytes);
      }),
    );
  });

  test("REST6: string: any text there and back, a leading BOM too", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(JSON.parse(showField("string", encodeField("string", text)))).toBe(text);
      }),
    );
    expect(JSON.parse(showField("string", encodeField("string", "\ufeffx")))).toBe("\ufeffx");
  });

  test("REST6: json: any value there and back", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        if (value === null) return;
        expect(JSON.parse(showField("json", encodeField("json", value)))).toEqual(
          JSON.parse(JSON.stringify(value)),
        );
      }),
    );
  });

  test("null is null in every format, and so is an absent field", () => {
    for (const format of ["binary", "json", "string"] as const) {
      expect(encodeField(format, null)).toBeNull();
      expect(encodeField(format, undefined)).toBeNull();
      expect(showField(format, null)).toBe("null");
    }
  });

  test("empty is not null", () => {
    expect(encodeField("binary", "")).toEqual(new Uint8Array(0));
    expect(encodeField("string", "")).toEqual(new Uint8Array(0));
    expect(showField("binary", new Uint8Array(0))).toBe('""');
    expect(showField("string", new Uint8Array(0))).toBe('""');
  });

  test("what is not of the format says so, with the value", () => {
    expect(() => encodeField("binary", "a*==")).toThrow(
      'data="a*==" is not a valid base64 string.',
    );
    expect(() => encodeField("binary", "a")).toThrow("not a valid base64");
    expect(() => encodeField("binary", 1)).toThrow("data=1 is not a base64 string.");
    expect(() => encodeField("string", { a: 1 })).toThrow('data={"a":1} is not a string.');
    expect(() => encodeField("string", "\ud800")).toThrow("half a surrogate pair");
    expect(() => encodeField("string", ["x".repeat(500)])).toThrow("… (504 characters)");
    expect(() => showField("json", utf8Encode("{nope"))).toThrow(FormatError);
    expect(() => showField("json", Uint8Array.of(0xff))).toThrow("not UTF-8 text");
    expect(() => showField("string", Uint8Array.of(0xc3))).toThrow("not UTF-8 text");
  });

  test("names are checked", () => {
    expect([isFormat("json"), isFormat("avro")]).toEqual([true, false]);
  });
});

describe("parseJson", () => {
  const roundTrip = (text: string): string =>
    utf8Decode(encodeField("json", parseJson(text)) ?? new Uint8Array(0));

  test("REST6: keeps every digit of a number", () => {
    for (const text of [
      '{"id":12345678901234567890}',
      '{"a":1.50,"b":[1.0,2.10]}',
      '{"a":1e3,"b":-2.5E-7}',
      "[0.1234567890123456789]",
      "[1234567.1234567890]",
      '{"a":-12345678901234567890}',
      "12345678901234567890",
      '{"a":{"b":[{"c":9007199254740993}]}}',
    ]) {
      // A bare number has no structure before it: the record's value never stands alone in a body.
      const body = `{"value":${text}}`;
      expect(roundTrip(body)).toBe(body);
    }
  });

  test("is compact, keeps order, and does not touch what looks like a number in a string", () => {
    expect(roundTrip('{ "b": 1.5,\n "a": [ 1, 2.50 ] }')).toBe('{"b":1.5,"a":[1,2.50]}');
    expect(roundTrip('{"a":" 1.50 12345678901234567890 "}')).toBe(
      '{"a":" 1.50 12345678901234567890 "}',
    );
  });

  test("REST6: any number text is kept, to the value and to the digit", () => {
    const number = fc
      .tuple(
        fc.constantFrom("", "-"),
        fc.stringMatching(/^[1-9][0-9]{0,24}$/),
        fc.stringMatching(/^(\.[0-9]{1,24})?$/),
        fc.stringMatching(/^([eE][+-]?[0-9]{1,2})?$/),
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.array(number, { minLength: 1 }), (numbers) => {
        const kept = JSON.parse(`[${roundTrip(`[${numbers.join(", ")}]`).slice(1, -1)}]`);
        expect(kept).toEqual(JSON.parse(`[${numbers.join(",")}]`));
        const digits = (text: string): string => text.replace(/[^0-9]/g, "");
        const long = numbers.filter((n) => digits(n).length > 15);
        for (const n of long) expect(roundTrip(`[${n}]`)).toBe(`[${n}]`);
      }),
      { numRuns: 500 },
    );
  });

  test("says why a body is not JSON", () => {
    expect(() => parseJson("{nope")).toThrow(RestError);
    expect(() => parseJson('{"a":12345678901234567890,}')).toThrow("the body is not JSON");
    expect(() => parseJsonBytes(Uint8Array.of(0x22, 0xff, 0x22))).toThrow("not UTF-8");
    expect(parseJsonBytes(utf8Encode('\ufeff{"a":1}'))).toEqual({ a: 1 });
    expect(decodeUtf8(utf8Encode("é"))).toBe("é");
  });
});
