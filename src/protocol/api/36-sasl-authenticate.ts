/**
 * SaslAuthenticate (key 36). One SASL token each way. 1 adds the session's lifetime (KIP-368).
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const saslAuthenticateApi = defineApi({
  key: 36,
  name: "SaslAuthenticate",
  versions: [0, 2],
  flexible: 2,
  request: struct({
    authBytes: f.bytes(),
  }),
  response: struct({
    errorCode: f.int16(),
    errorMessage: f.string({ nullable: "0+" }),
    authBytes: f.bytes(),
    sessionLifetimeMs: f.int64({ versions: "1+" }),
  }),
});

export type SaslAuthenticateRequest = RequestOf<typeof saslAuthenticateApi>;
export type SaslAuthenticateRequestInput = RequestInputOf<typeof saslAuthenticateApi>;
export type SaslAuthenticateResponse = ResponseOf<typeof saslAuthenticateApi>;
export type SaslAuthenticateResponseInput = ResponseInputOf<typeof saslAuthenticateApi>;
