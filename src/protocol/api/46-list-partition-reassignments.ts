/**
 * ListPartitionReassignments (key 46). Moves of replicas that are under way (KIP-455).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const listPartitionReassignmentsApi = defineApi({
  key: 46,
  name: "ListPartitionReassignments",
  versions: [0, 0],
  flexible: 0,
  request: struct({
    timeoutMs: f.int32({ default: 60000 }),
    topics: f.array(
      struct({
        name: f.string(),
        partitionIndexes: f.array(f.int32()),
      }),
      { nullable: "0+" },
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            replicas: f.array(f.int32()),
            addingReplicas: f.array(f.int32()),
            removingReplicas: f.array(f.int32()),
          }),
        ),
      }),
    ),
  }),
});

export type ListPartitionReassignmentsRequest = RequestOf<typeof listPartitionReassignmentsApi>;
export type ListPartitionReassignmentsRequestInput = RequestInputOf<
  typeof listPartitionReassignmentsApi
>;
export type ListPartitionReassignmentsResponse = ResponseOf<typeof listPartitionReassignmentsApi>;
export type ListPartitionReassignmentsResponseInput = ResponseInputOf<
  typeof listPartitionReassignmentsApi
>;
