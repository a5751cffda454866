/** What is kept of a principal's secrets: never a secret itself. Texts of bytes are base64. */

export interface ApiKey {
  /** Named by whoever uses the key; no secret. */
  readonly keyId: string;
  /** "User:alice". */
  readonly principal: string;
  /** SHA-256 of the secret, which has 256 random bits: nothing to guess, so no salt and no rounds. */
  readonly secretHash: string;
  readonly description: string;
  readonly createdAtMs: number;
  /** Null: never. */
  readonly expiresAtMs: number | null;
}

/** RFC 5802, section 3. */
export interface ScramCredential {
  readonly user: string;
  /** ScramMechanism: 1 is SHA-256, 2 SHA-512. */
  readonly mechanism: number;
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

export type ScramName = Pick<ScramCredential, "user" | "mechanism">;
