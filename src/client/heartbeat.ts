import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { settledWithin } from "./clock.ts";

/**
 * Sends a heartbeat every so often, whether or not anybody polls; one at a time. Its timer keeps no
 * process alive.
 */
export class Heartbeat {
  readonly #client: BrokerClient;
  readonly #send: () => Promise<void>;
  /** Asked before each: when to be called at the latest, for a limit that may be over by then. */
  readonly #limitMs: () => number;
  #cancel = () => {};
  #running = false;
  #sending: Promise<void> | null = null;
  #again = false;
  #failures = 0;
  #nextMs = 0;
  intervalMs: number;

  /** @param send rejects when the heartbeat may not have got through */
  constructor(
    client: BrokerClient,
    intervalMs: number,
    send: () => Promise<void>,
    limitMs: () => number,
  ) {
    this.#client = client;
    this.intervalMs = intervalMs;
    this.#send = send;
    this.#limitMs = limitMs;
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

  /** When the next one is due; Infinity while there is none. */
  get nextMs(): number {
    return this.#running ? this.#nextMs : Number.POSITIVE_INFINITY;
  }

  #schedule(ms: number): void {
    this.#cancel();
    const now = this.#client.clock.now();
    this.#nextMs = now + ms;
    const delayMs = Math.max(0, Math.min(ms, this.#limitMs() - now));
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
      await this.#send();
      this.#failures = 0;
    } catch {
      this.#failures++;
    }
    this.#sending = null;
    if (this.#running) this.#schedule(this.#again ? 0 : this.#waitMs());
  }

  #waitMs(): number {
    if (this.#failures === 0) return this.intervalMs;
    const { backoff, random } = this.#client;
    return Math.min(this.intervalMs, backoffMs(backoff, this.#failures, random));
  }
}
