import { Timers } from "./timers.ts";

/** The clocks that run for members of a consumer group, by member id. Soft: a new leader starts them anew. */
export class MemberTimers {
  /** Since it was last heard of. */
  readonly session = new Timers();
  /** Since it was told to give partitions back. */
  readonly rebalance = new Timers();
  /** Classic members: since they were told to join again. */
  readonly join = new Timers();
  /** Classic members: since they joined and were expected to sync. */
  readonly sync = new Timers();

  cancelAll(memberId: string): void {
    for (const timers of this.#all) timers.cancel(memberId);
  }

  get deadlineMs(): number {
    return Math.min(...this.#all.map((timers) => timers.deadlineMs));
  }

  /** Members for whom some clock has run out, each once. */
  due(nowMs: number): Set<string> {
    return new Set(this.#all.flatMap((timers) => timers.due(nowMs)));
  }

  get #all(): readonly Timers[] {
    return [this.session, this.rebalance, this.join, this.sync];
  }
}
