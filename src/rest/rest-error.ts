/**
 * An error in the REST dialects' form: an HTTP status, the dialect's error_code and a message. As a
 * superset, which breaks nobody, `kafka_error` names the Kafka error behind it and `retriable` says
 * whether sending the same request again can help.
 */
import { errorName, isRetriable } from "../protocol/errors.ts";

export interface ErrorBody {
  readonly error_code: number;
  readonly message: string;
  readonly kafka_error?: string;
  readonly retriable?: boolean;
}

export class RestError extends Error {
  override readonly name = "RestError";
  readonly status: number;
  readonly errorCode: number;
  /** The Kafka error behind it, null when the fault was found before Kafka was asked. */
  readonly kafkaCode: number | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    errorCode: number,
    message: string,
    options: { kafkaCode?: number; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
    this.kafkaCode = options.kafkaCode ?? null;
    this.headers = options.headers ?? {};
  }

  toBody(): ErrorBody {
    const body = { error_code: this.errorCode, message: this.message };
    return this.kafkaCode === null ? body : { ...body, ...kafkaErrorFields(this.kafkaCode) };
  }
}

/** The superset's two fields. */
export function kafkaErrorFields(kafkaCode: number): { kafka_error: string; retriable: boolean } {
  return { kafka_error: errorName(kafkaCode), retriable: isRetriable(kafkaCode) };
}

/** The status line that JAX-RS, and so both dialects, put in the message of a bare status. */
export function bareStatus(status: number, detail: string): RestError {
  return new RestError(status, status, `HTTP ${status} ${REASONS[status] ?? "Error"}: ${detail}`);
}

const REASONS: Readonly<Record<number, string>> = {
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  413: "Request Entity Too Large",
  415: "Unsupported Media Type",
};
