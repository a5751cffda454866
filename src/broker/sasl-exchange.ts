/**
 * SASL on one connection (KIP-43, KIP-152, KIP-368), as handlers 17 and 36 see it. Who the router takes
 * for whom, and where the state between two frames is kept, is its own matter.
 */

export interface SaslHandshakeOutcome {
  readonly errorCode: number;
  readonly mechanisms: readonly string[];
}

export interface SaslAuthenticateOutcome {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly authBytes: Uint8Array;
  /** 0: the session has no end of its own. */
  readonly sessionLifetimeMs: number;
}

export interface SaslExchange {
  /** Nothing but ApiVersions and SASL is answered on this connection yet. */
  readonly required: boolean;
  /** @param raw version 0: tokens follow as frames of their own, without a Kafka header */
  handshake(mechanism: string, raw: boolean): Promise<SaslHandshakeOutcome>;
  authenticate(token: Uint8Array): Promise<SaslAuthenticateOutcome>;
  /** The answer that is being made is the last one of the connection. */
  close(): void;
}
