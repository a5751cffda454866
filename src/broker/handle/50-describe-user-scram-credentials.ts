/**
 * DescribeUserScramCredentials, key 50, version 0 (KIP-554). Which users have a SCRAM password, and of
 * how many rounds; never the credentials. No users named are all.
 *
 * Needs DESCRIBE on the cluster (31). Of a user: 91 RESOURCE_NOT_FOUND, 92 DUPLICATE_RESOURCE.
 */
import { SCRAM_USERS_PER_REQUEST_MAX } from "../../constants.ts";
import { describeUserScramCredentialsApi } from "../../protocol/api/50-describe-user-scram-credentials.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import { defineHandler } from "../handler.ts";

export const describeUserScramCredentialsHandler = defineHandler(
  describeUserScramCredentialsApi,
  [0, 0],
  async (ctx, request) => {
    throwUnlessCluster(ctx, AclOperation.DESCRIBE);
    const asked = (request.users ?? []).map(({ name }) => name);
    if (asked.length > SCRAM_USERS_PER_REQUEST_MAX) {
      const text = `At most ${SCRAM_USERS_PER_REQUEST_MAX} users are described at once; ${asked.length} were named.`;
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
    const names = new Set(asked);
    const { security } = ctx.ports;
    const found = await security.scramCredentials(
      ctx.clusterId,
      names.size === 0 ? null : [...names],
    );
    const byUser = Map.groupBy(found, ({ user }) => user);
    const users = names.size === 0 ? byUser.keys() : names;
    const isTwice = (user: string): boolean => asked.filter((name) => name === user).length > 1;
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      results: Array.from(users, (user) => {
        const credentials = byUser.get(user);
        if (isTwice(user)) {
          const text = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`;
          return failed(user, ErrorCode.DUPLICATE_RESOURCE, text);
        }
        if (credentials === undefined) {
          const text = `Attempt to describe a user credential that does not exist: ${user}`;
          return failed(user, ErrorCode.RESOURCE_NOT_FOUND, text);
        }
        const credentialInfos = credentials.map(({ mechanism, iterations }) => ({
          ...{ mechanism, iterations },
        }));
        return { user, errorCode: ErrorCode.NONE, errorMessage: null, credentialInfos };
      }),
    };
  },
  { failure: (error) => ({ errorCode: error.code, errorMessage: error.message, results: [] }) },
);

function failed(user: string, errorCode: number, errorMessage: string) {
  return { user, errorCode, errorMessage, credentialInfos: [] };
}
