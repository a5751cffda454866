/**
 * OffsetCommit, OffsetFetch and OffsetDelete (Kafka's OffsetMetadataManager). Rules: SPEC.md,
 * "Offsets".
 */
import { GROUP_COMMIT_PARTITIONS_MAX, GROUP_NAME_CHARS_MAX } from "../constants.ts";
import type { ReplyTo } from "../machine/machine.ts";
import type {
  OffsetCommitRequest,
  OffsetCommitResponseInput,
} from "../protocol/api/08-offset-commit.ts";
import type {
  OffsetDeleteRequest,
  OffsetDeleteResponseInput,
} from "../protocol/api/47-offset-delete.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Work } from "./backlog.ts";
import type { GroupConfig } from "./config.ts";
import type { CommitAs, Group, GroupTurn } from "./group.ts";
import type { GroupEntry, Groups } from "./groups.ts";
import type { FetchedOffsets, FetchOffsets, GroupClient, GroupReply } from "./messages.ts";
import type { OffsetExpiry } from "./offset-expiry.ts";
import type { GroupOffsets } from "./offsets.ts";
import type { OffsetToStore } from "./records.ts";
import { offsetCommitRecord, offsetCommitTombstone } from "./records.ts";

/** From here on a commit to a group that is not there is told so. */
const GROUP_NOT_FOUND_SINCE = 9;

type Topics = FetchedOffsets["topics"];
type FetchedPartition = Topics[number]["partitions"][number];

export class OffsetRequests {
  readonly #config: GroupConfig;
  readonly #groups: Groups;
  readonly #expiry: OffsetExpiry;

  constructor(config: GroupConfig, groups: Groups, expiry: OffsetExpiry) {
    this.#config = config;
    this.#groups = groups;
    this.#expiry = expiry;
  }

  commitOffsets(turn: GroupTurn, client: GroupClient, request: OffsetCommitRequest): GroupReply {
    const errorCode = this.#checkCommit(turn, client, request);
    if (errorCode !== ErrorCode.NONE) {
      return { api: "offsetCommit", body: refuseCommit(request, errorCode) };
    }
    const { offsetMetadataMaxBytes } = this.#config;
    const expireTimestamp = expireTimestampOf(request, turn.nowMs);
    const body = storeOffsets(turn, request, expireTimestamp, offsetMetadataMaxBytes);
    const entry = this.#groups.entry(request.groupId);
    if (entry !== undefined) this.#expiry.committed(entry, turn.nowMs, expireTimestamp);
    return { api: "offsetCommit", body };
  }

  /** GRP71 */
  #checkCommit(turn: GroupTurn, client: GroupClient, request: OffsetCommitRequest): number {
    const { groupId, memberId, generationIdOrMemberEpoch, groupInstanceId } = request;
    if (groupId.length > GROUP_NAME_CHARS_MAX) return ErrorCode.INVALID_GROUP_ID;
    const count = request.topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
    if (count > GROUP_COMMIT_PARTITIONS_MAX) return ErrorCode.INVALID_REQUEST;
    const group = this.#groups.get(groupId);
    if (group !== undefined) {
      const { apiVersion } = client;
      const as: CommitAs = { memberId, generationIdOrMemberEpoch, groupInstanceId, apiVersion };
      return group.checkCommit(turn, as);
    }
    if (generationIdOrMemberEpoch < 0) return ErrorCode.NONE;
    return client.apiVersion >= GROUP_NOT_FOUND_SINCE
      ? ErrorCode.GROUP_ID_NOT_FOUND
      : ErrorCode.ILLEGAL_GENERATION;
  }

  fetchOffsets({ groupId, memberId, memberEpoch, topics }: FetchOffsets): GroupReply {
    const entry = this.#groups.entry(groupId);
    const errorCode = entry?.group.checkFetch(memberId, memberEpoch) ?? ErrorCode.NONE;
    const found = errorCode === ErrorCode.NONE ? offsetsFor(entry?.offsets, topics) : [];
    return { api: "offsetFetch", body: { errorCode, topics: found } };
  }

  deleteOffsets(turn: GroupTurn, request: OffsetDeleteRequest): GroupReply {
    const entry = this.#groups.entry(request.groupId);
    const errorCode = checkDelete(request.groupId, entry?.group);
    const body: OffsetDeleteResponseInput =
      errorCode !== ErrorCode.NONE || entry === undefined
        ? { errorCode, topics: [] }
        : { errorCode, topics: forgetOffsets(turn, entry, request) };
    return { api: "offsetDelete", body };
  }

  /**
   * GRP75: one offset or group a step. What is committed after `sinceMs` is of a new topic of that name.
   */
  *forgetTopics(
    sinceMs: number,
    topics: readonly string[],
    to: ReplyTo,
    changed: (turn: GroupTurn, groupId: string) => unknown,
  ): Work {
    let turn = yield;
    for (const { group, offsets } of this.#groups.entries()) {
      const { groupId } = group;
      const { size } = offsets;
      for (const topic of topics) {
        for (const [partition, { commitTimestamp }] of offsets.partitions(topic) ?? []) {
          if (commitTimestamp > sinceMs) continue;
          turn.emit(offsetCommitTombstone(groupId, topic, partition));
          turn = yield;
        }
      }
      if (offsets.size < size) changed(turn, groupId);
      turn = yield;
    }
    turn.reply(to, { api: "topicDeleted", body: null });
  }
}

function expireTimestampOf({ retentionTimeMs }: OffsetCommitRequest, nowMs: number): number {
  return retentionTimeMs < 0 ? -1 : nowMs + retentionTimeMs;
}

/** Kafka's validateOffsetDelete: what members other than consumers read, nobody knows. */
function checkDelete(groupId: string, group: Group | undefined): number {
  if (groupId === "") return ErrorCode.INVALID_GROUP_ID;
  if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
  const isOpaque = group.protocolType !== "consumer" && !group.isEmpty;
  return isOpaque ? ErrorCode.NON_EMPTY_GROUP : ErrorCode.NONE;
}

/** GRP70: each partition's offset is stored, or refused for its metadata. */
function storeOffsets(
  turn: GroupTurn,
  request: OffsetCommitRequest,
  expireTimestamp: number,
  metadataCharsMax: number,
): OffsetCommitResponseInput {
  const { groupId } = request;
  const commitTimestamp = turn.nowMs;
  const topics = request.topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map((partition) => {
      const { partitionIndex, committedOffset: offset, committedLeaderEpoch } = partition;
      const metadata = partition.committedMetadata ?? "";
      if (metadata.length > metadataCharsMax) {
        return { partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE };
      }
      const leaderEpoch = committedLeaderEpoch < 0 ? -1 : committedLeaderEpoch;
      const value = { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp };
      turn.emit(offsetCommitRecord(groupId, name, partitionIndex, value));
      return { partitionIndex, errorCode: ErrorCode.NONE };
    }),
  }));
  return { topics };
}

/** The answer that refuses all of a commit. */
function refuseCommit(
  { topics }: OffsetCommitRequest,
  errorCode: number,
): OffsetCommitResponseInput {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  };
}

/** GRP72: an offset that is not there is -1, and no error; so is that of a group that is not. */
function offsetsFor(offsets: GroupOffsets | undefined, asked: FetchOffsets["topics"]): Topics {
  if (asked === null) return offsets === undefined ? [] : allOffsets(offsets);
  return asked.map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((index) => fetched(index, offsets?.get(name, index))),
  }));
}

function allOffsets(offsets: GroupOffsets): Topics {
  return Array.from(offsets.topics(), ([name, partitions]) => ({
    name,
    partitions: Array.from(partitions, ([index, stored]) => fetched(index, stored)),
  }));
}

function fetched(partitionIndex: number, stored: OffsetToStore | undefined): FetchedPartition {
  return {
    partitionIndex,
    committedOffset: stored?.offset ?? -1,
    committedLeaderEpoch: stored?.leaderEpoch ?? -1,
    metadata: stored?.metadata ?? "",
    errorCode: ErrorCode.NONE,
  };
}

/** GRP74: tombstones for what is there, except where a member still reads the topic. */
function forgetOffsets(
  turn: GroupTurn,
  { group, offsets }: GroupEntry,
  request: OffsetDeleteRequest,
): NonNullable<OffsetDeleteResponseInput["topics"]> {
  return request.topics.map(({ name, partitions }) => {
    const errorCode = group.isSubscribedTo(name)
      ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
      : ErrorCode.NONE;
    for (const { partitionIndex } of errorCode === ErrorCode.NONE ? partitions : []) {
      if (offsets.get(name, partitionIndex) === undefined) continue;
      turn.emit(offsetCommitTombstone(group.groupId, name, partitionIndex));
    }
    return {
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    };
  });
}
