/** The group as an assignor sees it (Kafka's TargetAssignmentBuilder). */
import type { AssignorGroup, AssignorMember } from "../assignors/assignor.ts";
import type { ConsumerState } from "./consumer-state.ts";
import type { TopicImages } from "./topic-images.ts";

export function assignorGroup(state: ConsumerState, topics: TopicImages): AssignorGroup {
  const partitions = new Map<string, number>();
  const idsOf = (names: readonly string[]): readonly string[] =>
    names.flatMap((name) => {
      const image = topics.image(name);
      if (image === undefined) return [];
      partitions.set(image.topicId, image.partitions);
      return [image.topicId];
    });
  const { homogeneous } = state.subscriptions;
  const shared = homogeneous ? idsOf(state.subscriptions.topics()) : [];
  const members: AssignorMember[] = [];
  for (const member of state.members.values()) {
    members.push({
      memberId: member.memberId,
      instanceId: member.instanceId,
      topicIds: homogeneous ? shared : idsOf(state.subscriptions.topicsOf(member)),
      target: state.target(member.memberId),
    });
  }
  return { members, partitions, homogeneous };
}
