/**
 * Members that all read the same topics (Kafka's UniformHomogeneousAssignmentBuilder): the numbers of
 * partitions of any two differ by one at most, and nothing moves that need not move for that.
 */
import type { AssignorGroup, AssignorMember, TopicPartitions } from "./assignor.ts";
import { partitionCount } from "./assignor.ts";

interface Share {
  readonly member: AssignorMember;
  /** What it keeps, topic by topic; the lists are copies once something is added. */
  readonly kept: Map<string, readonly number[]>;
  keptCount: number;
  quota: number;
  changed: boolean;
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
  return new Map(
    shares.map(({ member, kept, changed }) => [member.memberId, changed ? kept : member.target]),
  );
}

/** What of its last target is still there to be read. */
function shareOf(member: AssignorMember, taken: ReadonlyMap<string, Uint8Array>): Share {
  const share: Share = { member, kept: new Map(), keptCount: 0, quota: 0, changed: false };
  for (const [topicId, partitions] of member.target) {
    const marks = taken.get(topicId);
    const kept = marks === undefined ? [] : partitions.filter((p) => marks[p] === 0);
    for (const partition of kept) if (marks !== undefined) marks[partition] = 1;
    if (kept.length !== partitions.length) share.changed = true;
    if (kept.length > 0)
      share.kept.set(topicId, kept.length === partitions.length ? partitions : kept);
    share.keptCount += kept.length;
  }
  return share;
}

/** The members that have more than the least already are the first to be allowed one more. */
function setQuotas(shares: readonly Share[], total: number): void {
  const least = Math.floor(total / shares.length);
  let extras = total - least * shares.length;
  for (const share of shares) {
    share.quota = least;
    if (extras > 0 && share.keptCount > least) {
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
  let excess = share.keptCount - share.quota;
  if (excess <= 0) return;
  share.changed = true;
  share.keptCount = share.quota;
  for (const [topicId, partitions] of [...share.kept].reverse()) {
    const stay = Math.max(partitions.length - excess, 0);
    const marks = taken.get(topicId);
    for (const partition of partitions.slice(stay)) if (marks !== undefined) marks[partition] = 0;
    if (stay === 0) share.kept.delete(topicId);
    else share.kept.set(topicId, partitions.slice(0, stay));
    excess -= partitions.length - stay;
    if (excess === 0) return;
  }
}

function hand(shares: readonly Share[], taken: ReadonlyMap<string, Uint8Array>): void {
  const open = shares.filter((share) => share.keptCount < share.quota);
  let at = 0;
  const given = new Map<Share, Map<string, number[]>>();
  for (const [topicId, marks] of taken) {
    for (let partition = 0; partition < marks.length; partition++) {
      if (marks[partition] === 1) continue;
      const share = open[at];
      if (share === undefined) return;
      append(given, share, topicId, partition);
      share.keptCount += 1;
      if (share.keptCount === share.quota) at += 1;
    }
  }
  for (const [share, topics] of given) {
    share.changed = true;
    for (const [topicId, partitions] of topics) {
      const all = [...(share.kept.get(topicId) ?? []), ...partitions];
      share.kept.set(
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
