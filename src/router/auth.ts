/**
 * The gate. A deployment is closed until somebody says who may use it: without KEDGE_API_KEY it
 * refuses everything but health, unless KEDGE_OPEN="loopback" opens it to requests that were made to
 * a loopback name (which only `npm start` and `npm run dev` set).
 *
 * Who comes in is a principal with rights: super users have all of them, others what ACLs give.
 */

import type { AclBinding } from "../cluster/acl.ts";
import { AclIndex, EVERY_RIGHT, NO_RIGHT, type Rights } from "../cluster/acl-index.ts";
import { base64Decode } from "../lib/base64.ts";
import { utf8Decode } from "../lib/bytes.ts";
import { aclHostOf } from "./advertised.ts";
import { type Authenticated, checkPassword, checkToken, type Deployment } from "./credentials.ts";
import { SaslSession, SESSION_HEADER } from "./sasl.ts";
import { sessionTokens } from "./session-tokens.ts";
import { originOf, remembered } from "./url.ts";

export interface AuthVars {
  readonly KEDGE_API_KEY?: string;
  readonly KEDGE_OPEN?: string;
  readonly KEDGE_TOKEN_SECRET?: string;
  readonly KEDGE_TRUSTED_GATEWAYS?: string;
}

/** Who a request is from, once it is let in. */
export interface Caller {
  /** Kafka's form of a principal; "" on a connection that has yet to authenticate. */
  readonly principal: string;
  readonly rights: Rights;
  readonly sasl: SaslSession | null;
}

export type Verdict =
  | { readonly ok: true; readonly caller: Caller }
  | { readonly ok: false; readonly status: 401 | 403 | 503; readonly reason: string };

const ANONYMOUS = { principal: "User:ANONYMOUS", rights: EVERY_RIGHT } as const;
const NOBODY = { principal: "", rights: NO_RIGHT } as const;

const SET_A_KEY =
  "Set one with `npx wrangler secret put KEDGE_API_KEY` (or in .dev.vars) and send it as " +
  "`Authorization: Bearer <key>`.";

/** KEDGE_API_KEY; an empty one is none. */
export function adminKeyOf({ KEDGE_API_KEY: key }: AuthVars): string | null {
  return key === undefined || key === "" ? null : key;
}

/** Throws KafkaError when the catalogue does not say whose a key is, or what its principal may do. */
export async function authenticate(
  vars: AuthVars,
  deployment: Deployment,
  request: Request,
  isKafka: boolean,
): Promise<Verdict> {
  const open = deployment.adminKey === null && vars.KEDGE_OPEN === "loopback";
  if (deployment.adminKey === null && !open) {
    const reason = `This deployment is closed: it has no KEDGE_API_KEY. ${SET_A_KEY}`;
    return { ok: false, status: 503, reason };
  }
  const refusal = open ? refuseStrangeName(request) : null;
  if (refusal !== null) return refusal;
  const authorization = request.headers.get("authorization");
  if (authorization !== null) {
    const found = await checkAuthorization(deployment, authorization);
    return found === null ? WRONG : letIn(vars, deployment, request, found.principal, null);
  }
  const token = isKafka ? request.headers.get(SESSION_HEADER) : null;
  if (token !== null) return checkSession(vars, deployment, request, token, open);
  return open ? { ok: true, caller: { ...ANONYMOUS, sasl: null } } : MISSING;
}

const MISSING: Verdict = {
  ok: false,
  status: 401,
  reason:
    "No credentials. Send `Authorization: Bearer <key id>.<secret>`, or Basic with a key's id and secret " +
    "or a user's name and password; KEDGE_API_KEY is a Bearer token too.",
};

const WRONG: Verdict = {
  ok: false,
  status: 401,
  reason:
    "The credentials are wrong: send an API key of this cluster (`Bearer <key id>.<secret>`, or both as " +
    "Basic), a user's name and password as Basic, or KEDGE_API_KEY.",
};

async function letIn(
  vars: AuthVars,
  deployment: Deployment,
  request: Request,
  principal: string,
  sasl: SaslSession | null,
): Promise<Verdict> {
  const host = aclHostOf(request, vars.KEDGE_TRUSTED_GATEWAYS ?? "");
  const rights = await rightsOf(deployment, principal, host);
  return { ok: true, caller: { principal, rights, sasl } };
}

async function checkSession(
  vars: AuthVars,
  deployment: Deployment,
  request: Request,
  token: string,
  open: boolean,
): Promise<Verdict> {
  const tokens = await sessionTokens(deployment.clusterId, signingSecret(vars));
  const sasl = await SaslSession.of(deployment, tokens, open, token);
  if (sasl === null) {
    const reason =
      "The connection's session has ended, or its credentials are no longer there: connect again.";
    return { ok: false, status: 401, reason };
  }
  const { principal } = sasl;
  if (principal !== null) return letIn(vars, deployment, request, principal, sasl);
  return { ok: true, caller: { ...(sasl.required ? NOBODY : ANONYMOUS), sasl } };
}

/** Both, so that whoever changes either ends every session. */
function signingSecret(vars: AuthVars): string | null {
  const parts = [vars.KEDGE_TOKEN_SECRET ?? "", adminKeyOf(vars) ?? ""];
  return parts.every((part) => part === "") ? null : JSON.stringify(parts);
}

/** Of each list of ACLs that the catalogue handed out. */
const indexes = new WeakMap<readonly AclBinding[], AclIndex>();

async function rightsOf(
  { clusterId, security, config }: Deployment,
  principal: string,
  host: string,
): Promise<Rights> {
  if (config.superUsers.includes(principal)) return EVERY_RIGHT;
  const bindings = await security.acls(clusterId);
  const known = indexes.get(bindings);
  const allowEveryone = config.allowEveryoneIfNoAclFound;
  const index = known ?? new AclIndex(bindings, { allowEveryone });
  if (known === undefined) indexes.set(bindings, index);
  return index.rightsOf(principal, host);
}

/** Bearer: a token. Basic: a name and a password. Null when it is neither, or nobody's. */
async function checkAuthorization(
  deployment: Deployment,
  authorization: string,
): Promise<Authenticated | null> {
  const space = authorization.indexOf(" ");
  const scheme = authorization.slice(0, Math.max(space, 0)).toLowerCase();
  const rest = authorization.slice(space + 1).trim();
  if (scheme === "bearer") return checkToken(deployment, rest);
  const bytes = scheme === "basic" ? base64Decode(rest) : null;
  if (bytes === null) return null;
  const pair = utf8Decode(bytes);
  const colon = pair.indexOf(":");
  if (colon < 0) return null;
  return checkPassword(deployment, pair.slice(0, colon), pair.slice(colon + 1));
}

/**
 * The name that was dialled, not the peer, which a Worker cannot see: a page that has its own name
 * point to 127.0.0.1 (DNS rebinding) does not get in.
 */
function refuseStrangeName(request: Request): Verdict | null {
  const host = hostnameOf(originOf(request.url));
  if (isLoopback(host)) return null;
  return {
    ok: false,
    status: 403,
    reason:
      `KEDGE_OPEN="loopback" opens localhost and 127.0.0.1 only, and the request was made to ` +
      `"${host}". ${SET_A_KEY}`,
  };
}

const hostnameOf = remembered((origin) => new URL(origin).hostname);

function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
  );
}
