/** The leader brings its followers up to its log end and keeps them there (REP10, REP13 to REP18). */
import { assert } from "../lib/assert.ts";
import type { LogFact } from "../log/partition-log.ts";
import type { ReplicaCore } from "./core.ts";
import type { ReplicaMessage, ReplicateReply, ReplicateRequest } from "./messages.ts";
import { Progress } from "./progress.ts";
import { LogTail } from "./tail.ts";

type Mismatch = ReplicateReply & { readonly kind: "mismatch" };

export class Copier {
  readonly #core: ReplicaCore;
  readonly #tail: LogTail;
  readonly #nextSendId: () => number;
  readonly #followers = new Map<number, Progress>();
  #quiet = false;

  constructor(core: ReplicaCore, nextSendId: () => number) {
    this.#core = core;
    this.#tail = new LogTail(core.log, core.store);
    this.#nextSendId = nextSendId;
  }

  get followers(): Iterable<Progress> {
    return this.#followers.values();
  }

  follower(brokerId: number): Progress | undefined {
    return this.#followers.get(brokerId);
  }

  /** Copies go to these replicas from now on. */
  setReplicas(replicas: readonly number[], nowMs: number): void {
    const { brokerId: self, log } = this.#core;
    for (const brokerId of this.#followers.keys()) {
      if (!replicas.includes(brokerId)) this.#followers.delete(brokerId);
    }
    for (const brokerId of replicas) {
      if (brokerId === self || this.#followers.has(brokerId)) continue;
      this.#followers.set(brokerId, new Progress(brokerId, log.logEndOffset, nowMs));
    }
  }

  appended(nowMs: number, baseOffset: number, fact: LogFact & { kind: "batch" }): void {
    this.#tail.appended(fact);
    for (const follower of this.#followers.values()) {
      // Until this batch it had everything.
      if (follower.acknowledged >= baseOffset) follower.caughtUpAtMs = nowMs;
    }
  }

  endTurn(): void {
    this.#tail.endTurn();
  }

  /** A follower's reply in this term (ok or mismatch), or none at all; true: something is wrong. */
  answered(nowMs: number, brokerId: number, sendId: number, reply: ReplicateReply | null): boolean {
    const follower = this.#followers.get(brokerId);
    if (follower === undefined) return false;
    const sent = follower.answered(sendId);
    if (reply === null) {
      if (sent !== undefined) follower.failed(nowMs, this.#core.config);
      return sent !== undefined;
    }
    if (reply.kind === "ok") {
      const { logEndOffset } = this.#core.log;
      assert(reply.logEndOffset <= logEndOffset, "a follower is equal to what the leader has");
      follower.acknowledge(reply.logEndOffset, reply.logStartOffset, sent);
      if (follower.acknowledged === logEndOffset) follower.caughtUpAtMs = nowMs;
    } else if (reply.kind === "mismatch" && sent !== undefined) {
      this.#searchBack(follower, sent.offset, reply);
    }
    return false;
  }

  /** REP13: where both logs may still agree, below `offset`. */
  #searchBack(follower: Progress, offset: number, reply: Mismatch): void {
    const { log } = this.#core;
    let next = reply.logEndOffset;
    if (offset <= follower.acknowledged) {
      // It was overtaken by what it is waiting for: the logs agree, this message alone was in vain.
      next = follower.acknowledged;
    } else if (next >= offset) {
      const theirs = reply.epochEnd;
      const ours = log.epochs.endOffsetFor(theirs.epoch, log.logEndOffset);
      next = Math.min(theirs.endOffset, ours.endOffset);
      if (next < 0 || next >= offset) next = reply.highWatermark;
      if (next >= offset) next = this.#epochStartBefore(offset);
    }
    follower.probeAt(Math.max(this.#tail.batchBaseAt(next), this.#firstOffset()));
  }

  #epochStartBefore(offset: number): number {
    const entry = this.#core.log.epochs.entries.findLast((epoch) => epoch.startOffset < offset);
    return entry?.startOffset ?? 0;
  }

  /** Base offset of the batch that holds the log start: a follower can begin there. */
  #firstOffset(): number {
    return this.#tail.batchBaseAt(this.#core.log.logStartOffset);
  }

  /** Everything that may leave now, into `out`. `quiet`: nothing has happened for a while (REP25). */
  send(nowMs: number, quiet: boolean, out: ReplicaMessage[]): void {
    this.#quiet = quiet;
    for (const follower of this.#followers.values()) {
      if (this.#isUntold(follower)) {
        follower.untoldSinceMs = Math.min(follower.untoldSinceMs, nowMs);
      }
      if (follower.retryAtMs > nowMs) continue;
      while (this.#sendNext(nowMs, follower, out));
    }
  }

  /** True when one more may follow. */
  #sendNext(nowMs: number, follower: Progress, out: ReplicaMessage[]): boolean {
    const { log, config } = this.#core;
    if (!follower.matched && follower.inFlight > 0) return false;
    if (!follower.hasRoom(1, config)) return false;
    if (follower.matched && this.#newsAtMs(follower) > nowMs) return false;
    const offset = follower.next > log.logStartOffset ? follower.next : this.#firstOffset();
    const piece = this.#tail.read(offset, config.messageBytes);
    if (!follower.hasRoom(piece.bytes, config)) return false;
    const sendId = this.#nextSendId();
    const request: ReplicateRequest = {
      ...this.#core.term,
      ...this.#place(offset, !follower.matched),
      leaderId: this.#core.brokerId,
      offset,
      chunks: piece.chunks,
      leaderLogEndOffset: log.logEndOffset,
      leaderHighWatermark: log.highWatermark,
      leaderLogStartOffset: log.logStartOffset,
      settle: this.#quiet,
    };
    const { logEndOffset, highWatermark, logStartOffset } = log;
    const sent = { offset, bytes: piece.bytes, sentAtMs: nowMs, highWatermark, logStartOffset };
    const settle = this.#quiet;
    follower.sent(sendId, { ...sent, leaderLogEndOffset: logEndOffset, settle }, piece.end);
    out.push({ kind: "replicate", follower: follower.brokerId, sendId, request });
    return follower.matched;
  }

  #isUntold(follower: Progress): boolean {
    return follower.inFlight === 0 && follower.toldHighWatermark < this.#core.log.highWatermark;
  }

  /**
   * From when on there is something to tell a follower. Under load the next records carry the high
   * watermark, so it waits for them a little before it travels alone (REP18).
   */
  #newsAtMs(follower: Progress): number {
    const { log, config } = this.#core;
    if (follower.next < log.logEndOffset) return -Infinity;
    if (follower.inFlight > 0) return Infinity;
    const isNow =
      follower.logStartOffset < log.logStartOffset ||
      (this.#quiet && follower.settledHighWatermark < log.highWatermark);
    if (isNow) return -Infinity;
    return this.#isUntold(follower) ? follower.untoldSinceMs + config.lingerMs : Infinity;
  }

  #place(offset: number, mayRestart: boolean): Pick<ReplicateRequest, "previous" | "producers"> {
    const { log } = this.#core;
    if (offset > log.logStartOffset) {
      const previous = log.termAt(offset - 1);
      assert(previous !== null, `the leader knows who wrote ${offset - 1}`);
      return { previous, producers: null };
    }
    return { previous: null, producers: mayRestart ? log.producers.before(offset) : null };
  }

  nudge(): void {
    for (const follower of this.#followers.values()) follower.nudge();
  }

  /** REP17: true when a message had to be given up. */
  expire(nowMs: number): boolean {
    let expired = false;
    for (const follower of this.#followers.values()) {
      if (follower.expire(nowMs, this.#core.config)) expired = true;
    }
    return expired;
  }

  deadlineMs(): number {
    let earliest = Infinity;
    for (const follower of this.#followers.values()) {
      const due =
        follower.inFlight > 0
          ? follower.oldestSentMs() + this.#core.config.sendTimeoutMs
          : Math.max(follower.retryAtMs, follower.matched ? this.#newsAtMs(follower) : 0, 0);
      earliest = Math.min(earliest, due);
    }
    return earliest;
  }
}
