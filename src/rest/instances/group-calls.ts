/** What an instance and its readers ask of the group, by the broker's own handlers. */
import type { RequestContextBase } from "../../broker/context.ts";
import { call } from "../../broker/dispatch.ts";
import { offsetCommitApi } from "../../protocol/api/08-offset-commit.ts";
import { offsetFetchApi } from "../../protocol/api/09-offset-fetch.ts";
import type {
  ConsumerGroupHeartbeatRequestInput,
  ConsumerGroupHeartbeatResponse,
} from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { consumerGroupHeartbeatApi } from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { keyOf } from "./state.ts";
import type { PartitionOffset, TopicPartition } from "./types.ts";

/** The last versions that name topics: the handlers then follow one that was made anew. */
const COMMIT_BY_NAME = 9;
const FETCH_BY_NAME = 9;

export function heartbeat(
  ctx: RequestContextBase,
  request: ConsumerGroupHeartbeatRequestInput,
  clientId: string,
): Promise<ConsumerGroupHeartbeatResponse> {
  return call(ctx, consumerGroupHeartbeatApi, request, { clientId });
}

/** Who commits; "" and -1 stand for a client that assigned its partitions itself. */
export interface CommitIdentity {
  readonly group: string;
  readonly clientId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
}

export interface OffsetToCommit extends PartitionOffset {
  readonly metadata?: string | null | undefined;
}

/** The error of each partition, NONE too, by `keyOf`. Throws KafkaError. */
export async function commitOffsets(
  ctx: RequestContextBase,
  { group, clientId, memberId, memberEpoch }: CommitIdentity,
  offsets: readonly OffsetToCommit[],
): Promise<Map<string, number>> {
  const topics = byTopic(offsets).map(([name, places]) => ({
    name,
    partitions: places.map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedMetadata: metadata ?? "",
    })),
  }));
  const generationIdOrMemberEpoch = memberEpoch;
  const request = { groupId: group, generationIdOrMemberEpoch, memberId, topics };
  const response = await call(ctx, offsetCommitApi, request, { version: COMMIT_BY_NAME, clientId });
  return new Map(
    response.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) => [
        keyOf({ topic: name, partition: partitionIndex }),
        errorCode,
      ]),
    ),
  );
}

export interface CommittedOffset extends PartitionOffset {
  readonly metadata: string;
}

/** The committed offsets of these partitions; one without a commit is left out. Throws KafkaError. */
export async function committedOffsets(
  ctx: RequestContextBase,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<CommittedOffset[]> {
  const topics = byTopic(partitions).map(([name, places]) => ({
    name,
    partitionIndexes: places.map(({ partition }) => partition),
  }));
  const request = { groups: [{ groupId: group, memberId: null, topics }] };
  const response = await call(ctx, offsetFetchApi, request, { version: FETCH_BY_NAME });
  const found = response.groups[0];
  const errorCode = found?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (found === undefined || errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
  return found.topics.flatMap(({ name: topic, partitions: answers }) =>
    answers.flatMap((answer) => {
      const { partitionIndex: partition, committedOffset: offset, metadata } = answer;
      const unknown = answer.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      if (answer.errorCode !== ErrorCode.NONE && !unknown) throw new KafkaError(answer.errorCode);
      return offset < 0 ? [] : [{ topic, partition, offset, metadata: metadata ?? "" }];
    }),
  );
}

/** In the order in which the topics come first. */
export function byTopic<T extends TopicPartition>(places: readonly T[]): [string, T[]][] {
  const found = new Map<string, T[]>();
  for (const place of places) {
    const others = found.get(place.topic);
    if (others === undefined) found.set(place.topic, [place]);
    else others.push(place);
  }
  return [...found];
}
