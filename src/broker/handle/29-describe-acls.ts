/**
 * DescribeAcls, key 29, versions 1-3. The ACLs that match a filter, by resource.
 *
 * Needs DESCRIBE on the cluster (31). 42 for a filter of codes that Kafka does not know.
 *
 * 2 and 3 are the same (encoding; the resource type USER).
 */
import { type AclBinding, filterProblem, matchesFilter } from "../../cluster/acl.ts";
import type { DescribeAclsRequest } from "../../protocol/api/29-describe-acls.ts";
import { describeAclsApi } from "../../protocol/api/29-describe-acls.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import { aclFilter } from "../acl-messages.ts";
import { defineHandler } from "../handler.ts";

export const describeAclsHandler = defineHandler(
  describeAclsApi,
  [1, 3],
  async (ctx, request: DescribeAclsRequest) => {
    throwUnlessCluster(ctx, AclOperation.DESCRIBE);
    const filter = aclFilter(request);
    const problem = filterProblem(filter);
    if (problem !== null) throw new KafkaError(ErrorCode.INVALID_REQUEST, problem);
    const all = await ctx.ports.security.acls(ctx.clusterId, { fresh: true });
    const found = all.filter((binding) => matchesFilter(binding, filter));
    return { errorCode: ErrorCode.NONE, errorMessage: null, resources: byResource(found) };
  },
  {
    failure: (error) => ({ errorCode: error.code, errorMessage: error.message, resources: [] }),
  },
);

function byResource(bindings: readonly AclBinding[]) {
  const groups = Map.groupBy(bindings, ({ resourceType, resourceName, patternType }) =>
    JSON.stringify([resourceType, patternType, resourceName]),
  );
  return [...groups.values()].flatMap((acls) => {
    const [first] = acls;
    if (first === undefined) return [];
    const { resourceType, resourceName, patternType } = first;
    return [
      {
        ...{ resourceType, resourceName, patternType },
        acls: acls.map(({ principal, host, operation, permission: permissionType }) => ({
          ...{ principal, host, operation, permissionType },
        })),
      },
    ];
  });
}
