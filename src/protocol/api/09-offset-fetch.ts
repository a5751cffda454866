/**
 * OffsetFetch (key 9). Offsets that a group committed.
 *
 * 1 to 7 ask for one group, 8 on for many. Null topics means all of them (2+). 9 carries the member
 * epoch (KIP-848), 10 names topics by id.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const offsetFetchApi = defineApi({
  key: 9,
  name: "OffsetFetch",
  versions: [1, 10],
  flexible: 6,
  request: struct({
    groupId: f.string({ versions: "0-7" }),
    topics: f.array(
      struct({
        name: f.string(),
        partitionIndexes: f.array(f.int32()),
      }),
      { versions: "0-7", nullable: "2-7", default: [] },
    ),
    groups: f.array(
      struct({
        groupId: f.string(),
        memberId: f.string({ versions: "9+", nullable: "0+" }),
        memberEpoch: f.int32({ versions: "9+", default: -1 }),
        topics: f.array(
          struct({
            name: f.string({ versions: "8-9" }),
            topicId: f.uuid({ versions: "10+" }),
            partitionIndexes: f.array(f.int32()),
          }),
          { nullable: "0+", default: [] },
        ),
      }),
      { versions: "8+" },
    ),
    requireStable: f.bool({ versions: "7+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ versions: "3+" }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            committedOffset: f.int64(),
            committedLeaderEpoch: f.int32({ versions: "5+", default: -1 }),
            metadata: f.string({ nullable: "0+", default: "" }),
            errorCode: f.int16(),
          }),
        ),
      }),
      { versions: "0-7" },
    ),
    errorCode: f.int16({ versions: "2-7" }),
    groups: f.array(
      struct({
        groupId: f.string(),
        topics: f.array(
          struct({
            name: f.string({ versions: "8-9" }),
            topicId: f.uuid({ versions: "10+" }),
            partitions: f.array(
              struct({
                partitionIndex: f.int32(),
                committedOffset: f.int64(),
                committedLeaderEpoch: f.int32({ default: -1 }),
                metadata: f.string({ nullable: "0+", default: "" }),
                errorCode: f.int16(),
              }),
            ),
          }),
        ),
        errorCode: f.int16({ default: 0 }),
      }),
      { versions: "8+" },
    ),
  }),
});

export type OffsetFetchRequest = RequestOf<typeof offsetFetchApi>;
export type OffsetFetchRequestInput = RequestInputOf<typeof offsetFetchApi>;
export type OffsetFetchResponse = ResponseOf<typeof offsetFetchApi>;
export type OffsetFetchResponseInput = ResponseInputOf<typeof offsetFetchApi>;
