/**
 * DeleteRecords (key 21). Moves the log start offset; offset -1 means the high watermark.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const deleteRecordsApi = defineApi({
  key: 21,
  name: "DeleteRecords",
  versions: [0, 2],
  flexible: 2,
  request: struct({
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            offset: f.int64(),
          }),
        ),
      }),
    ),
    timeoutMs: f.int32(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    topics: f.array(
      struct({
        name: f.string(),
        partitions: f.array(
          struct({
            partitionIndex: f.int32(),
            lowWatermark: f.int64(),
            errorCode: f.int16(),
          }),
        ),
      }),
    ),
  }),
});

export type DeleteRecordsRequest = RequestOf<typeof deleteRecordsApi>;
export type DeleteRecordsRequestInput = RequestInputOf<typeof deleteRecordsApi>;
export type DeleteRecordsResponse = ResponseOf<typeof deleteRecordsApi>;
export type DeleteRecordsResponseInput = ResponseInputOf<typeof deleteRecordsApi>;
