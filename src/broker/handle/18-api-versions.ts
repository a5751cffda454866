/**
 * ApiVersions, key 18, versions 0-4. What this broker speaks.
 *
 * The answer is made from the list of handlers, so it promises nothing that is not there. The
 * version that is too high never gets here: the dispatcher answers it with the v0 body (KIP-511).
 *
 * 3+: a client names itself; a name or version that is not [a-zA-Z0-9][a-zA-Z0-9.-]* and does not
 * end in a letter or digit is INVALID_REQUEST. 4: features of minimum 0 may be named (KAFKA-17011).
 *
 * Not done: features. None is supported or finalized, so the tags are left out; transaction.version
 * comes with transactions, group.version with consumer groups. Version 5 (KIP-1242).
 */
import { apiVersionsApi } from "../../protocol/api/18-api-versions.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import type { Handler } from "../handler.ts";
import { defineHandler } from "../handler.ts";

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** `handlers` is asked at each request: this handler is itself in the list. */
export function apiVersionsHandler(handlers: () => readonly Handler[]): Handler {
  return defineHandler(
    apiVersionsApi,
    [0, 4],
    async (ctx, request) => {
      if (ctx.apiVersion >= 3) {
        throwIfBad("ClientSoftwareName", request.clientSoftwareName);
        throwIfBad("ClientSoftwareVersion", request.clientSoftwareVersion);
      }
      return {
        errorCode: ErrorCode.NONE,
        apiKeys: handlers().map(({ api, advertised: [minVersion, maxVersion] }) => ({
          apiKey: api.key,
          minVersion,
          maxVersion,
        })),
      };
    },
    { failure: (error) => ({ errorCode: error.code, apiKeys: [] }) },
  );
}

function throwIfBad(field: string, value: string): void {
  if (SOFTWARE.test(value)) return;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, `${field} '${value}' is not a valid name`);
}
