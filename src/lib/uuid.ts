/**
 * Topic ids in Kafka's own form (org.apache.kafka.common.Uuid): 16 bytes on the wire, 22 characters
 * of base64url without padding everywhere else.
 */
import { base64UrlDecode, base64UrlEncode } from "./base64.ts";

export const UUID_BYTES = 16;
const UUID_CHARS = 22;

/** Kafka's "no id". */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** The 16 bytes, or null when the text is not a Kafka uuid. */
export function uuidToBytes(text: string): Uint8Array | null {
  if (text.length !== UUID_CHARS) return null;
  return base64UrlDecode(text);
}

/** The text of the 16 bytes at `at`; the caller checked that they are there. */
export function uuidFromBytes(bytes: Uint8Array, at = 0): string {
  return base64UrlEncode(bytes.subarray(at, at + UUID_BYTES));
}
