import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRfc3339, parseTimestamp } from "../../../src/rest/timestamp.ts";

describe("timestamps", () => {
  test("any moment from 1970 on, as toISOString writes it", () => {
    const from1970 = fc.date({
      min: new Date(0),
      max: new Date("9999-12-31"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(from1970, (date) => {
        expect(parseRfc3339(date.toISOString())).toBe(date.getTime());
        expect(parseTimestamp(String(date.getTime()))).toBe(date.getTime());
      }),
    );
  });

  test("zones, fractions and the forms that RFC 3339 allows", () => {
    const moment = Date.UTC(2021, 1, 5, 18, 14, 42);
    expect(parseRfc3339("2021-02-05T19:14:42+01:00")).toBe(moment);
    expect(parseRfc3339("2021-02-05t18:14:42z")).toBe(moment);
    expect(parseRfc3339("2021-02-05 18:14:42.5Z")).toBe(moment + 500);
    expect(parseRfc3339("2021-02-05T18:14:42.123987654Z")).toBe(moment + 123);
  });

  test.each([
    ...["", "yesterday", "2021-02-05", "2021-02-05T18:14:42", "2021-13-05T18:14:42Z"],
    ...["1969-12-31T23:59:59Z", "-5", "1.5", "99999999999999999"],
  ])("%o is none", (text) => {
    expect(parseTimestamp(text)).toBeNull();
  });
});
