/**
 * A partition's object as callers see it: the replica in its shell, and around it what
 * objects/partition.ts does for appends, reads, waits and messages of the leader.
 */
import type {
  AppendRequest,
  AppendResult,
  DeleteRecordsResult,
  EpochEndRequest,
  EpochEndResult,
  ListOffsetRequest,
  ListOffsetResult,
  ReadRequest,
  ReadResult,
} from "../../../src/broker/ports.ts";
import { readBatches } from "../../../src/log/read.ts";
import {
  REFUSED_APPEND,
  refusedOffset,
  refusedRead,
} from "../../../src/objects/partition-answers.ts";
import {
  answerEpochEnd,
  answerListOffset,
  answerRead,
} from "../../../src/objects/partition-reads.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { batchPartitionLeaderEpoch } from "../../../src/protocol/record-batch.ts";
import type { ReplicateReply, ReplicateRequest } from "../../../src/replication/messages.ts";
import {
  type ReplicaLife,
  type ReplicaTurn,
  SimReplica,
  type Surroundings,
} from "../cluster/replica-object.ts";
import type { PartitionChecker } from "./history.ts";
import type { ServiceBug } from "./planted-bugs.ts";

export interface PartitionSurroundings extends Surroundings {
  readonly checker: PartitionChecker;
  /** Does the row name the broker's replica? */
  isNamed(brokerId: number): boolean;
  /** What the broker's isolate knows of whether an operator took it out. */
  isFenced(brokerId: number): Promise<boolean>;
  objectAt(brokerId: number): PartitionObject;
  readonly serviceBug: ServiceBug | null;
}

/** `null` is "the object was lost on the way". */
type Answer<T> = (value: T | null) => void;

const UNKNOWN = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;

export class PartitionObject extends SimReplica {
  readonly #at: PartitionSurroundings;
  /** Sockets of readers that wait; they outlive an eviction. */
  #waiters: { readonly offset: number; readonly wake: () => void }[] = [];
  /** It learned that its row does not name it any more. */
  #closed = false;

  constructor(brokerId: number, at: PartitionSurroundings, name: string) {
    super(brokerId, at, name);
    this.#at = at;
  }

  /** It serves nobody any more, until the row names it again. */
  close(why: string): void {
    this.crash(why);
    this.#closed = true;
    this.#wake(Infinity);
  }

  get #isServing(): boolean {
    if (this.#closed && this.#at.isNamed(this.brokerId)) this.#closed = false;
    return !this.#closed;
  }

  open(answer: Answer<true>): void {
    if (this.#isServing) this.tell({ kind: "tick" });
    answer(true);
  }

  nudge(answer: Answer<true>): void {
    if (this.#isServing) this.tell({ kind: "nudge" });
    answer(true);
  }

  destroy(answer: Answer<true>): void {
    if (!this.#at.isNamed(this.brokerId)) {
      this.close("and is destroyed");
      this.dropStorage();
    }
    answer(true);
  }

  append({ batch, ...request }: AppendRequest, answer: Answer<AppendResult>): void {
    if (!this.#isServing) {
      answer(REFUSED_APPEND);
      return;
    }
    // What comes by RPC is a copy, and the machine writes into it.
    const copy = batch.slice();
    const checked = this.#at.serviceBug?.epochUnchecked === true ? { leaderEpoch: -1 } : {};
    this.ask(
      (to) => ({ kind: "append", to, batch: copy, ...request, ...checked }),
      (reply) => {
        const result = reply?.kind === "append" ? reply : null;
        this.#noteAppend(copy, request.leaderEpoch, result?.errorCode ?? ErrorCode.NONE);
        answer(result);
      },
    );
  }

  /** A caller that named an epoch is refused, or its batch stands under that epoch. */
  #noteAppend(batch: Uint8Array, asked: number, errorCode: number): void {
    if (errorCode !== ErrorCode.NONE) {
      this.#at.world.note(`${this.name} answers an append with error ${errorCode}`);
    }
    // A duplicate is not written again.
    const written = batchPartitionLeaderEpoch(batch, 0);
    if (written >= 0 && asked >= 0 && written !== asked) {
      this.#at.violation(`${this.name} wrote under epoch ${written} what was meant for ${asked}`);
    }
  }

  deleteRecords(offset: number, timeoutMs: number, answer: Answer<DeleteRecordsResult>): void {
    if (!this.#isServing) {
      answer({ errorCode: UNKNOWN, lowWatermark: -1 });
      return;
    }
    this.ask(
      (to) => ({ kind: "deleteRecords", to, offset, timeoutMs }),
      (reply) => answer(reply?.kind === "deleteRecords" ? reply : null),
    );
  }

  fetch(request: ReadRequest, answer: Answer<ReadResult>): void {
    const value = this.#isServing ? this.#answerRead(request) : refusedRead(UNKNOWN);
    this.#whenDurable(value, answer);
  }

  #answerRead(request: ReadRequest): ReadResult {
    const value = answerRead(this.live, request);
    if (this.#at.serviceBug?.readsAll !== true || value.errorCode !== ErrorCode.NONE) return value;
    const range = { ...request, upperBound: value.logEndOffset };
    return { ...value, records: readBatches(this.store, range).slice() };
  }

  listOffset(request: ListOffsetRequest, answer: Answer<ListOffsetResult>): void {
    const value = this.#isServing ? answerListOffset(this.live, request) : refusedOffset(UNKNOWN);
    this.#whenDurable(value, answer);
  }

  epochEnd(request: EpochEndRequest, answer: Answer<EpochEndResult>): void {
    const value = this.#isServing
      ? answerEpochEnd(this.live, request)
      : { errorCode: UNKNOWN, leaderEpoch: -1, endOffset: -1 };
    this.#whenDurable(value, answer);
  }

  /** Answers once the high watermark has passed `offset`. */
  wait(offset: number, answer: Answer<true>): void {
    if (!this.#isServing || offset < this.replica.log.highWatermark) answer(true);
    else this.#waiters.push({ offset, wake: () => answer(true) });
  }

  override receive(request: ReplicateRequest, answer: Answer<ReplicateReply>): void {
    if (!this.#isServing) {
      answer(null);
      return;
    }
    void this.#at.isFenced(this.brokerId).then((fenced) => {
      if (fenced || this.#closed) answer(null);
      else super.receive(request, answer);
    });
  }

  #whenDurable<T>(value: T, answer: Answer<T>): void {
    this.whenDurable(
      () => answer(value),
      () => answer(null),
    );
  }

  protected override stored(life: ReplicaLife, turn: ReplicaTurn): void {
    super.stored(life, turn);
    this.#at.checker.stored(turn.out.facts);
  }

  protected override finished({ replica }: ReplicaLife): void {
    this.#wake(replica.log.highWatermark);
  }

  #wake(highWatermark: number): void {
    const ready = this.#waiters.filter(({ offset }) => offset < highWatermark);
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter(({ offset }) => offset >= highWatermark);
    for (const { wake } of ready) wake();
  }
}
