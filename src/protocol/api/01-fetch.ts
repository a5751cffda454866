/**
 * Fetch (key 1). Batches to read.
 *
 * 7 adds fetch sessions (KIP-227), 9 the leader epoch, 11 the rack (KIP-392), 12 is flexible and
 * reports divergence in a tag (KIP-595), 13 names topics by id, 15 moves the replica id into a tag,
 * 16 adds leaders' addresses (KIP-951), 17 the log directory, 18 the follower's high watermark.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const fetchApi = defineApi({
  key: 1,
  name: "Fetch",
  versions: [4, 18],
  flexible: 12,
  request: struct({
    clusterId: f.string({ versions: "12+", nullable: "0+", tag: 0, taggedVersions: "12+" }),
    replicaId: f.int32({ versions: "0-14", default: -1 }),
    replicaState: f.struct(
      struct({
        replicaId: f.int32({ default: -1 }),
        replicaEpoch: f.int64({ default: -1 }),
      }),
      { versions: "15+", tag: 1, taggedVersions: "15+" },
    ),
    maxWaitMs: f.int32(),
    minBytes: f.int32(),
    maxBytes: f.int32({ default: 0x7fffffff }),
    isolationLevel: f.int8({ default: 0 }),
    sessionId: f.int32({ versions: "7+" }),
    sessionEpoch: f.int32({ versions: "7+", default: -1 }),
    topics: f.array(
      struct({
        topic: f.string({ versions: "0-12" }),
        topicId: f.uuid({ versions: "13+" }),
        partitions: f.array(
          struct({
            partition: f.int32(),
            currentLeaderEpoch: f.int32({ versions: "9+", default: -1 }),
            fetchOffset: f.int64(),
            lastFetchedEpoch: f.int32({ versions: "12+", default: -1 }),
            logStartOffset: f.int64({ versions: "5+", default: -1 }),
            partitionMaxBytes: f.int32(),
            replicaDirectoryId: f.uuid({ versions: "17+", tag: 0, taggedVersions: "17+" }),
            highWatermark: f.int64({
              versions: "18+",
              default: 2 ** 63,
              tag: 1,
              taggedVersions: "18+",
            }),
          }),
        ),
      }),
    ),
    forgottenTopicsData: f.array(
      struct({
        topic: f.string({ versions: "7-12" }),
        topicId: f.uuid({ versions: "13+" }),
        partitions: f.array(f.int32()),
      }),
      { versions: "7+" },
    ),
    rackId: f.string({ versions: "11+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16({ versions: "7+" }),
    sessionId: f.int32({ versions: "7+" }),
    responses: f.array(
      struct({
        topic: f.string({ versions: "0-12" }),
        topicId: f.uuid({ versions: "13+" }),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            errorCode: f.int16(),
            highWatermark: f.int64(),
            lastStableOffset: f.int64({ default: -1 }),
            logStartOffset: f.int64({ versions: "5+", default: -1 }),
            divergingEpoch: f.struct(
              struct({
                epoch: f.int32({ default: -1 }),
                endOffset: f.int64({ default: -1 }),
              }),
              { versions: "12+", tag: 0, taggedVersions: "12+" },
            ),
            currentLeader: f.struct(
              struct({
                leaderId: f.int32({ default: -1 }),
                leaderEpoch: f.int32({ default: -1 }),
              }),
              { versions: "12+", tag: 1, taggedVersions: "12+" },
            ),
            snapshotId: f.struct(
              struct({
                endOffset: f.int64({ default: -1 }),
                epoch: f.int32({ default: -1 }),
              }),
              { versions: "12+", tag: 2, taggedVersions: "12+" },
            ),
            abortedTransactions: f.array(
              struct({
                producerId: f.int64(),
                firstOffset: f.int64(),
              }),
              { nullable: "0+" },
            ),
            preferredReadReplica: f.int32({ versions: "11+", default: -1 }),
            records: f.records({ nullable: "0+" }),
          }),
        ),
      }),
    ),
    nodeEndpoints: f.array(
      struct({
        nodeId: f.int32(),
        host: f.string(),
        port: f.int32(),
        rack: f.string({ nullable: "0+" }),
      }),
      { versions: "16+", tag: 0, taggedVersions: "16+" },
    ),
  }),
});

export type FetchRequest = RequestOf<typeof fetchApi>;
export type FetchRequestInput = RequestInputOf<typeof fetchApi>;
export type FetchResponse = ResponseOf<typeof fetchApi>;
export type FetchResponseInput = ResponseInputOf<typeof fetchApi>;
