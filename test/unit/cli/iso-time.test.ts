import { describe, expect, test } from "vitest";
import { parseDatetime, parseDuration } from "../../../src/cli/iso-time.ts";

describe("datetimes of kafka-consumer-groups", () => {
  test.each([
    ["2026-01-31T08:30:00.000", "2026-01-31T08:30:00.000Z"],
    ["2026-01-31T08:30:00.125", "2026-01-31T08:30:00.125Z"],
    ["2026-01-31T08:30:00.000Z", "2026-01-31T08:30:00.000Z"],
    ["2026-01-31T08:30:00.000+02", "2026-01-31T06:30:00.000Z"],
    ["2026-01-31T08:30:00.000+0230", "2026-01-31T06:00:00.000Z"],
    ["2026-01-31T08:30:00.000-02:30", "2026-01-31T11:00:00.000Z"],
    ["2026-01-31T08:30:05", "2026-01-31T08:30:05.000Z"],
    ["2026-01-31T08:30", "2026-01-31T08:30:00.000Z"],
  ])("%s is %s", (text, expected) => {
    expect(new Date(parseDatetime(text)).toISOString()).toBe(expected);
  });

  test.each(["", "2026-01-31", "2026-13-31T08:30:00.000", "yesterday", "2026-01-31 08:30:00.000"])(
    "%j is none, and the error says what is",
    (text) => {
      expect(() => parseDatetime(text)).toThrow(
        `${text} is no datetime: YYYY-MM-DDTHH:mm:SS.sss is needed`,
      );
    },
  );
});

describe("durations of kafka-consumer-groups", () => {
  test.each([
    ["PT10M", 600_000],
    ["P1D", 86_400_000],
    ["P1DT2H3M4.5S", 93_784_500],
    ["pt1h", 3_600_000],
    ["PT0S", 0],
    ["-PT1M", -60_000],
    ["PT-1M", -60_000],
    ["PT1.0019S", 1_001],
  ])("%s is %d ms", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(["", "P", "PT", "P1DT", "10M", "P1Y", "P1M", "PT1.5H", "P 1D"])(
    "%j is none",
    (text) => {
      expect(() => parseDuration(text)).toThrow(`${text} is no duration: PnDTnHnMnS is needed`);
    },
  );
});
