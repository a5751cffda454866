/** A line on the terminal that says how far a long command is; nothing where nobody looks. */
import type { WriteStream } from "node:tty";

const INTERVAL_MS = 200;

export class Progress {
  readonly #total: number;
  readonly #shown: boolean;
  #lastMs = 0;
  #startMs: number | null = null;

  /** @param total how many records there will be. */
  constructor(total: number) {
    this.#total = total;
    this.#shown = process.stderr.isTTY === true;
  }

  at(count: number, nowMs: number): void {
    if (!this.#shown) return;
    this.#startMs ??= nowMs;
    if (nowMs - this.#lastMs < INTERVAL_MS) return;
    this.#lastMs = nowMs;
    const seconds = Math.max((nowMs - this.#startMs) / 1_000, 0.001);
    const share = Math.floor((100 * count) / this.#total);
    process.stderr.write(
      `\r\u001b[K${count} of ${this.#total} records (${share} %), ${Math.round(count / seconds)} a second`,
    );
  }

  /** Prints a line without leaving bits of the progress line in it. */
  say(text: string, stream: WriteStream | NodeJS.WriteStream): void {
    this.end();
    stream.write(`${text}\n`);
  }

  end(): void {
    if (this.#shown) process.stderr.write("\r\u001b[K");
  }
}
