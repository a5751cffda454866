/** What of a topic's configs its log goes by (org.apache.kafka.storage.internals.log.LogConfig). */
import { SEGMENT_BYTES_DEFAULT } from "../constants.ts";

export interface LogConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** -1: no bound. */
  readonly retentionMs: number;
  /** -1: no bound. */
  readonly retentionBytes: number;
  /** log.retention.check.interval.ms of the broker. */
  readonly retentionCheckMs: number;
  /** cleanup.policy has "delete". */
  readonly cleanupDelete: boolean;
  /** cleanup.policy has "compact". */
  readonly cleanupCompact: boolean;
  /** 0 to 1. */
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly deleteRetentionMs: number;
}

/** A log that was told nothing keeps everything; what a topic says is read of the catalogue. */
export const LOG_CONFIG_DEFAULT: LogConfig = {
  segmentBytes: SEGMENT_BYTES_DEFAULT,
  segmentMs: Infinity,
  retentionMs: -1,
  retentionBytes: -1,
  retentionCheckMs: 0,
  cleanupDelete: true,
  cleanupCompact: false,
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Infinity,
  deleteRetentionMs: 24 * 60 * 60 * 1000,
};
