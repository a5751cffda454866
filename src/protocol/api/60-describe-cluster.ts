/**
 * DescribeCluster (key 60). Brokers and controller, without topics.
 *
 * 1 asks for brokers or controllers (KIP-919), 2 includes fenced brokers.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeClusterApi = defineApi({
  key: 60,
  name: "DescribeCluster",
  versions: [0, 2],
  flexible: 0,
  request: struct({
    includeClusterAuthorizedOperations: f.bool(),
    endpointType: f.int8({ versions: "1+", default: 1 }),
    includeFencedBrokers: f.bool({ versions: "2+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    endpointType: f.int8({ versions: "1+", default: 1 }),
    clusterId: f.string(),
    controllerId: f.int32({ default: -1 }),
    brokers: f.array(
      struct({
        brokerId: f.int32(),
        host: f.string(),
        port: f.int32(),
        rack: f.string({ nullable: "0+" }),
        isFenced: f.bool({ versions: "2+" }),
      }),
    ),
    clusterAuthorizedOperations: f.int32({ default: -2147483648 }),
  }),
});

export type DescribeClusterRequest = RequestOf<typeof describeClusterApi>;
export type DescribeClusterRequestInput = RequestInputOf<typeof describeClusterApi>;
export type DescribeClusterResponse = ResponseOf<typeof describeClusterApi>;
export type DescribeClusterResponseInput = ResponseInputOf<typeof describeClusterApi>;
