/**
 * What a connection through the gateway carries from frame to frame: who it is, and how far a SASL
 * exchange has come, signed and with an end. The gateway cannot read a secret from it, nor make one.
 *
 * `<payload>.<HMAC-SHA-256>`, both base64url; the payload is JSON. The key is derived (HKDF) from
 * KEDGE_TOKEN_SECRET, or else from KEDGE_API_KEY, and from the cluster, so that a token of one cluster
 * means nothing in another.
 */
import { base64UrlDecode, base64UrlEncode } from "../lib/base64.ts";
import { utf8Decode, utf8Encode } from "../lib/bytes.ts";
import type { CredentialRef } from "./credentials.ts";

export type SaslStep =
  /** The mechanism is agreed on. */
  | { readonly step: "handshaken"; readonly mechanism: string; readonly raw: boolean }
  /** SCRAM: the server's challenge is on its way. */
  | {
      readonly step: "challenged";
      readonly mechanism: string;
      readonly raw: boolean;
      readonly user: string;
      readonly clientFirstBare: string;
      readonly serverFirst: string;
    };

export interface SessionIdentity {
  readonly principal: string;
  readonly credential: CredentialRef;
  /** connections.max.reauth.ms is over then; null: never. */
  readonly endsAtMs: number | null;
}

export interface SessionState {
  /** Of the connection, random. */
  readonly nonce: string;
  readonly identity: SessionIdentity | null;
  readonly exchange: SaslStep | null;
}

interface Payload extends SessionState {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface OpenedSession {
  readonly state: SessionState;
  /** Half of its time is over. */
  readonly renew: boolean;
}

/** Sessions whose signature was checked. */
const CHECKED_MAX = 1_000;

export class SessionTokens {
  readonly #key: CryptoKey;
  readonly #checked = new Map<string, Payload>();

  constructor(key: CryptoKey) {
    this.#key = key;
  }

  async seal(state: SessionState, issuedAtMs: number, expiresAtMs: number): Promise<string> {
    const { nonce, identity, exchange } = state;
    const payload: Payload = { nonce, identity, exchange, issuedAtMs, expiresAtMs };
    const text = base64UrlEncode(utf8Encode(JSON.stringify(payload)));
    const signed = utf8Encode(text) as Uint8Array<ArrayBuffer>;
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", this.#key, signed));
    return `${text}.${base64UrlEncode(mac)}`;
  }

  /** Null when it was not made here, or its time is over. */
  async open(token: string, nowMs: number): Promise<OpenedSession | null> {
    const payload = this.#checked.get(token) ?? (await this.#check(token));
    if (payload === null || nowMs >= payload.expiresAtMs) return null;
    const halfMs = (payload.issuedAtMs + payload.expiresAtMs) / 2;
    return { state: payload, renew: nowMs >= halfMs };
  }

  /** Bytes that only who has the key can tell, and always the same for one text. */
  async mark(text: string): Promise<Uint8Array> {
    const signed = utf8Encode(`mark: ${text}`) as Uint8Array<ArrayBuffer>;
    return new Uint8Array(await crypto.subtle.sign("HMAC", this.#key, signed));
  }

  async #check(token: string): Promise<Payload | null> {
    const dot = token.indexOf(".");
    const text = token.slice(0, Math.max(dot, 0));
    const mac = base64UrlDecode(token.slice(dot + 1)) as Uint8Array<ArrayBuffer> | null;
    // A text has one form only.
    if (mac === null || base64UrlEncode(mac) !== token.slice(dot + 1)) return null;
    const signed = utf8Encode(text) as Uint8Array<ArrayBuffer>;
    // WebCrypto compares in constant time.
    if (!(await crypto.subtle.verify("HMAC", this.#key, mac, signed))) return null;
    const payload: Payload = JSON.parse(utf8Decode(base64UrlDecode(text) ?? new Uint8Array()));
    if (this.#checked.size >= CHECKED_MAX) this.#checked.clear();
    this.#checked.set(token, payload);
    return payload;
  }
}

export function hmacKey(bytes: Uint8Array): Promise<CryptoKey> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const raw = bytes as Uint8Array<ArrayBuffer>;
  return crypto.subtle.importKey("raw", raw, algorithm, false, ["sign", "verify"]);
}

/** @param secret null: one that this isolate makes up, for a service that is open and has none */
export async function sessionTokens(
  clusterId: string,
  secret: string | null,
): Promise<SessionTokens> {
  const known = remembered.get(clusterId);
  if (known !== undefined && known.secret === secret) return known.tokens;
  const material =
    secret === null ? crypto.getRandomValues(new Uint8Array(32)) : utf8Encode(secret);
  const raw = material as Uint8Array<ArrayBuffer>;
  const base = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
  const info = utf8Encode(`kedge session 1 ${clusterId}`) as Uint8Array<ArrayBuffer>;
  const params = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
  const bits = new Uint8Array(await crypto.subtle.deriveBits(params, base, 256));
  const tokens = new SessionTokens(await hmacKey(bits));
  // Of two requests that come first both get what the first one to end made.
  const again = remembered.get(clusterId);
  if (again !== undefined && again.secret === secret) return again.tokens;
  remembered.set(clusterId, { secret, tokens });
  return tokens;
}

const remembered = new Map<string, { secret: string | null; tokens: SessionTokens }>();
