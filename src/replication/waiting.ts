/** Producers that wait for the high watermark (acks=all), and deletes that wait for the followers. */
import type { ReplyTo } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { LogReply, ReplicaEffects } from "./messages.ts";

type AppendReply = LogReply & { readonly kind: "append" };

/** A batch is committed, or will be when this turn is durable, or waits for others. */
export type Commit = "done" | "withTheWrite" | "open";

interface WaitingAppend {
  readonly to: ReplyTo;
  readonly endOffset: number;
  readonly deadlineMs: number;
  readonly success: AppendReply;
}

interface WaitingDelete {
  readonly to: ReplyTo;
  readonly offset: number;
  readonly deadlineMs: number;
}

export class Waiting {
  #appends: WaitingAppend[] = [];
  #deletes: WaitingDelete[] = [];

  append(to: ReplyTo, endOffset: number, deadlineMs: number, success: AppendReply): void {
    this.#appends.push({ to, endOffset, deadlineMs, success });
  }

  delete(to: ReplyTo, offset: number, deadlineMs: number): void {
    this.#deletes.push({ to, offset, deadlineMs });
  }

  /** REP30, REP31, REP32. */
  settleAppends(
    nowMs: number,
    commitOf: (endOffset: number) => Commit,
    enoughInSync: boolean,
    out: ReplicaEffects,
  ): void {
    this.#appends = this.#appends.filter(({ to, endOffset, deadlineMs, success }) => {
      const commit = commitOf(endOffset);
      if (commit !== "open") {
        const reply = enoughInSync
          ? success
          : refused(success, ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
        (commit === "done" ? out.ready : out.replies).push({ to, reply });
        return false;
      }
      if (deadlineMs > nowMs) return true;
      out.ready.push({ to, reply: refused(success, ErrorCode.REQUEST_TIMED_OUT) });
      return false;
    });
  }

  /**
   * REP36: `lowWatermark` is the lowest log start among the replicas that count. This turn may be the
   * one that moves the leader's.
   */
  settleDeletes(nowMs: number, lowWatermark: number, out: ReplicaEffects): void {
    if (this.#deletes.length === 0) return;
    this.#deletes = this.#deletes.filter(({ to, offset, deadlineMs }) => {
      if (lowWatermark < offset && deadlineMs > nowMs) return true;
      const late = lowWatermark < offset;
      const errorCode = late ? ErrorCode.REQUEST_TIMED_OUT : ErrorCode.NONE;
      out.replies.push({
        to,
        reply: { kind: "deleteRecords", errorCode, lowWatermark: late ? -1 : lowWatermark },
      });
      return false;
    });
  }

  /** REP33 */
  refuseAll(errorCode: number, out: ReplicaEffects): void {
    for (const { to, success } of this.#appends) {
      const { baseOffset } = success;
      out.ready.push({ to, reply: { ...refused(success, errorCode), baseOffset } });
    }
    for (const { to } of this.#deletes) {
      out.ready.push({ to, reply: { kind: "deleteRecords", errorCode, lowWatermark: -1 } });
    }
    this.#appends = [];
    this.#deletes = [];
  }

  get appending(): boolean {
    return this.#appends.length > 0;
  }

  /** Some delete waits for this log start to be everywhere. */
  get deleting(): boolean {
    return this.#deletes.length > 0;
  }

  deadlineMs(): number {
    let earliest = Infinity;
    for (const { deadlineMs } of this.#appends) earliest = Math.min(earliest, deadlineMs);
    for (const { deadlineMs } of this.#deletes) earliest = Math.min(earliest, deadlineMs);
    return earliest;
  }
}

/** Kafka answers an error with -1 in the offset. */
export function refused(
  success: { readonly logStartOffset: number },
  errorCode: number,
  errorMessage: string | null = null,
): AppendReply {
  return {
    kind: "append",
    errorCode,
    errorMessage,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: success.logStartOffset,
  };
}
