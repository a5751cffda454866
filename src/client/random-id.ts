import { UUID_BYTES, uuidFromBytes } from "../lib/uuid.ts";

/** A member id as Kafka's clients make them: 22 characters of base64url (KIP-1082). */
export function randomMemberId(random: () => number): string {
  const bytes = Uint8Array.from({ length: UUID_BYTES }, () => Math.floor(random() * 256));
  return uuidFromBytes(bytes);
}
