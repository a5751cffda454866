import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../../src/lib/crc32c.ts";

/** The slow, obvious version: RFC 3720, a bit at a time. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

test.each([
  ["123456789", new TextEncoder().encode("123456789"), 0xe3069283],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["32 ascending (RFC 3720 B.4)", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ["32 descending (RFC 3720 B.4)", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ["nothing", new Uint8Array(0), 0],
])("the published value of %s", (_, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc);
});

test("every length up to 300 at every alignment", () => {
  const bytes = Uint8Array.from({ length: 320 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  for (let start = 0; start < 8; start++) {
    for (let end = start; end <= start + 300; end++) {
      expect(crc32c(bytes, start, end)).toBe(slowCrc32c(bytes.subarray(start, end)));
    }
  }
});

test("any bytes, in a view that begins anywhere in its buffer", () => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 5_000, size: "max" }),
    fc.nat(40),
    fc.nat(40),
    (bytes, start, less) => {
      const view = bytes.subarray(Math.min(3, bytes.length));
      const from = Math.min(start, view.length);
      const to = Math.max(from, view.length - less);
      expect(crc32c(view, from, to)).toBe(slowCrc32c(view.subarray(from, to)));
    },
  );
  fc.assert(property);
});
