/**
 * ConsumerGroupDescribe, key 69, versions 0-1. State and members of consumer groups (KIP-848), each
 * group by its own coordinator. 69 GROUP_ID_NOT_FOUND for one that is not there or is a classic group.
 *
 * 1: the type of each member.
 */
import type { ConsumerGroupDescribeResponseInput } from "../../protocol/api/69-consumer-group-describe.ts";
import { consumerGroupDescribeApi } from "../../protocol/api/69-consumer-group-describe.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { GROUP_OPERATIONS } from "../authorized-operations.ts";
import { askCoordinators } from "../coordinator-call.ts";
import { groupErrorCode, throwIfTooManyGroups } from "../groups.ts";
import { defineHandler } from "../handler.ts";

type Description = ConsumerGroupDescribeResponseInput["groups"][number];

export const consumerGroupDescribeHandler = defineHandler(
  consumerGroupDescribeApi,
  [0, 1],
  async (ctx, request) => {
    throwIfTooManyGroups(request.groupIds.length);
    const groups = await askCoordinators<"consumerGroupDescribe", Description>(
      ctx,
      request.groupIds,
      (ids) => ({ api: "consumerGroupDescribe", body: { groups: ids } }),
      (answer, groupId) => answer.groups.find((group) => group.groupId === groupId),
      (groupId, errorCode) => failed(groupId, errorCode, null),
    );
    if (!request.includeAuthorizedOperations) return { groups };
    return { groups: groups.map(withOperations) };
  },
  {
    failure: (error, request) => ({
      groups: request.groupIds.map((id) => failed(id, groupErrorCode(error), error.message)),
    }),
  },
);

function withOperations(group: Description): Description {
  const { errorCode } = group;
  return errorCode === ErrorCode.NONE
    ? { ...group, authorizedOperations: GROUP_OPERATIONS }
    : group;
}

function failed(groupId: string, errorCode: number, errorMessage: string | null): Description {
  return {
    ...{ groupId, errorCode, errorMessage, groupState: "", assignorName: "" },
    ...{ groupEpoch: 0, assignmentEpoch: 0, members: [] },
  };
}
