/** An instance's refusals, and the group's, as errors of the v2 dialect. */
import { ErrorCode, errorMessage, KafkaError } from "../../protocol/errors.ts";
import { RestError } from "../rest-error.ts";
import { groupError } from "../v2/errors.ts";
import type { Outcome, Refusal } from "./types.ts";

/** The value. Throws RestError 404 (40403), 409 (40902, 40903) or what Kafka's error stands for. */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw refusalError(outcome);
}

function refusalError({ why, kafkaCode, message }: Refusal): RestError {
  switch (why) {
    case "unknown":
      return new RestError(404, 40403, "Consumer instance not found.");
    case "exists": {
      const what = "Consumer with specified consumer ID already exists in the specified";
      return new RestError(409, 40902, `${what} consumer group.`);
    }
    case "state":
      return illegalState(message);
    case "kafka":
      return groupError(kafkaCode, message);
  }
}

export function illegalState(message: string): RestError {
  return new RestError(409, 40903, `Illegal state: ${message}`);
}

export const NOT_SUBSCRIBED = "Consumer is not subscribed to any topics or assigned any partitions";

/** Throws KafkaError with the first error there is. */
export function throwIfAny(errors: ReadonlyMap<string, number>): void {
  for (const [partition, code] of errors) {
    if (code !== ErrorCode.NONE) throw new KafkaError(code, `${errorMessage(code)} (${partition})`);
  }
}
