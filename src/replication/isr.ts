/** The leader asks the catalogue to change who is in sync (REP21, REP40 to REP43). */
import type { PartitionInfo } from "../cluster/types.ts";
import type { Copier } from "./copier.ts";
import type { ReplicaCore } from "./core.ts";
import type { IsrOutcome, ReplicaEffects } from "./messages.ts";
import type { Progress } from "./progress.ts";

interface Attempt {
  readonly attempt: number;
  readonly expectedPartitionEpoch: number;
  readonly isr: readonly number[];
  readonly sentAtMs: number;
}

export class IsrChanges {
  readonly #core: ReplicaCore;
  readonly #copier: Copier;
  readonly #nextAttempt: () => number;
  #underWay: Attempt | null = null;
  #failures = 0;
  #retryAtMs = -Infinity;
  /** Something may be left to ask for when the pause is over. */
  #paused = false;
  /** Members to be added that the catalogue did not take, and until when it is not asked again. */
  readonly #refusedUntilMs = new Map<number, number>();

  constructor(core: ReplicaCore, copier: Copier, nextAttempt: () => number) {
    this.#core = core;
    this.#copier = copier;
    this.#nextAttempt = nextAttempt;
  }

  /** REP21: whoever the catalogue may hold to be in sync by now. */
  maximal(partition: PartitionInfo): readonly number[] {
    const { pendingIsr } = this.#core.state;
    if (pendingIsr.length === 0) return partition.isr;
    return [...partition.isr, ...pendingIsr.filter((id) => !partition.isr.includes(id))];
  }

  /** `termStart`: where the leader's log ended when its term began. True: read the catalogue. */
  maintain(
    nowMs: number,
    partition: PartitionInfo,
    termStart: number,
    out: ReplicaEffects,
  ): boolean {
    if (this.#underWay !== null) {
      if (this.#underWay.sentAtMs + this.#core.config.sendTimeoutMs > nowMs) return false;
      this.#giveUp(nowMs);
      return true;
    }
    this.#paused = nowMs < this.#retryAtMs;
    if (this.#paused) return false;
    for (const [id, untilMs] of this.#refusedUntilMs) {
      if (untilMs <= nowMs) this.#refusedUntilMs.delete(id);
    }
    const kept = partition.isr.filter((id) => !this.#isLagging(nowMs, id));
    const added = this.#joining(nowMs, partition, termStart);
    const { pendingIsr } = this.#core.state;
    const takenBack = pendingIsr.some(
      (id) => !added.includes(id) && (this.#refusedUntilMs.has(id) || this.#isLagging(nowMs, id)),
    );
    const same = kept.length === partition.isr.length && added.length === 0;
    if (same && !takenBack) return false;
    this.#propose(nowMs, partition, [...kept, ...added], out);
    return false;
  }

  /** REP41: all that is committed lies below the high watermark or the start of the term. */
  #joining(nowMs: number, partition: PartitionInfo, termStart: number): readonly number[] {
    const enough = Math.max(this.#core.log.highWatermark, termStart);
    return partition.replicas.filter((id) => {
      const follower = this.#copier.follower(id);
      if (follower === undefined || partition.isr.includes(id)) return false;
      if (this.#refusedUntilMs.has(id)) return false;
      return follower.matched && follower.acknowledged >= enough && !this.#isLagging(nowMs, id);
    });
  }

  /** REP40 */
  #isLagging(nowMs: number, brokerId: number): boolean {
    const follower = this.#copier.follower(brokerId);
    return follower !== undefined && this.#lagsFrom(follower) <= nowMs;
  }

  #lagsFrom(follower: Progress): number {
    if (follower.acknowledged >= this.#core.log.logEndOffset) return Infinity;
    return follower.caughtUpAtMs + this.#core.config.replicaLagTimeMaxMs;
  }

  #propose(
    nowMs: number,
    partition: PartitionInfo,
    isr: readonly number[],
    out: ReplicaEffects,
  ): void {
    const { leader, leaderEpoch, replicas, partitionEpoch } = partition;
    const { pendingIsr } = this.#core.state;
    const joining = isr.filter((id) => !partition.isr.includes(id) && !pendingIsr.includes(id));
    if (joining.length > 0) {
      this.#core.changeState({ pendingIsr: [...pendingIsr, ...joining] }, out);
    }
    const attempt = this.#nextAttempt();
    const expectedPartitionEpoch = partitionEpoch;
    this.#underWay = { attempt, expectedPartitionEpoch, isr, sentAtMs: nowMs };
    const next = { leader, leaderEpoch, replicas, isr };
    out.messages.push({ kind: "changeIsr", attempt, expectedPartitionEpoch, next });
  }

  /** True: read the catalogue. */
  answered(
    nowMs: number,
    partition: PartitionInfo,
    attempt: number,
    outcome: IsrOutcome,
    out: ReplicaEffects,
  ): boolean {
    const mine = this.#underWay;
    if (mine === null || mine.attempt !== attempt) return outcome === "done";
    if (outcome === "done") {
      this.rowMoved();
      this.#failures = 0;
      for (const id of mine.isr) this.#refusedUntilMs.delete(id);
      const partitionEpoch = mine.expectedPartitionEpoch + 1;
      const changed = { ...partition, isr: mine.isr, partitionEpoch };
      this.#core.changeState({ partition: changed, pendingIsr: [], settled: null }, out);
      return false;
    }
    if (outcome === "ineligible") {
      for (const id of mine.isr) {
        if (partition.isr.includes(id)) continue;
        this.#copier.follower(id)?.suspend(nowMs, this.#core.config);
        // It may go on to answer: its region hears of the fence later than the catalogue.
        this.#refusedUntilMs.set(id, nowMs + this.#core.config.retryMaxMs);
      }
      // Until it is taken back it counts, and nothing is committed: no pause, and the row is known.
      this.#underWay = null;
      return false;
    }
    this.#giveUp(nowMs);
    return true;
  }

  #giveUp(nowMs: number): void {
    const { retryMinMs, retryMaxMs } = this.#core.config;
    this.#underWay = null;
    this.#paused = true;
    this.#retryAtMs = nowMs + Math.min(retryMinMs * 2 ** this.#failures, retryMaxMs);
    this.#failures = Math.min(this.#failures + 1, 30);
  }

  /** The row has moved on: what was asked of the old one cannot happen any more. */
  rowMoved(): void {
    this.#underWay = null;
  }

  /** Somebody may be back whom the catalogue did not take. */
  nudge(): void {
    this.#refusedUntilMs.clear();
  }

  deadlineMs(partition: PartitionInfo): number {
    if (this.#underWay !== null) {
      return this.#underWay.sentAtMs + this.#core.config.sendTimeoutMs;
    }
    if (this.#paused) return this.#retryAtMs;
    let earliest = Infinity;
    for (const untilMs of this.#refusedUntilMs.values()) earliest = Math.min(earliest, untilMs);
    for (const id of this.maximal(partition)) {
      const follower = this.#copier.follower(id);
      if (follower !== undefined) earliest = Math.min(earliest, this.#lagsFrom(follower));
    }
    return earliest;
  }
}
