/**
 * CreatePartitions (key 37). Raises the number of partitions of topics.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const createPartitionsApi = defineApi({
  key: 37,
  name: "CreatePartitions",
  versions: [0, 3],
  flexible: 2,
  request: struct({
    topics: f.array(
      struct({
        name: f.string(),
        count: f.int32(),
        assignments: f.array(
          struct({
            brokerIds: f.array(f.int32()),
          }),
          { nullable: "0+" },
        ),
      }),
    ),
    timeoutMs: f.int32(),
    validateOnly: f.bool(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    results: f.array(
      struct({
        name: f.string(),
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
      }),
    ),
  }),
});

export type CreatePartitionsRequest = RequestOf<typeof createPartitionsApi>;
export type CreatePartitionsRequestInput = RequestInputOf<typeof createPartitionsApi>;
export type CreatePartitionsResponse = ResponseOf<typeof createPartitionsApi>;
export type CreatePartitionsResponseInput = ResponseInputOf<typeof createPartitionsApi>;
