/**
 * What a log remembers of each idempotent producer, so that a retry is answered and not stored again.
 * Rules: LOG10 to LOG17 in SPEC.md; Kafka's ProducerStateEntry and ProducerAppendInfo (KIP-98).
 */
import {
  PRODUCER_BATCHES_RETAINED,
  PRODUCER_ID_EXPIRATION_MS,
  PRODUCER_IDS_PER_PARTITION_MAX,
} from "../constants.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { incrementSequence } from "../protocol/record-batch.ts";

export interface ProducerBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

export interface ProducerEntry {
  readonly producerId: number;
  epoch: number;
  /** When the log last took a batch of it, by the leader's clock. */
  lastAppendMs: number;
  /**
   * Oldest first, all of `epoch`: the last PRODUCER_BATCHES_RETAINED, and before them the newest
   * committed one when none of those is. It is what remains when the others are cut off (LOG42).
   */
  batches: ProducerBatch[];
}

export type SequenceVerdict =
  | { readonly kind: "append" }
  | { readonly kind: "duplicate"; readonly batch: ProducerBatch }
  | { readonly kind: "refused"; readonly errorCode: number; readonly message: string };

const APPEND: SequenceVerdict = { kind: "append" };

export class ProducerStates {
  /** Kept in order of last use, so the first is the one to forget. */
  readonly #entries = new Map<number, ProducerEntry>();

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values();
  }

  /** LOG14: those that have not expired. */
  active(nowMs: number): ProducerEntry[] {
    return [...this.#entries.values()].filter((entry) => !hasExpired(entry, nowMs));
  }

  restore(entry: ProducerEntry): void {
    this.#entries.set(entry.producerId, entry);
  }

  /** What was known when the log ended at `offset`, as far as it is still remembered; copies. */
  before(offset: number): ProducerEntry[] {
    const known: ProducerEntry[] = [];
    for (const entry of this.#entries.values()) {
      const batches = entry.batches.filter((batch) => batch.baseOffset < offset);
      if (batches.length > 0) known.push({ ...entry, batches });
    }
    return known;
  }

  /** Decides on a batch before it is appended; changes nothing. */
  check(
    nowMs: number,
    producerId: number,
    epoch: number,
    firstSequence: number,
    lastOffsetDelta: number,
  ): SequenceVerdict {
    const entry = this.#entries.get(producerId);
    if (entry === undefined || hasExpired(entry, nowMs)) return APPEND;
    const lastSequence = incrementSequence(firstSequence, lastOffsetDelta);
    if (epoch === entry.epoch) {
      for (const batch of entry.batches.slice(-PRODUCER_BATCHES_RETAINED)) {
        if (batch.firstSequence === firstSequence && batch.lastSequence === lastSequence) {
          return { kind: "duplicate", batch };
        }
      }
    }
    if (epoch < entry.epoch) {
      return {
        kind: "refused",
        errorCode: ErrorCode.INVALID_PRODUCER_EPOCH,
        message: `producer ${producerId} sent epoch ${epoch}, the log has seen epoch ${entry.epoch}: a newer instance of the producer took over`,
      };
    }
    if (epoch > entry.epoch) {
      if (firstSequence === 0) return APPEND;
      return outOfOrder(producerId, epoch, firstSequence, 0);
    }
    const last = entry.batches.at(-1);
    const expected = last === undefined ? 0 : incrementSequence(last.lastSequence, 1);
    return firstSequence === expected
      ? APPEND
      : outOfOrder(producerId, epoch, firstSequence, expected);
  }

  /** Takes note of a batch that the log has appended; what lies below `committed` stays for ever. */
  append(
    appendedAtMs: number,
    producerId: number,
    epoch: number,
    firstSequence: number,
    baseOffset: number,
    lastOffsetDelta: number,
    committed: number,
  ): void {
    let entry = this.#entries.get(producerId);
    if (entry === undefined) {
      entry = { producerId, epoch, lastAppendMs: appendedAtMs, batches: [] };
      this.#forgetOldest(appendedAtMs);
    } else {
      this.#entries.delete(producerId);
    }
    this.#entries.set(producerId, entry);
    const last = entry.batches.at(-1);
    const follows =
      last !== undefined &&
      entry.epoch === epoch &&
      !hasExpired(entry, appendedAtMs) &&
      incrementSequence(last.lastSequence, 1) === firstSequence;
    // A new epoch, or a producer whose state had expired, starts a new history.
    if (!follows) entry.batches = [];
    entry.epoch = epoch;
    entry.lastAppendMs = appendedAtMs;
    entry.batches.push({
      firstSequence,
      lastSequence: incrementSequence(firstSequence, lastOffsetDelta),
      baseOffset,
      lastOffset: baseOffset + lastOffsetDelta,
    });
    forgetOlder(entry.batches, committed);
  }

  #forgetOldest(nowMs: number): void {
    for (const [producerId, entry] of this.#entries) {
      if (this.#entries.size < PRODUCER_IDS_PER_PARTITION_MAX && !hasExpired(entry, nowMs)) return;
      this.#entries.delete(producerId);
    }
  }
}

/** LOG14 */
function hasExpired(entry: ProducerEntry, nowMs: number): boolean {
  return nowMs - entry.lastAppendMs >= PRODUCER_ID_EXPIRATION_MS;
}

function forgetOlder(batches: ProducerBatch[], committed: number): void {
  while (batches.length > PRODUCER_BATCHES_RETAINED) {
    const second = batches[1];
    if (second !== undefined && second.lastOffset < committed) batches.shift();
    else if (batches.length > PRODUCER_BATCHES_RETAINED + 1) batches.splice(1, 1);
    else return;
  }
}

function outOfOrder(
  producerId: number,
  epoch: number,
  got: number,
  expected: number,
): SequenceVerdict {
  return {
    kind: "refused",
    errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    message: `producer ${producerId} at epoch ${epoch} sent sequence ${got} where ${expected} comes next: a batch before it was lost`,
  };
}
