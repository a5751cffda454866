/**
 * ConsumerGroupHeartbeat (key 68). The consumer group protocol's only request for members (KIP-848).
 *
 * Member epoch 0 joins, -1 leaves, -2 leaves for a while (static members). 1 adds regular
 * expressions and client-made member ids. A null field has not changed since the last heartbeat.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

const topicPartitions = struct({
  topicId: f.uuid(),
  partitions: f.array(f.int32()),
});

export const consumerGroupHeartbeatApi = defineApi({
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: [0, 1],
  flexible: 0,
  request: struct({
    groupId: f.string(),
    memberId: f.string(),
    memberEpoch: f.int32(),
    instanceId: f.string({ nullable: "0+" }),
    rackId: f.string({ nullable: "0+" }),
    rebalanceTimeoutMs: f.int32({ default: -1 }),
    subscribedTopicNames: f.array(f.string(), { nullable: "0+" }),
    subscribedTopicRegex: f.string({ versions: "1+", nullable: "0+" }),
    serverAssignor: f.string({ nullable: "0+" }),
    topicPartitions: f.array(
      struct({
        topicId: f.uuid(),
        partitions: f.array(f.int32()),
      }),
      { nullable: "0+" },
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    memberId: f.string({ nullable: "0+" }),
    memberEpoch: f.int32(),
    heartbeatIntervalMs: f.int32(),
    assignment: f.struct(
      struct({
        topicPartitions: f.array(topicPartitions),
      }),
      { nullable: "0+" },
    ),
  }),
});

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeatApi>;
export type ConsumerGroupHeartbeatRequestInput = RequestInputOf<typeof consumerGroupHeartbeatApi>;
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeatApi>;
export type ConsumerGroupHeartbeatResponseInput = ResponseInputOf<typeof consumerGroupHeartbeatApi>;
