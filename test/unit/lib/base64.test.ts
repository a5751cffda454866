import fc from "fast-check";
import { expect, test } from "vitest";
import {
  base64Decode,
  base64Encode,
  base64UrlDecode,
  base64UrlEncode,
} from "../../../src/lib/base64.ts";

const bytes = fc.uint8Array({ maxLength: 100 });

test("both alphabets agree with Node's", () => {
  fc.assert(
    fc.property(bytes, (value) => {
      expect(base64Encode(value)).toBe(Buffer.from(value).toString("base64"));
      expect(base64UrlEncode(value)).toBe(Buffer.from(value).toString("base64url"));
      expect(base64Decode(base64Encode(value))).toEqual(value);
      expect(base64UrlDecode(base64UrlEncode(value))).toEqual(value);
    }),
  );
});

test("a long value passes String.fromCharCode's bound on arguments", () => {
  const value = Uint8Array.from({ length: 200_000 }, (_, i) => i * 7);
  expect(base64Encode(value)).toBe(Buffer.from(value).toString("base64"));
});

test("base64url may be padded", () => {
  expect(base64UrlDecode("_w==")).toEqual(Uint8Array.of(255));
  expect(base64UrlDecode("_w")).toEqual(Uint8Array.of(255));
});

test.each([
  ["a character of the other alphabet", "_w=="],
  ["white space", "AAAA\n"],
  ["a length that is no multiple of four", "AAA"],
  ["padding in front", "=AAA"],
  ["padding alone", "===="],
  ["three characters of padding", "A==="],
  ["padding in the middle", "AA==AAAA"],
  ["bits beyond the last byte", "/x=="],
  ["bits beyond the last two bytes", "//9="],
  ["a character above ASCII", "AAA\u0141"],
])("refuses %s", (_, value) => {
  expect(base64Decode(value)).toBeNull();
});

test("what is not refused is exactly what the encoder writes", () => {
  const almost = fc.string({ unit: fc.constantFrom(..."AZaz09+/=_- "), maxLength: 12 });
  fc.assert(
    fc.property(almost, (value) => {
      const decoded = base64Decode(value);
      if (decoded !== null) expect(base64Encode(decoded)).toBe(value);
    }),
    { numRuns: 2_000 },
  );
});
