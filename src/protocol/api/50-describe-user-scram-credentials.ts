/**
 * DescribeUserScramCredentials (key 50). Which SCRAM credentials users have (KIP-554).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const describeUserScramCredentialsApi = defineApi({
  key: 50,
  name: "DescribeUserScramCredentials",
  versions: [0, 0],
  flexible: 0,
  request: struct({
    users: f.array(
      struct({
        name: f.string(),
      }),
      { nullable: "0+" },
    ),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    results: f.array(
      struct({
        user: f.string(),
        errorCode: f.int16(),
        errorMessage: f.string({ nullable: "0+" }),
        credentialInfos: f.array(
          struct({
            mechanism: f.int8(),
            iterations: f.int32(),
          }),
        ),
      }),
    ),
  }),
});

export type DescribeUserScramCredentialsRequest = RequestOf<typeof describeUserScramCredentialsApi>;
export type DescribeUserScramCredentialsRequestInput = RequestInputOf<
  typeof describeUserScramCredentialsApi
>;
export type DescribeUserScramCredentialsResponse = ResponseOf<
  typeof describeUserScramCredentialsApi
>;
export type DescribeUserScramCredentialsResponseInput = ResponseInputOf<
  typeof describeUserScramCredentialsApi
>;
