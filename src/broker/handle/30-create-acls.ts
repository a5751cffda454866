/**
 * CreateAcls, key 30, versions 1-3. New ACLs, each by itself; one that is there already is no error.
 *
 * Needs ALTER on the cluster (31, of each). 42 of an ACL that cannot be, and of all beyond
 * ACLS_PER_REQUEST_MAX, or ACLS_PER_CLUSTER_MAX together.
 *
 * 2 and 3 are the same (encoding; the resource type USER).
 *
 * Not done: delegation tokens and users are taken as resources, and nothing asks for them.
 */
import { type AclBinding, bindingProblem } from "../../cluster/acl.ts";
import { ACLS_PER_CLUSTER_MAX, ACLS_PER_REQUEST_MAX } from "../../constants.ts";
import type { CreateAclsRequest } from "../../protocol/api/30-create-acls.ts";
import { createAclsApi } from "../../protocol/api/30-create-acls.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";

export const createAclsHandler = defineHandler(
  createAclsApi,
  [1, 3],
  async (ctx, { creations }) => {
    throwUnlessCluster(ctx, AclOperation.ALTER);
    await throwIfTooMany(ctx, creations.length);
    const bindings = creations.map(bindingOf);
    const problems = bindings.map(bindingProblem);
    const sound = bindings.filter((_, at) => problems[at] === null);
    await ctx.ports.security.createAcls(ctx.clusterId, sound);
    return {
      results: problems.map((errorMessage) => ({
        errorCode: errorMessage === null ? ErrorCode.NONE : ErrorCode.INVALID_REQUEST,
        errorMessage,
      })),
    };
  },
  {
    failure: (error, { creations }) => ({
      results: creations.map(() => ({ errorCode: error.code, errorMessage: error.message })),
    }),
  },
);

/** The bound is on what each router keeps: a race may pass it by a request. */
async function throwIfTooMany(ctx: RequestContext, count: number): Promise<void> {
  if (count > ACLS_PER_REQUEST_MAX) {
    const text = `At most ${ACLS_PER_REQUEST_MAX} ACLs are created by one request; there were ${count}.`;
    throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
  }
  const known = await ctx.ports.security.acls(ctx.clusterId, { fresh: true });
  if (known.length + count <= ACLS_PER_CLUSTER_MAX) return;
  const text = `A cluster has at most ${ACLS_PER_CLUSTER_MAX} ACLs; there are ${known.length}. Use prefixes or fewer rules.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

function bindingOf(creation: CreateAclsRequest["creations"][number]): AclBinding {
  const { resourceType, resourceName, resourcePatternType: patternType } = creation;
  const { principal, host, operation, permissionType: permission } = creation;
  return { resourceType, resourceName, patternType, principal, host, operation, permission };
}
