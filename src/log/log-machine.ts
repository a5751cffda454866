/**
 * The rules of one partition's log as a machine: appends, deletes and cleaning decided in order.
 * Rules: SPEC.md. It leads alone (one replica); replication puts its own machine around the same log.
 */
import {
  CHECKPOINT_BYTES,
  CHECKPOINT_CHUNKS,
  SEGMENT_BYTES_DEFAULT,
  TRIM_ROWS_PER_TURN,
} from "../constants.ts";
import type { Effects, Machine, ReplyTo } from "../machine/machine.ts";
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
import type { LogReader, LogStore } from "./log-store.ts";
import type { LogFact, PartitionLog } from "./partition-log.ts";

export type LogInput =
  | {
      readonly kind: "append";
      readonly to: ReplyTo;
      /** One validated batch; the machine writes offset and epoch into it and keeps it. */
      readonly batch: Uint8Array;
      readonly leaderEpoch: number;
      readonly logAppendTime: boolean;
    }
  | { readonly kind: "deleteRecords"; readonly to: ReplyTo; readonly offset: number }
  | { readonly kind: "tick" };

export type LogReply =
  | {
      readonly kind: "append";
      readonly errorCode: number;
      readonly errorMessage: string | null;
      readonly baseOffset: number;
      readonly logAppendTimeMs: number;
      readonly logStartOffset: number;
    }
  | { readonly kind: "deleteRecords"; readonly errorCode: number; readonly lowWatermark: number };

export type LogEffects = Effects<LogFact, never, LogReply>;

/** What the machine may ask of the store while it decides. */
export type LogView = LogReader & Pick<LogStore, "trimPoint">;

export class LogMachine implements Machine<LogInput, LogFact, never, LogReply> {
  readonly log: PartitionLog;
  readonly #store: LogView;
  #leaderEpoch: number;
  /** Chunks, and so rows, may lie wholly below the log start. */
  #trimDue: boolean;

  constructor(log: PartitionLog, store: LogView, leaderEpoch: number) {
    this.log = log;
    this.#store = store;
    this.#leaderEpoch = leaderEpoch;
    this.#trimDue =
      log.firstStored < log.logStartOffset && store.trimPoint(log.logStartOffset, 1) !== null;
    // The only replica: what is in its log is committed.
    log.advanceHighWatermark(log.logEndOffset);
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch;
  }

  /** The catalogue moved leadership on and this replica is still the leader. */
  becomeLeader(leaderEpoch: number): void {
    if (leaderEpoch > this.#leaderEpoch) this.#leaderEpoch = leaderEpoch;
  }

  /** LOG2: NONE, or why a request made under that leader epoch is refused. -1 is "none given". */
  checkLeaderEpoch(epoch: number): number {
    if (epoch < 0 || epoch === this.#leaderEpoch) return ErrorCode.NONE;
    return epoch < this.#leaderEpoch
      ? ErrorCode.FENCED_LEADER_EPOCH
      : ErrorCode.UNKNOWN_LEADER_EPOCH;
  }

  step(nowMs: number, input: LogInput, out: LogEffects): void {
    switch (input.kind) {
      case "append":
        out.replies.push({ to: input.to, reply: this.#append(nowMs, input, out) });
        return;
      case "deleteRecords":
        out.replies.push({ to: input.to, reply: this.#deleteRecords(input.offset, out) });
        return;
      case "tick":
        this.#trim(out);
        return;
    }
  }

  apply(fact: LogFact): void {
    this.log.apply(fact);
    if (fact.kind === "batch") this.log.advanceHighWatermark(this.log.logEndOffset);
  }

  deadline(): number {
    return this.#trimDue ? 0 : Infinity;
  }

  #append(nowMs: number, input: LogInput & { kind: "append" }, out: LogEffects): LogReply {
    const epochError = this.checkLeaderEpoch(input.leaderEpoch);
    if (epochError !== ErrorCode.NONE) return this.#refuse(epochError, null);
    const { batch } = input;
    const producerId = batchProducerId(batch, 0);
    if (producerId >= 0) {
      const verdict = this.log.producers.check(
        nowMs,
        producerId,
        batchProducerEpoch(batch, 0),
        batchBaseSequence(batch, 0),
        batchLastOffsetDelta(batch, 0),
      );
      if (verdict.kind === "refused") return this.#refuse(verdict.errorCode, verdict.message);
      if (verdict.kind === "duplicate") return this.#accepted(verdict.batch.baseOffset, -1);
    }
    const baseOffset = this.log.logEndOffset;
    if (input.logAppendTime) setLogAppendTime(batch, 0, nowMs);
    setBaseOffset(batch, 0, baseOffset);
    setPartitionLeaderEpoch(batch, 0, this.#leaderEpoch);
    const segmentBase = this.log.segmentFor(batchSizeInBytes(batch, 0), SEGMENT_BYTES_DEFAULT);
    const fact: LogFact = {
      kind: "batch",
      batch,
      segmentBase,
      appendedAtMs: nowMs,
      incarnation: 0,
    };
    this.apply(fact);
    out.facts.push(fact);
    return this.#accepted(baseOffset, input.logAppendTime ? nowMs : -1);
  }

  #accepted(baseOffset: number, logAppendTimeMs: number): LogReply {
    const { logStartOffset } = this.log;
    const errorCode = ErrorCode.NONE;
    return {
      kind: "append",
      errorCode,
      errorMessage: null,
      baseOffset,
      logAppendTimeMs,
      logStartOffset,
    };
  }

  #refuse(errorCode: number, errorMessage: string | null): LogReply {
    const { logStartOffset } = this.log;
    return {
      kind: "append",
      errorCode,
      errorMessage,
      baseOffset: -1,
      logAppendTimeMs: -1,
      logStartOffset,
    };
  }

  /** LOG40: never forward of the high watermark, never back. */
  #deleteRecords(offset: number, out: LogEffects): LogReply {
    const { log } = this;
    const wanted = offset === -1 ? log.highWatermark : offset;
    if (wanted < 0 || wanted > log.highWatermark) {
      return { kind: "deleteRecords", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, lowWatermark: -1 };
    }
    if (wanted > log.logStartOffset) {
      const fact: LogFact = { kind: "logStart", offset: wanted };
      this.apply(fact);
      out.facts.push(fact);
      this.#trimDue = true;
    }
    const lowWatermark = log.logStartOffset;
    return { kind: "deleteRecords", errorCode: ErrorCode.NONE, lowWatermark };
  }

  /** LOG41: rows below the log start go in bounded steps. */
  #trim(out: LogEffects): void {
    if (!this.#trimDue) return;
    const offset = this.#store.trimPoint(this.log.logStartOffset, TRIM_ROWS_PER_TURN);
    if (offset === null) {
      this.#trimDue = false;
      return;
    }
    const fact: LogFact = { kind: "trim", offset };
    this.apply(fact);
    out.facts.push(fact);
  }
}

/** LOG4: when the facts stored since the last checkpoint ask for a new one. */
export function checkpointDue(
  since: { chunks: number; bytes: number },
  checkpointBytes: number,
): boolean {
  return (
    since.chunks >= CHECKPOINT_CHUNKS ||
    since.bytes >= Math.max(CHECKPOINT_BYTES, 8 * checkpointBytes)
  );
}
