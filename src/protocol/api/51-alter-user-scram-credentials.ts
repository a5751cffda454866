/**
 * AlterUserScramCredentials (key 51). Sets and deletes SCRAM credentials (KIP-554).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const alterUserScramCredentialsApi = defineApi({
  key: 51,
  name: "AlterUserScramCredentials",
  versions: [0, 0],
  flexible: 0,
  request: struct({
    deletions: f.array(
      struct({
        name: f.string(),
        mechanism: f.int8(),
      }),
    ),
    upsertions: f.array(
      struct({
        name: f.string(),
        mechanism: f.int8(),
        iterations: f.int32(),
        salt: f.bytes(),
        saltedPassword: f.bytes(),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    results: f.array(
      struct({
        user: f.string(),
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
      }),
    ),
  }),
});

export type AlterUserScramCredentialsRequest = RequestOf<typeof alterUserScramCredentialsApi>;
export type AlterUserScramCredentialsRequestInput = RequestInputOf<
  typeof alterUserScramCredentialsApi
>;
export type AlterUserScramCredentialsResponse = ResponseOf<typeof alterUserScramCredentialsApi>;
export type AlterUserScramCredentialsResponseInput = ResponseInputOf<
  typeof alterUserScramCredentialsApi
>;
