/**
 * ConsumerGroupDescribe, key 69, versions 0-1. State and members of consumer groups (KIP-848), each
 * group by its own coordinator. 69 GROUP_ID_NOT_FOUND for one that is not there or is a classic group.
 *
 * Needs DESCRIBE on the group (30) and on the topics that its members read (29 of the group).
 *
 * 1: the type of each member.
 */
import type { ConsumerGroupDescribeResponseInput } from "../../protocol/api/69-consumer-group-describe.ts";
import { consumerGroupDescribeApi } from "../../protocol/api/69-consumer-group-describe.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, mayGroup, mayTopic } from "../access.ts";
import { groupOperations } from "../authorized-operations.ts";
import type { RequestContext } from "../context.ts";
import { askCoordinators } from "../coordinator-call.ts";
import { groupErrorCode, throwIfTooManyGroups } from "../groups.ts";
import { defineHandler } from "../handler.ts";

type Description = ConsumerGroupDescribeResponseInput["groups"][number];

export const consumerGroupDescribeHandler = defineHandler(
  consumerGroupDescribeApi,
  [0, 1],
  async (ctx, request) => {
    throwIfTooManyGroups(request.groupIds.length);
    const isShown = (groupId: string): boolean => mayGroup(ctx, AclOperation.DESCRIBE, groupId);
    const described = await askCoordinators<"consumerGroupDescribe", Description>(
      ctx,
      request.groupIds.filter(isShown),
      (ids) => ({ api: "consumerGroupDescribe", body: { groups: ids } }),
      (answer, groupId) => answer.groups.find((group) => group.groupId === groupId),
      (groupId, errorCode) => failed(groupId, errorCode, null),
    );
    const refused = request.groupIds.filter((groupId) => !isShown(groupId));
    const groups = [
      ...refused.map((id) => failed(id, ErrorCode.GROUP_AUTHORIZATION_FAILED, null)),
      ...described.map((group) => withoutHiddenTopics(ctx, group)),
    ];
    if (!request.includeAuthorizedOperations) return { groups };
    return { groups: groups.map((group) => withOperations(ctx, group)) };
  },
  {
    failure: (error, request) => ({
      groups: request.groupIds.map((id) => failed(id, groupErrorCode(error), error.message)),
    }),
  },
);

/** A group that reads a topic which the caller may not describe is not shown (KIP-848). */
function withoutHiddenTopics(ctx: RequestContext, group: Description): Description {
  const assigned = group.members.flatMap(({ assignment, targetAssignment }) => [
    ...assignment.topicPartitions,
    ...targetAssignment.topicPartitions,
  ]);
  if (assigned.every(({ topicName }) => mayTopic(ctx, AclOperation.DESCRIBE, topicName))) {
    return group;
  }
  const text = "The group has described topic(s) that the client is not authorized to describe.";
  return failed(group.groupId, ErrorCode.TOPIC_AUTHORIZATION_FAILED, text);
}

function withOperations(ctx: RequestContext, group: Description): Description {
  const { errorCode, groupId } = group;
  return errorCode === ErrorCode.NONE
    ? { ...group, authorizedOperations: groupOperations(ctx, groupId) }
    : group;
}

function failed(groupId: string, errorCode: number, errorMessage: string | null): Description {
  return {
    ...{ groupId, errorCode, errorMessage, groupState: "", assignorName: "" },
    ...{ groupEpoch: 0, assignmentEpoch: 0, members: [] },
  };
}
