/**
 * DescribeGroups, key 15, versions 0-6. State and members of classic groups, each group by its own
 * coordinator. Needs DESCRIBE on each (30). A group that is not there is "Dead" (69 GROUP_ID_NOT_FOUND from 6 on).
 *
 * 3: authorized operations. 4: group instance ids. 6: error messages (KIP-1043).
 */
import type { DescribeGroupsResponseInput } from "../../protocol/api/15-describe-groups.ts";
import { describeGroupsApi } from "../../protocol/api/15-describe-groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, mayGroup } from "../access.ts";
import { groupOperations } from "../authorized-operations.ts";
import type { RequestContext } from "../context.ts";
import { askCoordinators } from "../coordinator-call.ts";
import { groupErrorCode, throwIfTooManyGroups } from "../groups.ts";
import { defineHandler } from "../handler.ts";

type Description = DescribeGroupsResponseInput["groups"][number];

export const describeGroupsHandler = defineHandler(
  describeGroupsApi,
  [0, 6],
  async (ctx, request) => {
    throwIfTooManyGroups(request.groups.length);
    const isShown = (groupId: string): boolean => mayGroup(ctx, AclOperation.DESCRIBE, groupId);
    const described = await askCoordinators<"describeGroups", Description>(
      ctx,
      request.groups.filter(isShown),
      (ids) => ({ api: "describeGroups", body: { groups: ids } }),
      (answer, groupId) => answer.groups.find((group) => group.groupId === groupId),
      failed,
    );
    const refused = request.groups.filter((groupId) => !isShown(groupId));
    const groups = [
      ...refused.map((groupId) => failed(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED)),
      ...described,
    ];
    if (!request.includeAuthorizedOperations) return { groups };
    return { groups: groups.map((group) => withOperations(ctx, group)) };
  },
  {
    failure: (error, request) => ({
      groups: request.groups.map((groupId) => failed(groupId, groupErrorCode(error))),
    }),
  },
);

function withOperations(ctx: RequestContext, group: Description): Description {
  const { errorCode, groupId } = group;
  return errorCode === ErrorCode.NONE
    ? { ...group, authorizedOperations: groupOperations(ctx, groupId) }
    : group;
}

function failed(groupId: string, errorCode: number): Description {
  return { groupId, errorCode, groupState: "", protocolType: "", protocolData: "", members: [] };
}
