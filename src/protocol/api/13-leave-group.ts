/**
 * LeaveGroup (key 13). Members leave a classic group.
 *
 * 0 to 2 name one member, 3 on many, by member id or group instance id (KIP-345); 5 adds a reason.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const leaveGroupApi = defineApi({
  key: 13,
  name: "LeaveGroup",
  versions: [0, 5],
  flexible: 4,
  request: struct({
    groupId: f.string(),
    memberId: f.string({ versions: "0-2" }),
    members: f.array(
      struct({
        memberId: f.string(),
        groupInstanceId: f.string({ nullable: "0+" }),
        reason: f.string({ versions: "5+", nullable: "0+" }),
      }),
      { versions: "3+" },
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "1+" }),
    errorCode: f.int16(),
    members: f.array(
      struct({
        memberId: f.string(),
        groupInstanceId: f.string({ nullable: "0+" }),
        errorCode: f.int16(),
      }),
      { versions: "3+" },
    ),
  }),
});

export type LeaveGroupRequest = RequestOf<typeof leaveGroupApi>;
export type LeaveGroupRequestInput = RequestInputOf<typeof leaveGroupApi>;
export type LeaveGroupResponse = ResponseOf<typeof leaveGroupApi>;
export type LeaveGroupResponseInput = ResponseInputOf<typeof leaveGroupApi>;
