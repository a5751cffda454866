/** The v2 dialect's error codes (http-dialects.md 1.3). */
import { ErrorCode, isRetriable } from "../../protocol/errors.ts";
import { commonStatus, kafkaRestError } from "../kafka-errors.ts";
import { RestError } from "../rest-error.ts";

/** A Kafka error that fails a whole v2 request. */
export function v2Error(kafkaCode: number, message: string | null = null): RestError {
  switch (kafkaCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
      return kafkaRestError([404, 40401], kafkaCode, message);
    case ErrorCode.LEADER_NOT_AVAILABLE:
      return kafkaRestError([404, 40404], kafkaCode, message);
  }
  return kafkaRestError(commonStatus(kafkaCode), kafkaCode, message);
}

export function topicNotFound(topic: string): RestError {
  return v2Error(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Topic not found. "${topic}"`);
}

export function partitionNotFound(topic: string, partition: string, count: number): RestError {
  const message = `Partition not found. "${topic}" has partitions 0 to ${count - 1}, not ${partition}`;
  return new RestError(404, 40402, message, { kafkaCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
}

/**
 * The error_code of one record in a v2 produce answer: whatever happened it is one of four
 * (AbstractProduceAction.errorCodeFromProducerException).
 */
export function recordErrorCode(kafkaCode: number): number {
  const [, code] = commonStatus(kafkaCode);
  if (code === 40101 || code === 40301) return code;
  return isRetriable(kafkaCode) ? 50003 : 50002;
}

const NOT_A_MEMBER: ReadonlySet<number> = new Set([
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.GROUP_ID_NOT_FOUND,
  ErrorCode.GROUP_MAX_SIZE_REACHED,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.STALE_MEMBER_EPOCH,
]);

/** A Kafka error that a group gave to a consumer instance: what it may not do now is 40903. */
export function groupError(kafkaCode: number, message: string | null): RestError {
  if (NOT_A_MEMBER.has(kafkaCode)) return kafkaRestError([409, 40903], kafkaCode, message);
  return v2Error(kafkaCode, message);
}
