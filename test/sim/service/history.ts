/**
 * What the clients of the SDK sent, were promised and have seen, and what of it is wrong: Jepsen's
 * anomalies of Kafka. A record is known by its value, which is written once: "producer:number".
 */
import { utf8Decode } from "../../../src/lib/bytes.ts";
import type { PartitionLog } from "../../../src/log/partition-log.ts";
import {
  batchPartitionLeaderEpoch,
  batchProducerId,
  decodeRecordBatch,
  iterateBatches,
} from "../../../src/protocol/record-batch.ts";
import type { ReplicaFact } from "../../../src/replication/messages.ts";
import { Checker } from "../cluster/checker.ts";

const VIOLATIONS_MAX = 20;

export interface SentRecord {
  readonly value: string;
  /** acks=all: a promise for ever; 1: until another leads. */
  readonly acks: "all" | "1";
  /** By an idempotent producer: its records are in its order. */
  readonly ordered: boolean;
  readonly sentAtMs: number;
  /** Null: not settled yet. */
  outcome:
    | { readonly kind: "acked"; readonly place: string; readonly offset: number }
    | { readonly kind: "failed"; readonly message: string }
    | null;
}

/** Everything that is wrong, each reader and producer against each other. */
export class History {
  readonly violations: string[] = [];
  readonly sent = new Map<string, SentRecord>();
  /** What anybody ever read, by "topic-partition@offset". */
  readonly #seen = new Map<string, { readonly value: string; readonly reader: string }>();
  /** Up to where a delete was ever asked for, by "topic-partition". */
  readonly deletedTo = new Map<string, number>();
  /** Under which epochs a plain producer's record was written, by value. */
  readonly #plainEpochs = new Map<string, number[]>();

  violation(text: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(text);
  }

  /** A reader was given a record; `next` is the offset that was due to it. Returns the next one. */
  read(reader: string, place: string, next: number, offset: number, value: string): number {
    if (offset < next) this.violation(`${reader} read ${place}@${offset} after ${next - 1}`);
    if (offset > next && offset > (this.deletedTo.get(place) ?? 0)) {
      this.violation(`${reader} read ${place}@${offset} where ${next} was due`);
    }
    if (!this.sent.has(value)) {
      this.violation(`${reader} read "${value}" at ${place}@${offset}, which nobody sent`);
    }
    const key = `${place}@${offset}`;
    const seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, { value, reader });
    else if (seen.value !== value) {
      this.violation(`${key} is "${value}" to ${reader} and was "${seen.value}" to ${seen.reader}`);
    }
    return offset + 1;
  }

  wrotePlain(value: string, leaderEpoch: number): void {
    const epochs = this.#plainEpochs.get(value) ?? [];
    this.#plainEpochs.set(value, [...epochs, leaderEpoch]);
  }

  /**
   * The committed log of a partition as it is in the end, against everything before. `log` holds the
   * values from `logStart` on; `leaderEpoch` is the last.
   */
  check(place: string, logStart: number, log: readonly string[], leaderEpoch: number): void {
    if (logStart > (this.deletedTo.get(place) ?? 0)) {
      this.violation(`${place} starts at ${logStart}, nobody deleted so much`);
    }
    this.#checkOrder(place, logStart, log);
    this.#checkAcknowledged(place, logStart, log, leaderEpoch);
    for (const [key, { value, reader }] of this.#seen) {
      const [where, offset] = key.split("@");
      if (where !== place || Number(offset) < logStart) continue;
      const there = log[Number(offset) - logStart];
      if (there === value) continue;
      this.violation(`${reader} read "${value}" at ${key}, in the end there is ${there}`);
    }
  }

  #checkAcknowledged(
    place: string,
    logStart: number,
    log: readonly string[],
    leaderEpoch: number,
  ): void {
    const all = new Set(log);
    for (const { outcome, value, acks } of this.sent.values()) {
      if (outcome?.kind !== "acked" || outcome.place !== place) continue;
      const { offset } = outcome;
      // Of a duplicate that was written long ago nobody may know the place any more.
      const isThere =
        offset < 0 ? logStart > 0 || all.has(value) : log[offset - logStart] === value;
      if (isThere || (offset >= 0 && offset < logStart)) continue;
      if (acks === "1" && this.#wentWithItsLeader(value, leaderEpoch)) continue;
      const there = log[offset - logStart] ?? "nothing";
      this.violation(
        `"${value}" was acknowledged (acks=${acks}) at ${place}@${offset}, there is ${there}`,
      );
    }
  }

  /** Each record once, and an idempotent producer's in the order in which it sent them. */
  #checkOrder(place: string, logStart: number, log: readonly string[]): void {
    const last = new Map<string, number>();
    const found = new Set<string>();
    for (const [i, value] of log.entries()) {
      const where = `"${value}" at ${place}@${logStart + i}`;
      const record = this.sent.get(value);
      if (record === undefined) this.violation(`${where}: nobody sent it`);
      if (found.has(value)) this.violation(`${where}: it is there already`);
      found.add(value);
      const [producer = "", number = ""] = value.split(":");
      const before = last.get(producer) ?? -1;
      if (record?.ordered === true && Number(number) < before) {
        this.violation(`${where}: it comes after number ${before}`);
      }
      last.set(producer, Math.max(before, Number(number)));
    }
  }

  /** acks=1 is lost with the leader that gave it, and only then. */
  #wentWithItsLeader(value: string, leaderEpoch: number): boolean {
    return (this.#plainEpochs.get(value) ?? []).some((epoch) => epoch < leaderEpoch);
  }
}

/** One partition's invariants between its replicas; tells the history what plain producers wrote. */
export class PartitionChecker extends Checker {
  readonly #history: History;
  readonly #place: string;

  constructor(history: History, place: string) {
    super(false);
    this.#history = history;
    this.#place = place;
  }

  override violation(text: string): void {
    this.#history.violation(`${this.#place}: ${text}`);
  }

  /** A replica has stored these facts: under which epochs do plain producers' records stand? */
  stored(facts: readonly ReplicaFact[]): void {
    for (const fact of facts) {
      if (fact.kind !== "batch" || batchProducerId(fact.batch, 0) >= 0) continue;
      const epoch = batchPartitionLeaderEpoch(fact.batch, 0);
      for (const { value } of recordsOf(fact.batch)) this.#history.wrotePlain(value, epoch);
    }
  }
}

export function recordsOf(batches: Uint8Array): { offset: number; value: string }[] {
  const found: { offset: number; value: string }[] = [];
  for (const at of iterateBatches(batches)) {
    for (const { offset, value } of decodeRecordBatch(batches, at)) {
      found.push({ offset, value: utf8Decode(value ?? new Uint8Array(0)) });
    }
  }
  return found;
}

/** The committed values of a log, from its start on. */
export function committedValues(
  { logStartOffset, highWatermark }: PartitionLog,
  chunks: Iterable<{ readonly data: Uint8Array }>,
): string[] {
  const values: string[] = [];
  for (const { data } of chunks) {
    for (const { offset, value } of recordsOf(data)) {
      if (offset >= logStartOffset && offset < highWatermark) values.push(value);
    }
  }
  return values;
}
