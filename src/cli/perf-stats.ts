/** The figures of producer-perf-test, in the words of Kafka's ProducerPerformance. */

/** Latencies kept for the percentiles; with more records, one in so many is kept. */
const SAMPLES_MAX = 500_000;
const WINDOW_MS = 5_000;
const MEBIBYTE = 1024 * 1024;

interface Tally {
  startMs: number;
  count: number;
  bytes: number;
  totalLatencyMs: number;
  maxLatencyMs: number;
}

const tally = (startMs: number): Tally => ({
  startMs,
  count: 0,
  bytes: 0,
  totalLatencyMs: 0,
  maxLatencyMs: 0,
});

function add(to: Tally, latencyMs: number, bytes: number): void {
  to.count += 1;
  to.bytes += bytes;
  to.totalLatencyMs += latencyMs;
  to.maxLatencyMs = Math.max(to.maxLatencyMs, latencyMs);
}

export class PerfStats {
  readonly #total: Tally;
  #window: Tally;
  readonly #sampling: number;
  readonly #latencies: number[] = [];
  readonly #steadyState: boolean;
  #quiet = false;

  constructor(numRecords: number, startMs: number, steadyState = false) {
    this.#total = tally(startMs);
    this.#window = tally(startMs);
    this.#sampling = Math.floor(numRecords / Math.min(numRecords, SAMPLES_MAX));
    this.#steadyState = steadyState;
  }

  /** Windows are no longer reported: the figures of the steady state are. */
  silence(): void {
    this.#quiet = true;
  }

  /** Counts an acknowledged record; returns the lines to print, mostly none. */
  record(latencyMs: number, bytes: number, nowMs: number): string[] {
    if (this.#total.count % this.#sampling === 0) this.#latencies.push(latencyMs);
    add(this.#total, latencyMs, bytes);
    add(this.#window, latencyMs, bytes);
    if (nowMs - this.#window.startMs < WINDOW_MS) return [];
    const lines: string[] = [];
    if (this.#steadyState && this.#total.count === this.#window.count) {
      lines.push("In steady state.");
    }
    if (!this.#quiet) lines.push(this.#windowLine(nowMs));
    this.#window = tally(nowMs);
    return lines;
  }

  #windowLine(nowMs: number): string {
    const { startMs, count, bytes, totalLatencyMs, maxLatencyMs } = this.#window;
    const seconds = (nowMs - startMs) / 1_000;
    return (
      `${count} records sent, ${(count / seconds).toFixed(1)} records/sec ` +
      `(${(bytes / seconds / MEBIBYTE).toFixed(2)} MB/sec), ` +
      `${(totalLatencyMs / count).toFixed(1)} ms avg latency, ` +
      `${maxLatencyMs.toFixed(1)} ms max latency.`
    );
  }

  totalLine(nowMs: number): string {
    const { startMs, count, bytes, totalLatencyMs, maxLatencyMs } = this.#total;
    const seconds = (nowMs - startMs) / 1_000;
    const sorted = Float64Array.from(this.#latencies).sort();
    const percentile = (share: number): number => sorted[Math.floor(share * sorted.length)] ?? 0;
    return (
      `${count}${this.#steadyState ? " steady state" : ""} records sent, ` +
      `${(count / seconds).toFixed(6)} records/sec ` +
      `(${(bytes / seconds / MEBIBYTE).toFixed(2)} MB/sec), ` +
      `${(totalLatencyMs / count).toFixed(2)} ms avg latency, ` +
      `${maxLatencyMs.toFixed(2)} ms max latency, ${percentile(0.5)} ms 50th, ` +
      `${percentile(0.95)} ms 95th, ${percentile(0.99)} ms 99th, ${percentile(0.999)} ms 99.9th.`
    );
  }
}
