/**
 * Each topic is cut into ranges, one for each of its readers, in the same order for every topic
 * (Kafka's RangeAssignor): with equal topics, partition n of all of them is one member's. Static
 * members come first, by instance id, so that one who returns has the same place as before.
 */
import type { AssignorGroup, AssignorMember, TopicPartitions } from "./assignor.ts";
import { partitionCount } from "./assignor.ts";

interface Cut {
  readonly partitions: number;
  readers: number;
  /** Where the next range begins, and the readers that still get one partition more. */
  next: number;
  extras: number;
}

export function assignRange(group: AssignorGroup): Map<string, TopicPartitions> {
  const members = [...group.members].sort(byPlace);
  const cuts = new Map<string, Cut>();
  for (const { topicIds } of members) {
    for (const topicId of topicIds) {
      const cut = cuts.get(topicId);
      if (cut !== undefined) cut.readers += 1;
      else {
        const partitions = partitionCount(group, topicId);
        cuts.set(topicId, { partitions, readers: 1, next: 0, extras: -1 });
      }
    }
  }
  return new Map(members.map((member) => [member.memberId, rangesOf(member, cuts)]));
}

function byPlace(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId);
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return compare(a.memberId, b.memberId);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rangesOf({ topicIds }: AssignorMember, cuts: ReadonlyMap<string, Cut>): TopicPartitions {
  const ranges = new Map<string, readonly number[]>();
  for (const topicId of topicIds) {
    const cut = cuts.get(topicId);
    if (cut === undefined) continue;
    if (cut.extras === -1) cut.extras = cut.partitions % cut.readers;
    const size = Math.floor(cut.partitions / cut.readers) + (cut.extras > 0 ? 1 : 0);
    if (cut.extras > 0) cut.extras -= 1;
    const start = cut.next;
    cut.next += size;
    if (size > 0)
      ranges.set(
        topicId,
        Array.from({ length: size }, (_, i) => start + i),
      );
  }
  return ranges;
}
