/**
 * Whose a secret is: KEDGE_API_KEY is the admin's, `<key id>.<secret>` an API key's principal's, a name
 * and a password a SCRAM user's. All of them belong to one cluster.
 *
 * A wrong name costs as much as a wrong password, and nothing tells one from the other.
 */
import { isKeyId, isSecret } from "../broker/api-keys.ts";
import type { BrokerConfig } from "../broker/context.ts";
import type { SecurityPort } from "../broker/ports.ts";
import { isPassword, SCRAM_MECHANISMS } from "../broker/scram.ts";
import type { ApiKey, ScramCredential } from "../cluster/credentials.ts";
import {
  CREDENTIAL_CHARS_MAX,
  PASSWORD_REMEMBERED_MS,
  PASSWORDS_REMEMBERED_MAX,
  SCRAM_ITERATIONS_MIN,
} from "../constants.ts";
import { base64Encode } from "../lib/base64.ts";
import { utf8Encode } from "../lib/bytes.ts";
import { equalInConstantTime } from "../lib/constant-time.ts";
import { ScramMechanism } from "../protocol/acl-codes.ts";
import { hmacKey } from "./session-tokens.ts";

/** What the gate needs to know of the deployment. */
export interface Deployment {
  readonly clusterId: string;
  readonly security: SecurityPort;
  readonly config: Pick<
    BrokerConfig,
    "superUsers" | "allowEveryoneIfNoAclFound" | "connectionsMaxReauthMs"
  >;
  /** KEDGE_API_KEY; null when there is none. */
  readonly adminKey: string | null;
  now(): number;
}

/** By which secret somebody proved to be the principal: a connection asks again whether it holds. */
export type CredentialRef =
  | { readonly kind: "admin" }
  | { readonly kind: "key"; readonly keyId: string }
  | { readonly kind: "scram"; readonly user: string; readonly mechanism: number };

export interface Authenticated {
  readonly principal: string;
  readonly credential: CredentialRef;
}

/** `Bearer <token>`: KEDGE_API_KEY, or `<key id>.<secret>`. */
export async function checkToken(
  deployment: Deployment,
  token: string,
): Promise<Authenticated | null> {
  if (isAdminKey(deployment, token)) return admin(deployment);
  const dot = token.indexOf(".");
  return dot < 0 ? null : checkApiKey(deployment, token.slice(0, dot), token.slice(dot + 1));
}

/** Basic, and SASL/PLAIN. KEDGE_API_KEY is a password that goes with any name. */
export async function checkPassword(
  deployment: Deployment,
  user: string,
  password: string,
): Promise<Authenticated | null> {
  if (isAdminKey(deployment, password)) return admin(deployment);
  if (isKeyId(user)) return checkApiKey(deployment, user, password);
  if (user.length > CREDENTIAL_CHARS_MAX || password.length > CREDENTIAL_CHARS_MAX) return null;
  return checkScramPassword(deployment, user, password);
}

/** Whether what somebody authenticated with is still there. */
export async function stillHolds(
  deployment: Deployment,
  credential: CredentialRef,
): Promise<boolean> {
  const { clusterId, security } = deployment;
  switch (credential.kind) {
    case "admin":
      return deployment.adminKey !== null;
    case "key": {
      const key = await security.apiKey(clusterId, credential.keyId);
      return key !== null && isAlive(key, deployment.now());
    }
    case "scram":
      return (await security.scramCredential(clusterId, credential)) !== null;
  }
}

export function scramUser(user: string): string {
  return `User:${user}`;
}

function isAdminKey({ adminKey }: Deployment, given: string): boolean {
  return adminKey !== null && equalInConstantTime(utf8Encode(given), utf8Encode(adminKey));
}

/** The first of super.users is who holds KEDGE_API_KEY. */
function admin({ config }: Deployment): Authenticated {
  return { principal: config.superUsers[0] ?? "User:admin", credential: { kind: "admin" } };
}

async function checkApiKey(
  { clusterId, security, now }: Deployment,
  keyId: string,
  secret: string,
): Promise<Authenticated | null> {
  if (!isKeyId(keyId) || secret.length > CREDENTIAL_CHARS_MAX) return null;
  const key = await security.apiKey(clusterId, keyId);
  if (key === null || !(await isSecret(key, secret)) || !isAlive(key, now())) return null;
  return { principal: key.principal, credential: { kind: "key", keyId } };
}

function isAlive({ expiresAtMs }: ApiKey, nowMs: number): boolean {
  return expiresAtMs === null || nowMs < expiresAtMs;
}

async function checkScramPassword(
  deployment: Deployment,
  user: string,
  password: string,
): Promise<Authenticated | null> {
  const { clusterId, security } = deployment;
  let credential = NOBODY;
  for (const name of SCRAM_MECHANISMS) {
    const mechanism = ScramMechanism[name];
    const found = await security.scramCredential(clusterId, { user, mechanism });
    if (found !== null) credential = found;
    if (found !== null) break;
  }
  const { mechanism } = credential;
  const isRight = await isRightPassword(credential, password, deployment.now());
  if (!isRight || credential === NOBODY) return null;
  return { principal: scramUser(user), credential: { kind: "scram", user, mechanism } };
}

/** Takes as long to check as somebody's. */
const NOBODY: ScramCredential = {
  ...{ user: "", mechanism: 1, salt: "AAAAAAAAAAAAAAAAAAAAAA==" },
  ...{ iterations: SCRAM_ITERATIONS_MIN, storedKey: "", serverKey: "" },
};

/** When each was found right, under a key that only this isolate has: no password is kept. */
const rightUntilMs = new Map<string, number>();
let isolateKey: CryptoKey | null = null;

async function isRightPassword(
  credential: ScramCredential,
  password: string,
  nowMs: number,
): Promise<boolean> {
  const mark = await markOf(credential, password);
  if ((rightUntilMs.get(mark) ?? 0) > nowMs) return true;
  if (!(await isPassword(credential, password))) return false;
  if (rightUntilMs.size >= PASSWORDS_REMEMBERED_MAX) rightUntilMs.clear();
  rightUntilMs.set(mark, nowMs + PASSWORD_REMEMBERED_MS);
  return true;
}

/** With the stored key in it: a changed password is another mark. */
async function markOf({ user, storedKey }: ScramCredential, password: string): Promise<string> {
  const key = isolateKey ?? (await hmacKey(crypto.getRandomValues(new Uint8Array(32))));
  // Of two requests that come first one forgets what it remembers.
  isolateKey = key;
  const text = utf8Encode(JSON.stringify([user, storedKey, password])) as Uint8Array<ArrayBuffer>;
  return base64Encode(new Uint8Array(await crypto.subtle.sign("HMAC", key, text)));
}
