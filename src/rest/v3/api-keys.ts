/** Kedge's own, in v3's manner: API keys of the cluster. A secret is in one answer and in no other. */
import { createApiKey, deleteApiKey, listApiKeys } from "../../broker/api-keys.ts";
import type { ApiKey } from "../../cluster/credentials.ts";
import { JSON_TYPE } from "../media-types.ts";
import { noContent } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import { param, RouteGroup } from "../routes.ts";
import { show } from "../show.ts";
import { parseRfc3339 } from "../timestamp.ts";
import { answer, documented, NO_CLUSTER, open, readJson } from "./common.ts";
import type { Resources } from "./resources.ts";
import * as schemas from "./security-schemas.ts";

export const apiKeyRoutes = new RouteGroup("REST v3: API keys");

const KEYS = "/clusters/{cluster_id}/api-keys";
const FORBIDDEN = { description: "40301: not authorized to see or change the cluster's keys." };

apiKeyRoutes.on(
  "get",
  KEYS,
  {
    summary: "The API keys, without their secrets, which nobody has.",
    responses: {
      200: documented("The keys, by their ids.", schemas.apiKeyList),
      403: FORBIDDEN,
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const keys = await listApiKeys(c.env.kafka);
    const data = keys.map((key) => body(resources, key));
    return answer(resources.list("KedgeApiKeyList", ["api-keys"], data));
  },
);

apiKeyRoutes.on(
  "post",
  KEYS,
  {
    summary: "Create an API key for a principal.",
    description:
      "Send it as `Authorization: Bearer <key_id>.<secret>`, as Basic, or in SASL/PLAIN. What the " +
      "principal may do, ACLs say.",
    body: { required: true, content: { [JSON_TYPE]: schemas.apiKeyCreation } },
    responses: {
      201: documented("The key with its secret, for the only time.", schemas.apiKeyCreated),
      400: { description: "40002: no principal, or a time that is over." },
      403: FORBIDDEN,
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const input = await readJson(c, schemas.apiKeyCreation, "Principal is required.");
    const { principal, description, expires_at: expiresAt } = input;
    const expiresAtMs = expiresAt == null ? null : parseRfc3339(expiresAt);
    if (expiresAt != null && expiresAtMs === null) {
      const text = `expires_at must be a time like 2030-01-01T00:00:00Z, not ${show(expiresAt)}`;
      throw new RestError(400, 400, text);
    }
    const wanted = { principal, description: description ?? "", expiresAtMs };
    const { key, secret } = await createApiKey(c.env.kafka, wanted);
    const created = body(resources, key);
    return answer({ ...created, secret }, 201, { location: created.metadata.self });
  },
);

apiKeyRoutes.on(
  "delete",
  `${KEYS}/{key_id}`,
  {
    summary: "Delete an API key: it opens nothing any more, within seconds everywhere.",
    responses: {
      204: { description: "It is deleted." },
      403: FORBIDDEN,
      404: { description: "404: no such cluster or key." },
    },
  },
  async (c) => {
    open(c);
    const keyId = param(c, "key_id");
    if (await deleteApiKey(c.env.kafka, keyId)) return noContent();
    throw new RestError(404, 404, `There is no API key ${show(keyId)}.`);
  },
);

function body(resources: Resources, key: ApiKey) {
  const { keyId, principal, description, createdAtMs, expiresAtMs } = key;
  return {
    ...resources.resource("KedgeApiKey", ["api-keys", keyId], `/api-key=${keyId}`),
    ...{ key_id: keyId, principal, description },
    created_at: new Date(createdAtMs).toISOString(),
    expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
  };
}
