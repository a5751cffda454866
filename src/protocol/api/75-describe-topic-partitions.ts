/**
 * DescribeTopicPartitions (key 75). Topics with their partitions, in pages (KIP-966).
 *
 * A page ends at a cursor, from which the next request goes on.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeTopicPartitionsApi = defineApi({
  key: 75,
  name: "DescribeTopicPartitions",
  versions: [0, 0],
  flexible: 0,
  request: struct({
    topics: f.array(
      struct({
        name: f.string(),
      }),
    ),
    responsePartitionLimit: f.int32({ default: 2000 }),
    cursor: f.struct(
      struct({
        topicName: f.string(),
        partitionIndex: f.int32(),
      }),
      { nullable: "0+" },
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    topics: f.array(
      struct({
        errorCode: f.int16(),
        name: f.string({ nullable: "0+" }),
        topicId: f.uuid(),
        isInternal: f.bool({ default: false }),
        partitions: f.array(
          struct({
            errorCode: f.int16(),
            partitionIndex: f.int32(),
            leaderId: f.int32(),
            leaderEpoch: f.int32({ default: -1 }),
            replicaNodes: f.array(f.int32()),
            isrNodes: f.array(f.int32()),
            eligibleLeaderReplicas: f.array(f.int32(), { nullable: "0+" }),
            lastKnownElr: f.array(f.int32(), { nullable: "0+" }),
            offlineReplicas: f.array(f.int32()),
          }),
        ),
        topicAuthorizedOperations: f.int32({ default: -2147483648 }),
      }),
    ),
    nextCursor: f.struct(
      struct({
        topicName: f.string(),
        partitionIndex: f.int32(),
      }),
      { nullable: "0+" },
    ),
  }),
});

export type DescribeTopicPartitionsRequest = RequestOf<typeof describeTopicPartitionsApi>;
export type DescribeTopicPartitionsRequestInput = RequestInputOf<typeof describeTopicPartitionsApi>;
export type DescribeTopicPartitionsResponse = ResponseOf<typeof describeTopicPartitionsApi>;
export type DescribeTopicPartitionsResponseInput = ResponseInputOf<
  typeof describeTopicPartitionsApi
>;
