/** Names that nobody else has. */
import { UUID_BYTES, uuidFromBytes } from "../lib/uuid.ts";

/** 128 random bits as Kafka writes them (org.apache.kafka.common.Uuid). */
export function randomId(random: () => number): string {
  return uuidFromBytes(Uint8Array.from({ length: UUID_BYTES }, () => Math.floor(random() * 256)));
}
