/** What the leader of a classic group does: looks topics up and divides their partitions. */
import type { JoinGroupResponse } from "../protocol/api/11-join-group.ts";
import {
  decodeConsumerSubscription,
  encodeConsumerAssignment,
} from "../protocol/consumer-protocol.ts";
import type { AssignorMember, PartitionAssignor } from "./assignors/assignor.ts";
import type { TopicWatch } from "./topic-watch.ts";
import type { TopicPartition } from "./topics.ts";

export interface Led {
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
  /** Topics of the group, and how many partitions they had: another number calls for a rebalance. */
  readonly topics: readonly string[];
  readonly counts: ReadonlyMap<string, number>;
}

/**
 * @param watchesAll a pattern's watch knows all topics already
 * @throws (rejects) ProtocolError for a member whose subscription cannot be read, KafkaError
 */
export async function lead(
  answer: JoinGroupResponse,
  assignor: PartitionAssignor,
  watch: TopicWatch,
  watchesAll: boolean,
): Promise<Led> {
  const members = answer.members.map(({ memberId, groupInstanceId, metadata }) => ({
    ...{ memberId, groupInstanceId, subscription: decodeConsumerSubscription(metadata) },
  }));
  const topics = topicsOf(members);
  if (!watchesAll) watch.watch(topics);
  await watch.refresh();
  const counts = countsOf(topics, watch);
  if (answer.skipAssignment) return { assignments: [], topics, counts };
  const byMember = assignor.assign(counts, members);
  const assignments = Array.from(byMember, ([memberId, places]) => ({
    memberId,
    assignment: encodeConsumerAssignment({
      assignedPartitions: byTopic(places),
      userData: null,
    }),
  }));
  return { assignments, topics, counts };
}

function topicsOf(members: readonly AssignorMember[]): string[] {
  return [...new Set(members.flatMap(({ subscription }) => subscription.topics))].sort();
}

export function countsOf(topics: readonly string[], watch: TopicWatch): Map<string, number> {
  const counts = new Map<string, number>();
  for (const topic of topics) {
    const count = watch.counts.get(topic);
    if (count !== undefined) counts.set(topic, count);
  }
  return counts;
}

export function byTopic(places: readonly TopicPartition[]) {
  return Array.from(
    Map.groupBy(places, ({ topic }) => topic),
    ([topic, some]) => ({ topic, partitions: some.map(({ partition }) => partition) }),
  );
}
