/**
 * AlterConfigs (key 33). Replaces the whole configuration of a resource; IncrementalAlterConfigs is what clients use now.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const alterConfigsApi = defineApi({
  key: 33,
  name: "AlterConfigs",
  versions: [0, 2],
  flexible: 2,
  request: struct({
    resources: f.array(
      struct({
        resourceType: f.int8(),
        resourceName: f.string(),
        configs: f.array(
          struct({
            name: f.string(),
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

export type AlterConfigsRequest = RequestOf<typeof alterConfigsApi>;
export type AlterConfigsRequestInput = RequestInputOf<typeof alterConfigsApi>;
export type AlterConfigsResponse = ResponseOf<typeof alterConfigsApi>;
export type AlterConfigsResponseInput = ResponseInputOf<typeof alterConfigsApi>;
