/**
 * Error codes in words that every Kafka client knows. A code that says exactly what happened is of no
 * use to one that ends on it; each of these was seen to be retried by the Java client, librdkafka,
 * kafkajs and the others. Callers in this process get the code as it is.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";

/**
 * Of a produce that was not carried out because there is too much under way. No broker of Kafka's
 * answers 89 to Produce: librdkafka and Sarama give the records up over it, kafkajs does not know it.
 */
export function codeForProducer({ byFrame }: RequestContext, code: number): number {
  return byFrame && code === ErrorCode.THROTTLING_QUOTA_EXCEEDED
    ? ErrorCode.NOT_ENOUGH_REPLICAS
    : code;
}

/**
 * Of a fetch or a look-up of offsets. Java's consumer throws on a code that no broker of Kafka's
 * answers there (FetchCollector.handleInitializeErrors), librdkafka hands it to the application.
 */
export function codeForConsumer({ byFrame }: RequestContext, code: number): number {
  if (!byFrame) return code;
  switch (code) {
    case ErrorCode.LEADER_NOT_AVAILABLE:
      return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    case ErrorCode.REQUEST_TIMED_OUT:
    case ErrorCode.THROTTLING_QUOTA_EXCEEDED:
      return ErrorCode.KAFKA_STORAGE_ERROR;
    default:
      return code;
  }
}
