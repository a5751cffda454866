/**
 * SCRAM on the server's side (RFC 5802, RFC 7677; Kafka's ScramFormatter, ScramSaslServer). What is
 * kept of a password lets it be checked, and neither be read nor be used to log in elsewhere.
 */
import type { ScramCredential, ScramName } from "../cluster/credentials.ts";
import { base64Decode, base64Encode } from "../lib/base64.ts";
import { EMPTY_BYTES, utf8Decode, utf8Encode } from "../lib/bytes.ts";
import { equalInConstantTime } from "../lib/constant-time.ts";
import { ScramMechanism } from "../protocol/acl-codes.ts";

export type ScramMechanismName = keyof typeof ScramMechanism;

export const SCRAM_MECHANISMS = Object.keys(ScramMechanism) as ScramMechanismName[];

interface HashOf {
  readonly name: "SHA-256" | "SHA-512";
  readonly bits: number;
}

function hashOf(mechanism: number): HashOf {
  return mechanism === ScramMechanism["SCRAM-SHA-512"]
    ? { name: "SHA-512", bits: 512 }
    : { name: "SHA-256", bits: 256 };
}

/** Hi(password, salt, iterations): PBKDF2. */
export async function saltPassword(
  mechanism: number,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Uint8Array> {
  const { name: hash, bits } = hashOf(mechanism);
  const key = await crypto.subtle.importKey("raw", buffer(utf8Encode(password)), "PBKDF2", false, [
    "deriveBits",
  ]);
  const params = { name: "PBKDF2", hash, salt: buffer(salt), iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(params, key, bits));
}

/** What the service keeps of a salted password. */
export async function scramCredentialOf(
  { user, mechanism }: ScramName,
  salt: Uint8Array,
  iterations: number,
  saltedPassword: Uint8Array,
): Promise<ScramCredential> {
  const clientKey = await hmac(mechanism, saltedPassword, "Client Key");
  return {
    ...{ user, mechanism, salt: base64Encode(salt), iterations },
    storedKey: base64Encode(await hash(mechanism, clientKey)),
    serverKey: base64Encode(await hmac(mechanism, saltedPassword, "Server Key")),
  };
}

export async function isPassword(credential: ScramCredential, password: string): Promise<boolean> {
  const { mechanism, iterations } = credential;
  const salt = bytesOf(credential.salt);
  const salted = await saltPassword(mechanism, password, salt, iterations);
  const given = await scramCredentialOf(credential, salt, iterations, salted);
  return equalInConstantTime(bytesOf(given.storedKey), bytesOf(credential.storedKey));
}

export interface ClientFirst {
  readonly user: string;
  readonly nonce: string;
  /** Without the GS2 header: a part of what is signed. */
  readonly bare: string;
}

/** Null when it is none, asks for channel binding, or for another user's name. */
export function parseClientFirst(token: Uint8Array): ClientFirst | null {
  const match =
    /^[ny],(?:a=([^,]+))?,((?:m=[^,]*,)?n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(
      utf8Decode(token),
    );
  const [, authorization, bare, name, nonce] = match ?? [];
  if (bare === undefined || name === undefined || nonce === undefined) return null;
  // An extension that must be understood is not.
  if (bare.startsWith("m=")) return null;
  if (authorization !== undefined && authorization !== name) return null;
  const user = saslName(name);
  return user === null ? null : { user, nonce, bare };
}

/** `,` and `=` in a name are escaped; another `=` is no name. */
function saslName(text: string): string | null {
  if (/=(?!2C|3D)/.test(text)) return null;
  return text.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

/** The server's challenge. @param serverNonce is appended to the client's */
export function serverFirst(
  clientNonce: string,
  serverNonce: string,
  { salt, iterations }: Pick<ScramCredential, "salt" | "iterations">,
): string {
  return `r=${clientNonce}${serverNonce},s=${salt},i=${iterations}`;
}

/** The server's last message, or null when the proof is not one of the password's. */
export async function serverFinal(
  credential: ScramCredential,
  clientFirstBare: string,
  first: string,
  clientFinal: Uint8Array,
): Promise<string | null> {
  const text = utf8Decode(clientFinal);
  const match = /^(c=([^,]+),r=([^,]+)(?:,.*)?),p=([^,]+)$/s.exec(text);
  const [, withoutProof, binding, nonce, proofText] = match ?? [];
  if (withoutProof === undefined || !isGs2Header(binding ?? "")) return null;
  // The end of it, as Kafka has it (ScramSaslServer): librdkafka up to 2.6.0 puts its own part before
  // it a second time (its issue 4895). What was signed is what was sent, so nothing is lost by it.
  const challenged = /^r=([^,]+)/.exec(first)?.[1];
  if (challenged === undefined || nonce?.endsWith(challenged) !== true) return null;
  const { mechanism } = credential;
  const message = `${clientFirstBare},${first},${withoutProof}`;
  const storedKey = bytesOf(credential.storedKey);
  const signature = await hmac(mechanism, storedKey, message);
  const proof = base64Decode(proofText ?? "") ?? EMPTY_BYTES;
  const clientKey = signature.map((byte, at) => byte ^ (proof[at] ?? 0));
  const sameLength = proof.length === signature.length;
  const isRight = equalInConstantTime(await hash(mechanism, clientKey), storedKey);
  if (!sameLength || !isRight) return null;
  const verifier = await hmac(mechanism, bytesOf(credential.serverKey), message);
  return `v=${base64Encode(verifier)}`;
}

/** "n,,", "y,," or with a name: no channel is bound. */
function isGs2Header(binding: string): boolean {
  const bytes = base64Decode(binding);
  return bytes !== null && /^[ny],(?:a=[^,]+)?,$/.test(utf8Decode(bytes));
}

async function hmac(mechanism: number, key: Uint8Array, text: string): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: hashOf(mechanism).name };
  const imported = await crypto.subtle.importKey("raw", buffer(key), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, buffer(utf8Encode(text))));
}

async function hash(mechanism: number, bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest(hashOf(mechanism).name, buffer(bytes)));
}

function bytesOf(text: string): Uint8Array {
  return base64Decode(text) ?? EMPTY_BYTES;
}

/** What WebCrypto's types take. */
function buffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
