/** ConsumerGroupDescribe (KIP-848) and DescribeGroups, as one kind of answer. */
import {
  type DescribeGroupsResponse,
  describeGroupsApi,
} from "../protocol/api/15-describe-groups.ts";
import {
  type ConsumerGroupDescribeResponse,
  consumerGroupDescribeApi,
} from "../protocol/api/69-consumer-group-describe.ts";
import { CONSUMER_PROTOCOL_TYPE, decodeConsumerAssignment } from "../protocol/consumer-protocol.ts";
import type { ConsumerGroupDescription, MemberDescription } from "./admin-group-types.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, ProtocolError } from "./errors.ts";
import type { TopicPartition } from "./topics.ts";

export interface Described {
  readonly groupId: string;
  readonly errorCode: number;
  readonly errorMessage: string | null;
  /** Null with an error. */
  readonly description: Omit<ConsumerGroupDescription, "coordinator"> | null;
}

type ConsumerGroup = ConsumerGroupDescribeResponse["groups"][number];
type ConsumerMember = ConsumerGroup["members"][number];
type ClassicGroup = DescribeGroupsResponse["groups"][number];
type ClassicMember = ClassicGroup["members"][number];

/** Version 1 says which members speak KIP-848's protocol themselves: 1 they do, 0 they do not. */
const MEMBER_TYPE_CONSUMER = 1;
const MEMBER_TYPE_UNKNOWN = -1;

/** GROUP_ID_NOT_FOUND is what classic groups get, and all groups of a server that has no KIP-848. */
export async function describeByConsumerProtocol(
  client: BrokerClient,
  groupIds: readonly string[],
  timeoutMs: number,
): Promise<Described[]> {
  const versions = await client.versions();
  if (!versions.has(consumerGroupDescribeApi.key)) return groupIds.map(notFound);
  const body = { groupIds, includeAuthorizedOperations: false };
  const { groups } = await client.request(consumerGroupDescribeApi, body, { timeoutMs });
  return groups.map(consumerGroup);
}

export async function describeClassic(
  client: BrokerClient,
  groupIds: readonly string[],
  timeoutMs: number,
): Promise<Described[]> {
  const body = { groups: groupIds, includeAuthorizedOperations: false };
  const { groups } = await client.request(describeGroupsApi, body, { timeoutMs });
  return groups.map(classicGroup);
}

function notFound(groupId: string): Described {
  const errorMessage = `there is no group ${groupId}`;
  return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage, description: null };
}

function consumerGroup(group: ConsumerGroup): Described {
  const { groupId, errorCode, errorMessage } = group;
  if (errorCode !== ErrorCode.NONE) return { groupId, errorCode, errorMessage, description: null };
  const description = {
    groupId,
    isSimpleConsumerGroup: false,
    type: "consumer" as const,
    state: group.groupState,
    partitionAssignor: group.assignorName,
    members: group.members.map(consumerMember),
    groupEpoch: group.groupEpoch,
    targetAssignmentEpoch: group.assignmentEpoch,
  };
  return { groupId, errorCode, errorMessage: null, description };
}

function consumerMember(member: ConsumerMember): MemberDescription {
  return {
    consumerId: member.memberId,
    groupInstanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    host: member.clientHost,
    assignment: placesOf(member.assignment),
    targetAssignment: placesOf(member.targetAssignment),
    memberEpoch: member.memberEpoch,
    upgraded:
      member.memberType === MEMBER_TYPE_UNKNOWN ? null : member.memberType === MEMBER_TYPE_CONSUMER,
  };
}

function placesOf({ topicPartitions }: ConsumerMember["assignment"]): TopicPartition[] {
  return inOrder(
    topicPartitions.map(({ topicName: topic, partitions }) => ({ topic, partitions })),
  );
}

function inOrder(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): TopicPartition[] {
  return [...topics]
    .sort((a, b) => (a.topic < b.topic ? -1 : 1))
    .flatMap(({ topic, partitions }) =>
      [...partitions].sort((a, b) => a - b).map((partition) => ({ topic, partition })),
    );
}

function classicGroup(group: ClassicGroup): Described {
  const { groupId, errorCode, protocolType } = group;
  if (errorCode !== ErrorCode.NONE) {
    return { groupId, errorCode, errorMessage: group.errorMessage, description: null };
  }
  // Up to version 5 a group that does not exist is "Dead".
  if (group.groupState === "Dead") return notFound(groupId);
  if (protocolType !== CONSUMER_PROTOCOL_TYPE && protocolType !== "") {
    return {
      groupId,
      errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      errorMessage: `group ${groupId} is no consumer group, its protocol type is "${protocolType}"`,
      description: null,
    };
  }
  const description = {
    groupId,
    isSimpleConsumerGroup: protocolType === "",
    type: "classic" as const,
    state: group.groupState,
    partitionAssignor: group.protocolData,
    members: group.members.map(classicMember),
    groupEpoch: null,
    targetAssignmentEpoch: null,
  };
  return { groupId, errorCode, errorMessage: null, description };
}

function classicMember(member: ClassicMember): MemberDescription {
  return {
    consumerId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    rackId: null,
    clientId: member.clientId,
    host: member.clientHost,
    assignment: assignmentOf(member.memberAssignment),
    targetAssignment: null,
    memberEpoch: null,
    upgraded: null,
  };
}

/** Another client's members may write what they like: what is no assignment assigns nothing. */
function assignmentOf(bytes: Uint8Array): TopicPartition[] {
  try {
    return inOrder(decodeConsumerAssignment(bytes).assignedPartitions);
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}
