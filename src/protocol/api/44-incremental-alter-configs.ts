/**
 * IncrementalAlterConfigs (key 44). Sets (0), deletes (1), appends to (2) or subtracts from (3) configuration values (KIP-339).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const incrementalAlterConfigsApi = defineApi({
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: [0, 1],
  flexible: 1,
  request: struct({
    resources: f.array(
      struct({
        resourceType: f.int8(),
        resourceName: f.string(),
        configs: f.array(
          struct({
            name: f.string(),
            configOperation: f.int8(),
            value: f.string({ nullable: "0+" }),
          }),
        ),
      }),
    ),
    validateOnly: f.bool(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    responses: f.array(
      struct({
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
        resourceType: f.int8(),
        resourceName: f.string(),
      }),
    ),
  }),
});

export type IncrementalAlterConfigsRequest = RequestOf<typeof incrementalAlterConfigsApi>;
export type IncrementalAlterConfigsRequestInput = RequestInputOf<typeof incrementalAlterConfigsApi>;
export type IncrementalAlterConfigsResponse = ResponseOf<typeof incrementalAlterConfigsApi>;
export type IncrementalAlterConfigsResponseInput = ResponseInputOf<
  typeof incrementalAlterConfigsApi
>;
