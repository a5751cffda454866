/**
 * What a partition's object answers to readers, out of its machine and its store alone: so that the
 * simulator's objects answer by the same rules.
 */
import type {
  ActiveProducers,
  EpochEndRequest,
  EpochEndResult,
  ListOffsetRequest,
  ListOffsetResult,
  LogStatus,
  ReadRequest,
  ReadResult,
} from "../broker/ports.ts";
import { EMPTY_BYTES } from "../lib/bytes.ts";
import type { LogView } from "../log/log-store.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import { findOffset, readBatches } from "../log/read.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Replica } from "../replication/replica.ts";
import { refusedOffset, refusedRead } from "./partition-answers.ts";

export interface Readable {
  readonly replica: Replica;
  readonly store: LogView;
}

export function answerRead({ replica, store }: Readable, request: ReadRequest): ReadResult {
  const { log } = replica;
  const error = readError(replica, request.currentLeaderEpoch, request.fromFollower);
  if (error !== ErrorCode.NONE) return refusedRead(error);
  const { fetchOffset } = request;
  const { logStartOffset, logEndOffset, highWatermark, lastStableOffset } = log;
  const divergingEpoch = divergence(log, request);
  // A reader past the end learns from its last epoch where to go back to, if the log can place it.
  const placed = divergingEpoch === null ? fetchOffset <= logEndOffset : divergingEpoch.epoch >= 0;
  if (fetchOffset < logStartOffset || !placed) {
    // What the leader has and a follower has not yet is no error: the reader asks again.
    const ahead = request.fromFollower && fetchOffset > logEndOffset;
    const code = ahead ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.OFFSET_OUT_OF_RANGE;
    return refusedRead(code, logStartOffset);
  }
  const upperBound = request.readCommitted ? lastStableOffset : highWatermark;
  const records =
    divergingEpoch !== null || fetchOffset >= upperBound
      ? EMPTY_BYTES
      : ownBuffer(readBatches(store, { ...request, upperBound }));
  const errorCode = ErrorCode.NONE;
  const known = { highWatermark, lastStableOffset, logStartOffset, logEndOffset };
  return { errorCode, ...known, records, divergingEpoch };
}

export function answerListOffset(
  { replica, store }: Readable,
  request: ListOffsetRequest,
): ListOffsetResult {
  const error = readError(replica, request.currentLeaderEpoch, false);
  if (error !== ErrorCode.NONE) return refusedOffset(error);
  const { log } = replica;
  const upperBound = request.readCommitted ? log.lastStableOffset : log.highWatermark;
  return findOffset(log, store, request.timestamp, upperBound);
}

/** KIP-320: where an epoch ended in the leader's log. */
export function answerEpochEnd(
  { replica }: Pick<Readable, "replica">,
  request: EpochEndRequest,
): EpochEndResult {
  const errorCode = readError(replica, request.currentLeaderEpoch, false);
  if (errorCode !== ErrorCode.NONE) return { errorCode, leaderEpoch: -1, endOffset: -1 };
  const { log } = replica;
  const { epoch, endOffset } = log.epochs.endOffsetFor(request.leaderEpoch, log.logEndOffset);
  return { errorCode, leaderEpoch: epoch, endOffset };
}

export function answerStatus({ replica }: Pick<Readable, "replica">): LogStatus {
  const { logStartOffset, logEndOffset, highWatermark, sizeInBytes } = replica.log;
  return {
    ...{ errorCode: ErrorCode.NONE, isLeader: replica.isLeader },
    ...{ logStartOffset, logEndOffset, highWatermark, sizeInBytes },
  };
}

/** KIP-664: of the leader, since a follower may lack the newest. */
export function answerActiveProducers(
  { replica }: Pick<Readable, "replica">,
  nowMs: number,
): ActiveProducers {
  const errorCode = readError(replica, -1, false);
  if (errorCode !== ErrorCode.NONE) return { errorCode, producers: [] };
  const producers = replica.log.producers.active(nowMs).map((entry) => ({
    producerId: entry.producerId,
    epoch: entry.epoch,
    lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
    lastAppendMs: entry.lastAppendMs,
  }));
  return { errorCode, producers };
}

/** Consumers read the leader, unless they asked for a replica near them (KIP-392). */
function readError(replica: Replica, leaderEpoch: number, fromFollower: boolean): number {
  const error = replica.checkLeaderEpoch(leaderEpoch);
  if (error !== ErrorCode.NONE) return error;
  return replica.isLeader || fromFollower ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
}

/**
 * KIP-595: the reader's last epoch ended elsewhere than it believes, so it must truncate first.
 * (-1, -1) when the log does not know that epoch (Partition.readRecords).
 */
function divergence(
  log: PartitionLog,
  { lastFetchedEpoch, fetchOffset }: ReadRequest,
): ReadResult["divergingEpoch"] {
  if (lastFetchedEpoch < 0) return null;
  const end = log.epochs.endOffsetFor(lastFetchedEpoch, log.logEndOffset);
  return end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset ? end : null;
}

/** A reply carries the whole buffer under a view, so a small slice of a big chunk is copied out. */
function ownBuffer(view: Uint8Array): Uint8Array {
  return view.byteLength * 1.1 < view.buffer.byteLength ? view.slice() : view;
}
