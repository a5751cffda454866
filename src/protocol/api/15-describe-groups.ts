/**
 * DescribeGroups (key 15). State and members of classic groups.
 *
 * 3 adds authorized operations, 4 static membership, 6 an error message (KIP-1043).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeGroupsApi = defineApi({
  key: 15,
  name: "DescribeGroups",
  versions: [0, 6],
  flexible: 5,
  request: struct({
    groups: f.array(f.string()),
    includeAuthorizedOperations: f.bool({ versions: "3+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "1+" }),
    groups: f.array(
      struct({
        errorCode: f.int16(),
        errorMessage: f.string({ versions: "6+", nullable: "0+" }),
        groupId: f.string(),
        groupState: f.string(),
        protocolType: f.string(),
        protocolData: f.string(),
        members: f.array(
          struct({
            memberId: f.string(),
            groupInstanceId: f.string({ versions: "4+", nullable: "0+" }),
            clientId: f.string(),
            clientHost: f.string(),
            memberMetadata: f.bytes(),
            memberAssignment: f.bytes(),
          }),
        ),
        authorizedOperations: f.int32({ versions: "3+", default: -2147483648 }),
      }),
    ),
  }),
});

export type DescribeGroupsRequest = RequestOf<typeof describeGroupsApi>;
export type DescribeGroupsRequestInput = RequestInputOf<typeof describeGroupsApi>;
export type DescribeGroupsResponse = ResponseOf<typeof describeGroupsApi>;
export type DescribeGroupsResponseInput = ResponseInputOf<typeof describeGroupsApi>;
