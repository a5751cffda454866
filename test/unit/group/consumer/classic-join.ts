/** Requests of the classic protocol, as a consumer with one assignor sends them. */
import type { JoinGroupResponseInput } from "../../../../src/protocol/api/11-join-group.ts";
import {
  decodeConsumerAssignment,
  encodeConsumerAssignment,
  encodeConsumerSubscription,
  type TopicPartitionList,
} from "../../../../src/protocol/consumer-protocol.ts";
import type { Coordinator } from "./harness.ts";

export interface ClassicJoin {
  readonly memberId?: string;
  readonly instanceId?: string | null;
  readonly topics?: readonly string[];
  readonly owned?: readonly TopicPartitionList[];
  readonly protocol?: string;
  readonly protocolType?: string;
  readonly metadata?: Uint8Array;
  readonly version?: number;
}

function joinRequest(join: ClassicJoin) {
  const { topics = ["t"], owned = [] } = join;
  const subscription = {
    topics,
    userData: null,
    ownedPartitions: owned,
    generationId: -1,
    rackId: null,
  };
  const metadata = join.metadata ?? encodeConsumerSubscription(subscription);
  const body = {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 15_000,
    memberId: join.memberId ?? "",
    groupInstanceId: join.instanceId ?? null,
    protocolType: join.protocolType ?? "consumer",
    protocols: [{ name: join.protocol ?? "cooperative", metadata }],
    reason: null,
  };
  return { api: "joinGroup", body } as const;
}

export function classicJoin(coordinator: Coordinator, join: ClassicJoin): JoinGroupResponseInput {
  return coordinator.ask(joinRequest(join), join.version ?? 9);
}

/** Sends it and hands back what to look under, for one that waits. */
export function sendClassicJoin(coordinator: Coordinator, join: ClassicJoin): number {
  return coordinator.request(joinRequest(join), join.version ?? 9);
}

/** Gets an id, then joins with it. */
export function classicJoinTwice(
  coordinator: Coordinator,
  join: ClassicJoin = {},
): JoinGroupResponseInput {
  const { memberId } = classicJoin(coordinator, join);
  return classicJoin(coordinator, { ...join, memberId });
}

/** "t:0,1", or the code that it was refused with. */
export function classicSync(
  coordinator: Coordinator,
  memberId: string,
  generationId: number,
  assignments: Readonly<Record<string, readonly TopicPartitionList[]>> = {},
  instanceId: string | null = null,
): string | number {
  const body = {
    groupId: "g",
    generationId,
    memberId,
    groupInstanceId: instanceId,
    protocolType: "consumer",
    protocolName: "cooperative",
    assignments: Object.entries(assignments).map(([id, assignedPartitions]) => ({
      memberId: id,
      assignment: encodeConsumerAssignment({ assignedPartitions, userData: null }),
    })),
  };
  const reply = coordinator.ask({ api: "syncGroup", body }, 5);
  if (reply.errorCode !== 0) return reply.errorCode;
  return decodeConsumerAssignment(reply.assignment)
    .assignedPartitions.map(({ topic, partitions }) => `${topic}:${partitions.join(",")}`)
    .join(" ");
}

export function classicBeat(
  coordinator: Coordinator,
  memberId: string,
  generationId: number,
  instanceId: string | null = null,
): number {
  const body = { groupId: "g", generationId, memberId, groupInstanceId: instanceId };
  return coordinator.ask({ api: "heartbeat", body }, 4).errorCode;
}

export function classicLeave(
  coordinator: Coordinator,
  ...members: readonly { memberId: string; groupInstanceId?: string }[]
): number[] {
  const body = {
    groupId: "g",
    memberId: "",
    members: members.map((member) => ({ groupInstanceId: null, reason: null, ...member })),
  };
  const reply = coordinator.ask({ api: "leaveGroup", body }, 5);
  return (reply.members ?? []).map(({ errorCode }) => errorCode);
}
