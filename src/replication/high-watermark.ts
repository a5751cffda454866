/** How far the log is committed (REP20 to REP22): arithmetic only. */

export interface CommitView {
  readonly highWatermark: number;
  /** Of the leader's own log, what is durable. */
  readonly durableEnd: number;
  readonly logEndOffset: number;
  readonly leader: number;
  /** Members of the ISR before and after a change under way (KIP-497). */
  readonly maximalIsr: readonly number[];
  /** The ISR that the catalogue is known to hold. */
  readonly isr: readonly number[];
  /** min.insync.replicas, or the number of replicas if that is smaller. */
  readonly minInsync: number;
  /** What a follower has acknowledged in this term; -1 when nothing. */
  acknowledged(brokerId: number): number;
}

export function highWatermarkOf(view: CommitView): number {
  if (view.isr.length < view.minInsync) return view.highWatermark;
  let lowest = view.durableEnd;
  for (const brokerId of view.maximalIsr) {
    if (brokerId !== view.leader) lowest = Math.min(lowest, view.acknowledged(brokerId));
  }
  return Math.max(view.highWatermark, lowest);
}
