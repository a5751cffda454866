/** ConsumerGroupDescribe (69): a consumer group as `kafka-consumer-groups --describe` sees it. */
import type { ConsumerGroupDescribeResponseInput } from "../../protocol/api/69-consumer-group-describe.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { TopicPartitions } from "../assignors/assignor.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./member.ts";
import type { TopicImages } from "./topic-images.ts";

export type DescribedConsumerGroup = ConsumerGroupDescribeResponseInput["groups"][number];
type DescribedMember = DescribedConsumerGroup["members"][number];
type DescribedAssignment = DescribedMember["assignment"];

/** ConsumerGroupDescribeResponse.*_MEMBER_TYPE */
const MEMBER_TYPE_CLASSIC = 0;
const MEMBER_TYPE_CONSUMER = 1;

export function describeConsumerGroup(group: ConsumerGroup): DescribedConsumerGroup {
  const { groupId, state, assignorName } = group;
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    groupId,
    groupState: state.name,
    groupEpoch: state.groupEpoch,
    assignmentEpoch: state.assignmentEpoch,
    assignorName,
    members: Array.from(state.members.values(), (member) => describeMember(group, member)),
  };
}

export function describeNoConsumerGroup(
  groupId: string,
  errorMessage: string,
): DescribedConsumerGroup {
  return {
    errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
    errorMessage,
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: "",
    members: [],
  };
}

function describeMember(
  { state, context }: ConsumerGroup,
  member: ConsumerMember,
): DescribedMember {
  const { topics } = context;
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopicNames,
    subscribedTopicRegex: member.subscribedTopicRegex,
    // What it still has to give back is its own until it did.
    assignment: assignmentOf(topics, member.assigned, member.revoking),
    targetAssignment: assignmentOf(topics, state.target(member.memberId)),
    memberType: member.classic === null ? MEMBER_TYPE_CONSUMER : MEMBER_TYPE_CLASSIC,
  };
}

/** Without topics that are gone. */
function assignmentOf(
  topics: TopicImages,
  ...parts: readonly TopicPartitions[]
): DescribedAssignment {
  const all = new Map<string, number[]>();
  for (const part of parts) {
    for (const [topicId, partitions] of part) {
      all.set(topicId, [...(all.get(topicId) ?? []), ...partitions]);
    }
  }
  const topicPartitions = Array.from(all).flatMap(([topicId, partitions]) => {
    const topicName = topics.nameOf(topicId);
    return topicName === undefined ? [] : [{ topicId, topicName, partitions }];
  });
  return { topicPartitions };
}
