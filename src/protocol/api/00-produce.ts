/**
 * Produce (key 0). Batches to append, one per partition.
 *
 * Versions 3 to 8 are the plain encoding. 8 adds per-record errors, 10 the new leader's address in
 * tags (KIP-951), 12 allows implicit transaction starts (KIP-890), 13 names topics by id alone.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const produceApi = defineApi({
  key: 0,
  name: "Produce",
  versions: [3, 13],
  flexible: 9,
  request: struct({
    transactionalId: f.string({ nullable: "0+" }),
    acks: f.int16(),
    timeoutMs: f.int32(),
    topicData: f.array(
      struct({
        name: f.string({ versions: "0-12" }),
        topicId: f.uuid({ versions: "13+" }),
        partitionData: f.array(
          struct({
            index: f.int32(),
            records: f.records({ nullable: "0+" }),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    responses: f.array(
      struct({
        name: f.string({ versions: "0-12" }),
        topicId: f.uuid({ versions: "13+" }),
        partitionResponses: f.array(
          struct({
            index: f.int32(),
            errorCode: f.int16(),
            baseOffset: f.int64(),
            logAppendTimeMs: f.int64({ default: -1 }),
            logStartOffset: f.int64({ versions: "5+", default: -1 }),
            recordErrors: f.array(
              struct({
                batchIndex: f.int32(),
                batchIndexErrorMessage: f.string({ nullable: "0+" }),
              }),
              { versions: "8+" },
            ),
            errorMessage: f.string({ versions: "8+", nullable: "0+" }),
            currentLeader: f.struct(
              struct({
                leaderId: f.int32({ default: -1 }),
                leaderEpoch: f.int32({ default: -1 }),
              }),
              { versions: "10+", tag: 0, taggedVersions: "10+" },
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: f.int32({ default: 0 }),
    nodeEndpoints: f.array(
      struct({
        nodeId: f.int32(),
        host: f.string(),
        port: f.int32(),
        rack: f.string({ nullable: "0+" }),
      }),
      { versions: "10+", tag: 0, taggedVersions: "10+" },
    ),
  }),
});

export type ProduceRequest = RequestOf<typeof produceApi>;
export type ProduceRequestInput = RequestInputOf<typeof produceApi>;
export type ProduceResponse = ResponseOf<typeof produceApi>;
export type ProduceResponseInput = ResponseInputOf<typeof produceApi>;
