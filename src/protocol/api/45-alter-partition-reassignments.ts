/**
 * AlterPartitionReassignments (key 45). Moves replicas of partitions (KIP-455). 1 may forbid a change of the replication factor.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const alterPartitionReassignmentsApi = defineApi({
  key: 45,
  name: "AlterPartitionReassignments",
  versions: [0, 1],
  flexible: 0,
  request: struct({
    timeoutMs: f.int32({ default: 60000 }),
    allowReplicationFactorChange: f.bool({ versions: "1+", default: true }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            replicas: f.array(f.int32(), { nullable: "0+" }),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    allowReplicationFactorChange: f.bool({ versions: "1+", default: true }),
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    responses: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            errorCode: f.int16(),
            errorMessage: f.string({ nullable: "0+" }),
          }),
        ),
      }),
    ),
  }),
});

export type AlterPartitionReassignmentsRequest = RequestOf<typeof alterPartitionReassignmentsApi>;
export type AlterPartitionReassignmentsRequestInput = RequestInputOf<
  typeof alterPartitionReassignmentsApi
>;
export type AlterPartitionReassignmentsResponse = ResponseOf<typeof alterPartitionReassignmentsApi>;
export type AlterPartitionReassignmentsResponseInput = ResponseInputOf<
  typeof alterPartitionReassignmentsApi
>;
