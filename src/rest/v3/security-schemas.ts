/** What the ACL and API key routes take and give. */
import * as z from "zod";
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
} from "../../protocol/acl-codes.ts";
import { listOf, resource } from "./schemas.ts";

/** Names in any case, as Confluent takes them. */
function named<T extends Readonly<Record<string, number>>>(codes: T) {
  const names = Object.keys(codes) as [keyof T & string, ...(keyof T & string)[]];
  return z.preprocess(
    (value) => (typeof value === "string" ? value.toUpperCase() : value),
    z.enum(names),
  );
}

const resourceType = named(AclResourceType);
const patternType = named(AclPatternType);
const operation = named(AclOperation);
const permission = named(AclPermission);
const optional = z.string().optional();

export const aclQuery = z.object({
  resource_type: resourceType.default("ANY"),
  resource_name: optional,
  pattern_type: patternType.default("ANY"),
  principal: optional,
  host: optional,
  operation: operation.default("ANY"),
  permission: permission.default("ANY"),
});

/** What is deleted is named: nothing stands for everything by being left out. */
export const aclDeletion = z.object({
  resource_type: resourceType,
  resource_name: optional,
  pattern_type: patternType,
  principal: optional,
  host: optional,
  operation,
  permission,
});

export const aclCreation = z.strictObject({
  resource_type: resourceType,
  resource_name: z.string(),
  pattern_type: patternType,
  principal: z.string(),
  host: z.string(),
  operation,
  permission,
});

export const aclBatch = z.strictObject({ data: z.array(aclCreation) });

export const acl = z.object({
  kind: z.literal("KafkaAcl"),
  metadata: z.object({ self: z.string() }),
  cluster_id: z.string(),
  resource_type: z.string(),
  resource_name: z.string(),
  pattern_type: z.string(),
  principal: z.string(),
  host: z.string(),
  operation: z.string(),
  permission: z.string(),
});
export const aclList = listOf("KafkaAclList", acl);
export const aclsDeleted = z.object({ data: z.array(acl) });

export const apiKeyCreation = z.strictObject({
  principal: z.string().describe("Whose it is: User:<name>."),
  description: z.string().nullish(),
  expires_at: z.string().nullish().describe("RFC 3339; never when left out."),
});

export const apiKey = z.object({
  ...resource("KedgeApiKey"),
  cluster_id: z.string(),
  key_id: z.string(),
  principal: z.string(),
  description: z.string(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
});
export const apiKeyList = listOf("KedgeApiKeyList", apiKey);
export const apiKeyCreated = apiKey.extend({
  secret: z.string().describe("Shown here and never again."),
});
