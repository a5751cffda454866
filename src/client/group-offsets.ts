/** OffsetCommit and OffsetFetch: what Admin and group members say alike about offsets of a group. */
import { offsetCommitApi } from "../protocol/api/08-offset-commit.ts";
import { offsetFetchApi } from "../protocol/api/09-offset-fetch.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, errorMessage, KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topics.ts";

/** Where a group goes on in a partition (Kafka's OffsetAndMetadata). */
export interface OffsetAndMetadata {
  /** Of the next record to be read. */
  readonly offset: number;
  /** Of the record before it; null, or left out, when it is not known. */
  readonly leaderEpoch?: number | null;
  /** Anything the reader wants to remember, up to 4,096 bytes. Default "". */
  readonly metadata?: string;
}

export interface OffsetToCommit extends TopicPartition, OffsetAndMetadata {}

export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  /** Null when whoever committed did not say. */
  readonly leaderEpoch: number | null;
  readonly metadata: string;
}

/** As whom offsets are committed and fetched. */
export interface GroupMember {
  readonly groupId: string;
  /** "" for somebody who is no member. */
  readonly memberId: string;
  /** Generation of a classic group, member epoch of a consumer group (KIP-848); -1 for neither. */
  readonly generationIdOrMemberEpoch: number;
  readonly groupInstanceId: string | null;
}

/** Later versions name topics by id. */
const BY_NAME_VERSION_MAX = 9;

/** One attempt. Returns the error code of each partition, in order. */
export async function commitOffsets(
  client: BrokerClient,
  member: GroupMember,
  offsets: readonly OffsetToCommit[],
  timeoutMs: number,
): Promise<number[]> {
  const byTopic = Map.groupBy(offsets, ({ topic }) => topic);
  const body = {
    ...member,
    topics: Array.from(byTopic, ([name, some]) => ({
      name,
      topicId: undefined,
      partitions: some.map(({ partition, offset, leaderEpoch, metadata }) => ({
        partitionIndex: partition,
        committedOffset: offset,
        committedLeaderEpoch: leaderEpoch ?? -1,
        committedMetadata: metadata ?? "",
      })),
    })),
  };
  const options = { timeoutMs, maxVersion: BY_NAME_VERSION_MAX };
  const response = await client.request(offsetCommitApi, body, options);
  const codes = new Map<string, number>();
  for (const { name: topic, partitions } of response.topics) {
    for (const { partitionIndex: partition, errorCode } of partitions) {
      codes.set(keyOf({ topic, partition }), errorCode);
    }
  }
  return offsets.map((place) => codes.get(keyOf(place)) ?? ErrorCode.UNKNOWN_SERVER_ERROR);
}

export interface FetchOffsetsOptions {
  readonly timeoutMs: number;
  /** Wait for transactions that may still commit offsets. */
  readonly requireStable: boolean;
}

/**
 * One attempt. Partitions without a committed offset are left out.
 *
 * @param places null: all that the group has
 * @throws KafkaError the first that a partition has, or the group
 */
export async function fetchOffsets(
  client: BrokerClient,
  member: Omit<GroupMember, "groupInstanceId">,
  places: readonly TopicPartition[] | null,
  options: FetchOffsetsOptions,
): Promise<CommittedOffset[]> {
  const { groupId, memberId, generationIdOrMemberEpoch } = member;
  const topics = places === null ? null : topicsOf(places);
  const group = {
    groupId,
    memberId: memberId === "" ? null : memberId,
    memberEpoch: generationIdOrMemberEpoch,
    topics,
  };
  const body = { groupId, topics, groups: [group], requireStable: options.requireStable };
  const response = await client.request(offsetFetchApi, body, {
    timeoutMs: options.timeoutMs,
    maxVersion: BY_NAME_VERSION_MAX,
  });
  // Before version 8 the answer is about the one group that could be asked for.
  const answer = response.groups[0] ?? response;
  throwIfError(`the offsets of group ${groupId}`, answer.errorCode);
  return answer.topics.flatMap(({ name: topic, partitions }) =>
    partitions.flatMap((found) => {
      const partition = found.partitionIndex;
      throwIfError(`the offset of group ${groupId} in ${topic}-${partition}`, found.errorCode);
      if (found.committedOffset < 0) return [];
      const { committedOffset: offset, committedLeaderEpoch: epoch, metadata } = found;
      const leaderEpoch = epoch < 0 ? null : epoch;
      return [{ topic, partition, offset, leaderEpoch, metadata: metadata ?? "" }];
    }),
  );
}

function topicsOf(places: readonly TopicPartition[]) {
  const byTopic = Map.groupBy(places, ({ topic }) => topic);
  return Array.from(byTopic, ([name, some]) => ({
    name,
    topicId: undefined,
    partitionIndexes: some.map(({ partition }) => partition),
  }));
}

function throwIfError(what: string, code: number): void {
  if (code !== ErrorCode.NONE) throw new KafkaError(code, `${what}: ${errorMessage(code)}`);
}

const keyOf = ({ topic, partition }: TopicPartition) => `${partition}/${topic}`;

/** @throws RangeError, TypeError for what no group can commit */
export function throwIfNoOffset({ topic, partition, offset }: OffsetToCommit): void {
  if (Number.isSafeInteger(offset) && offset >= 0) return;
  throw new RangeError(
    `invalid offset ${offset} for ${topic}-${partition}: it must be an integer, at least 0`,
  );
}
