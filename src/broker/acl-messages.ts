/** ACLs between Kafka's messages, which call the permission permissionType, and our own shape. */
import type { AclBinding, AclFilter } from "../cluster/acl.ts";

interface FilterMessage {
  readonly resourceTypeFilter: number;
  readonly resourceNameFilter: string | null;
  readonly patternTypeFilter: number;
  readonly principalFilter: string | null;
  readonly hostFilter: string | null;
  readonly operation: number;
  readonly permissionType: number;
}

export function aclFilter(message: FilterMessage): AclFilter {
  return {
    resourceType: message.resourceTypeFilter,
    resourceName: message.resourceNameFilter,
    patternType: message.patternTypeFilter,
    principal: message.principalFilter,
    host: message.hostFilter,
    operation: message.operation,
    permission: message.permissionType,
  };
}

/** As DeleteAcls answers it. */
export function aclMessage(binding: AclBinding) {
  const { permission: permissionType, ...rest } = binding;
  return { ...rest, permissionType };
}
