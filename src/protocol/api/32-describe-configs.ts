/**
 * DescribeConfigs (key 32). Configuration of topics, brokers and groups. 1 adds synonyms, 3 types and documentation.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeConfigsApi = defineApi({
  key: 32,
  name: "DescribeConfigs",
  versions: [1, 4],
  flexible: 4,
  request: struct({
    resources: f.array(
      struct({
        resourceType: f.int8(),
        resourceName: f.string(),
        configurationKeys: f.array(f.string(), { nullable: "0+" }),
      }),
    ),
    includeSynonyms: f.bool({ default: false }),
    includeDocumentation: f.bool({ versions: "3+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    results: f.array(
      struct({
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
        resourceType: f.int8(),
        resourceName: f.string(),
        configs: f.array(
          struct({
            name: f.string(),
            value: f.string({ nullable: "0+" }),
            readOnly: f.bool(),
            configSource: f.int8({ default: -1 }),
            isSensitive: f.bool(),
            synonyms: f.array(
              struct({
                name: f.string(),
                value: f.string({ nullable: "0+" }),
                source: f.int8(),
              }),
            ),
            configType: f.int8({ versions: "3+" }),
            documentation: f.string({ versions: "3+", nullable: "0+" }),
          }),
        ),
      }),
    ),
  }),
});

export type DescribeConfigsRequest = RequestOf<typeof describeConfigsApi>;
export type DescribeConfigsRequestInput = RequestInputOf<typeof describeConfigsApi>;
export type DescribeConfigsResponse = ResponseOf<typeof describeConfigsApi>;
export type DescribeConfigsResponseInput = ResponseInputOf<typeof describeConfigsApi>;
