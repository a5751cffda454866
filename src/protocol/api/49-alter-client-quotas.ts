/**
 * AlterClientQuotas (key 49). Changes quotas of users, clients and addresses (KIP-546).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const alterClientQuotasApi = defineApi({
  key: 49,
  name: "AlterClientQuotas",
  versions: [0, 1],
  flexible: 1,
  request: struct({
    entries: f.array(
      struct({
        entity: f.array(
          struct({
            entityType: f.string(),
            entityName: f.string({ nullable: "0+" }),
          }),
        ),
        ops: f.array(
          struct({
            key: f.string(),
            value: f.float64(),
            remove: f.bool(),
          }),
        ),
      }),
    ),
    validateOnly: f.bool(),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    entries: f.array(
      struct({
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
        entity: f.array(
          struct({
            entityType: f.string(),
            entityName: f.string({ nullable: "0+" }),
          }),
        ),
      }),
    ),
  }),
});

export type AlterClientQuotasRequest = RequestOf<typeof alterClientQuotasApi>;
export type AlterClientQuotasRequestInput = RequestInputOf<typeof alterClientQuotasApi>;
export type AlterClientQuotasResponse = ResponseOf<typeof alterClientQuotasApi>;
export type AlterClientQuotasResponseInput = ResponseInputOf<typeof alterClientQuotasApi>;
