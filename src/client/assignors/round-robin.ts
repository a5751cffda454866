import type { TopicPartition } from "../topics.ts";
import { compare, inOrder, type PartitionAssignor, partitionsOf } from "./assignor.ts";

/** All partitions in order, dealt to the members in turn (Kafka's RoundRobinAssignor). */
export const roundRobinAssignor: PartitionAssignor = {
  name: "roundrobin",
  cooperative: false,
  userData: () => null,
  assign(partitionCounts, members) {
    const ring = inOrder(members).map(({ memberId, subscription }) => ({
      memberId,
      topics: new Set(subscription.topics),
    }));
    const assignment = new Map<string, TopicPartition[]>(
      members.map(({ memberId }) => [memberId, []]),
    );
    let turn = 0;
    for (const topic of [...partitionCounts.keys()].sort(compare)) {
      if (!ring.some(({ topics }) => topics.has(topic))) continue;
      for (const place of partitionsOf(topic, partitionCounts.get(topic) ?? 0)) {
        while (!ring[turn % ring.length]?.topics.has(topic)) turn++;
        assignment.get(ring[turn % ring.length]?.memberId ?? "")?.push(place);
        turn++;
      }
    }
    return assignment;
  },
};
