/**
 * ListOffsets (key 2). Offsets by timestamp.
 *
 * Timestamps below zero are questions of their own: -1 latest, -2 earliest, -3 (7+) the largest
 * timestamp, -4 (8+) earliest local, -5 (9+) latest tiered, -6 (11+) earliest not yet uploaded.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const listOffsetsApi = defineApi({
  key: 2,
  name: "ListOffsets",
  versions: [1, 11],
  flexible: 6,
  request: struct({
    replicaId: f.int32(),
    isolationLevel: f.int8({ versions: "2+" }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            currentLeaderEpoch: f.int32({ versions: "4+", default: -1 }),
            timestamp: f.int64(),
          }),
        ),
      }),
    ),
    timeoutMs: f.int32({ versions: "10+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "2+" }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            errorCode: f.int16(),
            timestamp: f.int64({ default: -1 }),
            offset: f.int64({ default: -1 }),
            leaderEpoch: f.int32({ versions: "4+", default: -1 }),
          }),
        ),
      }),
    ),
  }),
});

export type ListOffsetsRequest = RequestOf<typeof listOffsetsApi>;
export type ListOffsetsRequestInput = RequestInputOf<typeof listOffsetsApi>;
export type ListOffsetsResponse = ResponseOf<typeof listOffsetsApi>;
export type ListOffsetsResponseInput = ResponseInputOf<typeof listOffsetsApi>;
