/**
 * DeleteGroups (key 42). Deletes empty groups.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const deleteGroupsApi = defineApi({
  key: 42,
  name: "DeleteGroups",
  versions: [0, 2],
  flexible: 2,
  request: struct({
    groupsNames: f.array(f.string()),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    results: f.array(
      struct({
        groupId: f.string(),
        errorCode: f.int16(),
      }),
    ),
  }),
});

export type DeleteGroupsRequest = RequestOf<typeof deleteGroupsApi>;
export type DeleteGroupsRequestInput = RequestInputOf<typeof deleteGroupsApi>;
export type DeleteGroupsResponse = ResponseOf<typeof deleteGroupsApi>;
export type DeleteGroupsResponseInput = ResponseInputOf<typeof deleteGroupsApi>;
