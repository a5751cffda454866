/** The leader's role: appends, the high watermark, and everybody who waits for it. */
import type { PartitionInfo } from "../cluster/types.ts";
import { RETENTION_CHECK_MS } from "../constants.ts";
import { assert } from "../lib/assert.ts";
import type { LogFact } from "../log/partition-log.ts";
import { retainFrom, retentionDueMs } from "../log/retention.ts";
import type { ReplyTo } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import {
  batchBaseSequence,
  batchLastOffsetDelta,
  batchProducerEpoch,
  batchProducerId,
  batchSizeInBytes,
  setBaseOffset,
  setLogAppendTime,
  setPartitionLeaderEpoch,
} from "../protocol/record-batch.ts";
import { Copier } from "./copier.ts";
import type { ReplicaCore } from "./core.ts";
import { IsrChanges } from "./isr.ts";
import type { LogReply, ReplicaEffects, ReplicaInput, ReplicaPosition } from "./messages.ts";
import { sameTerm } from "./term.ts";
import { type Commit, refused, Waiting } from "./waiting.ts";

type Append = ReplicaInput & { readonly kind: "append" };

export class Leader {
  readonly copier: Copier;
  readonly isr: IsrChanges;
  readonly #core: ReplicaCore;
  readonly #waiting = new Waiting();
  /** REP2: this life has taken its incarnation. */
  #opened: boolean;
  #termDurable = false;
  #durableEnd: number;
  #termStart: number;
  #quietSinceMs = -Infinity;
  #wasQuiet = false;
  #retainNotBeforeMs = -Infinity;
  /** LOG75: the last append found no room. */
  isFull = false;

  /** `opened`: the turn that makes it leader has stored its term; else the object has just woken. */
  constructor(core: ReplicaCore, opened: boolean, nextId: () => number) {
    this.#core = core;
    this.#opened = opened;
    this.copier = new Copier(core, nextId);
    this.isr = new IsrChanges(core, this.copier, nextId);
    this.#termStart = core.log.logEndOffset;
    // What an object wakes with is durable; in a turn that goes on, only the past is for sure.
    this.#durableEnd = opened ? core.log.highWatermark : core.log.logEndOffset;
    // Whoever is alone in the ISR need not ask anybody.
    if (!opened) this.#advance();
  }

  get partition(): PartitionInfo {
    const { partition } = this.#core.state;
    assert(partition !== null, "a leader knows its partition");
    return partition;
  }

  get hasFollowers(): boolean {
    return this.partition.replicas.length > 1;
  }

  /** A life that copies takes a number of its own first. */
  open(nowMs: number, out: ReplicaEffects): void {
    if (this.#opened || !this.hasFollowers) return;
    this.#opened = true;
    this.#termStart = this.#core.log.logEndOffset;
    this.#core.changeState({ incarnation: this.#core.state.incarnation + 1 }, out);
    this.copier.setReplicas(this.partition.replicas, nowMs);
  }

  /** REP51: is there anything to do for a leader that nobody has asked to write? */
  get #isUnsettled(): boolean {
    if (this.#opened || !this.hasFollowers) return false;
    const { log, state } = this.#core;
    // A log that never held anything leaves nothing to tell.
    if (log.logEndOffset === 0) return this.partition.isr.length < this.partition.replicas.length;
    return (
      log.highWatermark < log.logEndOffset ||
      !this.#isStoredSettled ||
      this.partition.isr.length < this.partition.replicas.length ||
      state.pendingIsr.length > 0
    );
  }

  append(nowMs: number, input: Append, out: ReplicaEffects): void {
    const { log } = this.#core;
    const { to, batch, acks } = input;
    if (acks === -1 && !this.#enoughInSync()) {
      const { isr } = this.partition;
      const message = `the replicas in sync are ${isr.join(", ")}, min.insync.replicas asks for ${this.#minInsync()}`;
      out.replies.push({ to, reply: refused(log, ErrorCode.NOT_ENOUGH_REPLICAS, message) });
      return;
    }
    const producerId = batchProducerId(batch, 0);
    if (producerId >= 0) {
      const verdict = log.producers.check(
        nowMs,
        producerId,
        batchProducerEpoch(batch, 0),
        batchBaseSequence(batch, 0),
        batchLastOffsetDelta(batch, 0),
      );
      if (verdict.kind === "refused") {
        out.replies.push({ to, reply: refused(log, verdict.errorCode, verdict.message) });
        return;
      }
      if (verdict.kind === "duplicate") {
        const { baseOffset, lastOffset } = verdict.batch;
        this.#accept(nowMs, input, baseOffset, lastOffset + 1, -1, out);
        return;
      }
    }
    this.#write(nowMs, input, out);
  }

  #write(nowMs: number, input: Append, out: ReplicaEffects): void {
    if (this.#refuseIfFull(input, out)) return;
    this.open(nowMs, out);
    const { log, config, term } = this.#core;
    const { batch, logAppendTime } = input;
    const baseOffset = log.logEndOffset;
    if (logAppendTime) setLogAppendTime(batch, 0, nowMs);
    setBaseOffset(batch, 0, baseOffset);
    setPartitionLeaderEpoch(batch, 0, term.leaderEpoch);
    const segmentBase = log.segmentFor(batchSizeInBytes(batch, 0), nowMs, config);
    const { incarnation } = term;
    const fact: LogFact & { kind: "batch" } = {
      kind: "batch",
      batch,
      segmentBase,
      appendedAtMs: nowMs,
      incarnation,
    };
    this.#core.emit(fact, out);
    this.copier.appended(nowMs, baseOffset, fact);
    this.#accept(nowMs, input, baseOffset, log.logEndOffset, logAppendTime ? nowMs : -1, out);
  }

  /** LOG75 */
  #refuseIfFull({ to, batch }: Append, out: ReplicaEffects): boolean {
    const { log, store, config } = this.#core;
    const stored = store.bytesStored();
    this.isFull = stored + batch.byteLength > config.storedBytesMax;
    if (!this.isFull) return false;
    const message =
      `the partition has ${stored} bytes stored, it takes appends up to ${config.storedBytesMax}: ` +
      "lower retention.bytes or retention.ms, delete records, or add partitions";
    out.replies.push({ to, reply: refused(log, ErrorCode.KAFKA_STORAGE_ERROR, message) });
    return true;
  }

  /** The batch is in the log: answered now, or when it is committed (REP30). */
  #accept(
    nowMs: number,
    { to, acks, timeoutMs }: Append,
    baseOffset: number,
    endOffset: number,
    logAppendTimeMs: number,
    out: ReplicaEffects,
  ): void {
    const { logStartOffset } = this.#core.log;
    const reply: LogReply & { kind: "append" } = {
      kind: "append",
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      baseOffset,
      logAppendTimeMs,
      logStartOffset,
    };
    if (acks === -1) this.#waiting.append(to, endOffset, nowMs + timeoutMs, reply);
    else out.replies.push({ to, reply });
  }

  /** LOG40, REP36 */
  deleteRecords(
    nowMs: number,
    to: ReplyTo,
    offset: number,
    timeoutMs: number,
    out: ReplicaEffects,
  ): void {
    const { log } = this.#core;
    const wanted = offset === -1 ? log.highWatermark : offset;
    if (wanted < 0 || wanted > log.highWatermark) {
      const errorCode = ErrorCode.OFFSET_OUT_OF_RANGE;
      out.replies.push({ to, reply: { kind: "deleteRecords", errorCode, lowWatermark: -1 } });
      return;
    }
    this.open(nowMs, out);
    if (wanted > log.logStartOffset) this.#core.emit({ kind: "logStart", offset: wanted }, out);
    this.#waiting.delete(to, wanted, nowMs + timeoutMs);
  }

  durable(position: ReplicaPosition): void {
    if (!sameTerm(position, this.#core.term)) return;
    this.#termDurable = true;
    this.#durableEnd = Math.max(this.#durableEnd, position.logEndOffset);
    // Before anything else of the turn: whoever joins the ISR must have what was answered with the
    // write (REP30, REP41).
    this.#advance();
  }

  /** The row changed and this replica leads on. */
  rowMoved(nowMs: number, isrBefore: readonly number[]): void {
    this.isr.rowMoved();
    const { isr } = this.partition;
    // Somebody else took it out, so it is likely gone: it joins by what it answers from now on.
    for (const id of isrBefore) if (!isr.includes(id)) this.copier.follower(id)?.probe();
    if (this.#opened) this.copier.setReplicas(this.partition.replicas, nowMs);
  }

  /** What follows from all inputs of the turn. True: read the catalogue. */
  endTurn(nowMs: number, out: ReplicaEffects): boolean {
    const before = this.#core.log.highWatermark;
    if (this.#isUnsettled) this.open(nowMs, out);
    this.#takeLogStart(out);
    let doubtful = this.copier.expire(nowMs);
    if (this.#opened && this.isr.maintain(nowMs, this.partition, this.#termStart, out)) {
      doubtful = true;
    }
    this.#advance();
    this.#retain(nowMs, out);
    this.#settle(nowMs, out);
    const moved = this.#core.log.highWatermark > before;
    if (moved || out.facts.length > 0) this.#quietSinceMs = nowMs;
    const quiet = nowMs >= this.#quietSinceMs + this.#core.config.quietMs;
    this.#wasQuiet = quiet;
    // See "Turns" in SPEC.md.
    const early = this.#termDurable && !out.facts.some(({ kind }) => kind === "logStart");
    if (this.#opened) this.copier.send(nowMs, quiet, early ? out.early : out.messages);
    this.copier.endTurn();
    if (quiet && this.hasFollowers) this.#storeSettled(out);
    return doubtful;
  }

  /** REP18: records that a former leader deleted are not to come back. */
  #takeLogStart(out: ReplicaEffects): void {
    const { log } = this.#core;
    let offset = log.logStartOffset;
    for (const { logStartOffset } of this.copier.followers) {
      offset = Math.max(offset, logStartOffset);
    }
    offset = Math.min(offset, log.highWatermark);
    if (offset > log.logStartOffset) this.#core.emit({ kind: "logStart", offset }, out);
  }

  /** LOG70 to LOG73 */
  #retain(nowMs: number, out: ReplicaEffects): void {
    const { log, config } = this.#core;
    if (this.#retentionDueMs > nowMs) return;
    this.#retainNotBeforeMs = nowMs + RETENTION_CHECK_MS;
    this.open(nowMs, out);
    this.#core.emit({ kind: "logStart", offset: retainFrom(log, nowMs, config) }, out);
  }

  get #retentionDueMs(): number {
    const { log, config } = this.#core;
    return Math.max(retentionDueMs(log, config), this.#retainNotBeforeMs);
  }

  #advance(): void {
    this.#core.log.advanceHighWatermark(this.#highWatermarkAt(this.#durableEnd));
  }

  #highWatermarkAt(durableEnd: number): number {
    const { log, rules, brokerId } = this.#core;
    const { isr } = this.partition;
    return rules.highWatermarkOf({
      highWatermark: log.highWatermark,
      durableEnd,
      logEndOffset: log.logEndOffset,
      leader: brokerId,
      maximalIsr: this.isr.maximal(this.partition),
      isr,
      minInsync: this.#minInsync(),
      acknowledged: (id) => this.copier.follower(id)?.acknowledged ?? -1,
    });
  }

  #settle(nowMs: number, out: ReplicaEffects): void {
    const { log, rules } = this.#core;
    if (this.#waiting.appending) {
      // Replies leave once the turn is durable: what then is committed need not wait for the next.
      const stores = out.facts.some(({ kind }) => kind === "batch");
      const afterWrite = stores ? this.#highWatermarkAt(log.logEndOffset) : log.highWatermark;
      const commitOf = (end: number): Commit => {
        if (rules.isCommitted(end, log.highWatermark)) return "done";
        return rules.isCommitted(end, afterWrite) ? "withTheWrite" : "open";
      };
      this.#waiting.settleAppends(nowMs, commitOf, this.#enoughInSync(), out);
    }
    if (!this.#waiting.deleting) return;
    let lowWatermark = log.logStartOffset;
    for (const id of this.isr.maximal(this.partition)) {
      if (id === this.#core.brokerId) continue;
      lowWatermark = Math.min(lowWatermark, this.copier.follower(id)?.logStartOffset ?? -1);
    }
    this.#waiting.settleDeletes(nowMs, lowWatermark, out);
  }

  /**
   * REP25: the leader last, so that one that wakes with everything committed need not ask whether
   * its followers know (REP51).
   */
  #storeSettled(out: ReplicaEffects): void {
    if (this.#isStoredSettled || !this.#followersSettled()) return;
    const { highWatermark, logStartOffset } = this.#core.log;
    this.#core.changeState({ settled: { highWatermark, logStartOffset } }, out);
  }

  get #isStoredSettled(): boolean {
    const { log, state } = this.#core;
    return (
      state.settled !== null &&
      state.settled.highWatermark >= log.highWatermark &&
      state.settled.logStartOffset >= log.logStartOffset
    );
  }

  #followersSettled(): boolean {
    const { highWatermark, logStartOffset } = this.#core.log;
    return this.isr.maximal(this.partition).every((id) => {
      if (id === this.#core.brokerId) return true;
      const follower = this.copier.follower(id);
      if (follower === undefined) return false;
      const { settledHighWatermark } = follower;
      return settledHighWatermark >= highWatermark && follower.logStartOffset >= logStartOffset;
    });
  }

  /** Other configs may let what is due go at once. */
  configured(): void {
    this.#retainNotBeforeMs = -Infinity;
  }

  stepDown(out: ReplicaEffects): void {
    this.#waiting.refuseAll(ErrorCode.NOT_LEADER_OR_FOLLOWER, out);
  }

  #minInsync(): number {
    return Math.min(this.#core.config.minInsyncReplicas, this.partition.replicas.length);
  }

  #enoughInSync(): boolean {
    return this.partition.isr.length >= this.#minInsync();
  }

  deadlineMs(): number {
    if (this.#isUnsettled) return 0;
    // Once quiet, it is the copier that has news to send.
    const isSettled = !this.hasFollowers || this.#wasQuiet || this.#isStoredSettled;
    const quietAtMs = isSettled ? Infinity : this.#quietSinceMs + this.#core.config.quietMs;
    const own = Math.min(this.#waiting.deadlineMs(), quietAtMs, this.#retentionDueMs);
    if (!this.#opened) return own;
    return Math.min(own, this.isr.deadlineMs(this.partition), this.copier.deadlineMs());
  }
}
