import { UUID_BYTES, uuidFromBytes } from "../lib/uuid.ts";

/**
 * A random UUID (version 4) in Kafka's form. One that begins with '-' is drawn again, because a
 * command line would take it for an option (org.apache.kafka.common.Uuid.randomUuid).
 */
export function newTopicId(random: () => number): string {
  for (;;) {
    const bytes = Uint8Array.from({ length: UUID_BYTES }, () => Math.floor(random() * 256));
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const id = uuidFromBytes(bytes);
    if (!id.startsWith("-")) return id;
  }
}
