/** A follower takes the leader's message (REP10 to REP16, REP23). */
import { assert } from "../lib/assert.ts";
import type { Term } from "../log/partition-log.ts";
import type { ProducerEntry } from "../log/producer-state.ts";
import {
  batchBaseOffset,
  batchLastOffset,
  batchPartitionLeaderEpoch,
  batchSizeInBytes,
} from "../protocol/record-batch.ts";
import type { ReplicaCore } from "./core.ts";
import type { ReplicaEffects, ReplicateReply, ReplicateRequest } from "./messages.ts";

/** The message's term is the replica's own by now. */
export function follow(
  core: ReplicaCore,
  request: ReplicateRequest,
  out: ReplicaEffects,
): ReplicateReply {
  const { log } = core;
  if (!prefixMatches(core, request)) {
    if (request.previous !== null || request.producers === null) return mismatch(core, request);
    restart(core, request.offset, request.producers, out);
  }
  const end = appendMissing(core, request, out);
  if (end === request.leaderLogEndOffset) cutTail(core, request, end, out);
  const equalUpTo = writtenIn(core, request, log.logEndOffset - 1) ? log.logEndOffset : end;
  log.advanceHighWatermark(Math.min(request.leaderHighWatermark, equalUpTo));
  const logStart = Math.min(request.leaderLogStartOffset, log.highWatermark);
  if (logStart > log.logStartOffset) core.emit({ kind: "logStart", offset: logStart }, out);
  if (request.settle && log.highWatermark > core.storedHighWatermark) core.changeState({}, out);
  const { logStartOffset } = log;
  return { kind: "ok", ...core.term, logEndOffset: equalUpTo, logStartOffset };
}

/** REP10: is everything before `offset` the leader's? Below the own log start nothing can differ. */
function prefixMatches({ log, rules }: ReplicaCore, request: ReplicateRequest): boolean {
  const { offset, previous } = request;
  if (offset > log.logEndOffset) return false;
  if (offset <= log.logStartOffset) return true;
  if (previous !== null) return rules.sameTerm(log.termAt(offset - 1), previous);
  const first = firstTerm(request);
  return first !== null && rules.sameTerm(log.termAt(offset), first);
}

function firstTerm({ chunks }: ReplicateRequest): Term | null {
  const [first] = chunks;
  if (first === undefined) return null;
  return {
    leaderEpoch: batchPartitionLeaderEpoch(first.data, 0),
    incarnation: first.incarnation,
  };
}

function writtenIn({ log, rules }: ReplicaCore, term: Term, offset: number): boolean {
  return rules.sameTerm(log.termAt(offset), term);
}

function mismatch({ log, term }: ReplicaCore, { previous }: ReplicateRequest): ReplicateReply {
  const { logEndOffset, highWatermark } = log;
  const epochEnd = log.epochs.endOffsetFor(previous?.leaderEpoch ?? -1, logEndOffset);
  return { kind: "mismatch", ...term, logEndOffset, highWatermark, epochEnd };
}

/** REP14 */
function restart(
  core: ReplicaCore,
  offset: number,
  producers: readonly ProducerEntry[],
  out: ReplicaEffects,
): void {
  core.emit({ kind: "restart", offset, producers }, out);
}

/** REP11: every batch of the message that is not here yet; returns where the message ends. */
function appendMissing(core: ReplicaCore, request: ReplicateRequest, out: ReplicaEffects): number {
  let end = request.offset;
  for (const { data, incarnation, appendedAtMs } of request.chunks) {
    for (let at = 0; at < data.byteLength; ) {
      const size = batchSizeInBytes(data, at);
      const term = { leaderEpoch: batchPartitionLeaderEpoch(data, at), incarnation };
      assert(batchBaseOffset(data, at) === end, "a message holds consecutive batches");
      end = batchLastOffset(data, at) + 1;
      if (!hasAlready(core, data, at, term, out)) {
        const segmentBase = core.log.segmentFor(size, appendedAtMs, core.config);
        const batch = data.subarray(at, at + size);
        core.emit({ kind: "batch", batch, segmentBase, appendedAtMs, incarnation }, out);
      }
      at += size;
    }
  }
  return end;
}

/** Makes room for a batch at the end of the log, unless it is in the log. */
function hasAlready(
  core: ReplicaCore,
  data: Uint8Array,
  at: number,
  term: Term,
  out: ReplicaEffects,
): boolean {
  const { log, rules } = core;
  const baseOffset = batchBaseOffset(data, at);
  if (baseOffset >= log.logEndOffset) return false;
  if (baseOffset < log.logStartOffset) {
    // Deleted here already, all of it or its first records.
    if (batchLastOffset(data, at) < log.logEndOffset) return true;
    restart(core, baseOffset, [], out);
    return false;
  }
  if (rules.sameTerm(log.termAt(baseOffset), term)) return true;
  core.emit({ kind: "truncate", offset: baseOffset }, out);
  return false;
}

/** REP12: older terms' batches beyond the leader's log end are in nobody's future. */
function cutTail(core: ReplicaCore, term: Term, end: number, out: ReplicaEffects): void {
  const { log, rules } = core;
  const last = log.termAt(log.logEndOffset - 1);
  if (log.logEndOffset <= end || last === null || rules.sameTerm(last, term)) return;
  if (end < log.logStartOffset) restart(core, end, [], out);
  else core.emit({ kind: "truncate", offset: end }, out);
}
