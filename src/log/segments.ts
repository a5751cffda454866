/** The runs of chunks that retention deletes as a whole. Rules: LOG6, LOG70 to LOG73 in SPEC.md. */
import type { LogConfig } from "./log-config.ts";

export interface Segment {
  readonly baseOffset: number;
  bytes: number;
  maxTimestamp: number;
  /** The leader's clock when its first batch was appended: what segment.ms goes by. */
  firstAppendedAtMs: number;
  /** And its last one: what retention goes by when no record has a timestamp. */
  lastAppendedAtMs: number;
}

/** The last instant that a Date, and so an alarm, can name. What is due later is never due. */
const TIME_MS_MAX = 8.64e15;

export function atMost(timeMs: number): number {
  return timeMs > TIME_MS_MAX ? Infinity : timeMs;
}

/** LogSegment.largestTimestamp: of its records, or when the segment was last written. */
export function newestMs({ maxTimestamp, lastAppendedAtMs }: Segment): number {
  return maxTimestamp >= 0 ? maxTimestamp : lastAppendedAtMs;
}

/** LOG6: must a batch of that size, appended now, go to another segment than the active one? */
export function mustRoll(
  active: Segment,
  batchBytes: number,
  nowMs: number,
  config: LogConfig,
): boolean {
  const { segmentBytes, segmentMs, cleanupCompact, maxCompactionLagMs } = config;
  // LogConfig.maxSegmentMs: what must be compacted in time must have left the active segment by then.
  const maxMs = cleanupCompact ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs;
  return active.bytes + batchBytes > segmentBytes || nowMs - active.firstAppendedAtMs > maxMs;
}
