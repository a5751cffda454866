/**
 * OffsetCommit, key 8, versions 2-10. How far a group has read.
 *
 * Of a partition: 3 UNKNOWN_TOPIC_OR_PARTITION (100 UNKNOWN_TOPIC_ID from 10 on, when it is the topic
 * that is not there), 12 OFFSET_METADATA_TOO_LARGE, and what the group says of its member: 22, 25, 27,
 * 82, 110, 113. What concerns the whole request is said of every partition.
 *
 * Needs READ on the group (30, of every partition) and on each topic (29).
 *
 * 2-4: the retention time is not looked at (KIP-211). 6: leader epochs. 7: static members. 9: member
 * epochs (KIP-848). 10: topics by id.
 */
import type { TopicInfo } from "../../cluster/types.ts";
import { OFFSETS_PER_REQUEST_MAX } from "../../constants.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import type {
  OffsetCommitRequest,
  OffsetCommitResponseInput,
} from "../../protocol/api/08-offset-commit.ts";
import { offsetCommitApi } from "../../protocol/api/08-offset-commit.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, isTopicRefused, throwUnlessGroup } from "../access.ts";
import type { RequestContext } from "../context.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { FIRST_OFFSETS_BY_ID, groupErrorCode, hasPartition, lookUpLately } from "../groups.ts";
import { defineHandler } from "../handler.ts";
import { unknownTopic } from "../topics.ts";

type AskedTopic = OffsetCommitRequest["topics"][number];

export const offsetCommitHandler = defineHandler(
  offsetCommitApi,
  [2, 10],
  async (ctx, request) => {
    const { topics } = request;
    throwUnlessGroup(ctx, AclOperation.READ, request.groupId);
    const count = topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
    if (count > OFFSETS_PER_REQUEST_MAX) throw new KafkaError(ErrorCode.INVALID_REQUEST);
    const byId = ctx.apiVersion >= FIRST_OFFSETS_BY_ID;
    const topicOf = await lookUpLately(ctx, topics, byId, (of) =>
      topics.some((asked) =>
        asked.partitions.some((p) => !hasPartition(of(asked), p.partitionIndex)),
      ),
    );
    const refused = new Set(
      topics.filter((asked) => isTopicRefused(ctx, AclOperation.READ, asked, topicOf(asked), byId)),
    );
    const verdicts = await commit(ctx, request, (asked) =>
      refused.has(asked) ? undefined : topicOf(asked),
    );
    return {
      topics: topics.map((asked) => {
        if (refused.has(asked)) return answered(asked, () => ErrorCode.TOPIC_AUTHORIZATION_FAILED);
        const topic = topicOf(asked);
        const unknown = topic === undefined ? unknownTopic(byId) : undefined;
        return answered(asked, (partition) => unknown ?? verdicts(topic, partition));
      }),
    };
  },
  {
    failure: (error, { topics }) => ({
      topics: topics.map((asked) => answered(asked, () => groupErrorCode(error))),
    }),
  },
);

/** What the coordinator says of each partition that there is. */
async function commit(
  ctx: RequestContext,
  request: OffsetCommitRequest,
  topicOf: (asked: AskedTopic) => TopicInfo | undefined,
): Promise<(topic: TopicInfo | undefined, partition: number) => number> {
  const known = request.topics.flatMap((asked) => {
    const topic = topicOf(asked);
    const partitions = asked.partitions.filter((p) => hasPartition(topic, p.partitionIndex));
    if (topic === undefined || partitions.length === 0) return [];
    return [{ name: topic.name, topicId: ZERO_UUID, partitions }];
  });
  const unknown = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  // An empty request still goes to the coordinator: it is a sign of life, and may be refused.
  if (known.length === 0 && request.topics.length > 0) return () => unknown;
  const answer = await askCoordinator<"offsetCommit">(ctx, request.groupId, {
    api: "offsetCommit",
    body: { ...request, topics: known },
  });
  if (typeof answer === "number") {
    return (topic, partition) => (hasPartition(topic, partition) ? answer : unknown);
  }
  const codes = new Map<string, number>();
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode } of partitions) {
      codes.set(`${partitionIndex}/${name}`, errorCode);
    }
  }
  return (topic, partition) => codes.get(`${partition}/${topic?.name ?? ""}`) ?? unknown;
}

function answered(
  { name, topicId, partitions }: AskedTopic,
  codeOf: (partition: number) => number,
): OffsetCommitResponseInput["topics"][number] {
  return {
    ...{ name, topicId },
    partitions: partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      errorCode: codeOf(partitionIndex),
    })),
  };
}
