import fc from "fast-check";
import { expect, test } from "vitest";
import {
  concatBytes,
  EMPTY_BYTES,
  equalBytes,
  utf8Decode,
  utf8DecodeRange,
  utf8Encode,
  utf8Length,
  utf8Write,
} from "../../../src/lib/bytes.ts";

const bytes = fc.uint8Array({ maxLength: 64 });
/** Every code point, lone surrogates left out: they have no UTF-8. */
const text = fc.string({ unit: "binary", maxLength: 64 });

test("concatBytes joins in order and copies", () => {
  fc.assert(
    fc.property(fc.array(bytes), (parts) => {
      const joined = concatBytes(parts);
      expect([...joined]).toEqual(parts.flatMap((part) => [...part]));
    }),
  );
  const part = Uint8Array.of(1, 2);
  const joined = concatBytes([part]);
  part[0] = 9;
  expect([...joined]).toEqual([1, 2]);
});

test("equalBytes compares contents, whatever buffer they live in", () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      expect(equalBytes(a, concatBytes([EMPTY_BYTES, a]))).toBe(true);
    }),
  );
});

test("UTF-8 goes both ways, short and long, with a byte order mark kept", () => {
  fc.assert(
    fc.property(text, (value) => {
      expect(utf8Decode(utf8Encode(value))).toBe(value);
    }),
  );
  expect(utf8Decode(utf8Encode("\ufeffname"))).toBe("\ufeffname");
});

test("bytes that are not UTF-8 become replacement characters, not an error", () => {
  fc.assert(
    fc.property(bytes, (value) => {
      expect(utf8Decode(value)).toBe(Buffer.from(value).toString("utf8"));
    }),
  );
});

test("a range is decoded as its own string", () => {
  fc.assert(
    fc.property(bytes, text, bytes, (before, value, after) => {
      const all = concatBytes([before, utf8Encode(value), after]);
      const end = all.length - after.length;
      expect(utf8DecodeRange(all, before.length, end)).toBe(value);
    }),
  );
});

test("utf8Length and utf8Write agree with the encoder, lone surrogates included", () => {
  const anyUnits = fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
    .map((units) => String.fromCharCode(...units));
  fc.assert(
    fc.property(fc.oneof(text, anyUnits), (value) => {
      const expected = new TextEncoder().encode(value);
      expect(utf8Length(value)).toBe(expected.length);
      const target = new Uint8Array(expected.length + 3);
      expect(utf8Write(value, target, 3)).toBe(target.length);
      expect(target.subarray(3)).toEqual(expected);
    }),
  );
});
