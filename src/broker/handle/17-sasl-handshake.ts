/**
 * SaslHandshake, key 17, versions 0-1. The mechanism by which a connection authenticates.
 *
 * 33 UNSUPPORTED_SASL_MECHANISM with those that there are; 34 ILLEGAL_SASL_STATE where there is nothing
 * to authenticate: the request came with its own credentials, or an exchange is under way. Both end the
 * connection.
 *
 * 0: tokens follow as frames without Kafka's headers. 1: by SaslAuthenticate (KIP-152).
 */
import { saslHandshakeApi } from "../../protocol/api/17-sasl-handshake.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { defineHandler } from "../handler.ts";

export const saslHandshakeHandler = defineHandler(
  saslHandshakeApi,
  [0, 1],
  async (ctx, { mechanism }) => {
    if (ctx.sasl === undefined) return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] };
    return ctx.sasl.handshake(mechanism, ctx.apiVersion === 0);
  },
  { failure: ({ code }) => ({ errorCode: code, mechanisms: [] }) },
);
