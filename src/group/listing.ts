/** DescribeGroups, ListGroups, ConsumerGroupDescribe and DeleteGroups: requests that name many groups. */
import type { DescribeGroupsResponseInput } from "../protocol/api/15-describe-groups.ts";
import type { ListGroupsRequest } from "../protocol/api/16-list-groups.ts";
import { ErrorCode } from "../protocol/errors.ts";
import { ClassicGroup } from "./classic/classic-group.ts";
import type { ConsumerGroups, Group, GroupTurn } from "./group.ts";
import type { Groups } from "./groups.ts";
import type { GroupClient, GroupReply } from "./messages.ts";
import { offsetCommitTombstone } from "./records.ts";

/** From here on a group that is not there is an error, and no dead group (KIP-1043). */
const NOT_FOUND_SINCE = 6;

type DescribedGroup = DescribeGroupsResponseInput["groups"][number];

export function describeClassicGroups(
  groups: Groups,
  { apiVersion }: GroupClient,
  groupIds: readonly string[],
): GroupReply {
  const described = groupIds.map((groupId) => {
    const group = groups.get(groupId);
    return group instanceof ClassicGroup
      ? describeGroup(group)
      : deadGroup(groupId, group, apiVersion);
  });
  return { api: "describeGroups", body: { groups: described } };
}

/** What members read and offer is shown of a stable group only: else it is about to change. */
function describeGroup(group: ClassicGroup): DescribedGroup {
  const protocolName = group.state === "Stable" ? group.protocolName : null;
  return {
    errorCode: ErrorCode.NONE,
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: protocolName ?? "",
    members: Array.from(group.members.all(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadataOf(protocolName),
      memberAssignment: member.assignment,
    })),
  };
}

function deadGroup(groupId: string, group: Group | undefined, apiVersion: number): DescribedGroup {
  const isError = apiVersion >= NOT_FOUND_SINCE;
  const why = group === undefined ? "not found" : "is not a classic group";
  return {
    errorCode: isError ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.NONE,
    errorMessage: isError ? `Group ${groupId} ${why}.` : null,
    groupId,
    groupState: "Dead",
    protocolType: "",
    protocolData: "",
    members: [],
  };
}

export function describeConsumerGroups(
  groups: Groups,
  consumers: ConsumerGroups | null,
  groupIds: readonly string[],
): GroupReply {
  const described = groupIds.map((groupId) => {
    const group = groups.get(groupId);
    if (group?.type === "consumer" && consumers !== null) return consumers.describe(groupId);
    const why = group === undefined ? "not found" : "is not a consumer group";
    return {
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: `Group ${groupId} ${why}.`,
      groupId,
      groupState: "",
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: "",
      members: [],
    };
  });
  return { api: "consumerGroupDescribe", body: { groups: described } };
}

/** GRP66: both filters as Kafka reads them; an empty one lets all through. */
export function listGroups(groups: Groups, request: ListGroupsRequest): GroupReply {
  const states = new Set(request.statesFilter.map((state) => state.trim().toLowerCase()));
  const types = new Set(request.typesFilter.map((type) => type.trim().toLowerCase()));
  const listed = [...groups.all()]
    .filter(({ stateName }) => states.size === 0 || states.has(stateName.toLowerCase()))
    .filter(({ type }) => types.size === 0 || types.has(type))
    .map(({ groupId, protocolType, stateName, type }) => ({
      groupId,
      protocolType,
      groupState: stateName,
      groupType: type,
    }));
  return { api: "listGroups", body: { errorCode: ErrorCode.NONE, groups: listed } };
}

/** GRP67: a group without members goes with its offsets, as a whole. */
export function deleteGroups(
  groups: Groups,
  turn: GroupTurn,
  groupIds: readonly string[],
): GroupReply {
  const body = groupIds.map((groupId) => ({
    groupId,
    errorCode: deleteGroup(groups, turn, groupId),
  }));
  return { api: "deleteGroups", body };
}

function deleteGroup(groups: Groups, turn: GroupTurn, groupId: string): number {
  const entry = groups.entry(groupId);
  if (entry === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
  if (!entry.group.isEmpty) return ErrorCode.NON_EMPTY_GROUP;
  for (const [topic, partitions] of entry.offsets.topics()) {
    for (const partition of partitions.keys()) {
      turn.emit(offsetCommitTombstone(groupId, topic, partition));
    }
  }
  entry.group.tombstones(turn);
  return ErrorCode.NONE;
}
