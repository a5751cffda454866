import type { TopicPartition } from "../topics.ts";
import { type AssignorMember, inOrder, type PartitionAssignor, partitionsOf } from "./assignor.ts";

/**
 * Topic by topic, each member a run of neighbouring partitions, the first members one more where it
 * does not come out even (Kafka's RangeAssignor, without racks). Topics with as many partitions and
 * the same members are divided alike, so that their equal keys meet.
 */
export const rangeAssignor: PartitionAssignor = {
  name: "range",
  cooperative: false,
  userData: () => null,
  assign(partitionCounts, members) {
    const ordered = inOrder(members);
    const assignment = new Map<string, TopicPartition[]>(
      members.map(({ memberId }) => [memberId, []]),
    );
    for (const [topic, count] of partitionCounts) {
      const subscribers = ordered.filter(({ subscription }) => subscription.topics.includes(topic));
      if (subscribers.length > 0) assignTopic(topic, count, subscribers, assignment);
    }
    return assignment;
  },
};

function assignTopic(
  topic: string,
  count: number,
  subscribers: readonly AssignorMember[],
  assignment: ReadonlyMap<string, TopicPartition[]>,
): void {
  const each = Math.floor(count / subscribers.length);
  const withOneMore = count % subscribers.length;
  const partitions = partitionsOf(topic, count);
  let from = 0;
  subscribers.forEach(({ memberId }, i) => {
    const to = from + each + (i < withOneMore ? 1 : 0);
    assignment.get(memberId)?.push(...partitions.slice(from, to));
    from = to;
  });
}
