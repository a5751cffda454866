/**
 * A Kafka connection as the Worker sees it: frame by frame, each with the token that the one before gave
 * back (`x-kedge-session`; "new" at first). SASL is decided here, and the gateway only carries tokens.
 */
import type { SaslAuthenticateOutcome, SaslExchange } from "../broker/sasl-exchange.ts";
import {
  parseClientFirst,
  SCRAM_MECHANISMS,
  type ScramMechanismName,
  serverFinal,
  serverFirst,
} from "../broker/scram.ts";
import type { ScramCredential } from "../cluster/credentials.ts";
import {
  CREDENTIAL_CHARS_MAX,
  SASL_EXCHANGE_MS,
  SASL_TOKEN_BYTES_MAX,
  SCRAM_FIRST_BYTES_MAX,
  SCRAM_ITERATIONS_MIN,
  SESSION_TOKEN_MS,
} from "../constants.ts";
import { base64Encode, base64UrlEncode } from "../lib/base64.ts";
import { EMPTY_BYTES, utf8Decode, utf8Encode } from "../lib/bytes.ts";
import { ScramMechanism } from "../protocol/acl-codes.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { Authenticated, Deployment } from "./credentials.ts";
import { checkPassword, scramUser, stillHolds } from "./credentials.ts";
import type { SaslStep, SessionIdentity, SessionState, SessionTokens } from "./session-tokens.ts";

export const SESSION_HEADER = "x-kedge-session";
/** What a connection says before it has a token. */
const NEW = "new";
/** In place of a token: the answer is the connection's last one. */
const CLOSE = "close";
const MECHANISMS = ["PLAIN", ...SCRAM_MECHANISMS] as const;
const NONCE_BYTES = 24;
const SALT_BYTES = 16;

/** Of a connection that has not begun SASL: most of an open service never do. */
const UNKNOWN: SessionState = { nonce: "", identity: null, exchange: null };

type Challenged = Extract<SaslStep, { step: "challenged" }>;

export class SaslSession implements SaslExchange {
  readonly #deployment: Deployment;
  readonly #tokens: SessionTokens;
  readonly #open: boolean;
  #state: SessionState;
  #changed: boolean;
  #closing = false;

  /** @param open nobody has to say who he is */
  private constructor(
    deployment: Deployment,
    tokens: SessionTokens,
    open: boolean,
    state: SessionState,
    changed: boolean,
  ) {
    this.#deployment = deployment;
    this.#tokens = tokens;
    this.#open = open;
    this.#state = state;
    this.#changed = changed;
  }

  /**
   * The session of a token. Null when there is none: it has ended, what it was authenticated with is no
   * longer there, or nobody here made it.
   */
  static async of(
    deployment: Deployment,
    tokens: SessionTokens,
    open: boolean,
    token: string,
  ): Promise<SaslSession | null> {
    if (token === NEW) {
      return new SaslSession(deployment, tokens, open, UNKNOWN, false);
    }
    const opened = await tokens.open(token, deployment.now());
    if (opened === null) return null;
    const { state, renew } = opened;
    const { identity } = state;
    if (identity !== null && !(await stillHolds(deployment, identity.credential))) return null;
    return new SaslSession(deployment, tokens, open, state, renew && identity !== null);
  }

  /** Null before SASL, and when a session is over and has to be renewed. */
  get principal(): string | null {
    const { identity } = this.#state;
    if (identity === null) return null;
    const { endsAtMs, principal } = identity;
    return endsAtMs !== null && this.#deployment.now() >= endsAtMs ? null : principal;
  }

  get required(): boolean {
    return this.principal === null && !(this.#open && this.#state.identity === null);
  }

  /** The next frame is a token without a Kafka header (SaslHandshake 0). */
  get expectsRawToken(): boolean {
    return this.#state.exchange?.raw === true;
  }

  /** What the gateway is to send with the next frame; null: what it sent with this one. */
  async next(): Promise<string | null> {
    if (this.#closing) return CLOSE;
    if (!this.#changed) return null;
    const nowMs = this.#deployment.now();
    const { exchange } = this.#state;
    const lifeMs = exchange === null ? SESSION_TOKEN_MS : SASL_EXCHANGE_MS;
    return this.#tokens.seal(this.#state, nowMs, nowMs + lifeMs);
  }

  close(): void {
    this.#closing = true;
  }

  async handshake(mechanism: string, raw: boolean) {
    const mechanisms = [...MECHANISMS];
    // A session that is renewed says so by SaslAuthenticate alone (KIP-368).
    if (this.#state.exchange !== null || (raw && this.#state.identity !== null)) {
      this.close();
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms };
    }
    if (!mechanisms.some((known) => known === mechanism)) {
      this.close();
      return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms };
    }
    this.#goTo({ step: "handshaken", mechanism, raw });
    return { errorCode: ErrorCode.NONE, mechanisms };
  }

  async authenticate(token: Uint8Array): Promise<SaslAuthenticateOutcome> {
    const { exchange } = this.#state;
    if (exchange === null) {
      const text = "SaslHandshake comes before SaslAuthenticate";
      return this.#refuse(ErrorCode.ILLEGAL_SASL_STATE, text);
    }
    if (token.length > SASL_TOKEN_BYTES_MAX) return this.#failed(exchange.mechanism);
    if (exchange.step === "challenged") return this.#prove(exchange, token);
    return exchange.mechanism === "PLAIN"
      ? this.#plain(token)
      : this.#challenge(exchange.mechanism as ScramMechanismName, exchange.raw, token);
  }

  /** RFC 4616: authorization id, name and password between NULs. */
  async #plain(token: Uint8Array): Promise<SaslAuthenticateOutcome> {
    const [authorization = "", user = "", password = "", ...more] = utf8Decode(token).split("\0");
    const sound = user !== "" && password !== "" && more.length === 0;
    const forItself = authorization === "" || authorization === user;
    const found = sound && forItself ? await checkPassword(this.#deployment, user, password) : null;
    return found === null ? this.#failed("PLAIN") : this.#succeeded(found, EMPTY_BYTES);
  }

  async #challenge(
    mechanism: ScramMechanismName,
    raw: boolean,
    token: Uint8Array,
  ): Promise<SaslAuthenticateOutcome> {
    const first = token.length > SCRAM_FIRST_BYTES_MAX ? null : parseClientFirst(token);
    if (first === null || first.user.length > CREDENTIAL_CHARS_MAX) return this.#failed(mechanism);
    const { user, nonce, bare: clientFirstBare } = first;
    const credential = await this.#credential(mechanism, user);
    const serverNonce = base64Encode(randomBytes(NONCE_BYTES));
    const challenge = serverFirst(nonce, serverNonce, credential ?? (await this.#nobody(user)));
    this.#goTo({
      ...{ step: "challenged", mechanism, raw, user, clientFirstBare },
      serverFirst: challenge,
    });
    return this.#answer(utf8Encode(challenge), 0);
  }

  async #prove(exchange: Challenged, token: Uint8Array): Promise<SaslAuthenticateOutcome> {
    const { user, clientFirstBare, serverFirst: challenge } = exchange;
    const mechanism = exchange.mechanism as ScramMechanismName;
    const credential = await this.#credential(mechanism, user);
    const final =
      credential === null ? null : await serverFinal(credential, clientFirstBare, challenge, token);
    if (final === null) return this.#failed(mechanism);
    const code = ScramMechanism[mechanism];
    const found: Authenticated = {
      principal: scramUser(user),
      credential: { kind: "scram", user, mechanism: code },
    };
    return this.#succeeded(found, utf8Encode(final));
  }

  #credential(mechanism: ScramMechanismName, user: string): Promise<ScramCredential | null> {
    const { clusterId, security } = this.#deployment;
    return security.scramCredential(clusterId, { user, mechanism: ScramMechanism[mechanism] });
  }

  /** Nobody learns from the challenge who there is: an unknown user's salt is always the same one too. */
  async #nobody(user: string): Promise<Pick<ScramCredential, "salt" | "iterations">> {
    const salt = (await this.#tokens.mark(`salt of ${user}`)).subarray(0, SALT_BYTES);
    return { salt: base64Encode(salt), iterations: SCRAM_ITERATIONS_MIN };
  }

  #succeeded({ principal, credential }: Authenticated, token: Uint8Array): SaslAuthenticateOutcome {
    const before = this.#state.identity?.principal ?? principal;
    if (before !== principal) {
      const text = `Cannot change principals during re-authentication from ${before} to ${principal}`;
      return this.#refuse(ErrorCode.SASL_AUTHENTICATION_FAILED, text);
    }
    const lifetimeMs = this.#deployment.config.connectionsMaxReauthMs;
    const endsAtMs = lifetimeMs === 0 ? null : this.#deployment.now() + lifetimeMs;
    const identity: SessionIdentity = { principal, credential, endsAtMs };
    this.#state = { ...this.#state, identity, exchange: null };
    this.#changed = true;
    return this.#answer(token, lifetimeMs);
  }

  /** What a wrong name, a wrong password and nonsense are all told (SaslServerAuthenticator). */
  #failed(mechanism: string): SaslAuthenticateOutcome {
    const text =
      mechanism === "PLAIN"
        ? "Authentication failed: Invalid username or password"
        : `Authentication failed during authentication due to invalid credentials with SASL mechanism ${mechanism}`;
    return this.#refuse(ErrorCode.SASL_AUTHENTICATION_FAILED, text);
  }

  #refuse(errorCode: number, errorMessage: string): SaslAuthenticateOutcome {
    this.close();
    return { errorCode, errorMessage, authBytes: EMPTY_BYTES, sessionLifetimeMs: 0 };
  }

  #answer(authBytes: Uint8Array, sessionLifetimeMs: number): SaslAuthenticateOutcome {
    return { errorCode: ErrorCode.NONE, errorMessage: null, authBytes, sessionLifetimeMs };
  }

  #goTo(exchange: SaslStep): void {
    const nonce = this.#state.nonce || base64UrlEncode(randomBytes(NONCE_BYTES));
    this.#state = { ...this.#state, nonce, exchange };
    this.#changed = true;
  }
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}
