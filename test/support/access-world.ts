/** A closed service in this process, and principals whose rights are ACLs. */
import { type CreatedApiKey, createApiKey } from "../../src/broker/api-keys.ts";
import type { AclBinding } from "../../src/cluster/acl.ts";
import { base64Encode } from "../../src/lib/base64.ts";
import { utf8Encode } from "../../src/lib/bytes.ts";
import {
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  CLUSTER_NAME,
} from "../../src/protocol/acl-codes.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../src/protocol/frame.ts";
import type { AnyApi, RequestInputOf, ResponseOf } from "../../src/protocol/schema.ts";
import { RestWorld } from "./rest-world.ts";

export const ADMIN_KEY = "the-admin's-own-key";
export const ADMIN = { authorization: `Bearer ${ADMIN_KEY}` };

/** "TOPIC orders READ"; a name that ends in * is a prefix, "DENY …" denies. */
export function acl(text: string, principal = "User:alice", host = "*"): AclBinding {
  const denies = text.startsWith("DENY ");
  const [type = "", name = "", operation = ""] = text.replace(/^DENY /, "").split(" ");
  const resourceType = AclResourceType[type as keyof typeof AclResourceType];
  const prefixed = name.length > 1 && name.endsWith("*");
  return {
    resourceType,
    resourceName:
      resourceType === AclResourceType.CLUSTER ? CLUSTER_NAME : prefixed ? name.slice(0, -1) : name,
    patternType: prefixed ? AclPatternType.PREFIXED : AclPatternType.LITERAL,
    ...{ principal, host },
    operation: AclOperation[operation as keyof typeof AclOperation],
    permission: denies ? AclPermission.DENY : AclPermission.ALLOW,
  };
}

const EVERYTHING = {
  ...{ resourceType: AclResourceType.ANY, resourceName: null, patternType: AclPatternType.ANY },
  ...{ principal: null, host: null, operation: AclOperation.ANY, permission: AclPermission.ANY },
};

export class AccessWorld extends RestWorld {
  #alice: Record<string, string> | null = null;

  constructor(vars: { KEDGE_TRUSTED_GATEWAYS?: string } = {}) {
    super({ vars: { KEDGE_API_KEY: ADMIN_KEY, ...vars } });
  }

  newKey(principal: string, expiresAtMs: number | null = null): Promise<CreatedApiKey> {
    const context = this.context("User:admin");
    return createApiKey(context, { principal, description: "", expiresAtMs });
  }

  /** Headers of User:alice. */
  async alice(): Promise<Record<string, string>> {
    if (this.#alice === null) {
      const { key, secret } = await this.newKey("User:alice");
      this.#alice = { authorization: `Bearer ${key.keyId}.${secret}` };
    }
    return this.#alice;
  }

  /** These, and no others. */
  async setAcls(...texts: readonly string[]): Promise<void> {
    await this.security.deleteAcls("kedge", [EVERYTHING]);
    await this.security.createAcls(
      "kedge",
      texts.map((text) => acl(text)),
    );
  }

  /** As a Kafka client over HTTP. */
  async ask<A extends AnyApi>(
    headers: Record<string, string>,
    api: A,
    version: number,
    body: RequestInputOf<A>,
  ): Promise<ResponseOf<A>> {
    const frame = encodeRequestFrame(api, version, 1, "test", body) as Uint8Array<ArrayBuffer>;
    const init = { method: "POST", headers, body: frame };
    const response = await this.fetch("/kafka", init);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (response.status !== 200) {
      throw new Error(`HTTP ${response.status}: ${new TextDecoder().decode(bytes)}`);
    }
    return decodeResponseFrame(api, version, bytes).body as ResponseOf<A>;
  }
}

export function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${base64Encode(utf8Encode(`${user}:${password}`))}` };
}
