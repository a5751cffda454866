/** What changes an instance's data, without clock or I/O: subscription, positions, reads. */
import type {
  Advance,
  Assigned,
  InstanceConfig,
  InstanceData,
  PartitionOffset,
  Subscription,
  TopicPartition,
} from "./types.ts";

export function newInstance(
  config: InstanceConfig,
  { group, name }: { readonly group: string; readonly name: string },
  nowMs: number,
): InstanceData {
  return {
    ...{ group, name, config, lastRequestMs: nowMs },
    ...{ subscription: null, member: null, assigned: [], lastRead: null },
    ...{ sequence: nowMs, firstSequence: nowMs },
  };
}

/** Another subscription: the member stays, and tells the group with its next heartbeat. */
export function subscribed(
  data: InstanceData,
  subscription: Subscription,
  memberId: string,
): InstanceData {
  const member = data.member ?? { memberId, epoch: 0, target: null, giveUpAtMs: null };
  return { ...data, subscription, member };
}

/** Neither subscription nor assignment; leaving the group is the caller's matter. */
export function unsubscribed(data: InstanceData): InstanceData {
  return { ...data, subscription: null, member: null, assigned: [], lastRead: null };
}

/** The client's own choice of partitions; those that it had keep their positions. */
export function assignedByHand(
  data: InstanceData,
  partitions: readonly TopicPartition[],
): InstanceData {
  const known = new Map(data.assigned.map((one) => [keyOf(one), one]));
  const chosen = new Map<string, Assigned>();
  for (const { topic, partition } of partitions) {
    const key = keyOf({ topic, partition });
    const fresh = { topic, partition, topicId: "", position: null, committed: null };
    chosen.set(key, known.get(key) ?? fresh);
  }
  return { ...data, assigned: [...chosen.values()] };
}

/** Null when one of them is not assigned: then nothing moves. */
export function sought(
  data: InstanceData,
  positions: readonly PartitionOffset[],
): InstanceData | null {
  const wanted = new Map(positions.map((one) => [keyOf(one), one.offset]));
  const assigned = data.assigned.map((one) => {
    const offset = wanted.get(keyOf(one));
    if (offset === undefined) return one;
    wanted.delete(keyOf(one));
    // What was committed stays so until the client commits again, were it less.
    return { ...one, position: offset, committed: null };
  });
  return wanted.size > 0 ? null : { ...data, assigned, lastRead: null };
}

/** The first of these that is not assigned, null when all are. */
export function firstUnassigned(
  data: InstanceData,
  partitions: readonly TopicPartition[],
): TopicPartition | null {
  const known = new Set(data.assigned.map(keyOf));
  return partitions.find((one) => !known.has(keyOf(one))) ?? null;
}

/**
 * The end of a read. A partition that the instance lost meanwhile, or whose position was moved, is
 * left as it is and named in `lost`: what was read of it must not be shown.
 */
export function advanced(
  data: InstanceData,
  advances: readonly Advance[],
  delivered: boolean,
): { data: InstanceData; lost: TopicPartition[] } {
  const wanted = new Map(advances.map((one) => [keyOf(one), one]));
  const from: PartitionOffset[] = [];
  const assigned = data.assigned.map((one) => {
    const advance = wanted.get(keyOf(one));
    if (advance === undefined || advance.planned !== one.position) return one;
    wanted.delete(keyOf(one));
    from.push({ ...nameOf(one), offset: advance.from });
    return { ...one, position: advance.to };
  });
  const lost = [...wanted.values()].map(nameOf);
  const moved = { ...data, assigned };
  if (!delivered) return { data: moved, lost };
  return { data: { ...moved, sequence: data.sequence + 1, lastRead: { from } }, lost };
}

/** The answer of the last read never arrived: what it moved goes back, and it never was. */
export function undone(data: InstanceData): InstanceData {
  const back = new Map((data.lastRead?.from ?? []).map((one) => [keyOf(one), one.offset]));
  const assigned = data.assigned.map((one) => ({
    ...one,
    position: back.get(keyOf(one)) ?? one.position,
  }));
  return { ...data, assigned, sequence: data.sequence - 1, lastRead: null };
}

export function withCommitted(
  data: InstanceData,
  offsets: readonly PartitionOffset[],
): InstanceData {
  if (offsets.length === 0) return data;
  const known = new Map(offsets.map((one) => [keyOf(one), one.offset]));
  const assigned = data.assigned.map((one) => {
    const committed = known.get(keyOf(one));
    return committed === undefined ? one : { ...one, committed };
  });
  return { ...data, assigned };
}

/**
 * What was read and is not committed yet, as the offsets to commit. A read that was undone leaves the
 * position before the commit: an offset does not go back by itself.
 */
export function uncommitted(assigned: readonly Assigned[]): PartitionOffset[] {
  return assigned.flatMap((one) => {
    const { position, committed } = one;
    if (position === null || (committed !== null && position <= committed)) return [];
    return [{ ...nameOf(one), offset: position }];
  });
}

/** `orders-0`: unique, because the number follows the last dash. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

export function nameOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}
