/**
 * The gate. A deployment is closed until somebody says who may use it: without KEDGE_API_KEY it
 * refuses everything but health, unless KEDGE_OPEN="loopback" opens it to requests that were made to
 * a loopback name (which only `npm start` and `npm run dev` set).
 *
 * One key, one principal. Users, ACLs and SASL stand behind the same gate later.
 */
import { base64Decode } from "../lib/base64.ts";
import { utf8Decode, utf8Encode } from "../lib/bytes.ts";
import { originOf, remembered } from "./url.ts";

export interface AuthVars {
  readonly KEDGE_API_KEY?: string;
  readonly KEDGE_OPEN?: string;
}

/** Kafka's form of a principal. */
export type Verdict =
  | { readonly ok: true; readonly principal: string }
  | { readonly ok: false; readonly status: 401 | 403 | 503; readonly reason: string };

const ANONYMOUS: Verdict = { ok: true, principal: "User:ANONYMOUS" };
const KEY_HOLDER: Verdict = { ok: true, principal: "User:api-key" };

const SET_A_KEY =
  "Set one with `npx wrangler secret put KEDGE_API_KEY` (or in .dev.vars) and send it as " +
  "`Authorization: Bearer <key>`.";

export function authenticate(vars: AuthVars, request: Request): Verdict {
  const key = vars.KEDGE_API_KEY;
  if (key !== undefined && key !== "") return checkKey(key, request.headers.get("authorization"));
  if (vars.KEDGE_OPEN === "loopback") return checkLoopback(request);
  return {
    ok: false,
    status: 503,
    reason: `This deployment is closed: it has no KEDGE_API_KEY. ${SET_A_KEY}`,
  };
}

function checkKey(key: string, authorization: string | null): Verdict {
  if (authorization === null) {
    const reason = "No credentials. Send `Authorization: Bearer <KEDGE_API_KEY>`.";
    return { ok: false, status: 401, reason };
  }
  const given = credentialOf(authorization);
  if (given !== null && equalInConstantTime(utf8Encode(given), utf8Encode(key))) return KEY_HOLDER;
  const reason =
    "The credentials are wrong: send KEDGE_API_KEY as a Bearer token, or as the password of Basic.";
  return { ok: false, status: 401, reason };
}

/** The Bearer token, or the password of Basic; null when it is neither. */
function credentialOf(authorization: string): string | null {
  const space = authorization.indexOf(" ");
  const scheme = authorization.slice(0, Math.max(space, 0)).toLowerCase();
  const rest = authorization.slice(space + 1).trim();
  if (scheme === "bearer") return rest;
  if (scheme !== "basic") return null;
  const bytes = base64Decode(rest);
  if (bytes === null) return null;
  const pair = utf8Decode(bytes);
  const colon = pair.indexOf(":");
  return colon < 0 ? null : pair.slice(colon + 1);
}

/**
 * The name that was dialled, not the peer, which a Worker cannot see: a page that has its own name
 * point to 127.0.0.1 (DNS rebinding) does not get in.
 */
function checkLoopback(request: Request): Verdict {
  const host = hostnameOf(originOf(request.url));
  if (isLoopback(host)) return ANONYMOUS;
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

/** Takes as long for a wrong guess as for the right one; only the length of `given` shows. */
export function equalInConstantTime(given: Uint8Array, secret: Uint8Array): boolean {
  let difference = given.length ^ secret.length;
  for (let i = 0; i < given.length; i++) {
    difference |= (given[i] ?? 0) ^ (secret[i % secret.length] ?? 0);
  }
  return difference === 0;
}
