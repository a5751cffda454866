import { PRODUCER_BATCHES_RETAINED } from "../constants.ts";
import { incrementSequence } from "../protocol/record-batch.ts";
import { ErrorCode } from "./errors.ts";
import type { ProducerBatch } from "./producer-batch.ts";

const EPOCH_MAX = 0x7fff;

interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Sequences of one partition. */
interface PartitionState {
  id: ProducerIdAndEpoch;
  nextSequence: number;
  /** -1: none yet. */
  lastAckedSequence: number;
  /** When that was confirmed. */
  confirmedMs: number;
  /** Batches with a sequence that the server has not confirmed, in the order of sequences. */
  readonly unconfirmed: ProducerBatch[];
  /** Batches given a sequence so far: what `ordinal` of a batch counts. */
  sent: number;
  /** How many of them are on the wire right now. */
  onWire: number;
  /** A batch expired and nobody knows whether the server has it. */
  unresolved: boolean;
  /**
   * The sequence from which on nothing can be confirmed under this epoch, -1 = none. What comes
   * before it goes on as it is: it may be written already, and another number would write it twice.
   */
  gapAt: number;
  /** How many batches may be on the wire at a time; see overtaken(). */
  window: number;
  confirmedSinceChange: number;
}

/** After so long without a record the server may have forgotten the producer (after a day, or a trim). */
const IDLE_MS = 10 * 60 * 1000;
/** So many confirmations in a row widen the window by one. */
const CONFIRMATIONS_TO_WIDEN = 50;

/**
 * The idempotent producer's memory (the part of Kafka's TransactionManager that has no
 * transactions): which sequence a batch gets, whether it may go now, whether it may go again.
 *
 * A gap in the sequences that cannot be closed is left behind by raising the epoch and counting
 * from zero, once nothing of the partition is on the wire (KIP-360).
 */
export class ProducerState {
  #id: ProducerIdAndEpoch | null = null;
  readonly #windowMax: number;
  readonly #partitions = new Map<string, PartitionState>();
  /** Those with a gap, and those with an expired batch. */
  readonly #gaps = new Set<PartitionState>();
  readonly #unresolved = new Set<PartitionState>();

  /** @param windowMax most batches of a partition on the wire at once */
  constructor(windowMax: number) {
    this.#windowMax = windowMax;
  }

  /** Nothing can be sent without an id. */
  get needsId(): boolean {
    return this.#id === null;
  }

  get producerId(): number {
    return this.#id?.producerId ?? -1;
  }

  get producerEpoch(): number {
    return this.#id?.producerEpoch ?? -1;
  }

  setId(producerId: number, producerEpoch: number): void {
    this.#id = { producerId, producerEpoch };
    this.#restartGaps(this.#id);
  }

  #state(batch: { readonly topic: string; readonly partition: number }): PartitionState {
    const key = `${batch.partition}/${batch.topic}`;
    let state = this.#partitions.get(key);
    if (state === undefined) {
      state = {
        id: { producerId: -1, producerEpoch: -1 },
        nextSequence: 0,
        lastAckedSequence: -1,
        confirmedMs: 0,
        unconfirmed: [],
        sent: 0,
        onWire: 0,
        unresolved: false,
        gapAt: -1,
        window: this.#windowMax,
        confirmedSinceChange: 0,
      };
      this.#partitions.set(key, state);
    }
    return state;
  }

  /** Whether the first batch that waits for its partition may go now (shouldStopDrainBatches). */
  maySend(batch: ProducerBatch, now: number): boolean {
    if (this.#id === null) return false;
    const state = this.#state(batch);
    // A retry goes alone: only once everything before it is confirmed.
    if (batch.hasSequence) return state.unconfirmed[0] === batch && !isBehindGap(state, batch);
    if (state.gapAt >= 0 || state.unresolved || state.onWire >= state.window) return false;
    const [oldest] = state.unconfirmed;
    if (oldest === undefined) return true;
    // A server that does not know us, or forgot us, takes any sequence for the first: until it has
    // confirmed one, nothing may overtake it.
    if (state.lastAckedSequence < 0 || now - state.confirmedMs > IDLE_MS) return false;
    // It knows a batch again only until so many came after it, confirmed or not.
    if (state.sent - oldest.ordinal >= PRODUCER_BATCHES_RETAINED) return false;
    return isSame(state.id, this.#id);
  }

  /** The batch goes on the wire: it gets its sequence, if it has none. */
  sending(batch: ProducerBatch): void {
    const state = this.#state(batch);
    state.onWire++;
    this.#number(state, batch);
    batch.wasNext = state.unconfirmed[0] === batch;
  }

  #number(state: PartitionState, batch: ProducerBatch): void {
    if (batch.hasSequence || this.#id === null) return;
    if (!isSame(state.id, this.#id)) restart(state, this.#id);
    batch.identity = { ...state.id, baseSequence: state.nextSequence };
    state.nextSequence = incrementSequence(state.nextSequence, batch.count);
    batch.ordinal = state.sent++;
    state.unconfirmed.push(batch);
  }

  /** The batch's request is over, one way or another. */
  landed(batch: ProducerBatch): void {
    this.#state(batch).onWire--;
  }

  confirmed(batch: ProducerBatch, now: number): void {
    const state = this.#state(batch);
    remove(state.unconfirmed, batch);
    state.confirmedMs = now;
    // An answer to an earlier epoch says nothing about this one's sequences.
    if (!isSame(state.id, batch.identity)) return;
    const last = incrementSequence(batch.identity.baseSequence, batch.count - 1);
    if (isAfter(last, state.lastAckedSequence)) state.lastAckedSequence = last;
    if (++state.confirmedSinceChange >= CONFIRMATIONS_TO_WIDEN && state.window < this.#windowMax) {
      state.window++;
      state.confirmedSinceChange = 0;
    }
  }

  /**
   * Whether an error means that the batch should be sent again although its code alone does not
   * say so; may ask for a new epoch on the way (TransactionManager.canRetry).
   */
  shouldRetry(batch: ProducerBatch, errorCode: number): boolean {
    const state = this.#state(batch);
    if (errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) {
      // One that was sent before what precedes it was confirmed may only have been too early, and another
      // copy of the request may have written it since.
      if (batch.wasNext && state.unconfirmed[0] === batch) this.#gap(state, batch);
      else this.#overtaken(state);
      return true;
    }
    if (errorCode === ErrorCode.UNKNOWN_PRODUCER_ID) {
      // The server forgot us. What is sent again must be the first of a new epoch.
      if (isSame(state.id, batch.identity)) this.#gap(state, batch);
      return true;
    }
    return false;
  }

  /**
   * The batch came before one sent earlier: over HTTP, requests may overtake each other, which on
   * Kafka's own connections they cannot. Sending fewer at a time is faster than sending them twice.
   */
  #overtaken(state: PartitionState): void {
    state.window = Math.max(1, state.window >> 1);
    state.confirmedSinceChange = 0;
  }

  /** Smaller batches take the place, and the sequences, of one that was too large. */
  split(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    if (!batch.hasSequence) return;
    const { unconfirmed } = this.#state(batch);
    let baseSequence = batch.identity.baseSequence;
    for (const part of parts) {
      part.identity = { ...batch.identity, baseSequence };
      part.ordinal = batch.ordinal;
      baseSequence = incrementSequence(baseSequence, part.count);
    }
    const at = unconfirmed.indexOf(batch);
    if (at >= 0) unconfirmed.splice(at, 1, ...parts);
  }

  /**
   * The batch is given up.
   *
   * @param written what is known: false = the server refused it, so its sequences are a gap
   */
  failed(batch: ProducerBatch, written: false | "unknown"): void {
    if (!batch.hasSequence) return;
    const state = this.#state(batch);
    remove(state.unconfirmed, batch);
    if (!isSame(state.id, batch.identity)) return;
    if (written === false) {
      this.#gap(state, batch);
    } else {
      state.unresolved = true;
      this.#unresolved.add(state);
    }
  }

  #gap(state: PartitionState, batch: ProducerBatch): void {
    const { baseSequence } = batch.identity;
    if (state.gapAt < 0 || isAfter(state.gapAt, baseSequence)) state.gapAt = baseSequence;
    this.#gaps.add(state);
  }

  /** What can be settled now that requests came back; to be called before batches are chosen. */
  settle(): void {
    for (const state of this.#unresolved) {
      if (state.onWire > 0 || state.unconfirmed.length > 0) continue;
      // If the last sequence given out was confirmed, the expired batch was written after all.
      const next = incrementSequence(state.lastAckedSequence, 1);
      if (next !== state.nextSequence && state.gapAt < 0) {
        state.gapAt = next;
        this.#gaps.add(state);
      }
      state.unresolved = false;
      this.#unresolved.delete(state);
    }
    if (this.#gaps.size === 0 || this.#id === null) return;
    for (const state of this.#gaps) {
      const [first] = state.unconfirmed;
      if (state.onWire > 0 || (first !== undefined && !isBehindGap(state, first))) return;
    }
    if (this.#id.producerEpoch >= EPOCH_MAX) {
      // No epoch left: another id. The partitions are restarted when it is there.
      this.#id = null;
      return;
    }
    this.#id = { ...this.#id, producerEpoch: this.#id.producerEpoch + 1 };
    this.#restartGaps(this.#id);
  }

  #restartGaps(id: ProducerIdAndEpoch): void {
    for (const state of this.#gaps) {
      restart(state, id);
      this.#unresolved.delete(state);
    }
    this.#gaps.clear();
  }
}

function isBehindGap(state: PartitionState, batch: ProducerBatch): boolean {
  return state.gapAt >= 0 && !isAfter(state.gapAt, batch.identity.baseSequence);
}

/** Sequences from zero under another id; batches that wait for a retry are renumbered. */
function restart(state: PartitionState, id: ProducerIdAndEpoch): void {
  state.id = id;
  state.nextSequence = 0;
  state.lastAckedSequence = -1;
  state.gapAt = -1;
  state.unresolved = false;
  for (const batch of state.unconfirmed) {
    batch.identity = { ...id, baseSequence: state.nextSequence };
    state.nextSequence = incrementSequence(state.nextSequence, batch.count);
  }
}

function isSame(a: ProducerIdAndEpoch, b: ProducerIdAndEpoch): boolean {
  return a.producerId === b.producerId && a.producerEpoch === b.producerEpoch;
}

/** Whether sequence a comes after b; -1 is before all. Sequences wrap to 0 after 2^31 - 1. */
export function isAfter(a: number, b: number): boolean {
  if (b < 0) return true;
  const distance = (a - b) & 0x7fffffff;
  return distance > 0 && distance < 0x40000000;
}

function remove(batches: ProducerBatch[], batch: ProducerBatch): void {
  const at = batches.indexOf(batch);
  if (at >= 0) batches.splice(at, 1);
}
