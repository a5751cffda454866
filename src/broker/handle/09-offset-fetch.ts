/**
 * OffsetFetch, key 9, versions 1-10. How far groups have read, by what they committed.
 *
 * A partition without a committed offset, or a group that is not there, is offset -1 and no error.
 * Null topics (2+) are all that the group has. requireStable (7) has nothing to wait for: there are
 * no transactions.
 *
 * Needs DESCRIBE on each group (30) and topic (29 of its partitions; left out of "all").
 *
 * Errors of a group: 24, 25 and 113 (KIP-848), 14, 15, 16; in 1 they are said of every partition, in
 * 2-7 of the whole. 100 UNKNOWN_TOPIC_ID of a partition (10).
 *
 * 5: leader epochs. 8: many groups. 9: member and epoch (KIP-848). 10: topics by id.
 */
import { OFFSETS_PER_REQUEST_MAX } from "../../constants.ts";
import type { FetchedOffsets, FetchOffsets } from "../../group/messages.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type {
  OffsetFetchRequest,
  OffsetFetchResponseInput,
} from "../../protocol/api/09-offset-fetch.ts";
import { offsetFetchApi } from "../../protocol/api/09-offset-fetch.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayGroup, mayTopic } from "../access.ts";
import type { RequestContext } from "../context.ts";
import { askCoordinator } from "../coordinator-call.ts";
import {
  FIRST_OFFSETS_BY_ID,
  groupErrorCode,
  lookUpLately,
  throwIfTooManyGroups,
} from "../groups.ts";
import { defineHandler } from "../handler.ts";

type AskedGroup = OffsetFetchRequest["groups"][number];
type AnsweredGroup = NonNullable<OffsetFetchResponseInput["groups"]>[number];
type AnsweredTopic = AnsweredGroup["topics"][number];
type FetchedPartition = FetchedOffsets["topics"][number]["partitions"][number];

const FIRST_ERROR_VERSION = 2;
const FIRST_BATCHED_VERSION = 8;

export const offsetFetchHandler = defineHandler(
  offsetFetchApi,
  [1, 10],
  async (ctx, request) => {
    throwIfTooMany(request);
    if (ctx.apiVersion < FIRST_BATCHED_VERSION) return fetchOne(ctx, request);
    const fetchGroup = ctx.apiVersion >= FIRST_OFFSETS_BY_ID ? fetchById : fetchByName;
    return { groups: await Promise.all(request.groups.map((group) => fetchGroup(ctx, group))) };
  },
  {
    failure: (error, request) => {
      const errorCode = groupErrorCode(error);
      return {
        ...singleFailed(request, errorCode),
        groups: request.groups.map(({ groupId }) => ({ groupId, errorCode, topics: [] })),
      };
    },
  },
);

/** Throws KafkaError INVALID_REQUEST. */
function throwIfTooMany({ topics, groups }: OffsetFetchRequest): void {
  throwIfTooManyGroups(groups.length);
  const lists = [topics, ...groups.map((group) => group.topics)];
  const count = lists
    .flatMap((list) => list ?? [])
    .reduce((sum, { partitionIndexes }) => sum + partitionIndexes.length, 0);
  if (count > OFFSETS_PER_REQUEST_MAX) throw new KafkaError(ErrorCode.INVALID_REQUEST);
}

async function fetchOne(
  ctx: RequestContext,
  request: OffsetFetchRequest,
): Promise<OffsetFetchResponseInput> {
  const { groupId, topics } = request;
  const body = { groupId, memberId: null, memberEpoch: -1, topics };
  const fetched = await ask(ctx, body);
  const errorCode = typeof fetched === "number" ? fetched : fetched.errorCode;
  if (typeof fetched === "number" || errorCode !== ErrorCode.NONE) {
    if (ctx.apiVersion >= FIRST_ERROR_VERSION) return { topics: [], errorCode };
    return singleFailed(request, errorCode);
  }
  return { topics: fetched.topics, errorCode };
}

/** Version 1 has no room for an error but in the partitions (OffsetFetchResponse.Builder). */
function singleFailed({ topics }: OffsetFetchRequest, errorCode: number): OffsetFetchResponseInput {
  return {
    errorCode,
    topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => noOffset(index, errorCode)),
    })),
  };
}

function noOffset(partitionIndex: number, errorCode: number): FetchedPartition {
  return {
    ...{ partitionIndex, errorCode, metadata: "" },
    committedOffset: -1,
    committedLeaderEpoch: -1,
  };
}

async function fetchByName(ctx: RequestContext, group: AskedGroup): Promise<AnsweredGroup> {
  const { groupId } = group;
  const fetched = await ask(ctx, group);
  if (typeof fetched === "number") return { groupId, errorCode: fetched, topics: [] };
  const topics = fetched.topics.map((topic) => ({ ...topic, topicId: ZERO_UUID }));
  return { groupId, errorCode: fetched.errorCode, topics };
}

/** By name inside; a topic that is gone has no id to be named by, and is left out of "all". */
async function fetchById(ctx: RequestContext, group: AskedGroup): Promise<AnsweredGroup> {
  const { groupId, topics } = group;
  const refs = topics ?? [];
  const topicOf = await lookUpLately(ctx, refs, true, (of) => refs.some((ref) => !of(ref)));
  const known = refs.flatMap(({ topicId, partitionIndexes }) => {
    const name = topicOf({ name: "", topicId })?.name;
    return name === undefined ? [] : [{ name, partitionIndexes }];
  });
  const fetched = await ask(ctx, { ...group, topics: topics === null ? null : known });
  const errorCode = typeof fetched === "number" ? fetched : fetched.errorCode;
  if (typeof fetched === "number" || errorCode !== ErrorCode.NONE) {
    return { groupId, errorCode, topics: [] };
  }
  if (topics === null) return { groupId, errorCode, topics: await named(ctx, fetched) };
  const byName = new Map(fetched.topics.map((topic) => [topic.name, topic.partitions]));
  return {
    ...{ groupId, errorCode },
    topics: topics.map(({ topicId, partitionIndexes }): AnsweredTopic => {
      const name = topicOf({ name: "", topicId })?.name;
      const unknown = partitionIndexes.map((at) => noOffset(at, ErrorCode.UNKNOWN_TOPIC_ID));
      const partitions = name === undefined ? unknown : (byName.get(name) ?? []);
      return { name: "", topicId, partitions };
    }),
  };
}

async function named(ctx: RequestContext, { topics }: FetchedOffsets): Promise<AnsweredTopic[]> {
  const refs = topics.map(({ name }) => ({ name, topicId: ZERO_UUID }));
  const topicOf = await lookUpLately(ctx, refs, false, (of) => refs.some((ref) => !of(ref)));
  return topics.flatMap(({ name, partitions }) => {
    const topic = topicOf({ name, topicId: ZERO_UUID });
    return topic === undefined ? [] : [{ name: "", topicId: topic.topicId, partitions }];
  });
}

/** What the caller may know of it (KafkaApis.fetchOffsetsForGroup). */
async function ask(ctx: RequestContext, fetch: FetchOffsets): Promise<FetchedOffsets | number> {
  const { groupId, memberId, memberEpoch } = fetch;
  if (!mayGroup(ctx, AclOperation.DESCRIBE, groupId)) {
    return ErrorCode.GROUP_AUTHORIZATION_FAILED;
  }
  const isShown = ({ name }: { readonly name: string }): boolean =>
    mayTopic(ctx, AclOperation.DESCRIBE, name);
  const topics = fetch.topics?.filter(isShown) ?? null;
  const body = { groupId, memberId, memberEpoch, topics };
  const fetched = await askCoordinator<"offsetFetch">(ctx, groupId, { api: "offsetFetch", body });
  if (typeof fetched === "number" || fetched.errorCode !== ErrorCode.NONE) return fetched;
  const refused = (fetch.topics ?? []).filter((topic) => !isShown(topic));
  return {
    ...fetched,
    topics: [...fetched.topics.filter(isShown), ...refused.map(refusedTopic)],
  };
}

function refusedTopic(topic: NonNullable<FetchOffsets["topics"]>[number]) {
  const { name, partitionIndexes } = topic;
  const errorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  return { name, partitions: partitionIndexes.map((index) => noOffset(index, errorCode)) };
}
