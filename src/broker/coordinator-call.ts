/**
 * A call to the coordinator of a group: the leader of the group's partition of `__consumer_offsets`.
 * It outlives a failover as other calls to leaders do (leader-call.ts): inside the request, for as
 * long as nothing was done, or doing it twice does no harm.
 */
import { coordinatorPartition } from "../cluster/internal-topics.ts";
import type { TopicInfo } from "../cluster/types.ts";
import type { GroupClient, GroupReply, GroupRequest } from "../group/messages.ts";
import { randomUuidText, UUID_BYTES } from "../lib/uuid.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";
import { askLeader } from "./leader-call.ts";
import { offsetsTopic } from "./offsets-topic.ts";
import { leaderOf } from "./topics.ts";

export type GroupApi = GroupRequest["api"];
export type RequestFor<A extends GroupApi> = Extract<GroupRequest, { readonly api: A }>;
type Answered = Exclude<GroupReply, { readonly api: "failed" }>;
type Answers = { readonly [R in Answered as R["api"]]: R["body"] };
export type AnswerTo<A extends GroupApi> = Answers[A];

/** A client's own retry comes after this at the latest; its request timeout is usually 30 s. */
const TRY_FOR_MS = 10_000;

/**
 * What may be asked again when nobody knows whether it was done. A commit may not: another one of the
 * same member may have come between, and the offset would go back. Deletions may not either: the
 * second answer would be that there is nothing to delete. The rest may: a member that joins or syncs
 * twice takes its own place, or leaves behind a member id that expires; the client's own retry, which
 * is the alternative, does the same. A consumer group's member is told again what it may have missed
 * (GRP118), and a copy that comes late takes nothing from it (GRP125).
 */
const REPEATABLE: Readonly<Record<GroupApi, boolean>> = {
  joinGroup: true,
  syncGroup: true,
  heartbeat: true,
  leaveGroup: true,
  offsetCommit: false,
  offsetFetch: true,
  offsetDelete: false,
  describeGroups: true,
  listGroups: true,
  deleteGroups: false,
  consumerGroupHeartbeat: true,
  consumerGroupDescribe: true,
  topicDeleted: true,
};

/** These need a UUID of their own: they may make a member id. */
const NAMES_MEMBERS: ReadonlySet<GroupApi> = new Set(["joinGroup", "consumerGroupHeartbeat"]);

/** The answer, or the error code of why there is none: 14, 15 or 16. Creates the topic if need be. */
export async function askCoordinator<A extends GroupApi>(
  ctx: RequestContext,
  groupId: string,
  request: RequestFor<A>,
): Promise<AnswerTo<A> | number> {
  const topic = await offsetsTopic(ctx);
  const partition = coordinatorPartition(groupId, topic.partitions.length);
  return askPartition<A>(ctx, topic, partition, request);
}

/** As askCoordinator, of the coordinator of all groups of one partition. */
export async function askPartition<A extends GroupApi>(
  ctx: RequestContext,
  topic: TopicInfo,
  partition: number,
  request: RequestFor<A>,
): Promise<AnswerTo<A> | number> {
  const { topicId } = topic;
  const { clusterId } = ctx;
  const client = clientOf(ctx, request.api);
  const result = await askLeader<{ errorCode: number; reply: GroupReply }>(ctx, {
    ref: { name: topic.name, topicId },
    byId: true,
    partition,
    leader: leaderOf(ctx, topic, partition, true),
    timeoutMs: TRY_FOR_MS,
    repeatable: REPEATABLE[request.api],
    ask: async ({ state: { leader, leaderEpoch } }) => {
      const port = ctx.ports.groups.at({ clusterId, topicId, partition, brokerId: leader });
      const reply = await port.ask({ leaderEpoch, client, request });
      const errorCode = reply.api === "failed" ? asPartition(reply.errorCode) : ErrorCode.NONE;
      return { errorCode, reply };
    },
  });
  if (typeof result === "number") return asCoordinator(result);
  const { reply } = result;
  if (reply.api === "failed") return reply.errorCode;
  // What the type of a reply cannot say: it is the reply to this request.
  return reply.body as AnswerTo<A>;
}

/** What askLeader reads anew and asks again for; what was or may have been done is not among it. */
function asPartition(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.NOT_COORDINATOR:
      return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return ErrorCode.LEADER_NOT_AVAILABLE;
    default:
      return errorCode;
  }
}

/** Why there is no answer, in the codes that clients of groups retry (GroupCoordinatorService). */
function asCoordinator(errorCode: number): number {
  return errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER
    ? ErrorCode.NOT_COORDINATOR
    : ErrorCode.COORDINATOR_NOT_AVAILABLE;
}

function clientOf(ctx: RequestContext, api: GroupApi): GroupClient {
  const { clientId, clientHost = "", apiVersion } = ctx;
  const uuid = NAMES_MEMBERS.has(api) ? randomUuidText(randomBytes(ctx)) : "";
  return { clientId: clientId ?? "", clientHost, apiVersion, uuid };
}

function randomBytes({ random }: RequestContext): Uint8Array {
  return Uint8Array.from({ length: UUID_BYTES }, () => Math.floor(random() * 256));
}

/** Coordinators asked at the same time by one request. */
const WAVE = 10;

/**
 * Asks the coordinator of each group once for all of its groups named, and gives the answers in the
 * order of `groupIds`: `of` finds a group's own in what its coordinator answered.
 */
export async function askCoordinators<A extends GroupApi, T>(
  ctx: RequestContext,
  groupIds: readonly string[],
  requestFor: (groupIds: readonly string[]) => RequestFor<A>,
  of: (answer: AnswerTo<A>, groupId: string) => T | undefined,
  failed: (groupId: string, errorCode: number) => T,
): Promise<T[]> {
  if (groupIds.length === 0) return [];
  const topic = await offsetsTopic(ctx);
  const byPartition = Map.groupBy(new Set(groupIds), (groupId) =>
    coordinatorPartition(groupId, topic.partitions.length),
  );
  const answers = new Map<string, T>();
  await inWaves([...byPartition], async ([partition, ids]) => {
    const answer = await askPartition<A>(ctx, topic, partition, requestFor(ids));
    for (const id of ids) {
      const found = typeof answer === "number" ? failed(id, answer) : of(answer, id);
      answers.set(id, found ?? failed(id, ErrorCode.COORDINATOR_NOT_AVAILABLE));
    }
  });
  return groupIds.flatMap((id) => answers.get(id) ?? []);
}

export async function inWaves<T>(
  items: readonly T[],
  each: (item: T) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < items.length; from += WAVE) {
    await Promise.all(items.slice(from, from + WAVE).map(each));
  }
}
