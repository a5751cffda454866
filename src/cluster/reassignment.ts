/**
 * Moving replicas from broker to broker (KIP-455; Kafka: PartitionReassignmentReplicas and
 * PartitionReassignmentRevert). Pure, like election.ts: the caller makes the change by
 * compare-and-set.
 *
 * While a move is under way, `replicas` is the target and behind it what is to go. It is complete
 * when all that is added is in the ISR. Unlike Kafka's, the row then goes on naming, in `removing`,
 * the replicas that left it, until their storage is known to be gone.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { PartitionInfo, PartitionState, Reassignment } from "./types.ts";

export type ReassignmentPlan =
  | { readonly next: PartitionState; readonly reassignment: Reassignment | null }
  | { readonly refused: string; readonly errorCode: number };

const NO_LEADER = -1;
const NONE: Reassignment = { adding: [], removing: [] };

/** False once the replicas to be removed are out, though their storage may be there still. */
export function isReassigning({ replicas, reassignment = NONE }: PartitionInfo): boolean {
  return (
    reassignment.adding.length > 0 || reassignment.removing.some((id) => replicas.includes(id))
  );
}

/** Replicas that the row names no more, and whose storage may be there still. */
export function leftBehind({ replicas, reassignment = NONE }: PartitionInfo): number[] {
  return reassignment.removing.filter((id) => !replicas.includes(id));
}

/** What the partition comes back to when the move is cancelled. */
function originalReplicas({ replicas, reassignment = NONE }: PartitionInfo): number[] {
  return replicas.filter((id) => !reassignment.adding.includes(id));
}

/** What the partition will have when the move is complete. */
export function targetReplicas({ replicas, reassignment = NONE }: PartitionInfo): number[] {
  return replicas.filter((id) => !reassignment.removing.includes(id));
}

/**
 * A move to `target`, complete at once when nothing is added. It takes the place of one that is
 * under way: what only that one added goes. Null: the partition is there already.
 */
export function startReassignment(
  partition: PartitionInfo,
  target: readonly number[],
  live: ReadonlySet<number>,
  unclean: boolean,
): ReassignmentPlan | null {
  if (!isReassigning(partition) && equalLists(target, partition.replicas)) return null;
  const original = originalReplicas(partition);
  const adding = target.filter((id) => !original.includes(id));
  const going = original.filter((id) => !target.includes(id));
  const replicas = [...target, ...going];
  const isr = partition.isr.filter((id) => replicas.includes(id));
  if (isr.length === 0) return revert(partition, replicas, { adding, going }, live, unclean);
  const started = plan(partition, replicas, isr, { adding, going }, live);
  return completed(partition, started, live) ?? started;
}

/** The end of a move, or null while a replica to be added is not in sync, or nobody could lead. */
export function completeReassignment(
  partition: PartitionInfo,
  live: ReadonlySet<number>,
): ReassignmentPlan | null {
  if (!isReassigning(partition)) return null;
  const { reassignment = NONE } = partition;
  return completed(partition, { next: partition, reassignment }, live);
}

/** Back to the replicas before the move. What was added goes, in sync or not. */
export function cancelReassignment(
  partition: PartitionInfo,
  live: ReadonlySet<number>,
  unclean: boolean,
): ReassignmentPlan {
  if (!isReassigning(partition)) {
    return {
      refused: `No reassignment of partition ${partition.partition} is in progress.`,
      errorCode: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS,
    };
  }
  const replicas = originalReplicas(partition);
  const isr = partition.isr.filter((id) => replicas.includes(id));
  const nothing = { adding: [], going: [] };
  if (isr.length === 0) return revert(partition, replicas, nothing, live, unclean);
  return plan(partition, replicas, isr, nothing, live);
}

interface Movement {
  readonly adding: readonly number[];
  /** Replicas that stay until the move is complete. */
  readonly going: readonly number[];
}

type Planned = Extract<ReassignmentPlan, { readonly next: PartitionState }>;

function plan(
  before: PartitionInfo,
  replicas: readonly number[],
  isr: readonly number[],
  { adding, going }: Movement,
  live: ReadonlySet<number>,
): Planned {
  const gone = [...before.replicas, ...leftBehind(before)].filter((id) => !replicas.includes(id));
  const leader = leaderOf(before.leader, replicas, isr, live);
  return {
    next: { leader, leaderEpoch: epochOf(before, leader, replicas), replicas, isr },
    reassignment: reassignmentOf(adding, [...going, ...gone]),
  };
}

/** Every in-sync replica would leave: only with unclean elections may another one take over. */
function revert(
  before: PartitionInfo,
  replicas: readonly number[],
  movement: Movement,
  live: ReadonlySet<number>,
  unclean: boolean,
): ReassignmentPlan {
  const last = replicas.find((id) => live.has(id) && !movement.adding.includes(id));
  if (unclean && last !== undefined) return plan(before, replicas, [last], movement, live);
  return {
    refused:
      `Unable to take back the reassignment of partition ${before.partition}: only replicas that ` +
      `it added are in sync (ISR ${before.isr.join(", ")}), so that it would require an unclean ` +
      "leader election.",
    errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
  };
}

function completed(
  before: PartitionInfo,
  { next, reassignment }: Planned,
  live: ReadonlySet<number>,
): Planned | null {
  const { adding, removing } = reassignment ?? NONE;
  const replicas = next.replicas.filter((id) => !removing.includes(id));
  const isr = next.isr.filter((id) => replicas.includes(id));
  if (isr.length === 0 || adding.some((id) => !isr.includes(id))) return null;
  const leader = leaderOf(live.has(next.leader) ? next.leader : NO_LEADER, replicas, isr, live);
  if (leader === NO_LEADER) return null;
  return {
    next: { leader, leaderEpoch: epochOf(before, leader, replicas), replicas, isr },
    reassignment: reassignmentOf([], removing),
  };
}

/** The leader stays if it may. */
function leaderOf(
  leader: number,
  replicas: readonly number[],
  isr: readonly number[],
  live: ReadonlySet<number>,
): number {
  if (isr.includes(leader)) return leader;
  return replicas.find((id) => isr.includes(id) && live.has(id)) ?? NO_LEADER;
}

/**
 * A replica that leaves loses its log, and may be added again, empty: what it acknowledged before
 * must not count then. So the leader gets a new epoch (REP44), as in Kafka.
 */
function epochOf(before: PartitionInfo, leader: number, replicas: readonly number[]): number {
  const removes = before.replicas.some((id) => !replicas.includes(id));
  return leader === before.leader && !removes ? before.leaderEpoch : before.leaderEpoch + 1;
}

function reassignmentOf(
  adding: readonly number[],
  removing: readonly number[],
): Reassignment | null {
  return adding.length + removing.length === 0 ? null : { adding, removing };
}

function equalLists(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
