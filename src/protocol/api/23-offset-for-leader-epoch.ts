/**
 * OffsetForLeaderEpoch (key 23). Where a leader epoch ended: how followers and consumers find a divergence (KIP-101, KIP-320).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const offsetForLeaderEpochApi = defineApi({
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [2, 4],
  flexible: 4,
  request: struct({
    replicaId: f.int32({ versions: "3+", default: -2 }),
    topics: f.array(
      struct({
        topic: f.string(),
        partitions: f.array(
          struct({
            partition: f.int32(),
            currentLeaderEpoch: f.int32({ default: -1 }),
            leaderEpoch: f.int32(),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    topics: f.array(
      struct({
        topic: f.string(),
        partitions: f.array(
          struct({
            errorCode: f.int16(),
            partition: f.int32(),
            leaderEpoch: f.int32({ default: -1 }),
            endOffset: f.int64({ default: -1 }),
          }),
        ),
      }),
    ),
  }),
});

export type OffsetForLeaderEpochRequest = RequestOf<typeof offsetForLeaderEpochApi>;
export type OffsetForLeaderEpochRequestInput = RequestInputOf<typeof offsetForLeaderEpochApi>;
export type OffsetForLeaderEpochResponse = ResponseOf<typeof offsetForLeaderEpochApi>;
export type OffsetForLeaderEpochResponseInput = ResponseInputOf<typeof offsetForLeaderEpochApi>;
