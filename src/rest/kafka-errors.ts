/**
 * How a Kafka error looks over HTTP, where the two dialects agree (rest-utils'
 * KafkaExceptionMapper). Each dialect's own table is in v2/errors.ts and v3/errors.ts.
 */
import { ErrorCode, errorMessage, isRetriable } from "../protocol/errors.ts";
import { RestError } from "./rest-error.ts";

/** HTTP status and the dialect's error_code. */
export type StatusAndCode = readonly [status: number, errorCode: number];

const E = ErrorCode;

/** "Kafka bad request": HTTP 400 even where REST would say 409, as for a topic that exists. */
const BAD_REQUESTS: ReadonlySet<number> = new Set([
  E.INVALID_TOPIC_EXCEPTION,
  E.TOPIC_ALREADY_EXISTS,
  E.INVALID_PARTITIONS,
  E.INVALID_REPLICATION_FACTOR,
  E.INVALID_REPLICA_ASSIGNMENT,
  E.INVALID_CONFIG,
  E.INVALID_REQUEST,
  E.POLICY_VIOLATION,
  E.UNSUPPORTED_VERSION,
  E.SECURITY_DISABLED,
  E.TOPIC_DELETION_DISABLED,
  E.OFFSET_OUT_OF_RANGE,
  E.INVALID_REQUIRED_ACKS,
  E.INVALID_GROUP_ID,
  E.INVALID_REGULAR_EXPRESSION,
  E.OFFSET_METADATA_TOO_LARGE,
  E.INVALID_COMMIT_OFFSET_SIZE,
]);

const FORBIDDEN: ReadonlySet<number> = new Set([
  E.TOPIC_AUTHORIZATION_FAILED,
  E.GROUP_AUTHORIZATION_FAILED,
  E.CLUSTER_AUTHORIZATION_FAILED,
  E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  E.DELEGATION_TOKEN_AUTHORIZATION_FAILED,
]);

export function commonStatus(kafkaCode: number): StatusAndCode {
  if (BAD_REQUESTS.has(kafkaCode)) return [400, 40002];
  if (FORBIDDEN.has(kafkaCode)) return [403, 40301];
  switch (kafkaCode) {
    case E.SASL_AUTHENTICATION_FAILED:
      return [401, 40101];
    case E.MESSAGE_TOO_LARGE:
    case E.RECORD_LIST_TOO_LARGE:
      return [413, 413];
    case E.THROTTLING_QUOTA_EXCEEDED:
      return [429, 42901];
    case E.BROKER_NOT_AVAILABLE:
      return [503, 50302];
  }
  return isRetriable(kafkaCode) ? [500, 50003] : [500, 50002];
}

/** The error with Kafka's own message unless a better one is at hand. */
export function kafkaRestError(
  [status, errorCode]: StatusAndCode,
  kafkaCode: number,
  message: string | null,
): RestError {
  const text = message === null || message === "" ? errorMessage(kafkaCode) : message;
  // A throttled client that waits a second is in time; Kafka's own clients wait 100 ms.
  const headers = status === 429 ? { "retry-after": "1" } : {};
  return new RestError(status, errorCode, text, { kafkaCode, headers });
}
