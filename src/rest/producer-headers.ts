/**
 * Idempotent produce over HTTP: the numbers that Kafka's own producer puts into its batches, in
 * three request headers. A client that got no answer sends the same request again; the log finds the
 * batch among the producer's last five and answers with the offsets of the first time (KIP-98).
 */
import type { ProducerState } from "./produce.ts";
import { RestError } from "./rest-error.ts";

const HEADERS = [
  { name: "Kedge-Producer-Id", max: Number.MAX_SAFE_INTEGER },
  { name: "Kedge-Producer-Epoch", max: 0x7fff },
  { name: "Kedge-Sequence", max: 0x7fffffff },
] as const;

/** Null when the request has none of them. Throws RestError 422 for a part of them or a bad one. */
export function producerState(headers: Headers): ProducerState | null {
  const texts = HEADERS.map(({ name }) => headers.get(name));
  if (texts.every((text) => text === null)) return null;
  const [producerId = -1, producerEpoch = -1, baseSequence = -1] = HEADERS.map((header, i) =>
    numberOf(header.name, header.max, texts[i] ?? null),
  );
  return { producerId, producerEpoch, baseSequence };
}

function numberOf(name: string, max: number, text: string | null): number {
  if (text === null) {
    const all = HEADERS.map((header) => header.name).join(", ");
    throw new RestError(422, 422, `${name} is missing: ${all} go together`);
  }
  const number = /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (number >= 0 && number <= max) return number;
  throw new RestError(422, 422, `${name} must be a whole number from 0 to ${max}, not "${text}"`);
}
