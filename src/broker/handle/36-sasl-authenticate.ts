/**
 * SaslAuthenticate, key 36, versions 0-2. One SASL token each way, until the connection is somebody's.
 *
 * 58 SASL_AUTHENTICATION_FAILED, the same for a wrong name and a wrong password; 34 ILLEGAL_SASL_STATE
 * without a handshake. Both end the connection. A connection that is somebody's may do it again, as the
 * same principal (KIP-368).
 *
 * 1: how long the session lasts (connections.max.reauth.ms). 2 is the same (encoding only).
 */
import { EMPTY_BYTES } from "../../lib/bytes.ts";
import { saslAuthenticateApi } from "../../protocol/api/36-sasl-authenticate.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { defineHandler } from "../handler.ts";

export const saslAuthenticateHandler = defineHandler(
  saslAuthenticateApi,
  [0, 2],
  async (ctx, { authBytes }) => {
    if (ctx.sasl !== undefined) return ctx.sasl.authenticate(authBytes);
    const text = "The request came with its own credentials: there is nothing to authenticate";
    throw new KafkaError(ErrorCode.ILLEGAL_SASL_STATE, text);
  },
  {
    failure: ({ code, message }) => ({
      ...{ errorCode: code, errorMessage: message },
      ...{ authBytes: EMPTY_BYTES, sessionLifetimeMs: 0 },
    }),
  },
);
