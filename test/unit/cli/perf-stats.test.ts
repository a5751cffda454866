import { describe, expect, test } from "vitest";
import { PerfStats } from "../../../src/cli/perf-stats.ts";

describe("producer-perf-test's figures", () => {
  test("a window line every five seconds, a total at the end, in Kafka's words", () => {
    const stats = new PerfStats(1_000, 0);
    const lines: string[] = [];
    for (let i = 1; i <= 1_000; i++) lines.push(...stats.record(i % 100, 1_048, i * 10));
    expect(lines).toEqual([
      "500 records sent, 100.0 records/sec (0.10 MB/sec), 49.5 ms avg latency, 99.0 ms max latency.",
      "500 records sent, 100.0 records/sec (0.10 MB/sec), 49.5 ms avg latency, 99.0 ms max latency.",
    ]);
    expect(stats.totalLine(10_000)).toBe(
      "1000 records sent, 100.000000 records/sec (0.10 MB/sec), 49.50 ms avg latency, " +
        "99.00 ms max latency, 50 ms 50th, 95 ms 95th, 99 ms 99th, 99 ms 99.9th.",
    );
  });

  test("the steady state announces itself and silences the windows before it", () => {
    const all = new PerfStats(10, 0);
    all.silence();
    const steady = new PerfStats(5, 0, true);
    expect(all.record(1, 1, 6_000)).toEqual([]);
    expect(steady.record(1, 1, 6_000)[0]).toBe("In steady state.");
    expect(steady.totalLine(6_000)).toMatch(/^1 steady state records sent, /);
  });

  test("percentiles of many records come from at most half a million samples", () => {
    const stats = new PerfStats(2_000_000, 0);
    for (let i = 0; i < 2_000_000; i++) stats.record(i % 10, 1, 1);
    expect(stats.totalLine(1_000)).toMatch(
      /^2000000 records sent, .* 4 ms 50th, 8 ms 95th, 8 ms 99th/,
    );
  });
});
