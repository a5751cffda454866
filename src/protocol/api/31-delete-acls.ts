/**
 * DeleteAcls (key 31). Deletes access rules that match filters.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const deleteAclsApi = defineApi({
  key: 31,
  name: "DeleteAcls",
  versions: [1, 3],
  flexible: 2,
  request: struct({
    filters: f.array(
      struct({
        resourceTypeFilter: f.int8(),
        resourceNameFilter: f.string({ nullable: "0+" }),
        patternTypeFilter: f.int8({ default: 3 }),
        principalFilter: f.string({ nullable: "0+" }),
        hostFilter: f.string({ nullable: "0+" }),
        operation: f.int8(),
        permissionType: f.int8(),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    filterResults: f.array(
      struct({
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
        matchingAcls: f.array(
          struct({
            errorCode: f.int16(),
            errorMessage: f.string({ nullable: "0+" }),
            resourceType: f.int8(),
            resourceName: f.string(),
            patternType: f.int8({ default: 3 }),
            principal: f.string(),
            host: f.string(),
            operation: f.int8(),
            permissionType: f.int8(),
          }),
        ),
      }),
    ),
  }),
});

export type DeleteAclsRequest = RequestOf<typeof deleteAclsApi>;
export type DeleteAclsRequestInput = RequestInputOf<typeof deleteAclsApi>;
export type DeleteAclsResponse = ResponseOf<typeof deleteAclsApi>;
export type DeleteAclsResponseInput = ResponseInputOf<typeof deleteAclsApi>;
