/** REST v3: ACLs. What is not known by its name is 400, as are filters that leave out what they must say. */
import type * as z from "zod";
import { call } from "../../broker/dispatch.ts";
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  codeName,
} from "../../protocol/acl-codes.ts";
import { describeAclsApi } from "../../protocol/api/29-describe-acls.ts";
import { createAclsApi } from "../../protocol/api/30-create-acls.ts";
import { deleteAclsApi } from "../../protocol/api/31-delete-acls.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { JSON_TYPE } from "../media-types.ts";
import type { RestContext } from "../routes.ts";
import { RouteGroup } from "../routes.ts";
import { validateQuery } from "../validate.ts";
import { answer, documented, NO_CLUSTER, open, readJson } from "./common.ts";
import { v3Error } from "./errors.ts";
import type { Resources } from "./resources.ts";
import * as schemas from "./security-schemas.ts";

export const aclRoutes = new RouteGroup("REST v3: ACLs");

const ACLS = "/clusters/{cluster_id}/acls";
const FORBIDDEN = { description: "40301: not authorized to see or change the cluster's ACLs." };

interface AclView {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

aclRoutes.on(
  "get",
  ACLS,
  {
    summary: "The ACLs that match.",
    query: schemas.aclQuery,
    responses: {
      200: documented("The ACLs.", schemas.aclList),
      403: FORBIDDEN,
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const filter = filterOf(validateQuery(schemas.aclQuery, new URL(c.req.url), 400));
    const response = await call(c.env.kafka, describeAclsApi, filter);
    if (response.errorCode !== ErrorCode.NONE) {
      throw v3Error(response.errorCode, response.errorMessage);
    }
    const data = response.resources.flatMap(({ acls, ...pattern }) =>
      acls.map((rule) => body(resources, { ...pattern, ...rule })),
    );
    return answer(resources.list("KafkaAclList", ["acls"], data));
  },
);

aclRoutes.on(
  "post",
  ACLS,
  {
    summary: "Create an ACL. One that is there already is no error.",
    body: { required: true, content: { [JSON_TYPE]: schemas.aclCreation } },
    responses: {
      201: { description: "It is there.", headers: { Location: "A search for it." } },
      400: { description: "40002: there can be no such ACL." },
      403: FORBIDDEN,
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const input = await readJson(c, schemas.aclCreation, "Data is required.");
    const creation = creationOf(input);
    await create(c, [creation]);
    const { resourcePatternType: patternType, ...rest } = creation;
    const { metadata } = body(resources, { ...rest, patternType });
    return new Response(null, { status: 201, headers: { location: metadata.self } });
  },
);

aclRoutes.on(
  "post",
  `${ACLS}:batch`,
  {
    summary: "Create ACLs. Those that can be are created, the first that cannot is the error.",
    body: { required: true, content: { [JSON_TYPE]: schemas.aclBatch } },
    responses: {
      201: { description: "They are there." },
      400: { description: "40002: there can be no such ACL." },
      403: FORBIDDEN,
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    open(c);
    const { data } = await readJson(c, schemas.aclBatch, "Data is required.");
    await create(c, data.map(creationOf));
    return new Response(null, { status: 201 });
  },
);

aclRoutes.on(
  "delete",
  ACLS,
  {
    summary: "Delete the ACLs that match.",
    query: schemas.aclDeletion,
    responses: {
      200: documented("Those that are deleted.", schemas.aclsDeleted),
      400: { description: "400: what to delete is not said." },
      403: FORBIDDEN,
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const filter = filterOf(validateQuery(schemas.aclDeletion, new URL(c.req.url), 400));
    const { filterResults } = await call(c.env.kafka, deleteAclsApi, { filters: [filter] });
    const [result] = filterResults;
    const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (result === undefined || errorCode !== ErrorCode.NONE) {
      throw v3Error(errorCode, result?.errorMessage ?? null);
    }
    return answer({ data: result.matchingAcls.map((acl) => body(resources, acl)) });
  },
);

async function create(c: RestContext, creations: ReturnType<typeof creationOf>[]): Promise<void> {
  const { results } = await call(c.env.kafka, createAclsApi, { creations });
  const failed = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE);
  if (failed !== undefined) throw v3Error(failed.errorCode, failed.errorMessage);
}

function creationOf(input: z.output<typeof schemas.aclCreation>) {
  return {
    resourceType: AclResourceType[input.resource_type],
    resourceName: input.resource_name,
    resourcePatternType: AclPatternType[input.pattern_type],
    ...{ principal: input.principal, host: input.host },
    operation: AclOperation[input.operation],
    permissionType: AclPermission[input.permission],
  };
}

function filterOf(input: z.output<typeof schemas.aclQuery>) {
  return {
    resourceTypeFilter: AclResourceType[input.resource_type],
    resourceNameFilter: input.resource_name ?? null,
    patternTypeFilter: AclPatternType[input.pattern_type],
    principalFilter: input.principal ?? null,
    hostFilter: input.host ?? null,
    operation: AclOperation[input.operation],
    permissionType: AclPermission[input.permission],
  };
}

function body(resources: Resources, acl: AclView) {
  const fields = {
    resource_type: codeName(AclResourceType, acl.resourceType),
    resource_name: acl.resourceName,
    pattern_type: codeName(AclPatternType, acl.patternType),
    ...{ principal: acl.principal, host: acl.host },
    operation: codeName(AclOperation, acl.operation),
    permission: codeName(AclPermission, acl.permissionType),
  };
  const self = `${resources.url("acls")}?${new URLSearchParams(fields)}`;
  return { kind: "KafkaAcl", metadata: { self }, cluster_id: resources.clusterId, ...fields };
}
