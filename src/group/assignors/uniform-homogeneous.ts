/**
 * Members that all read the same topics (Kafka's UniformHomogeneousAssignmentBuilder): the numbers of
 * partitions of any two differ by one at most, and nothing moves that need not move for that.
 */
import { assert } from "../../lib/assert.ts";
import type { AssignorGroup, AssignorMember, TopicPartitions } from "./assignor.ts";
import { partitionCount } from "./assignor.ts";

interface Share {
  readonly member: AssignorMember;
  /** What it has, topic by topic; null for its last target as it is, which is most often so. */
  changed: Map<string, readonly number[]> | null;
  count: number;
  quota: number;
}

export function assignHomogeneous(group: AssignorGroup): Map<string, TopicPartitions> {
  const topicIds = group.members[0]?.topicIds ?? [];
  const total = topicIds.reduce((sum, topicId) => sum + partitionCount(group, topicId), 0);
  const taken = new Map(
    topicIds.map((topicId) => [topicId, new Uint8Array(partitionCount(group, topicId))]),
  );
  const shares = group.members.map((member) => shareOf(member, taken));
  setQuotas(shares, total);
  for (const share of shares) giveBack(share, taken);
  hand(shares, taken);
  return new Map(shares.map(({ member, changed }) => [member.memberId, changed ?? member.target]));
}

/** What of its last target is still there to be read. */
function shareOf(member: AssignorMember, taken: ReadonlyMap<string, Uint8Array>): Share {
  const share: Share = { member, changed: null, count: 0, quota: 0 };
  for (const [topicId, partitions] of member.target) {
    const marks = taken.get(topicId);
    const kept = take(partitions, marks);
    share.count += kept.length;
    if (kept === partitions) continue;
    if (kept.length === 0) topicsOf(share).delete(topicId);
    else topicsOf(share).set(topicId, kept);
  }
  return share;
}

/** Marks those that can be taken, and returns them: the list itself when it is all of them. */
function take(partitions: readonly number[], marks: Uint8Array | undefined): readonly number[] {
  if (marks === undefined) return [];
  let isWhole = true;
  for (const partition of partitions) if (marks[partition] !== 0) isWhole = false;
  const kept = isWhole ? partitions : partitions.filter((partition) => marks[partition] === 0);
  for (const partition of kept) marks[partition] = 1;
  return kept;
}

/** To be changed. */
function topicsOf(share: Share): Map<string, readonly number[]> {
  share.changed ??= new Map(share.member.target);
  return share.changed;
}

/** The members that have more than the least already are the first to be allowed one more. */
function setQuotas(shares: readonly Share[], total: number): void {
  const least = Math.floor(total / shares.length);
  let extras = total - least * shares.length;
  for (const share of shares) {
    share.quota = least;
    if (extras > 0 && share.count > least) {
      share.quota += 1;
      extras -= 1;
    }
  }
  for (const share of shares) {
    if (extras === 0) return;
    if (share.quota > least) continue;
    share.quota += 1;
    extras -= 1;
  }
}

function giveBack(share: Share, taken: ReadonlyMap<string, Uint8Array>): void {
  let excess = share.count - share.quota;
  if (excess <= 0) return;
  share.count = share.quota;
  const topics = topicsOf(share);
  for (const [topicId, partitions] of [...topics].reverse()) {
    const stay = Math.max(partitions.length - excess, 0);
    const marks = taken.get(topicId);
    for (const partition of partitions.slice(stay)) if (marks !== undefined) marks[partition] = 0;
    if (stay === 0) topics.delete(topicId);
    else topics.set(topicId, partitions.slice(0, stay));
    excess -= partitions.length - stay;
    if (excess === 0) return;
  }
}

function hand(shares: readonly Share[], taken: ReadonlyMap<string, Uint8Array>): void {
  const open = shares.filter((share) => share.count < share.quota);
  let at = 0;
  const given = new Map<Share, Map<string, number[]>>();
  for (const [topicId, marks] of taken) {
    for (let partition = 0; partition < marks.length; partition++) {
      if (marks[partition] === 1) continue;
      const share = open[at];
      assert(share !== undefined, "the quotas add up to all partitions");
      append(given, share, topicId, partition);
      share.count += 1;
      if (share.count === share.quota) at += 1;
    }
  }
  for (const [share, added] of given) {
    const topics = topicsOf(share);
    for (const [topicId, partitions] of added) {
      const all = [...(topics.get(topicId) ?? []), ...partitions];
      topics.set(
        topicId,
        all.sort((a, b) => a - b),
      );
    }
  }
}

function append(
  given: Map<Share, Map<string, number[]>>,
  share: Share,
  topicId: string,
  partition: number,
): void {
  let topics = given.get(share);
  if (topics === undefined) {
    topics = new Map();
    given.set(share, topics);
  }
  const partitions = topics.get(topicId);
  if (partitions === undefined) topics.set(topicId, [partition]);
  else partitions.push(partition);
}
