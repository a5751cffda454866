/**
 * Which segments are too old or too many (UnifiedLog.deleteOldSegments). Rules: LOG70 to LOG73 in
 * SPEC.md. Only the leader decides; its followers take over where the log starts (REP18).
 */
import type { LogConfig } from "./log-config.ts";
import type { PartitionLog } from "./partition-log.ts";
import { atMost, newestMs, type Segment } from "./segments.ts";

type RetainedLog = Pick<
  PartitionLog,
  "logStartOffset" | "logEndOffset" | "highWatermark" | "segments" | "sizeInBytes"
>;

/** Where the log starts once every segment that is due has gone; its present start if none is. */
export function retainFrom(log: RetainedLog, nowMs: number, config: LogConfig): number {
  let start = log.logStartOffset;
  if (!config.cleanupDelete) return start;
  let excess = excessBytes(log, config);
  for (const [at, segment] of log.segments.entries()) {
    const end = endOf(log, at);
    const isDue = excess >= segment.bytes || expiresAtMs(segment, config) <= nowMs;
    if (!isDue || end > log.highWatermark) break;
    excess -= segment.bytes;
    start = Math.max(start, end);
  }
  return start;
}

/** When the oldest segment is due: -Infinity at once, Infinity never, as far as is known now. */
export function retentionDueMs(log: RetainedLog, config: LogConfig): number {
  const [oldest] = log.segments;
  if (!config.cleanupDelete || oldest === undefined) return Infinity;
  if (endOf(log, 0) > log.highWatermark) return Infinity;
  return excessBytes(log, config) >= oldest.bytes ? -Infinity : expiresAtMs(oldest, config);
}

function endOf({ segments, logEndOffset }: RetainedLog, at: number): number {
  return segments[at + 1]?.baseOffset ?? logEndOffset;
}

function excessBytes(log: RetainedLog, { retentionBytes }: LogConfig): number {
  return retentionBytes < 0 ? -Infinity : log.sizeInBytes - retentionBytes;
}

/** A record from the future keeps its segment until its own time has come. */
function expiresAtMs(segment: Segment, { retentionMs, retentionCheckMs }: LogConfig): number {
  if (retentionMs < 0) return Infinity;
  // Kafka would not have looked yet at what was old when it was appended.
  const seenAtMs = segment.lastAppendedAtMs + Math.min(retentionMs, retentionCheckMs);
  return atMost(Math.max(newestMs(segment) + retentionMs, seenAtMs) + 1);
}
