/**
 * DeleteGroups, key 42, versions 0-2. Groups without members, and all that they committed.
 *
 * Errors of a group: 30 without DELETE on it, 68 NON_EMPTY_GROUP, 69 GROUP_ID_NOT_FOUND, and those of its coordinator.
 */
import { deleteGroupsApi } from "../../protocol/api/42-delete-groups.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, mayGroup } from "../access.ts";
import { askCoordinators } from "../coordinator-call.ts";
import { groupErrorCode, throwIfTooManyGroups } from "../groups.ts";
import { defineHandler } from "../handler.ts";

interface Result {
  readonly groupId: string;
  readonly errorCode: number;
}

export const deleteGroupsHandler = defineHandler(
  deleteGroupsApi,
  [0, 2],
  async (ctx, { groupsNames }) => {
    throwIfTooManyGroups(groupsNames.length);
    const isMine = (groupId: string): boolean => mayGroup(ctx, AclOperation.DELETE, groupId);
    const deleted = await askCoordinators<"deleteGroups", Result>(
      ctx,
      groupsNames.filter(isMine),
      (groups) => ({ api: "deleteGroups", body: { groups } }),
      (answer, groupId) => answer.find((result) => result.groupId === groupId),
      (groupId, errorCode) => ({ groupId, errorCode }),
    );
    const refused = groupsNames.filter((groupId) => !isMine(groupId));
    const errorCode = ErrorCode.GROUP_AUTHORIZATION_FAILED;
    return { results: [...refused.map((groupId) => ({ groupId, errorCode })), ...deleted] };
  },
  {
    failure: (error, { groupsNames }) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode: groupErrorCode(error) })),
    }),
  },
);
