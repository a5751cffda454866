/**
 * The decisions that everything else rests on, as data: the simulator breaks one at a time and must
 * find out (test/sim). Nothing else ever passes others than these.
 */
import type { Term } from "../log/partition-log.ts";
import { type CommitView, highWatermarkOf } from "./high-watermark.ts";
import { compareTerms, sameTerm } from "./term.ts";

export interface ReplicaRules {
  /** REP3: negative when a message's term is older than the replica's. */
  readonly compareTerms: (message: Term, own: Term) => number;
  /** REP10, REP11: do two batches at one offset come from the same term? */
  readonly sameTerm: (a: Term | null, b: Term | null) => boolean;
  /** REP20 */
  readonly highWatermarkOf: (view: CommitView) => number;
  /** REP30: may acks=all be answered? */
  readonly isCommitted: (endOffset: number, highWatermark: number) => boolean;
}

export const REPLICA_RULES: ReplicaRules = {
  compareTerms,
  sameTerm,
  highWatermarkOf,
  isCommitted: (endOffset, highWatermark) => endOffset <= highWatermark,
};
