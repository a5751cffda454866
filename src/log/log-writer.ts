/**
 * Stores the facts of one turn: batches packed into as few chunks as the row bound allows (group
 * commit), and a checkpoint when one is due. Runs inside the shell's transaction.
 */
import { CHECKPOINT_BYTES, CHECKPOINT_CHUNKS, CHUNK_BYTES_MAX } from "../constants.ts";
import { assert } from "../lib/assert.ts";
import { concatBytes } from "../lib/bytes.ts";
import { batchBaseOffset, batchLastOffsetDelta } from "../protocol/record-batch.ts";
import type { LogStore } from "./log-store.ts";
import type { LogFact, PartitionLog } from "./partition-log.ts";

type BatchFact = LogFact & { readonly kind: "batch" };

export class LogWriter {
  readonly #store: LogStore;
  readonly #log: PartitionLog;
  readonly #since: { chunks: number; bytes: number };
  #checkpointBytes: number;

  /** `replayed` is what recovery had to read behind the last checkpoint. */
  constructor(store: LogStore, log: PartitionLog, replayed: { chunks: number; bytes: number }) {
    this.#store = store;
    this.#log = log;
    this.#since = { ...replayed };
    this.#checkpointBytes = store.checkpoint()?.byteLength ?? 0;
  }

  /** `log` has applied the facts already. */
  write(facts: readonly LogFact[]): void {
    let run: BatchFact[] = [];
    let runBytes = 0;
    let checkpointNow = false;
    for (const fact of facts) {
      if (fact.kind === "batch") {
        const joins =
          run[0]?.segmentBase === fact.segmentBase &&
          run[0].incarnation === fact.incarnation &&
          runBytes + fact.batch.byteLength <= CHUNK_BYTES_MAX;
        if (!joins) {
          this.#putChunk(run, runBytes);
          run = [];
          runBytes = 0;
        }
        run.push(fact);
        runBytes += fact.batch.byteLength;
      } else if (fact.kind === "trim") {
        this.#store.deleteBelow(fact.offset);
      } else {
        // The log start is kept nowhere but in the checkpoint, and a cut tail leaves checkpoints
        // behind that know of it.
        checkpointNow = true;
        if (fact.kind === "logStart") continue;
        this.#putChunk(run, runBytes);
        run = [];
        runBytes = 0;
        this.#store.deleteFrom(fact.kind === "truncate" ? fact.offset : 0);
      }
    }
    this.#putChunk(run, runBytes);
    if (checkpointNow || checkpointDue(this.#since, this.#checkpointBytes)) this.#putCheckpoint();
    this.#log.stored();
  }

  #putChunk(run: readonly BatchFact[], runBytes: number): void {
    const first = run[0];
    const last = run.at(-1);
    if (first === undefined || last === undefined) return;
    const segment = this.#log.segments.find((s) => s.baseOffset === first.segmentBase);
    this.#store.putChunk({
      baseOffset: batchBaseOffset(first.batch, 0),
      lastOffset: batchBaseOffset(last.batch, 0) + batchLastOffsetDelta(last.batch, 0),
      segmentBase: first.segmentBase,
      // May be ahead of this chunk by what the same turn appended after it: a search by time then
      // starts a chunk early, which costs a look and no correctness. A segment that is gone already
      // (deleted in the same turn) is never searched.
      runningMaxTimestamp: segment?.maxTimestamp ?? -1,
      appendedAtMs: first.appendedAtMs,
      incarnation: first.incarnation,
      highWatermark: this.#log.highWatermark,
      data: run.length === 1 ? first.batch : concatBytes(run.map((fact) => fact.batch)),
    });
    this.#since.chunks++;
    this.#since.bytes += runBytes;
  }

  #putCheckpoint(): void {
    const bytes = this.#log.encodeCheckpoint();
    assert(bytes.byteLength > 0, "a checkpoint is never empty");
    this.#store.putCheckpoint(bytes);
    this.#checkpointBytes = bytes.byteLength;
    this.#since.chunks = 0;
    this.#since.bytes = 0;
  }
}

/** LOG4: when the facts stored since the last checkpoint ask for a new one. */
export function checkpointDue(
  since: { readonly chunks: number; readonly bytes: number },
  checkpointBytes: number,
): boolean {
  return (
    since.chunks >= CHECKPOINT_CHUNKS ||
    since.bytes >= Math.max(CHECKPOINT_BYTES, 8 * checkpointBytes)
  );
}
