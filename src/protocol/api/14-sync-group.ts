/**
 * SyncGroup (key 14). The leader's assignment goes out to a classic group's members.
 *
 * 3 adds static membership, 5 the protocol type and name (KIP-559).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const syncGroupApi = defineApi({
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexible: 4,
  request: struct({
    groupId: f.string(),
    generationId: f.int32(),
    memberId: f.string(),
    groupInstanceId: f.string({ versions: "3+", nullable: "0+" }),
    protocolType: f.string({ versions: "5+", nullable: "0+" }),
    protocolName: f.string({ versions: "5+", nullable: "0+" }),
    assignments: f.array(
      struct({
        memberId: f.string(),
        assignment: f.bytes(),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "1+" }),
    errorCode: f.int16(),
    protocolType: f.string({ versions: "5+", nullable: "0+" }),
    protocolName: f.string({ versions: "5+", nullable: "0+" }),
    assignment: f.bytes(),
  }),
});

export type SyncGroupRequest = RequestOf<typeof syncGroupApi>;
export type SyncGroupRequestInput = RequestInputOf<typeof syncGroupApi>;
export type SyncGroupResponse = ResponseOf<typeof syncGroupApi>;
export type SyncGroupResponseInput = ResponseInputOf<typeof syncGroupApi>;
