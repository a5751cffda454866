import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { settledWithin } from "./clock.ts";

export interface HeartbeatOptions {
  /** Rejects when the heartbeat may not have got through. */
  readonly send: () => Promise<void>;
  /** Called when that is settled. */
  readonly onAnswer: () => void;
  /** By when to be called at the latest, for a limit that is over then. */
  readonly limitMs: () => number;
}

/**
 * Sends a heartbeat every so often, whether or not anybody polls; one at a time. Its timer keeps no
 * process alive.
 */
export class Heartbeat {
  readonly #client: BrokerClient;
  readonly #options: HeartbeatOptions;
  #cancel = () => {};
  #running = false;
  #sending: Promise<void> | null = null;
  #again = false;
  #failures = 0;
  #nextMs = 0;
  intervalMs: number;

  constructor(client: BrokerClient, intervalMs: number, options: HeartbeatOptions) {
    this.#client = client;
    this.intervalMs = intervalMs;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** The first one follows after an interval. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#failures = 0;
    this.#schedule(this.intervalMs);
  }

  /** Now, or as soon as the one on its way is answered. */
  hurry(): void {
    const due = this.#running && this.#nextMs <= this.#client.clock.now();
    this.#running = true;
    if (due && this.#sending === null) return;
    if (this.#sending === null) this.#schedule(0);
    else this.#again = true;
  }

  stop(): void {
    this.#running = false;
    this.#cancel();
  }

  /** When what is on its way is answered, or it takes too long. */
  async settled(timeoutMs: number): Promise<void> {
    if (this.#sending !== null) {
      await settledWithin(this.#client.clock, this.#sending, timeoutMs);
    }
  }

  /** When the next one is due; Infinity while there is none, or one is on its way. */
  get nextMs(): number {
    const waits = this.#running && this.#sending === null;
    return waits ? this.#nextMs : Number.POSITIVE_INFINITY;
  }

  #schedule(ms: number): void {
    this.#cancel();
    const now = this.#client.clock.now();
    this.#nextMs = now + ms;
    const delayMs = Math.max(0, Math.min(ms, this.#options.limitMs() - now));
    this.#cancel = this.#client.clock.setTimeout(delayMs, () => this.#beat(), {
      background: true,
    });
  }

  #beat(): void {
    if (!this.#running || this.#sending !== null) return;
    this.#sending = this.#exchange();
  }

  async #exchange(): Promise<void> {
    this.#again = false;
    try {
      await this.#options.send();
      this.#failures = 0;
    } catch {
      this.#failures++;
    }
    this.#sending = null;
    if (this.#running) this.#schedule(this.#again ? 0 : this.#waitMs());
    this.#options.onAnswer();
  }

  #waitMs(): number {
    if (this.#failures === 0) return this.intervalMs;
    const { backoff, random } = this.#client;
    return Math.min(this.intervalMs, backoffMs(backoff, this.#failures, random));
  }
}
