/** Bounds what a producer was given and has not delivered yet, so that memory is bounded too. */

/** Below the producer's default buffer.memory: send() never has to wait for room. */
const BYTES_MAX = 16 * 1024 * 1024;
const RECORDS_MAX = 50_000;
/** A record is more than its bytes. */
const RECORD_OVERHEAD_BYTES = 64;

export class InFlight {
  #bytes = 0;
  #records = 0;
  #wake: (() => void) | null = null;

  /** Counts a send until its promise settles. */
  add(sent: Promise<unknown>, bytes: number): void {
    const size = bytes + RECORD_OVERHEAD_BYTES;
    this.#bytes += size;
    this.#records += 1;
    const done = (): void => {
      this.#bytes -= size;
      this.#records -= 1;
      if (!this.#isFull()) {
        this.#wake?.();
        this.#wake = null;
      }
    };
    sent.then(done, done);
  }

  #isFull(): boolean {
    return this.#bytes >= BYTES_MAX || this.#records >= RECORDS_MAX;
  }

  /** Undefined when there is room now, so that a loop need not yield for each record. */
  room(): Promise<void> | undefined {
    if (!this.#isFull()) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
