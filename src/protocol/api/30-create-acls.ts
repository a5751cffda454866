/**
 * CreateAcls (key 30). New access rules.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const createAclsApi = defineApi({
  key: 30,
  name: "CreateAcls",
  versions: [1, 3],
  flexible: 2,
  request: struct({
    creations: f.array(
      struct({
        resourceType: f.int8(),
        resourceName: f.string(),
        resourcePatternType: f.int8({ default: 3 }),
        principal: f.string(),
        host: f.string(),
        operation: f.int8(),
        permissionType: f.int8(),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    results: f.array(
      struct({
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
      }),
    ),
  }),
});

export type CreateAclsRequest = RequestOf<typeof createAclsApi>;
export type CreateAclsRequestInput = RequestInputOf<typeof createAclsApi>;
export type CreateAclsResponse = ResponseOf<typeof createAclsApi>;
export type CreateAclsResponseInput = ResponseInputOf<typeof createAclsApi>;
