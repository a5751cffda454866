/**
 * The leader's log as messages for followers: what is stored, and behind it what this turn appended
 * and has not stored yet.
 */
import { assert } from "../lib/assert.ts";
import { concatBytes } from "../lib/bytes.ts";
import type { LogReader } from "../log/log-store.ts";
import type { LogFact, PartitionLog } from "../log/partition-log.ts";
import { batchBaseOffset, batchLastOffset, batchSizeInBytes } from "../protocol/record-batch.ts";
import type { ReplicatedChunk } from "./messages.ts";

type BatchFact = LogFact & { readonly kind: "batch" };

export interface Piece {
  readonly chunks: readonly ReplicatedChunk[];
  readonly bytes: number;
  /** Where the piece ends; its start when nothing is there. */
  readonly end: number;
}

export class LogTail {
  readonly #log: PartitionLog;
  readonly #store: LogReader;
  #turn: BatchFact[] = [];
  /** The last piece read: the other followers mostly ask for the same. */
  #last: { offset: number; end: number; piece: Piece } | null = null;

  constructor(log: PartitionLog, store: LogReader) {
    this.#log = log;
    this.#store = store;
  }

  appended(fact: BatchFact): void {
    this.#turn.push(fact);
  }

  endTurn(): void {
    this.#turn = [];
    this.#last = null;
  }

  /**
   * Whole batches from the one at `offset` on, at least one, at most what fits. Only the first chunk
   * is ever cut: a follower then writes no more rows than the leader did.
   */
  read(offset: number, maxBytes: number): Piece {
    const { logEndOffset } = this.#log;
    if (this.#last?.offset === offset && this.#last.end === logEndOffset) return this.#last.piece;
    const chunks: ReplicatedChunk[] = [];
    let [at, bytes] = [offset, 0];
    const stored = this.#storedEnd();
    if (at < stored) {
      for (const chunk of this.#store.chunksFrom(at)) {
        if (chunk.baseOffset >= stored) break;
        const from = positionOf(chunk.data, at);
        const to = endWithin(chunk.data, from, maxBytes - bytes, bytes === 0);
        if (to < chunk.data.byteLength && bytes > 0) break;
        const { incarnation, appendedAtMs } = chunk;
        const data = chunk.data.subarray(from, to);
        chunks.push({ incarnation, appendedAtMs, data });
        bytes += to - from;
        at = endOffsetOf(data);
        if (to < chunk.data.byteLength) break;
      }
    }
    const fresh = this.#fresh(at, maxBytes - bytes, bytes === 0);
    if (fresh !== null) {
      chunks.push(fresh);
      bytes += fresh.data.byteLength;
      at = endOffsetOf(fresh.data);
    }
    const piece = { chunks, bytes, end: at };
    this.#last = { offset, end: logEndOffset, piece };
    return piece;
  }

  /** Base offset of the batch that holds `offset`; the log's end when none does. */
  batchBaseAt(offset: number): number {
    if (offset >= this.#log.logEndOffset) return this.#log.logEndOffset;
    const fresh = this.#turn.findLast((fact) => batchBaseOffset(fact.batch, 0) <= offset);
    if (fresh !== undefined) return batchBaseOffset(fresh.batch, 0);
    for (const { data } of this.#store.chunksFrom(offset)) {
      for (let at = 0; at < data.byteLength; at += batchSizeInBytes(data, at)) {
        if (batchLastOffset(data, at) >= offset) return batchBaseOffset(data, at);
      }
    }
    return this.#log.logEndOffset;
  }

  #storedEnd(): number {
    const [first] = this.#turn;
    return first === undefined ? this.#log.logEndOffset : batchBaseOffset(first.batch, 0);
  }

  /**
   * This turn's batches from `offset` on, all of them or, at the front of a message, as many as fit,
   * at least one. One incarnation wrote them all.
   */
  #fresh(offset: number, room: number, atFront: boolean): ReplicatedChunk | null {
    const start = this.#turn.findIndex((fact) => batchBaseOffset(fact.batch, 0) === offset);
    const first = this.#turn[start];
    if (first === undefined) return null;
    const batches: Uint8Array[] = [];
    let left = room;
    for (const { batch } of this.#turn.slice(start)) {
      left -= batch.byteLength;
      if (left < 0 && !atFront) return null;
      if (left < 0 && batches.length > 0) break;
      batches.push(batch);
    }
    const [only] = batches;
    if (only === undefined) return null;
    const { incarnation, appendedAtMs } = first;
    return { incarnation, appendedAtMs, data: batches.length === 1 ? only : concatBytes(batches) };
  }
}

function positionOf(data: Uint8Array, offset: number): number {
  let at = 0;
  while (at < data.byteLength && batchBaseOffset(data, at) < offset)
    at += batchSizeInBytes(data, at);
  assert(at < data.byteLength && batchBaseOffset(data, at) === offset, `no batch at ${offset}`);
  return at;
}

function endWithin(data: Uint8Array, from: number, room: number, atLeastOne: boolean): number {
  if (data.byteLength - from <= room) return data.byteLength;
  let at = from;
  while (at < data.byteLength) {
    const size = batchSizeInBytes(data, at);
    if (at + size - from > room && !(atLeastOne && at === from)) break;
    at += size;
  }
  return at;
}

function endOffsetOf(data: Uint8Array): number {
  let end = 0;
  for (let at = 0; at < data.byteLength; at += batchSizeInBytes(data, at)) {
    end = batchLastOffset(data, at) + 1;
  }
  return end;
}
