/** The hard state of a group, to be compared. */
import type { TopicPartitions } from "../../../../src/group/assignors/assignor.ts";
import type { ConsumerGroup } from "../../../../src/group/consumer/consumer-group.ts";

function list(partitions: TopicPartitions): unknown {
  return [...partitions].sort(([a], [b]) => (a < b ? -1 : 1));
}

export function snapshot({ state, stateName }: ConsumerGroup): unknown {
  const { subscriptions } = state;
  const members = [...state.members.values()]
    .sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    .map((member) => ({
      ...member,
      assigned: list(member.assigned),
      revoking: list(member.revoking),
      target: list(state.target(member.memberId)),
      owned: [...member.assigned, ...member.revoking].every(([topicId, partitions]) =>
        partitions.every((index) => state.owners.get(topicId, index) === member.memberId),
      ),
    }));
  return {
    stateName,
    groupEpoch: state.groupEpoch,
    metadataHash: state.metadataHash,
    assignmentEpoch: state.assignmentEpoch,
    topics: subscriptions.topics(),
    patterns: [...subscriptions.patterns()].sort(),
    resolved: [...subscriptions.resolvedPatterns()]
      .sort()
      .map((p) => [p, subscriptions.resolved(p)]),
    classicMembers: subscriptions.classicMembers,
    homogeneous: subscriptions.homogeneous,
    members,
  };
}
