/** What the leader knows of one follower in its present term, and what is on its way there. */
import { assert } from "../lib/assert.ts";
import type { ReplicaConfig } from "./config.ts";

/** A message without an answer. */
export interface Sent {
  readonly offset: number;
  readonly bytes: number;
  readonly sentAtMs: number;
  readonly leaderLogEndOffset: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly settle: boolean;
}

export class Progress {
  readonly brokerId: number;
  /** The follower's log equals the leader's up to here, durably; -1 before its first word. */
  acknowledged = -1;
  /** Where the next message begins. */
  next: number;
  /**
   * Do both logs agree at `next`? Until the follower has said so, one message at a time asks; then
   * many may be under way.
   */
  matched = false;
  /** What the follower knows for sure. */
  toldHighWatermark = -1;
  /** What it knows and has stored. */
  settledHighWatermark = -1;
  logStartOffset = -1;
  /** When it was last known to have all that the leader had. */
  caughtUpAtMs: number;
  retryAtMs = -Infinity;
  /** Since when nothing has been under way that would tell it of the high watermark. */
  untoldSinceMs = Infinity;
  readonly #inFlight = new Map<number, Sent>();
  #inFlightBytes = 0;
  #failures = 0;

  constructor(brokerId: number, next: number, nowMs: number) {
    this.brokerId = brokerId;
    this.next = next;
    this.caughtUpAtMs = nowMs;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** REP17: may a message with that many bytes leave now? */
  hasRoom(bytes: number, config: ReplicaConfig): boolean {
    if (this.#inFlight.size === 0) return true;
    return this.matched && this.#inFlightBytes + bytes <= config.windowBytes;
  }

  sent(sendId: number, message: Sent, end: number): void {
    this.#inFlight.set(sendId, message);
    this.untoldSinceMs = Infinity;
    this.#inFlightBytes += message.bytes;
    if (this.matched) this.next = end;
  }

  /** Takes a message off the list; undefined when it was given up already. */
  answered(sendId: number): Sent | undefined {
    const message = this.#inFlight.get(sendId);
    if (message === undefined) return undefined;
    this.#inFlight.delete(sendId);
    this.#inFlightBytes -= message.bytes;
    return message;
  }

  acknowledge(logEndOffset: number, logStartOffset: number, sent: Sent | undefined): void {
    this.acknowledged = Math.max(this.acknowledged, logEndOffset);
    this.logStartOffset = Math.max(this.logStartOffset, logStartOffset);
    if (!this.matched) this.next = this.acknowledged;
    this.next = Math.max(this.next, this.acknowledged);
    this.matched = true;
    this.#failures = 0;
    this.retryAtMs = -Infinity;
    if (sent === undefined) return;
    // Of more than its own log it takes no note (REP23).
    const told = Math.min(sent.highWatermark, logEndOffset);
    this.toldHighWatermark = Math.max(this.toldHighWatermark, told);
    if (sent.settle) this.settledHighWatermark = Math.max(this.settledHighWatermark, told);
    if (this.acknowledged >= sent.leaderLogEndOffset) {
      this.caughtUpAtMs = Math.max(this.caughtUpAtMs, sent.sentAtMs);
    }
  }

  /** The logs do not agree at the place asked about: ask at `next`. */
  probeAt(next: number): void {
    assert(next >= 0, "a place in the log to ask about");
    this.#forgetSent();
    this.matched = false;
    this.next = Math.max(next, this.acknowledged);
  }

  /** Nothing came back: begin again from what is certain, after a pause (REP17). */
  failed(nowMs: number, config: ReplicaConfig): void {
    this.#forgetSent();
    if (this.acknowledged >= 0) this.next = this.acknowledged;
    this.matched = false;
    const doubled = Math.min(config.retryMinMs * 2 ** this.#failures, config.retryMaxMs);
    this.#failures = Math.min(this.#failures + 1, 30);
    const isFenced = config.fencedBrokers.includes(this.brokerId);
    this.retryAtMs = nowMs + (isFenced ? config.fencedRetryMs : doubled);
  }

  /** The longest pause: whatever is wrong will not mend soon. */
  suspend(nowMs: number, config: ReplicaConfig): void {
    this.failed(nowMs, config);
    this.retryAtMs = nowMs + config.retryMaxMs;
  }

  /** What it acknowledged says nothing of whether it is there now: ask again. */
  probe(): void {
    this.probeAt(this.acknowledged < 0 ? this.next : this.acknowledged);
  }

  nudge(): void {
    this.#failures = 0;
    this.retryAtMs = -Infinity;
  }

  /** Gives up on what has been under way for too long; true when something was. */
  expire(nowMs: number, config: ReplicaConfig): boolean {
    if (this.oldestSentMs() + config.sendTimeoutMs > nowMs) return false;
    this.failed(nowMs, config);
    return true;
  }

  /** Infinity when nothing is under way. */
  oldestSentMs(): number {
    // Insertion order: the first is the oldest.
    for (const { sentAtMs } of this.#inFlight.values()) return sentAtMs;
    return Infinity;
  }

  #forgetSent(): void {
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
  }
}
