/**
 * OffsetDelete (key 47). Forgets committed offsets of a group (KIP-496). Never flexible.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const offsetDeleteApi = defineApi({
  key: 47,
  name: "OffsetDelete",
  versions: [0, 0],
  request: struct({
    groupId: f.string(),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    errorCode: f.int16(),
    throttleTimeMs: f.int32({ default: 0 }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            errorCode: f.int16(),
          }),
        ),
      }),
    ),
  }),
});

export type OffsetDeleteRequest = RequestOf<typeof offsetDeleteApi>;
export type OffsetDeleteRequestInput = RequestInputOf<typeof offsetDeleteApi>;
export type OffsetDeleteResponse = ResponseOf<typeof offsetDeleteApi>;
export type OffsetDeleteResponseInput = ResponseInputOf<typeof offsetDeleteApi>;
