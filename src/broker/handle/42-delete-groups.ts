/**
 * DeleteGroups, key 42, versions 0-2. Groups without members, and all that they committed.
 *
 * Errors of a group: 68 NON_EMPTY_GROUP, 69 GROUP_ID_NOT_FOUND, and those of its coordinator.
 */
import { deleteGroupsApi } from "../../protocol/api/42-delete-groups.ts";
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
    const results = await askCoordinators<"deleteGroups", Result>(
      ctx,
      groupsNames,
      (groups) => ({ api: "deleteGroups", body: { groups } }),
      (answer, groupId) => answer.find((result) => result.groupId === groupId),
      (groupId, errorCode) => ({ groupId, errorCode }),
    );
    return { results };
  },
  {
    failure: (error, { groupsNames }) => ({
      results: groupsNames.map((groupId) => ({ groupId, errorCode: groupErrorCode(error) })),
    }),
  },
);
