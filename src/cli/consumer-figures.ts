/** The figures of consumer-perf-test, in the shape of Kafka's ConsumerPerformance. */

const MEBIBYTE = 1024 * 1024;

/** `yyyy-MM-dd HH:mm:ss:SSS`, in local time. */
export function dateText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number, digits = 2): string => String(value).padStart(digits, "0");
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}:` +
    two(date.getMilliseconds(), 3)
  );
}

const rate = (amount: number, ms: number): string =>
  (ms <= 0 ? 0 : (amount * 1_000) / ms).toFixed(4);

export class ConsumerFigures {
  readonly #startMs: number;
  readonly #intervalMs: number;
  readonly #detailed: boolean;
  #joinMs = 0;
  #joinMsInInterval = 0;
  #bytes = 0;
  #records = 0;
  #last: { ms: number; bytes: number; records: number };

  constructor(startMs: number, intervalMs: number, detailed: boolean) {
    this.#startMs = startMs;
    this.#intervalMs = intervalMs;
    this.#detailed = detailed;
    this.#last = { ms: startMs, bytes: 0, records: 0 };
  }

  get records(): number {
    return this.#records;
  }

  get counts(): Record<string, number> {
    return { "records-consumed-total": this.#records, "bytes-consumed-total": this.#bytes };
  }

  header(): string {
    const first = this.#detailed ? "time, threadId" : "start.time, end.time";
    return (
      `${first}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, ` +
      "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
    );
  }

  /** The partitions are known: what follows is fetching. */
  joined(nowMs: number): void {
    this.#joinMs = nowMs - this.#startMs;
    this.#joinMsInInterval = this.#joinMs;
  }

  /** Counts a record; returns the interval's line when one is due. */
  record(bytes: number, nowMs: number): string | null {
    this.#records += 1;
    this.#bytes += bytes;
    if (nowMs - this.#last.ms < this.#intervalMs) return null;
    const line = this.#detailed ? this.#intervalLine(nowMs) : null;
    this.#joinMsInInterval = 0;
    this.#last = { ms: nowMs, bytes: this.#bytes, records: this.#records };
    return line;
  }

  #intervalLine(nowMs: number): string {
    const elapsedMs = nowMs - this.#last.ms;
    const fetchMs = elapsedMs - this.#joinMsInInterval;
    const mebibytes = (this.#bytes - this.#last.bytes) / MEBIBYTE;
    const records = this.#records - this.#last.records;
    return [
      dateText(nowMs),
      0,
      (this.#bytes / MEBIBYTE).toFixed(4),
      rate(mebibytes, elapsedMs),
      this.#records,
      rate(records, elapsedMs),
      this.#joinMsInInterval,
      fetchMs,
      rate(mebibytes, fetchMs),
      rate(records, fetchMs),
    ].join(", ");
  }

  totalLine(endMs: number): string {
    const elapsedMs = endMs - this.#startMs;
    const fetchMs = elapsedMs - this.#joinMs;
    const mebibytes = this.#bytes / MEBIBYTE;
    return [
      dateText(this.#startMs),
      dateText(endMs),
      mebibytes.toFixed(4),
      rate(mebibytes, elapsedMs),
      this.#records,
      rate(this.#records, elapsedMs),
      this.#joinMs,
      fetchMs,
      rate(mebibytes, fetchMs),
      rate(this.#records, fetchMs),
    ].join(", ");
  }
}
