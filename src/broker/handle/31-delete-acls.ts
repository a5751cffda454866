/**
 * DeleteAcls, key 31, versions 1-3. Deletes the ACLs that match filters, and says which they were.
 *
 * Needs ALTER on the cluster (31, of each filter). 42 of a filter of codes that Kafka does not know.
 *
 * 2 and 3 are the same (encoding; the resource type USER).
 */
import { filterProblem } from "../../cluster/acl.ts";
import { ACLS_PER_REQUEST_MAX } from "../../constants.ts";
import { deleteAclsApi } from "../../protocol/api/31-delete-acls.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import { aclFilter, aclMessage } from "../acl-messages.ts";
import { defineHandler } from "../handler.ts";

export const deleteAclsHandler = defineHandler(
  deleteAclsApi,
  [1, 3],
  async (ctx, request) => {
    throwUnlessCluster(ctx, AclOperation.ALTER);
    if (request.filters.length > ACLS_PER_REQUEST_MAX) {
      const text = `At most ${ACLS_PER_REQUEST_MAX} filters are taken by one request; there were ${request.filters.length}.`;
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
    const filters = request.filters.map(aclFilter);
    const problems = filters.map(filterProblem);
    const sound = filters.filter((_, at) => problems[at] === null);
    const deleted = await ctx.ports.security.deleteAcls(ctx.clusterId, sound);
    return {
      filterResults: problems.map((errorMessage) => {
        if (errorMessage !== null) return failed(ErrorCode.INVALID_REQUEST, errorMessage);
        const matchingAcls = (deleted.shift() ?? []).map((binding) => ({
          ...{ errorCode: ErrorCode.NONE, errorMessage: null },
          ...aclMessage(binding),
        }));
        return { errorCode: ErrorCode.NONE, errorMessage: null, matchingAcls };
      }),
    };
  },
  {
    failure: (error, { filters }) => ({
      filterResults: filters.map(() => failed(error.code, error.message)),
    }),
  },
);

function failed(errorCode: number, errorMessage: string) {
  return { errorCode, errorMessage, matchingAcls: [] };
}
