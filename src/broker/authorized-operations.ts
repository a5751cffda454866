/**
 * The bit fields of authorized operations (KIP-430): bit n stands for the AclOperation of code n. A
 * request that did not ask gets "not given"; one that may not even describe the cluster gets none.
 */
import { AclOperation, AclResourceType, CLUSTER_NAME } from "../protocol/acl-codes.ts";
import { mayCluster } from "./access.ts";
import type { RequestContext } from "./context.ts";

export const OPERATIONS_NOT_GIVEN = -2147483648;

/** Groups have no configs of their own here. */
const CONFIG_OPERATIONS = (1 << AclOperation.DESCRIBE_CONFIGS) | (1 << AclOperation.ALTER_CONFIGS);

export function topicOperations({ rights }: RequestContext, name: string): number {
  return rights.operations(AclResourceType.TOPIC, name);
}

export function groupOperations({ rights }: RequestContext, groupId: string): number {
  return rights.operations(AclResourceType.GROUP, groupId) & ~CONFIG_OPERATIONS;
}

export function clusterOperations(ctx: RequestContext, asked: boolean): number {
  if (!asked) return OPERATIONS_NOT_GIVEN;
  if (!mayCluster(ctx, AclOperation.DESCRIBE)) return 0;
  return ctx.rights.operations(AclResourceType.CLUSTER, CLUSTER_NAME);
}
