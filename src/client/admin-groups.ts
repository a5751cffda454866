/** Admin's calls about groups. Behind the one address, every Worker reaches every coordinator. */
import { findCoordinatorApi } from "../protocol/api/10-find-coordinator.ts";
import { leaveGroupApi } from "../protocol/api/13-leave-group.ts";
import { listGroupsApi } from "../protocol/api/16-list-groups.ts";
import { deleteGroupsApi } from "../protocol/api/42-delete-groups.ts";
import { offsetDeleteApi } from "../protocol/api/47-offset-delete.ts";
import { CONSUMER_PROTOCOL_TYPE } from "../protocol/consumer-protocol.ts";
import { type AdminCalls, partitionName } from "./admin-calls.ts";
import type {
  ConsumerGroupDescription,
  ConsumerGroupListing,
  GroupType,
  MemberToRemove,
} from "./admin-group-types.ts";
import type { CallOptions } from "./admin-types.ts";
import { type Described, describeByConsumerProtocol, describeClassic } from "./describe-groups.ts";
import { ErrorCode, errorMessage, KafkaError } from "./errors.ts";
import {
  type CommittedOffset,
  commitOffsets,
  fetchOffsets,
  type OffsetToCommit,
  throwIfNoOffset,
} from "./group-offsets.ts";
import type { TopicPartition } from "./topics.ts";

const STATES_FILTER_VERSION = 4;
const TYPES_FILTER_VERSION = 5;
/** FindCoordinator's key type for groups. */
const KEY_TYPE_GROUP = 0;

export async function listConsumerGroups(
  calls: AdminCalls,
  options: CallOptions & {
    readonly states?: readonly string[];
    readonly types?: readonly GroupType[];
  },
): Promise<ConsumerGroupListing[]> {
  const { states = [], types = [] } = options;
  return calls.retry("listing groups", options, async (timeoutMs) => {
    const version = await calls.client.version(listGroupsApi);
    throwIfTooOld(version, STATES_FILTER_VERSION, "states", states);
    throwIfTooOld(version, TYPES_FILTER_VERSION, "types", types);
    const body = { statesFilter: states, typesFilter: types };
    const response = await calls.client.requestAt(listGroupsApi, version, body, { timeoutMs });
    if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode);
    return response.groups
      .filter(({ protocolType }) => isConsumerGroup(protocolType))
      .map(({ groupId, protocolType, groupState, groupType }) => ({
        groupId,
        isSimpleConsumerGroup: protocolType === "",
        state: groupState === "" ? null : groupState,
        type: groupType === "" ? null : (groupType.toLowerCase() as GroupType),
      }))
      .sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
  });
}

/** "": a group of which there are offsets only. */
const isConsumerGroup = (protocolType: string) =>
  protocolType === CONSUMER_PROTOCOL_TYPE || protocolType === "";

function throwIfTooOld(
  version: number,
  needed: number,
  what: string,
  filter: readonly string[],
): void {
  if (filter.length === 0 || version >= needed) return;
  throw new KafkaError(
    ErrorCode.UNSUPPORTED_VERSION,
    `the server speaks ListGroups up to version ${version}, a filter of ${what} needs ${needed}`,
  );
}

export async function describeConsumerGroups(
  calls: AdminCalls,
  groupIds: readonly string[],
  options: CallOptions,
): Promise<ConsumerGroupDescription[]> {
  const described = new Map<string, Described>();
  const coordinators = new Map<string, ConsumerGroupDescription["coordinator"]>();
  const ask = async (left: readonly string[], timeoutMs: number) => {
    await findCoordinators(calls, left, coordinators, timeoutMs);
    const answers = await describeByConsumerProtocol(calls.client, left, timeoutMs);
    // A group of the other protocol, or none: the older API tells which.
    const older = answers.filter(({ errorCode }) => errorCode === ErrorCode.GROUP_ID_NOT_FOUND);
    const names = older.map(({ groupId }) => groupId);
    const classic = names.length > 0 ? await describeClassic(calls.client, names, timeoutMs) : [];
    for (const answer of [...answers, ...classic]) described.set(answer.groupId, answer);
    return left.map((groupId) => ({
      name: groupId,
      errorCode: described.get(groupId)?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
      errorMessage: described.get(groupId)?.errorMessage ?? null,
    }));
  };
  await calls.forEach("describing groups", [...new Set(groupIds)], same, options, ask);
  return groupIds.map((groupId) => ({
    ...(described.get(groupId)?.description as Omit<ConsumerGroupDescription, "coordinator">),
    coordinator: coordinators.get(groupId) ?? null,
  }));
}

async function findCoordinators(
  calls: AdminCalls,
  coordinatorKeys: readonly string[],
  found: Map<string, ConsumerGroupDescription["coordinator"]>,
  timeoutMs: number,
): Promise<void> {
  const body = { key: "", keyType: KEY_TYPE_GROUP, coordinatorKeys };
  const { coordinators } = await calls.client.request(findCoordinatorApi, body, { timeoutMs });
  for (const { key, nodeId: id, host, port, errorCode } of coordinators) {
    found.set(key, errorCode === ErrorCode.NONE ? { id, host, port } : null);
  }
}

export async function listConsumerGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  options: CallOptions & {
    readonly partitions?: readonly TopicPartition[];
    readonly requireStable?: boolean;
  },
): Promise<CommittedOffset[]> {
  const { partitions = null, requireStable = false } = options;
  return calls.retry(`listing the offsets of group ${groupId}`, options, async (timeoutMs) => {
    const nobody = { groupId, memberId: "", generationIdOrMemberEpoch: -1 };
    const offsets = await fetchOffsets(calls.client, nobody, partitions, {
      timeoutMs,
      requireStable,
    });
    return offsets.sort(byPlace);
  });
}

export async function alterConsumerGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  offsets: readonly OffsetToCommit[],
  options: CallOptions,
): Promise<void> {
  offsets.forEach(throwIfNoOffset);
  const what = `altering the offsets of group ${groupId}`;
  await calls.forEach(what, offsets, partitionName, options, async (left, timeoutMs) => {
    const nobody = {
      groupId,
      memberId: "",
      generationIdOrMemberEpoch: -1,
      groupInstanceId: null,
    };
    const codes = await commitOffsets(calls.client, nobody, left, timeoutMs);
    return left.map((place, i) => {
      const errorCode = codes[i] as number;
      const live = errorCode === ErrorCode.UNKNOWN_MEMBER_ID;
      return {
        name: partitionName(place),
        errorCode,
        errorMessage: live
          ? `group ${groupId} has members, who commit for themselves: stop them first`
          : null,
      };
    });
  });
}

export async function deleteConsumerGroups(
  calls: AdminCalls,
  groupIds: readonly string[],
  options: CallOptions,
): Promise<void> {
  await calls.forEach("deleting groups", groupIds, same, options, async (left, timeoutMs) => {
    const body = { groupsNames: left };
    const { results } = await calls.client.request(deleteGroupsApi, body, { timeoutMs });
    return results.map(({ groupId, errorCode }) => ({
      ...{ name: groupId, errorCode, errorMessage: null },
    }));
  });
}

export async function deleteConsumerGroupOffsets(
  calls: AdminCalls,
  groupId: string,
  places: readonly TopicPartition[],
  options: CallOptions,
): Promise<void> {
  const what = `deleting offsets of group ${groupId}`;
  await calls.forEach(what, places, partitionName, options, async (left, timeoutMs) => {
    const byTopic = Map.groupBy(left, ({ topic }) => topic);
    const topics = Array.from(byTopic, ([name, some]) => ({
      name,
      partitions: some.map(({ partition: partitionIndex }) => ({ partitionIndex })),
    }));
    const body = { groupId, topics };
    const response = await calls.client.request(offsetDeleteApi, body, { timeoutMs });
    throwIfGroupError(groupId, response.errorCode);
    return response.topics.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex: partition, errorCode }) => ({
        ...{ name: partitionName({ topic, partition }), errorCode, errorMessage: null },
      })),
    );
  });
}

export async function removeMembersFromConsumerGroup(
  calls: AdminCalls,
  groupId: string,
  members: readonly MemberToRemove[] | null,
  options: CallOptions & { readonly reason?: string },
): Promise<void> {
  const reason = options.reason ?? "an operator removed the member";
  const all = members ?? (await membersOf(calls, groupId, options));
  const what = `removing members from group ${groupId}`;
  await calls.forEach(what, all, memberName, options, async (left, timeoutMs) => {
    const identities = left.map((member) => ({
      memberId: "consumerId" in member ? member.consumerId : "",
      groupInstanceId: "groupInstanceId" in member ? member.groupInstanceId : null,
      reason,
    }));
    const body = { groupId, memberId: "", members: identities };
    const response = await calls.client.request(leaveGroupApi, body, { timeoutMs });
    throwIfGroupError(groupId, response.errorCode);
    return response.members.map(({ memberId, groupInstanceId, errorCode }) => ({
      ...{ name: groupInstanceId ?? memberId, errorCode, errorMessage: null },
    }));
  });
}

async function membersOf(
  calls: AdminCalls,
  groupId: string,
  options: CallOptions,
): Promise<MemberToRemove[]> {
  const [group] = await describeConsumerGroups(calls, [groupId], options);
  return (group?.members ?? []).map(({ groupInstanceId, consumerId }) =>
    groupInstanceId === null ? { consumerId } : { groupInstanceId },
  );
}

function throwIfGroupError(groupId: string, code: number): void {
  if (code === ErrorCode.NONE) return;
  throw new KafkaError(code, `group ${groupId}: ${errorMessage(code)}`);
}

const same = (name: string) => name;
const memberName = (member: MemberToRemove) =>
  "groupInstanceId" in member ? member.groupInstanceId : member.consumerId;

function byPlace(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}
