/**
 * DeleteTopics (key 20). Topics to delete.
 *
 * 1 to 5 name topics in topicNames, 6 names them by name or by id in topics.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const deleteTopicsApi = defineApi({
  key: 20,
  name: "DeleteTopics",
  versions: [1, 6],
  flexible: 4,
  request: struct({
    topics: f.array(
      struct({
        name: f.string({ nullable: "0+" }),
        topicId: f.uuid(),
      }),
      { versions: "6+" },
    ),
    topicNames: f.array(f.string(), { versions: "0-5" }),
    timeoutMs: f.int32(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    responses: f.array(
      struct({
        name: f.string({ nullable: "6+" }),
        topicId: f.uuid({ versions: "6+" }),
        errorCode: f.int16(),
        errorMessage: f.string({ versions: "5+", nullable: "0+" }),
      }),
    ),
  }),
});

export type DeleteTopicsRequest = RequestOf<typeof deleteTopicsApi>;
export type DeleteTopicsRequestInput = RequestInputOf<typeof deleteTopicsApi>;
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopicsApi>;
export type DeleteTopicsResponseInput = ResponseInputOf<typeof deleteTopicsApi>;
