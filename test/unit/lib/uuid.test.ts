import fc from "fast-check";
import { expect, test } from "vitest";
import { base64UrlEncode } from "../../../src/lib/base64.ts";
import { uuidFromBytes, uuidToBytes, uuidWrite, ZERO_UUID } from "../../../src/lib/uuid.ts";

const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });

test("the text is Kafka's: base64url without padding", () => {
  fc.assert(
    fc.property(sixteen, (bytes) => {
      const text = uuidFromBytes(bytes);
      expect(text).toBe(base64UrlEncode(bytes));
      expect(uuidToBytes(text)).toEqual(bytes);
    }),
  );
});

test("it is read and written in the middle of other bytes", () => {
  const frame = new Uint8Array(20);
  expect(uuidWrite("AAAAAAAAAAAAAAAAAAAAAQ", frame, 3)).toBe(true);
  expect([...frame]).toEqual([...new Array(18).fill(0), 1, 0]);
  expect(uuidFromBytes(frame, 3)).toBe("AAAAAAAAAAAAAAAAAAAAAQ");
});

test("zero is Uuid.ZERO_UUID", () => {
  expect(uuidToBytes(ZERO_UUID)).toEqual(new Uint8Array(16));
});

test.each([
  ["too short", "AAAA"],
  ["too long", `${ZERO_UUID}A`],
  ["a dashed uuid", "00000000-0000-0000-0000"],
  ["the standard alphabet", "++++++++++++++++++++++"],
  ["bits beyond the last byte", "AAAAAAAAAAAAAAAAAAAAAB"],
  ["not ASCII", "AAAAAAAAAAAAAAAAAAAAA\u0141"],
])("%s is no id", (_, text) => {
  expect(uuidToBytes(text)).toBeNull();
});
