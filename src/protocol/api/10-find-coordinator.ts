/**
 * FindCoordinator (key 10). Where a group or a transactional id is coordinated.
 *
 * 0 to 3 ask for one key, 4 on for many. Key type 0 is a group, 1 a transactional id, 2 a share group.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const findCoordinatorApi = defineApi({
  key: 10,
  name: "FindCoordinator",
  versions: [0, 6],
  flexible: 3,
  request: struct({
    key: f.string({ versions: "0-3" }),
    keyType: f.int8({ versions: "1+" }),
    coordinatorKeys: f.array(f.string(), { versions: "4+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "1+" }),
    errorCode: f.int16({ versions: "0-3" }),
    errorMessage: f.string({ versions: "1-3", nullable: "0-3" }),
    nodeId: f.int32({ versions: "0-3" }),
    host: f.string({ versions: "0-3" }),
    port: f.int32({ versions: "0-3" }),
    coordinators: f.array(
      struct({
        key: f.string(),
        nodeId: f.int32(),
        host: f.string(),
        port: f.int32(),
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
      }),
      { versions: "4+" },
    ),
  }),
});

export type FindCoordinatorRequest = RequestOf<typeof findCoordinatorApi>;
export type FindCoordinatorRequestInput = RequestInputOf<typeof findCoordinatorApi>;
export type FindCoordinatorResponse = ResponseOf<typeof findCoordinatorApi>;
export type FindCoordinatorResponseInput = ResponseInputOf<typeof findCoordinatorApi>;
