/**
 * ListGroups (key 16). Groups that this broker coordinates. 4 filters by state (KIP-518), 5 by type (KIP-848).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const listGroupsApi = defineApi({
  key: 16,
  name: "ListGroups",
  versions: [0, 5],
  flexible: 3,
  request: struct({
    statesFilter: f.array(f.string(), { versions: "4+" }),
    typesFilter: f.array(f.string(), { versions: "5+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "1+" }),
    errorCode: f.int16(),
    groups: f.array(
      struct({
        groupId: f.string(),
        protocolType: f.string(),
        groupState: f.string({ versions: "4+" }),
        groupType: f.string({ versions: "5+" }),
      }),
    ),
  }),
});

export type ListGroupsRequest = RequestOf<typeof listGroupsApi>;
export type ListGroupsRequestInput = RequestInputOf<typeof listGroupsApi>;
export type ListGroupsResponse = ResponseOf<typeof listGroupsApi>;
export type ListGroupsResponseInput = ResponseInputOf<typeof listGroupsApi>;
