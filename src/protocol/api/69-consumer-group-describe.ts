/**
 * ConsumerGroupDescribe (key 69). State and members of consumer groups (KIP-848). 1 adds the member's type.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

const topicPartitions = struct({
  topicId: f.uuid(),
  topicName: f.string(),
  partitions: f.array(f.int32()),
});

const assignment = struct({
  topicPartitions: f.array(topicPartitions),
});

export const consumerGroupDescribeApi = defineApi({
  key: 69,
  name: "ConsumerGroupDescribe",
  versions: [0, 1],
  flexible: 0,
  request: struct({
    groupIds: f.array(f.string()),
    includeAuthorizedOperations: f.bool(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    groups: f.array(
      struct({
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
        groupId: f.string(),
        groupState: f.string(),
        groupEpoch: f.int32(),
        assignmentEpoch: f.int32(),
        assignorName: f.string(),
        members: f.array(
          struct({
            memberId: f.string(),
            instanceId: f.string({ nullable: "0+" }),
            rackId: f.string({ nullable: "0+" }),
            memberEpoch: f.int32(),
            clientId: f.string(),
            clientHost: f.string(),
            subscribedTopicNames: f.array(f.string()),
            subscribedTopicRegex: f.string({ nullable: "0+" }),
            assignment: f.struct(assignment),
            targetAssignment: f.struct(assignment),
            memberType: f.int8({ versions: "1+", default: -1 }),
          }),
        ),
        authorizedOperations: f.int32({ default: -2147483648 }),
      }),
    ),
  }),
});

export type ConsumerGroupDescribeRequest = RequestOf<typeof consumerGroupDescribeApi>;
export type ConsumerGroupDescribeRequestInput = RequestInputOf<typeof consumerGroupDescribeApi>;
export type ConsumerGroupDescribeResponse = ResponseOf<typeof consumerGroupDescribeApi>;
export type ConsumerGroupDescribeResponseInput = ResponseInputOf<typeof consumerGroupDescribeApi>;
