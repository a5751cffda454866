/**
 * Heartbeat (key 12). A classic group's member is alive. 3 adds static membership.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const heartbeatApi = defineApi({
  key: 12,
  name: "Heartbeat",
  versions: [0, 4],
  flexible: 4,
  request: struct({
    groupId: f.string(),
    generationId: f.int32(),
    memberId: f.string(),
    groupInstanceId: f.string({ versions: "3+", nullable: "0+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "1+" }),
    errorCode: f.int16(),
  }),
});

export type HeartbeatRequest = RequestOf<typeof heartbeatApi>;
export type HeartbeatRequestInput = RequestInputOf<typeof heartbeatApi>;
export type HeartbeatResponse = ResponseOf<typeof heartbeatApi>;
export type HeartbeatResponseInput = ResponseInputOf<typeof heartbeatApi>;
