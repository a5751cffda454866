/** The v3 dialect's error codes (http-dialects.md 1.3). */
import { ErrorCode } from "../../protocol/errors.ts";
import { commonStatus, kafkaRestError } from "../kafka-errors.ts";
import { RestError } from "../rest-error.ts";

/** A Kafka error, of a whole v3 request or of one record in it. */
export function v3Error(kafkaCode: number, message: string | null = null): RestError {
  switch (kafkaCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.UNKNOWN_TOPIC_ID:
      return kafkaRestError([404, 40403], kafkaCode, message);
  }
  return kafkaRestError(commonStatus(kafkaCode), kafkaCode, message);
}

export function clusterNotFound(clusterId: string): RestError {
  return new RestError(404, 404, `Cluster ${clusterId} cannot be found.`);
}

export function brokerNotFound(brokerId: string): RestError {
  return new RestError(404, 404, `Broker ${brokerId} cannot be found.`);
}

export function topicNotFound(topic: string): RestError {
  return v3Error(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    `This server does not host this topic-partition: there is no topic "${topic}".`,
  );
}

export function partitionNotFound(topic: string, partition: string, count: number): RestError {
  return v3Error(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    "This server does not host this topic-partition: " +
      `"${topic}" has partitions 0 to ${count - 1}, not ${partition}.`,
  );
}

/** 42206, the body as a whole is at fault (Errors.invalidPayloadException). */
export function invalidPayload(cause: string): RestError {
  return new RestError(422, 42206, `Payload error. ${cause}`);
}

/** 42208, the list of a batch is at fault (Errors.produceBatchException). */
export function invalidBatch(cause: string): RestError {
  return new RestError(422, 42208, cause);
}

/**
 * Inside delivery reports a 422xx becomes 422 with the code in the text
 * (RestConstraintViolationExceptionMapper); a whole request's keeps its number.
 */
export function inReport(error: RestError): RestError {
  if (error.status !== 422 || error.errorCode === 422) return error;
  const options = error.kafkaCode === null ? {} : { kafkaCode: error.kafkaCode };
  return new RestError(422, 422, `Error: ${error.errorCode} : ${error.message}`, options);
}
