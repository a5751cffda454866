/**
 * SaslHandshake (key 17). The SASL mechanism to use. Never flexible.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const saslHandshakeApi = defineApi({
  key: 17,
  name: "SaslHandshake",
  versions: [0, 1],
  request: struct({
    mechanism: f.string(),
  }),
  response: struct({
    errorCode: f.int16(),
    mechanisms: f.array(f.string()),
  }),
});

export type SaslHandshakeRequest = RequestOf<typeof saslHandshakeApi>;
export type SaslHandshakeRequestInput = RequestInputOf<typeof saslHandshakeApi>;
export type SaslHandshakeResponse = ResponseOf<typeof saslHandshakeApi>;
export type SaslHandshakeResponseInput = ResponseInputOf<typeof saslHandshakeApi>;
