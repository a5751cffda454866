/**
 * The rules of both sticky assignors (Kafka's AbstractStickyAssignor): balance first, then as few
 * moves as can be. Balance means that no partition could move to a member that has two fewer.
 */
import type { ConsumerSubscription } from "../../protocol/consumer-protocol.ts";
import type { TopicPartition } from "../topics.ts";
import { type AssignorMember, compare, keyOf, partitionsOf } from "./assignor.ts";

/** What a member says it had, and in which generation; -1 when it does not know. */
export interface Claim {
  readonly partitions: readonly TopicPartition[];
  readonly generationId: number;
}

interface Member {
  readonly memberId: string;
  readonly topics: ReadonlySet<string>;
  /** By key. */
  readonly partitions: Map<string, TopicPartition>;
}

export function assignSticky(
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly AssignorMember[],
  claimOf: (subscription: ConsumerSubscription) => Claim,
): Map<string, TopicPartition[]> {
  const owned = settleClaims(partitionCounts, members, claimOf);
  const all = members
    .map(({ memberId, subscription }) => ({
      memberId,
      topics: new Set(subscription.topics.filter((topic) => partitionCounts.has(topic))),
      partitions: owned.get(memberId) as Map<string, TopicPartition>,
    }))
    .sort((a, b) => compare(a.memberId, b.memberId));
  const topics = [...new Set(all.flatMap((member) => [...member.topics]))].sort(compare);
  const places = topics.flatMap((topic) => partitionsOf(topic, partitionCounts.get(topic) ?? 0));
  if (all.every((member) => member.topics.size === topics.length)) assignEvenly(all, places);
  else assignByTopic(all, places);
  return new Map(all.map(({ memberId, partitions }) => [memberId, [...partitions.values()]]));
}

/**
 * Who keeps what it claims: of two, the one of the later generation; of one generation, neither.
 * Only what exists and is still subscribed to.
 */
function settleClaims(
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly AssignorMember[],
  claimOf: (subscription: ConsumerSubscription) => Claim,
): Map<string, Map<string, TopicPartition>> {
  const best = new Map<string, { memberId: string | null; generationId: number }>();
  const owned = new Map<string, Map<string, TopicPartition>>();
  for (const { memberId, subscription } of members) {
    const claim = claimOf(subscription);
    const mine = new Map<string, TopicPartition>();
    owned.set(memberId, mine);
    const topics = new Set(subscription.topics);
    for (const place of claim.partitions) {
      const exists = place.partition < (partitionCounts.get(place.topic) ?? 0);
      if (!exists || !topics.has(place.topic)) continue;
      const key = keyOf(place);
      const other = best.get(key);
      if (other !== undefined && other.generationId > claim.generationId) continue;
      if (other?.memberId != null && other.memberId !== memberId) {
        owned.get(other.memberId)?.delete(key);
      }
      const disputed = other?.generationId === claim.generationId && other.memberId !== memberId;
      best.set(key, {
        memberId: disputed ? null : memberId,
        generationId: claim.generationId,
      });
      if (!disputed) mine.set(key, place);
    }
  }
  return owned;
}

/** All members read the same topics: each gets the quota, or one more, and keeps what fits in it. */
function assignEvenly(members: readonly Member[], places: readonly TopicPartition[]): void {
  const quota = Math.floor(places.length / members.length);
  let withOneMore = places.length % members.length;
  for (const member of members) {
    const more = member.partitions.size > quota && withOneMore > 0;
    if (more) withOneMore--;
    keepFirst(member, quota + (more ? 1 : 0));
  }
  const assigned = new Set(members.flatMap(({ partitions }) => [...partitions.keys()]));
  const free = places.filter((place) => !assigned.has(keyOf(place)));
  deal(free, members, quota, withOneMore);
}

/** The lowest partitions of every topic stay: so the same members keep neighbouring topics. */
function keepFirst({ partitions }: Member, count: number): void {
  if (partitions.size <= count) return;
  const ordered = [...partitions].sort(
    ([, a], [, b]) => a.partition - b.partition || compare(a.topic, b.topic),
  );
  for (const [key] of ordered.slice(count)) partitions.delete(key);
}

/** In turn, to whoever is short of the quota; then one more each. */
function deal(
  free: readonly TopicPartition[],
  members: readonly Member[],
  quota: number,
  withOneMore: number,
): void {
  let ring = members.filter(({ partitions }) => partitions.size < quota);
  let turn = 0;
  let at = 0;
  while (ring.length > 0) {
    if (turn >= ring.length) {
      turn = 0;
      ring = ring.filter(({ partitions }) => partitions.size < quota);
      continue;
    }
    const place = free[at++] as TopicPartition;
    ring[turn++]?.partitions.set(keyOf(place), place);
  }
  const last = members.filter(({ partitions }) => partitions.size === quota).slice(0, withOneMore);
  for (const member of last) {
    const place = free[at++] as TopicPartition;
    member.partitions.set(keyOf(place), place);
  }
}

/** Members read different topics: what is free goes to the least loaded, then what can move moves. */
function assignByTopic(members: readonly Member[], places: readonly TopicPartition[]): void {
  const readers = new Map<string, Member[]>();
  for (const member of members) {
    for (const topic of member.topics) {
      readers.set(topic, [...(readers.get(topic) ?? []), member]);
    }
  }
  // Those with the least choice first.
  const ordered = [...places].sort(
    (a, b) => (readers.get(a.topic)?.length ?? 0) - (readers.get(b.topic)?.length ?? 0),
  );
  const owners = new Map<string, Member>();
  for (const member of members) {
    for (const key of member.partitions.keys()) owners.set(key, member);
  }
  const free = ordered.filter((place) => !owners.has(keyOf(place)));
  for (const place of free) {
    const member = leastLoaded(readers.get(place.topic) ?? []);
    if (member !== null) give(place, member, owners);
  }
  // What nobody had before moves at no cost: it may be all that balance needs.
  level(free, readers, owners);
  level(ordered, readers, owners);
}

function leastLoaded(members: readonly Member[]): Member | null {
  let found: Member | null = null;
  for (const member of members) {
    if (found === null || member.partitions.size < found.partitions.size) found = member;
  }
  return found;
}

function give(place: TopicPartition, member: Member, owners: Map<string, Member>): void {
  const key = keyOf(place);
  owners.get(key)?.partitions.delete(key);
  member.partitions.set(key, place);
  owners.set(key, member);
}

/** Each move makes the sum of the squares of the loads smaller, so this ends. */
function level(
  places: readonly TopicPartition[],
  readers: ReadonlyMap<string, readonly Member[]>,
  owners: Map<string, Member>,
): void {
  for (let moved = true; moved; ) {
    moved = false;
    for (const place of places) {
      const owner = owners.get(keyOf(place));
      const least = leastLoaded(readers.get(place.topic) ?? []);
      if (owner === undefined || least === null) continue;
      if (least.partitions.size + 1 >= owner.partitions.size) continue;
      give(place, least, owners);
      moved = true;
    }
  }
}
