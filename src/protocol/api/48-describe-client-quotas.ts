/**
 * DescribeClientQuotas (key 48). Quotas of users, clients and addresses (KIP-546). Match type 0 exact, 1 default, 2 any.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeClientQuotasApi = defineApi({
  key: 48,
  name: "DescribeClientQuotas",
  versions: [0, 1],
  flexible: 1,
  request: struct({
    components: f.array(
      struct({
        entityType: f.string(),
        matchType: f.int8(),
        match: f.string({ nullable: "0+" }),
      }),
    ),
    strict: f.bool(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    entries: f.array(
      struct({
        entity: f.array(
          struct({
            entityType: f.string(),
            entityName: f.string({ nullable: "0+" }),
          }),
        ),
        values: f.array(
          struct({
            key: f.string(),
            value: f.float64(),
          }),
        ),
      }),
      { nullable: "0+" },
    ),
  }),
});

export type DescribeClientQuotasRequest = RequestOf<typeof describeClientQuotasApi>;
export type DescribeClientQuotasRequestInput = RequestInputOf<typeof describeClientQuotasApi>;
export type DescribeClientQuotasResponse = ResponseOf<typeof describeClientQuotasApi>;
export type DescribeClientQuotasResponseInput = ResponseInputOf<typeof describeClientQuotasApi>;
