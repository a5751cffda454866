/** What the v3 routes need to know of consumer groups, of either protocol. */
import type { RequestContextBase } from "../broker/context.ts";
import { call } from "../broker/dispatch.ts";
import { listOffsetsApi } from "../protocol/api/02-list-offsets.ts";
import { offsetFetchApi } from "../protocol/api/09-offset-fetch.ts";
import { findCoordinatorApi } from "../protocol/api/10-find-coordinator.ts";
import type { DescribeGroupsResponse } from "../protocol/api/15-describe-groups.ts";
import { describeGroupsApi } from "../protocol/api/15-describe-groups.ts";
import { listGroupsApi } from "../protocol/api/16-list-groups.ts";
import type { ConsumerGroupDescribeResponse } from "../protocol/api/69-consumer-group-describe.ts";
import { consumerGroupDescribeApi } from "../protocol/api/69-consumer-group-describe.ts";
import { CONSUMER_PROTOCOL_TYPE, decodeConsumerAssignment } from "../protocol/consumer-protocol.ts";
import { ErrorCode, errorMessage, KafkaError, ProtocolError } from "../protocol/errors.ts";
import { LATEST } from "./offsets.ts";

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

export interface MemberView {
  readonly consumerId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  /** Ordered by topic and partition. */
  readonly assignment: readonly PartitionName[];
  /** Of a classic member in a group that moves between the protocols. */
  readonly isClassic: boolean;
}

export interface GroupView {
  readonly groupId: string;
  readonly type: "CLASSIC" | "CONSUMER";
  /** It has offsets only. */
  readonly isSimple: boolean;
  /** It has members of both protocols. */
  readonly isMixed: boolean;
  readonly assignor: string;
  /** As Kafka spells it: "PreparingRebalance". */
  readonly state: string;
  /** -1 when nobody coordinates it now. */
  readonly coordinatorId: number;
  /** Ordered by consumer id. */
  readonly members: readonly MemberView[];
}

export interface LagView extends PartitionName {
  readonly currentOffset: number;
  readonly logEndOffset: number;
  /** Null: nobody reads it now. */
  readonly member: MemberView | null;
}

type Description = Omit<GroupView, "coordinatorId">;

/** Ordered by id. Throws KafkaError. */
export async function listGroups(ctx: RequestContextBase): Promise<GroupView[]> {
  const response = await call(ctx, listGroupsApi, {});
  if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode);
  const ids = response.groups
    .filter(({ protocolType }) => isConsumers(protocolType))
    .map(({ groupId }) => groupId)
    .sort();
  return (await describeAll(ctx, ids)).flatMap((found) =>
    // One that went away between the two questions.
    typeof found === "number" ? [] : [found],
  );
}

/** Null when there is no such group, or it is not of consumers. Throws KafkaError. */
export async function findGroup(
  ctx: RequestContextBase,
  groupId: string,
): Promise<GroupView | null> {
  const [found = ErrorCode.GROUP_ID_NOT_FOUND] = await describeAll(ctx, [groupId]);
  if (typeof found !== "number") return found;
  if (found === ErrorCode.GROUP_ID_NOT_FOUND || found === ErrorCode.INVALID_GROUP_ID) return null;
  throw new KafkaError(found, `${errorMessage(found)} (group "${groupId}")`);
}

/** "": only offsets. */
function isConsumers(protocolType: string): boolean {
  return protocolType === CONSUMER_PROTOCOL_TYPE || protocolType === "";
}

/** A number is an error code. */
async function describeAll(
  ctx: RequestContextBase,
  groupIds: readonly string[],
): Promise<(GroupView | number)[]> {
  if (groupIds.length === 0) return [];
  const [consumer, coordinators] = await Promise.all([
    call(ctx, consumerGroupDescribeApi, { groupIds, includeAuthorizedOperations: false }),
    call(ctx, findCoordinatorApi, { coordinatorKeys: groupIds, keyType: 0 }),
  ]);
  const nodes = new Map(coordinators.coordinators.map((one) => [one.key, one.nodeId]));
  const views = new Map<string, Description | number>();
  for (const group of consumer.groups) views.set(group.groupId, ofConsumerGroup(group));
  const classic = groupIds.filter((id) => views.get(id) === ErrorCode.GROUP_ID_NOT_FOUND);
  if (classic.length > 0) {
    const { groups } = await call(ctx, describeGroupsApi, {
      groups: classic,
      includeAuthorizedOperations: false,
    });
    for (const group of groups) views.set(group.groupId, ofClassicGroup(group));
  }
  return groupIds.map((id) => {
    const view = views.get(id) ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    return typeof view === "number" ? view : { ...view, coordinatorId: nodes.get(id) ?? -1 };
  });
}

type ConsumerGroup = ConsumerGroupDescribeResponse["groups"][number];
type ClassicGroup = DescribeGroupsResponse["groups"][number];

/** memberType of ConsumerGroupDescribe 1: a member that speaks the classic protocol. */
const CLASSIC_MEMBER = 0;

function ofConsumerGroup(group: ConsumerGroup): Description | number {
  const { errorCode, groupId, groupState: state, assignorName: assignor } = group;
  if (errorCode !== ErrorCode.NONE) return errorCode;
  const members = group.members.map((member) => ({
    consumerId: member.memberId,
    instanceId: member.instanceId,
    clientId: member.clientId,
    isClassic: member.memberType === CLASSIC_MEMBER,
    assignment: ordered(
      member.assignment.topicPartitions.map(({ topicName: topic, partitions }) => ({
        ...{ topic, partitions },
      })),
    ),
  }));
  const isMixed = members.some((member) => member.isClassic);
  return {
    ...{ groupId, type: "CONSUMER", isSimple: false, isMixed, assignor, state },
    members: members.sort(byConsumerId),
  };
}

function ofClassicGroup(group: ClassicGroup): Description | number {
  const { errorCode, groupId, groupState: state, protocolType, protocolData: assignor } = group;
  if (errorCode !== ErrorCode.NONE) return errorCode;
  if (state === "Dead" || !isConsumers(protocolType)) return ErrorCode.GROUP_ID_NOT_FOUND;
  const members = group.members.map((member) => ({
    consumerId: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    isClassic: true,
    assignment: classicAssignment(member.memberAssignment),
  }));
  return {
    ...{ groupId, type: "CLASSIC", isSimple: protocolType === "", isMixed: false, assignor, state },
    members: members.sort(byConsumerId),
  };
}

/** What members tell each other is theirs: one that cannot be read has no partitions to show. */
function classicAssignment(bytes: Uint8Array): PartitionName[] {
  try {
    return ordered(decodeConsumerAssignment(bytes).assignedPartitions);
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}

function byConsumerId(a: MemberView, b: MemberView): number {
  return a.consumerId < b.consumerId ? -1 : 1;
}

function ordered(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): PartitionName[] {
  return [...topics]
    .sort((a, b) => (a.topic < b.topic ? -1 : 1))
    .flatMap(({ topic, partitions }) =>
      [...partitions].sort((a, b) => a - b).map((partition) => ({ topic, partition })),
    );
}

/**
 * Of each partition that the group committed, the largest lag first. A partition whose end cannot be
 * learnt (its topic is gone, its leader on the move) has none. Throws KafkaError.
 */
export async function groupLags(ctx: RequestContextBase, group: GroupView): Promise<LagView[]> {
  const response = await call(
    ctx,
    offsetFetchApi,
    { groups: [{ groupId: group.groupId, memberId: null, topics: null }] },
    // The last version that names topics.
    { version: 9 },
  );
  const answer = response.groups[0];
  const errorCode = answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (answer === undefined || errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
  const topics = answer.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions
      .filter((one) => one.committedOffset >= 0)
      .map((one) => ({ ...one, timestamp: LATEST })),
  }));
  const ends = await call(ctx, listOffsetsApi, { replicaId: -1, isolationLevel: 0, topics });
  const members = new Map(
    group.members.flatMap((member) => member.assignment.map((place) => [key(place), member])),
  );
  const committed = new Map(
    topics.flatMap(({ name: topic, partitions }) =>
      partitions.map((one) => [key({ topic, partition: one.partitionIndex }), one.committedOffset]),
    ),
  );
  return ends.topics
    .flatMap(({ name: topic, partitions }) =>
      partitions.flatMap(({ partitionIndex: partition, errorCode: code, offset }) => {
        const place = { topic, partition };
        const currentOffset = committed.get(key(place));
        if (code !== ErrorCode.NONE || currentOffset === undefined) return [];
        const member = members.get(key(place)) ?? null;
        return [{ ...place, currentOffset, logEndOffset: offset, member }];
      }),
    )
    .sort(byLag);
}

export function lagOf({ currentOffset, logEndOffset }: LagView): number {
  return logEndOffset - currentOffset;
}

function byLag(a: LagView, b: LagView): number {
  if (lagOf(a) !== lagOf(b)) return lagOf(b) - lagOf(a);
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}

function key({ topic, partition }: PartitionName): string {
  return `${topic}-${partition}`;
}
