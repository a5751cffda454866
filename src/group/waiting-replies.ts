/** Replies that wait until what is under them is committed (SPEC.md, GRP7, GRP8). */
import type { ReplyTo } from "../machine/machine.ts";
import type { GroupReply } from "./messages.ts";

interface WaitingReply {
  readonly to: ReplyTo;
  readonly reply: GroupReply;
  readonly endOffset: number;
  readonly deadlineMs: number;
}

export class WaitingReplies {
  /** Ordered by end offset and by deadline, since both only grow. */
  #waiting: WaitingReply[] = [];

  add(waiting: WaitingReply): void {
    this.#waiting.push(waiting);
  }

  /** Gives those whose end is committed, and refuses those whose time is over. */
  settle(
    nowMs: number,
    isCommitted: (endOffset: number) => boolean,
    give: (to: ReplyTo, reply: GroupReply) => void,
    late: (to: ReplyTo) => void,
  ): void {
    let count = 0;
    for (const { to, reply, endOffset, deadlineMs } of this.#waiting) {
      if (isCommitted(endOffset)) give(to, reply);
      else if (deadlineMs <= nowMs) late(to);
      else break;
      count++;
    }
    if (count > 0) this.#waiting.splice(0, count);
  }

  /** Takes out everybody. */
  drain(each: (to: ReplyTo) => void): void {
    const all = this.#waiting;
    this.#waiting = [];
    for (const { to } of all) each(to);
  }

  deadlineMs(): number {
    return this.#waiting[0]?.deadlineMs ?? Infinity;
  }
}
