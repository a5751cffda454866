/**
 * DescribeProducers (key 61). Idempotent and transactional producers active on partitions (KIP-664).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeProducersApi = defineApi({
  key: 61,
  name: "DescribeProducers",
  versions: [0, 0],
  flexible: 0,
  request: struct({
    topics: f.array(
      struct({
        name: f.string(),
        partitionIndexes: f.array(f.int32()),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            errorCode: f.int16(),
            errorMessage: f.string({ nullable: "0+" }),
            activeProducers: f.array(
              struct({
                producerId: f.int64(),
                producerEpoch: f.int32(),
                lastSequence: f.int32({ default: -1 }),
                lastTimestamp: f.int64({ default: -1 }),
                coordinatorEpoch: f.int32(),
                currentTxnStartOffset: f.int64({ default: -1 }),
              }),
            ),
          }),
        ),
      }),
    ),
  }),
});

export type DescribeProducersRequest = RequestOf<typeof describeProducersApi>;
export type DescribeProducersRequestInput = RequestInputOf<typeof describeProducersApi>;
export type DescribeProducersResponse = ResponseOf<typeof describeProducersApi>;
export type DescribeProducersResponseInput = ResponseInputOf<typeof describeProducersApi>;
