/**
 * API keys: `<key id>.<secret>`, of which the secret is random, shown once, and kept as its hash only.
 */
import { EVERY_PRINCIPAL, isPrincipal } from "../cluster/acl.ts";
import type { ApiKey } from "../cluster/credentials.ts";
import { CREDENTIAL_CHARS_MAX } from "../constants.ts";
import { base64Decode, base64Encode, base64UrlEncode } from "../lib/base64.ts";
import { EMPTY_BYTES, utf8Encode } from "../lib/bytes.ts";
import { equalInConstantTime } from "../lib/constant-time.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "./access.ts";
import type { RequestContextBase } from "./context.ts";

const KEY_ID = /^[A-Z2-7]{16}$/;
const KEY_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const KEY_ID_CHARS = 16;
const SECRET_BYTES = 32;

export interface NewApiKey {
  readonly principal: string;
  readonly description: string;
  /** Null: never. */
  readonly expiresAtMs: number | null;
}

export interface CreatedApiKey {
  readonly key: ApiKey;
  /** Nobody can read it again. */
  readonly secret: string;
}

/** Tells a key from a password or from KEDGE_API_KEY without asking anybody. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text);
}

/** Needs ALTER on the cluster: who has it may give anybody any right. Throws KafkaError 31, 42. */
export async function createApiKey(
  ctx: RequestContextBase,
  { principal, description, expiresAtMs }: NewApiKey,
): Promise<CreatedApiKey> {
  throwUnlessCluster(ctx, AclOperation.ALTER);
  const wrong = problem(principal, description, expiresAtMs, ctx.now());
  if (wrong !== null) throw new KafkaError(ErrorCode.INVALID_REQUEST, wrong);
  const secret = base64UrlEncode(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
  const key: ApiKey = {
    ...{ keyId: newKeyId(), principal, secretHash: await hashOf(secret), description },
    ...{ createdAtMs: ctx.now(), expiresAtMs },
  };
  await ctx.ports.security.createApiKey(ctx.clusterId, key);
  return { key, secret };
}

/** By key id. Needs DESCRIBE on the cluster (31). */
export function listApiKeys(ctx: RequestContextBase): Promise<ApiKey[]> {
  throwUnlessCluster(ctx, AclOperation.DESCRIBE);
  return ctx.ports.security.apiKeys(ctx.clusterId);
}

/** False when there is none. Needs ALTER on the cluster (31). */
export async function deleteApiKey(ctx: RequestContextBase, keyId: string): Promise<boolean> {
  throwUnlessCluster(ctx, AclOperation.ALTER);
  return isKeyId(keyId) && ctx.ports.security.deleteApiKey(ctx.clusterId, keyId);
}

export async function isSecret(key: ApiKey, secret: string): Promise<boolean> {
  const known = base64Decode(key.secretHash) ?? EMPTY_BYTES;
  const given = base64Decode(await hashOf(secret)) ?? EMPTY_BYTES;
  return known.length > 0 && equalInConstantTime(given, known);
}

function problem(
  principal: string,
  description: string,
  expiresAtMs: number | null,
  nowMs: number,
): string | null {
  if (!isPrincipal(principal) || principal.length > CREDENTIAL_CHARS_MAX) {
    return `Invalid principal "${principal.slice(0, 100)}": it must be of the form User:<name>, with at most ${CREDENTIAL_CHARS_MAX} characters`;
  }
  if (principal === EVERY_PRINCIPAL) return 'A key is one principal\'s: "User:*" is all of them';
  if (description.length > CREDENTIAL_CHARS_MAX) {
    return `The description has ${description.length} characters, at most ${CREDENTIAL_CHARS_MAX} are kept`;
  }
  if (expiresAtMs === null || expiresAtMs > nowMs) return null;
  return `The key would have expired at ${new Date(expiresAtMs).toISOString()} already`;
}

function newKeyId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_ID_CHARS));
  return Array.from(bytes, (byte) => KEY_ID_ALPHABET[byte & 31]).join("");
}

async function hashOf(secret: string): Promise<string> {
  const bytes = utf8Encode(secret) as Uint8Array<ArrayBuffer>;
  return base64Encode(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}
