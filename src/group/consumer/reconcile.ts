/**
 * One step of a member towards its target assignment (Kafka's CurrentAssignmentBuilder): first it gives
 * back, then it takes what is free, then it waits for the rest. Rules: SPEC.md, GRP120 and on.
 */
import type { TopicPartitions } from "../assignors/assignor.ts";
import { NO_PARTITIONS, samePartitions } from "../assignors/assignor.ts";
import type { ConsumerMember } from "./member.ts";
import { isReconciled, MemberState } from "./member.ts";

export interface ReconcileInput {
  readonly member: ConsumerMember;
  readonly targetEpoch: number;
  readonly target: TopicPartitions;
  /** What the member says that it reads; null when it did not say. */
  readonly owned: TopicPartitions | null;
  /** The partition is the member's already, or nobody's. */
  readonly isFree: (topicId: string, partition: number) => boolean;
}

/** The member as it was, the same object, when there is nothing to do. */
export function reconcile(input: ReconcileInput): ConsumerMember {
  const { member, targetEpoch, owned } = input;
  if (isReconciled(member, targetEpoch)) return member;
  switch (member.state) {
    case MemberState.STABLE:
    case MemberState.UNRELEASED_PARTITIONS:
      return next(input, member.memberEpoch);
    case MemberState.UNREVOKED_PARTITIONS:
      return holds(owned, member.revoking) ? member : next(input, member.memberEpoch);
    case MemberState.UNKNOWN:
      // It has no partitions: nobody in this state gets this far with some (GRP116).
      return next(input, targetEpoch);
  }
}

/** It has, or may have, some of these. */
function holds(owned: TopicPartitions | null, partitions: TopicPartitions): boolean {
  if (owned === null) return true;
  for (const [topicId, indexes] of partitions) {
    const those = owned.get(topicId);
    if (those !== undefined && indexes.some((index) => those.includes(index))) return true;
  }
  return false;
}

function next(input: ReconcileInput, epochWhileRevoking: number): ConsumerMember {
  const { member, targetEpoch, target, owned, isFree } = input;
  const { kept, given } = cut(member.assigned, target);
  if (given.size > 0 && holds(owned, given)) {
    return {
      ...at(member, epochWhileRevoking),
      state: MemberState.UNREVOKED_PARTITIONS,
      assigned: kept,
      revoking: given,
    };
  }
  const { assigned, waiting } = take(target, isFree);
  const nextMember: ConsumerMember = {
    ...at(member, targetEpoch),
    state: waiting ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE,
    assigned,
    revoking: NO_PARTITIONS,
  };
  return sameProgress(member, nextMember) ? member : nextMember;
}

function at(member: ConsumerMember, memberEpoch: number): ConsumerMember {
  return { ...member, memberEpoch, previousMemberEpoch: member.memberEpoch };
}

/** What of the assigned partitions is in the target too, and what is not. */
function cut(
  assigned: TopicPartitions,
  target: TopicPartitions,
): { readonly kept: TopicPartitions; readonly given: TopicPartitions } {
  const kept = new Map<string, readonly number[]>();
  const given = new Map<string, readonly number[]>();
  for (const [topicId, indexes] of assigned) {
    const wanted = new Set(target.get(topicId));
    const stay = indexes.filter((index) => wanted.has(index));
    const go = indexes.filter((index) => !wanted.has(index));
    if (stay.length > 0) kept.set(topicId, stay);
    if (go.length > 0) given.set(topicId, go);
  }
  return { kept, given };
}

/** The part of the target that is the member's already or nobody's. */
function take(
  target: TopicPartitions,
  isFree: ReconcileInput["isFree"],
): { readonly assigned: TopicPartitions; readonly waiting: boolean } {
  const assigned = new Map<string, readonly number[]>();
  let waiting = false;
  for (const [topicId, indexes] of target) {
    const free = indexes.filter((index) => isFree(topicId, index));
    if (free.length > 0) assigned.set(topicId, free);
    if (free.length < indexes.length) waiting = true;
  }
  return { assigned, waiting };
}

/** A member that waits, and nothing came free: no record is worth that. */
function sameProgress(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.state === b.state &&
    samePartitions(a.revoking, b.revoking) &&
    samePartitions(a.assigned, b.assigned)
  );
}
