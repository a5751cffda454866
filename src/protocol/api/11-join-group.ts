/**
 * JoinGroup (key 11). A member enters a classic group or a rebalance.
 *
 * 4 demands a member id first (KIP-394), 5 adds static membership, 7 names the protocol type, 8 a
 * reason (KIP-800), 9 lets a static leader skip the assignment.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const joinGroupApi = defineApi({
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexible: 6,
  request: struct({
    groupId: f.string(),
    sessionTimeoutMs: f.int32(),
    rebalanceTimeoutMs: f.int32({ versions: "1+", default: -1 }),
    memberId: f.string(),
    groupInstanceId: f.string({ versions: "5+", nullable: "0+" }),
    protocolType: f.string(),
    protocols: f.array(
      struct({
        name: f.string(),
        metadata: f.bytes(),
      }),
    ),
    reason: f.string({ versions: "8+", nullable: "0+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "2+" }),
    errorCode: f.int16(),
    generationId: f.int32({ default: -1 }),
    protocolType: f.string({ versions: "7+", nullable: "0+" }),
    protocolName: f.string({ nullable: "7+" }),
    leader: f.string(),
    skipAssignment: f.bool({ versions: "9+" }),
    memberId: f.string(),
    members: f.array(
      struct({
        memberId: f.string(),
        groupInstanceId: f.string({ versions: "5+", nullable: "0+" }),
        metadata: f.bytes(),
      }),
    ),
  }),
});

export type JoinGroupRequest = RequestOf<typeof joinGroupApi>;
export type JoinGroupRequestInput = RequestInputOf<typeof joinGroupApi>;
export type JoinGroupResponse = ResponseOf<typeof joinGroupApi>;
export type JoinGroupResponseInput = ResponseInputOf<typeof joinGroupApi>;
