/**
 * OffsetCommit (key 8). Offsets that a group has read up to.
 *
 * 2 to 4 carry a retention time, 6 a leader epoch, 7 the static member, 9 serves the consumer
 * protocol (KIP-848), 10 names topics by id.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const offsetCommitApi = defineApi({
  key: 8,
  name: "OffsetCommit",
  versions: [2, 10],
  flexible: 8,
  request: struct({
    groupId: f.string(),
    generationIdOrMemberEpoch: f.int32({ default: -1 }),
    memberId: f.string(),
    groupInstanceId: f.string({ versions: "7+", nullable: "0+" }),
    retentionTimeMs: f.int64({ versions: "2-4", default: -1 }),
    topics: f.array(
      struct({
        name: f.string({ versions: "0-9" }),
        topicId: f.uuid({ versions: "10+" }),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            committedOffset: f.int64(),
            committedLeaderEpoch: f.int32({ versions: "6+", default: -1 }),
            committedMetadata: f.string({ nullable: "0+", default: "" }),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "3+" }),
    topics: f.array(
      struct({
        name: f.string({ versions: "0-9" }),
        topicId: f.uuid({ versions: "10+" }),
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

export type OffsetCommitRequest = RequestOf<typeof offsetCommitApi>;
export type OffsetCommitRequestInput = RequestInputOf<typeof offsetCommitApi>;
export type OffsetCommitResponse = ResponseOf<typeof offsetCommitApi>;
export type OffsetCommitResponseInput = ResponseInputOf<typeof offsetCommitApi>;
