/**
 * DescribeAcls (key 29). Access rules that match a filter. 2 is flexible, 3 adds the resource type user.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeAclsApi = defineApi({
  key: 29,
  name: "DescribeAcls",
  versions: [1, 3],
  flexible: 2,
  request: struct({
    resourceTypeFilter: f.int8(),
    resourceNameFilter: f.string({ nullable: "0+" }),
    patternTypeFilter: f.int8({ default: 3 }),
    principalFilter: f.string({ nullable: "0+" }),
    hostFilter: f.string({ nullable: "0+" }),
    operation: f.int8(),
    permissionType: f.int8(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    resources: f.array(
      struct({
        resourceType: f.int8(),
        resourceName: f.string(),
        patternType: f.int8({ default: 3 }),
        acls: f.array(
          struct({
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

export type DescribeAclsRequest = RequestOf<typeof describeAclsApi>;
export type DescribeAclsRequestInput = RequestInputOf<typeof describeAclsApi>;
export type DescribeAclsResponse = ResponseOf<typeof describeAclsApi>;
export type DescribeAclsResponseInput = ResponseInputOf<typeof describeAclsApi>;
