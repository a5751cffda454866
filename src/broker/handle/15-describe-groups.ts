/**
 * DescribeGroups, key 15, versions 0-6. State and members of classic groups, each group by its own
 * coordinator. A group that is not there is "Dead" (69 GROUP_ID_NOT_FOUND from 6 on).
 *
 * 3: authorized operations. 4: group instance ids. 6: error messages (KIP-1043).
 */
import type { DescribeGroupsResponseInput } from "../../protocol/api/15-describe-groups.ts";
import { describeGroupsApi } from "../../protocol/api/15-describe-groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { GROUP_OPERATIONS } from "../authorized-operations.ts";
import { askCoordinators } from "../coordinator-call.ts";
import { groupErrorCode, throwIfTooManyGroups } from "../groups.ts";
import { defineHandler } from "../handler.ts";

type Description = DescribeGroupsResponseInput["groups"][number];

export const describeGroupsHandler = defineHandler(
  describeGroupsApi,
  [0, 6],
  async (ctx, request) => {
    throwIfTooManyGroups(request.groups.length);
    const groups = await askCoordinators<"describeGroups", Description>(
      ctx,
      request.groups,
      (ids) => ({ api: "describeGroups", body: { groups: ids } }),
      (answer, groupId) => answer.groups.find((group) => group.groupId === groupId),
      failed,
    );
    if (!request.includeAuthorizedOperations) return { groups };
    return { groups: groups.map(withOperations) };
  },
  {
    failure: (error, request) => ({
      groups: request.groups.map((groupId) => failed(groupId, groupErrorCode(error))),
    }),
  },
);

function withOperations(group: Description): Description {
  const { errorCode } = group;
  return errorCode === ErrorCode.NONE
    ? { ...group, authorizedOperations: GROUP_OPERATIONS }
    : group;
}

function failed(groupId: string, errorCode: number): Description {
  return { groupId, errorCode, groupState: "", protocolType: "", protocolData: "", members: [] };
}
