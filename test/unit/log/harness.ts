/** The log machine, its writer and a store, with turns given by hand. */
import {
  type LogEffects,
  type LogInput,
  LogMachine,
  type LogReply,
} from "../../../src/log/log-machine.ts";
import type { LogStore } from "../../../src/log/log-store.ts";
import { LogWriter } from "../../../src/log/log-writer.ts";
import { type LogFact, PartitionLog } from "../../../src/log/partition-log.ts";
import { noEffects } from "../../../src/machine/machine.ts";
import { compress } from "../../../src/protocol/compression/mod.ts";
import { encodeRecordBatch, type RecordBatchInput } from "../../../src/protocol/record-batch.ts";
import { MemoryLogStore } from "../../support/memory-log-store.ts";

export const NOW = 1_700_000_000_000;

export interface BatchInput extends Omit<RecordBatchInput, "records"> {
  /** How many records; their timestamps when it is a list. */
  readonly records?: number | readonly number[];
  readonly valueBytes?: number;
}

/** A batch as a producer sends it: base offset 0, a checksum that holds. */
export function batchOf(input: BatchInput = {}): Uint8Array {
  const { records = 1, valueBytes = 3, ...rest } = input;
  const timestamps = typeof records === "number" ? Array<number>(records).fill(NOW) : records;
  const value = new Uint8Array(valueBytes).fill(118);
  return encodeRecordBatch({
    compress,
    ...rest,
    records: timestamps.map((timestamp) => ({ timestamp, key: null, value })),
  });
}

/** A batch of an idempotent producer. */
export function sequenced(
  producerId: number,
  producerEpoch: number,
  baseSequence: number,
  records = 1,
): Uint8Array {
  return batchOf({ producerId, producerEpoch, baseSequence, records });
}

export type AppendReply = LogReply & { readonly kind: "append" };
export type DeleteReply = LogReply & { readonly kind: "deleteRecords" };

/** An input without the name of who waits: the harness gives it. */
export type HarnessInput =
  | { readonly append: Uint8Array; readonly leaderEpoch?: number; readonly logAppendTime?: boolean }
  | { readonly deleteRecords: number }
  | "tick";

/** A log on any store, turn by turn. */
export class LogTurns {
  readonly store: LogStore;
  readonly machine: LogMachine;
  readonly #writer: LogWriter;
  /** What the last turn decided. */
  facts: readonly LogFact[] = [];

  constructor(store: LogStore, leaderEpoch = 0) {
    this.store = store;
    const { log, replayed } = PartitionLog.recover(store);
    this.machine = new LogMachine(log, store, leaderEpoch);
    this.#writer = new LogWriter(store, log, replayed);
  }

  get log(): PartitionLog {
    return this.machine.log;
  }

  /** One turn: every input stepped at the same time, the facts stored, then the replies. */
  turn(nowMs: number, inputs: readonly HarnessInput[]): LogReply[] {
    const out: LogEffects = noEffects();
    inputs.forEach((input, to) => {
      this.machine.step(nowMs, inputOf(input, to), out);
    });
    if (out.facts.length > 0) this.#writer.write(out.facts);
    this.facts = out.facts;
    return out.replies.map(({ reply }) => reply);
  }

  append(batch: Uint8Array, nowMs = NOW): AppendReply {
    const [reply] = this.turn(nowMs, [{ append: batch }]);
    if (reply?.kind !== "append") throw new Error("an append was not answered");
    return reply;
  }

  deleteRecords(offset: number, nowMs = NOW): DeleteReply {
    const [reply] = this.turn(nowMs, [{ deleteRecords: offset }]);
    if (reply?.kind !== "deleteRecords") throw new Error("a delete was not answered");
    return reply;
  }

  tick(nowMs = NOW): void {
    this.turn(nowMs, ["tick"]);
  }
}

/** The same on a store in memory, which can be looked into and copied. */
export class LogHarness extends LogTurns {
  declare readonly store: MemoryLogStore;

  constructor(store = new MemoryLogStore(), leaderEpoch = 0) {
    super(store, leaderEpoch);
  }

  /** Memory is gone; what was stored comes back, under this leader epoch. */
  restart(leaderEpoch = this.machine.leaderEpoch): LogHarness {
    return new LogHarness(this.store.copy(), leaderEpoch);
  }
}

function inputOf(input: HarnessInput, to: number): LogInput {
  if (input === "tick") return { kind: "tick" };
  if ("deleteRecords" in input) return { kind: "deleteRecords", to, offset: input.deleteRecords };
  const { append: batch, leaderEpoch = -1, logAppendTime = false } = input;
  return { kind: "append", to, batch, leaderEpoch, logAppendTime };
}

/** Everything that a log remembers now, as plain values that compare deeply. */
export function stateOf(log: PartitionLog): unknown {
  return structuredClone({
    logStartOffset: log.logStartOffset,
    highWatermark: log.highWatermark,
    logEndOffset: log.logEndOffset,
    firstStored: log.firstStored,
    epochs: log.epochs.entries,
    segments: log.segments,
    // A list and not a map: the order of last use is part of the state.
    producers: [...log.producers.entries()],
  });
}

/** The bytes of every chunk stored, in order. */
export function storedBytes(store: LogStore): Uint8Array {
  const chunks = [...store.chunksFrom(0)];
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.data.byteLength, 0));
  let at = 0;
  for (const { data } of chunks) {
    all.set(data, at);
    at += data.byteLength;
  }
  return all;
}
