/** One partition of a fetch, and what is known of it so far. */
import { EMPTY_BYTES } from "../lib/bytes.ts";
import type { FetchRequest } from "../protocol/api/01-fetch.ts";
import { ErrorCode } from "../protocol/errors.ts";
import {
  batchLastOffset,
  batchSizeInBytes,
  iterateBatches,
  RECORD_BATCH_HEADER_BYTES,
} from "../protocol/record-batch.ts";
import type { NearReplica } from "./near-replica.ts";
import type { ReadResult } from "./ports.ts";
import type { Leader, TopicRef } from "./topics.ts";

export interface Slot {
  readonly ref: TopicRef;
  readonly request: FetchRequest["topics"][number]["partitions"][number];
  /** Or the error code of why there is none. */
  leader: Leader | number;
  /** The replica near the reader, when it is not the leader; null too once it was of no use. */
  near: NearReplica | null;
  result: ReadResult;
  /** Of records that were read and let go of while the fetch waits for more; 0 when they are here. */
  parkedBytes: number;
  /** The broker whose replica gave the result; -1 before. */
  readFrom: number;
}

export function newSlot(
  ref: TopicRef,
  request: Slot["request"],
  leader: Leader | number,
  near: NearReplica | null,
): Slot {
  const errorCode = typeof leader === "number" ? leader : ErrorCode.NONE;
  return { ref, request, leader, near, result: nothing(errorCode), parkedBytes: 0, readFrom: -1 };
}

export function nothing(errorCode: number): ReadResult {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    logEndOffset: -1,
    records: EMPTY_BYTES,
    divergingEpoch: null,
  };
}

export function bytesOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { result }) => sum + result.records.byteLength, 0);
}

/** What waits costs no memory: it is read again when the wait is over (as in Kafka's DelayedFetch). */
export function park(slots: readonly Slot[]): void {
  for (const slot of slots) {
    const { byteLength } = slot.result.records;
    if (byteLength === 0) continue;
    slot.parkedBytes = byteLength;
    slot.result = { ...slot.result, records: EMPTY_BYTES };
  }
}

/** Where a further read of the partition goes on. */
export function nextOffset({ request, result: { records } }: Slot): number {
  let next = request.fetchOffset;
  for (const at of iterateBatches(records)) next = batchLastOffset(records, at) + 1;
  return next;
}

/** How many bytes of whole batches fit; with `minOneBatch` the first one always does. */
export function wholeBatches(records: Uint8Array, room: number, minOneBatch: boolean): number {
  if (records.byteLength <= room) return records.byteLength;
  let at = 0;
  while (at + RECORD_BATCH_HEADER_BYTES <= records.byteLength) {
    const size = batchSizeInBytes(records, at);
    if (at + size > room && !(at === 0 && minOneBatch)) break;
    at += size;
  }
  return at;
}
