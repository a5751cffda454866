/** A log under the machine of its only replica, with turns given by hand. */
import type { LogStore } from "../../../src/log/log-store.ts";
import type { PartitionLog } from "../../../src/log/partition-log.ts";
import { compress } from "../../../src/protocol/compression/mod.ts";
import { encodeRecordBatch, type RecordBatchInput } from "../../../src/protocol/record-batch.ts";
import type { ReplicaConfig } from "../../../src/replication/config.ts";
import type { LogReply, ReplicaInput } from "../../../src/replication/messages.ts";
import type { ReplicaStore } from "../../../src/replication/replica-state.ts";
import { LoneReplica } from "../../support/lone-replica.ts";
import { MemoryReplicaStore } from "../../support/memory-replica-store.ts";

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
  readonly store: ReplicaStore;
  readonly machine: LoneReplica;
  readonly config: Partial<ReplicaConfig>;

  constructor(store: ReplicaStore, leaderEpoch = 0, config: Partial<ReplicaConfig> = {}) {
    this.store = store;
    this.config = config;
    this.machine = new LoneReplica(store, config);
    // A leader that wakes has no turn before somebody asks.
    if (leaderEpoch > this.leaderEpoch) this.becomeLeader(leaderEpoch);
  }

  get log(): PartitionLog {
    return this.machine.log;
  }

  get leaderEpoch(): number {
    return this.machine.leaderEpoch;
  }

  /** What the last turn decided. */
  get facts(): LoneReplica["facts"] {
    return this.machine.facts;
  }

  deadline(): number {
    return this.machine.replica.deadline();
  }

  becomeLeader(leaderEpoch: number): void {
    this.machine.becomeLeader(NOW, leaderEpoch);
  }

  /** One turn: every input stepped at the same time, the facts stored, then the replies. */
  turn(nowMs: number, inputs: readonly HarnessInput[]): LogReply[] {
    return this.machine.turn(nowMs, inputs.map(inputOf)).map((reply) => {
      if (reply.kind === "replicate") throw new Error("nobody copies here");
      return reply;
    });
  }

  /** A turn, and no more: nothing is known to be durable, and nothing follows from it. */
  step(nowMs: number, inputs: readonly HarnessInput[]): void {
    this.machine.step(nowMs, inputs.map(inputOf));
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
  declare readonly store: MemoryReplicaStore;

  constructor(
    store = new MemoryReplicaStore(),
    leaderEpoch = 0,
    config: Partial<ReplicaConfig> = {},
  ) {
    super(store, leaderEpoch, config);
  }

  /** Memory is gone; what was stored comes back, under this leader epoch. */
  restart(leaderEpoch = this.leaderEpoch): LogHarness {
    return new LogHarness(this.store.copy(), leaderEpoch, this.config);
  }
}

function inputOf(input: HarnessInput, to: number): ReplicaInput {
  const timeoutMs = 30_000;
  if (input === "tick") return { kind: "tick" };
  if ("deleteRecords" in input) {
    return { kind: "deleteRecords", to, offset: input.deleteRecords, timeoutMs };
  }
  const { append: batch, leaderEpoch = -1, logAppendTime = false } = input;
  return { kind: "append", to, batch, acks: -1, timeoutMs, leaderEpoch, logAppendTime };
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
