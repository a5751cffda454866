/** What a partition's object answers when it does not do what it was asked. */
import type { AppendResult, ListOffsetResult, LogStatus, ReadResult } from "../broker/ports.ts";
import { APPEND_IN_FLIGHT_BYTES_MAX, MAX_MESSAGE_BYTES_LIMIT } from "../constants.ts";
import { EMPTY_BYTES } from "../lib/bytes.ts";
import { ErrorCode } from "../protocol/errors.ts";

export const REFUSED_APPEND: AppendResult = {
  errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: null,
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: -1,
};

/** The object is there, its storage is not to be used. */
export function unusableAppend(problem: string): AppendResult {
  return {
    ...REFUSED_APPEND,
    errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
    errorMessage: problem,
  };
}

/** The replica was taken away under a batch that may be written, and may be on others. */
export const LOST_APPEND: AppendResult = {
  ...REFUSED_APPEND,
  errorCode: ErrorCode.REQUEST_TIMED_OUT,
  errorMessage: "the replica was taken away while the batch waited: it may be written or not",
};

export const THROTTLED_APPEND: AppendResult = {
  ...REFUSED_APPEND,
  errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  errorMessage: `the partition has ${APPEND_IN_FLIGHT_BYTES_MAX} bytes of produces under way: send again a little later`,
};

/** Whatever the topic's configs say: the rows of one batch hold no more. */
export function oversizeAppend(size: number): AppendResult {
  return {
    ...REFUSED_APPEND,
    errorCode: ErrorCode.MESSAGE_TOO_LARGE,
    errorMessage: `the batch has ${size} bytes, a partition takes at most ${MAX_MESSAGE_BYTES_LIMIT}: send smaller batches`,
  };
}

/** Kafka answers an error with -1 in every offset, but names the log start when it knows it. */
export function refusedRead(errorCode: number, logStartOffset = -1): ReadResult {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset,
    logEndOffset: -1,
    records: EMPTY_BYTES,
    divergingEpoch: null,
  };
}

export function refusedStatus(errorCode: number): LogStatus {
  const none = { logStartOffset: -1, logEndOffset: -1, highWatermark: -1, sizeInBytes: -1 };
  return { errorCode, isLeader: false, ...none };
}

export function refusedOffset(errorCode: number): ListOffsetResult {
  return { errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}
