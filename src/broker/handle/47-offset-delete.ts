/**
 * OffsetDelete, key 47, version 0. Forgets offsets that a group committed (KIP-496).
 *
 * Needs DELETE on the group (30) and READ on each topic (29 of its partitions).
 *
 * For the whole: 24 empty group id, 69 no such group, 68 a live group that is no consumer group. For
 * a partition: 3 UNKNOWN_TOPIC_OR_PARTITION, 86 GROUP_SUBSCRIBED_TO_TOPIC.
 */
import { OFFSETS_PER_REQUEST_MAX } from "../../constants.ts";
import { offsetDeleteApi } from "../../protocol/api/47-offset-delete.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayTopic, throwUnlessGroup } from "../access.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { groupErrorCode, lookUpLately } from "../groups.ts";
import { defineHandler } from "../handler.ts";

export const offsetDeleteHandler = defineHandler(
  offsetDeleteApi,
  [0, 0],
  async (ctx, request) => {
    throwUnlessGroup(ctx, AclOperation.DELETE, request.groupId);
    const count = request.topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
    if (count > OFFSETS_PER_REQUEST_MAX) throw new KafkaError(ErrorCode.INVALID_REQUEST);
    const refs = request.topics.map(({ name }) => ({ name, topicId: "" }));
    const topicOf = await lookUpLately(ctx, refs, false, (of) => refs.some((ref) => !of(ref)));
    const isMine = (name: string): boolean => mayTopic(ctx, AclOperation.READ, name);
    const isKnown = (name: string): boolean =>
      isMine(name) && topicOf({ name, topicId: "" }) !== undefined;
    const known = request.topics.filter(({ name }) => isKnown(name));
    const answer = await askCoordinator<"offsetDelete">(ctx, request.groupId, {
      api: "offsetDelete",
      body: { ...request, topics: known },
    });
    if (typeof answer === "number") return { errorCode: answer, topics: [] };
    if (answer.errorCode !== ErrorCode.NONE) return { errorCode: answer.errorCode, topics: [] };
    const unknown = request.topics
      .filter(({ name }) => !isKnown(name))
      .map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          errorCode: isMine(name)
            ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            : ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        })),
      }));
    return { errorCode: ErrorCode.NONE, topics: [...answer.topics, ...unknown] };
  },
  { failure: (error) => ({ errorCode: groupErrorCode(error), topics: [] }) },
);
