/**
 * Metadata (key 3). Brokers, topics, leaders.
 *
 * Null topics means all (1+); in version 0 the empty array does. 4 lets a client forbid automatic
 * creation, 7 adds leader epochs, 10 topic ids, 12 asks by id alone, 13 has a top-level error.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const metadataApi = defineApi({
  key: 3,
  name: "Metadata",
  versions: [0, 13],
  flexible: 9,
  request: struct({
    topics: f.array(
      struct({
        topicId: f.uuid({ versions: "10+" }),
        name: f.string({ nullable: "10+" }),
      }),
      { nullable: "1+" },
    ),
    allowAutoTopicCreation: f.bool({ versions: "4+", default: true }),
    includeClusterAuthorizedOperations: f.bool({ versions: "8-10" }),
    includeTopicAuthorizedOperations: f.bool({ versions: "8+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "3+" }),
    brokers: f.array(
      struct({
        nodeId: f.int32(),
        host: f.string(),
        port: f.int32(),
        rack: f.string({ versions: "1+", nullable: "0+" }),
      }),
    ),
    clusterId: f.string({ versions: "2+", nullable: "0+" }),
    controllerId: f.int32({ versions: "1+", default: -1 }),
    topics: f.array(
      struct({
        errorCode: f.int16(),
        name: f.string({ nullable: "12+" }),
        topicId: f.uuid({ versions: "10+" }),
        isInternal: f.bool({ versions: "1+" }),
        partitions: f.array(
          struct({
            errorCode: f.int16(),
            partitionIndex: f.int32(),
            leaderId: f.int32(),
            leaderEpoch: f.int32({ versions: "7+", default: -1 }),
            replicaNodes: f.array(f.int32()),
            isrNodes: f.array(f.int32()),
            offlineReplicas: f.array(f.int32(), { versions: "5+" }),
          }),
        ),
        topicAuthorizedOperations: f.int32({ versions: "8+", default: -2147483648 }),
      }),
    ),
    clusterAuthorizedOperations: f.int32({ versions: "8-10", default: -2147483648 }),
    errorCode: f.int16({ versions: "13+" }),
  }),
});

export type MetadataRequest = RequestOf<typeof metadataApi>;
export type MetadataRequestInput = RequestInputOf<typeof metadataApi>;
export type MetadataResponse = ResponseOf<typeof metadataApi>;
export type MetadataResponseInput = ResponseInputOf<typeof metadataApi>;
