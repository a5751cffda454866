/**
 * ConsumerGroupHeartbeat, key 68, versions 0-1. All that a member of a consumer group says (KIP-848):
 * it joins, lives, changes its subscription, takes over partitions, leaves.
 *
 * Needs READ on the group (30) and DESCRIBE on each topic subscribed to by name (29).
 *
 * 1: subscriptions by regular expression, and member ids that the member makes itself.
 *
 * Not done: of the topics that a pattern matches, those without DESCRIBE are assigned too, by their ids;
 * they cannot be read without READ.
 */
import { GROUP_MEMBER_METADATA_BYTES_MAX } from "../../constants.ts";
import type { ConsumerGroupHeartbeatRequest } from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { consumerGroupHeartbeatApi } from "../../protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessGroup, throwUnlessTopic } from "../access.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";

export const consumerGroupHeartbeatHandler = defineHandler(
  consumerGroupHeartbeatApi,
  [0, 1],
  async (ctx, request) => {
    throwUnlessGroup(ctx, AclOperation.READ, request.groupId);
    throwIfTooLarge(request);
    for (const name of request.subscribedTopicNames ?? []) {
      throwUnlessTopic(ctx, AclOperation.DESCRIBE, name);
    }
    const answer = await askCoordinator<"consumerGroupHeartbeat">(ctx, request.groupId, {
      api: "consumerGroupHeartbeat",
      body: request,
    });
    return typeof answer === "number" ? failed(answer, null) : answer;
  },
  { failure: (error) => failed(groupErrorCode(error), error.message) },
);

function throwIfTooLarge(request: ConsumerGroupHeartbeatRequest): void {
  const { subscribedTopicNames, subscribedTopicRegex, topicPartitions } = request;
  const names = (subscribedTopicNames ?? []).reduce((sum, name) => sum + name.length, 0);
  const owned = (topicPartitions ?? []).reduce(
    (sum, { partitions }) => sum + 16 + 4 * partitions.length,
    0,
  );
  const bytes = names + (subscribedTopicRegex?.length ?? 0) + owned;
  if (bytes <= GROUP_MEMBER_METADATA_BYTES_MAX) return;
  const text = `The member's subscription and partitions have ${bytes} bytes; at most ${GROUP_MEMBER_METADATA_BYTES_MAX} are taken.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

function failed(errorCode: number, errorMessage: string | null) {
  return {
    ...{ errorCode, errorMessage, memberId: null, memberEpoch: 0 },
    ...{ heartbeatIntervalMs: 0, assignment: null },
  };
}
