/**
 * CreateTopics (key 19). New topics.
 *
 * 2 to 4 are plain. 4 allows -1 partitions and replicas for the broker's defaults, 5 answers with
 * the configuration, 7 with the topic id.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const createTopicsApi = defineApi({
  key: 19,
  name: "CreateTopics",
  versions: [2, 7],
  flexible: 5,
  request: struct({
    topics: f.array(
      struct({
        name: f.string(),
        numPartitions: f.int32(),
        replicationFactor: f.int16(),
        assignments: f.array(
          struct({
            partitionIndex: f.int32(),
            brokerIds: f.array(f.int32()),
          }),
        ),
        configs: f.array(
          struct({
            name: f.string(),
            value: f.string({ nullable: "0+" }),
          }),
        ),
      }),
    ),
    timeoutMs: f.int32({ default: 60000 }),
    validateOnly: f.bool({ default: false }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    topics: f.array(
      struct({
        name: f.string(),
        topicId: f.uuid({ versions: "7+" }),
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
        topicConfigErrorCode: f.int16({ versions: "5+", tag: 0, taggedVersions: "5+" }),
        numPartitions: f.int32({ versions: "5+", default: -1 }),
        replicationFactor: f.int16({ versions: "5+", default: -1 }),
        configs: f.array(
          struct({
            name: f.string(),
            value: f.string({ nullable: "0+" }),
            readOnly: f.bool(),
            configSource: f.int8({ default: -1 }),
            isSensitive: f.bool(),
          }),
          { versions: "5+", nullable: "0+", default: [] },
        ),
      }),
    ),
  }),
});

export type CreateTopicsRequest = RequestOf<typeof createTopicsApi>;
export type CreateTopicsRequestInput = RequestInputOf<typeof createTopicsApi>;
export type CreateTopicsResponse = ResponseOf<typeof createTopicsApi>;
export type CreateTopicsResponseInput = ResponseInputOf<typeof createTopicsApi>;
