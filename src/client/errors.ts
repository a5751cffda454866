import { ErrorCode, KafkaError } from "../protocol/errors.ts";

export {
  ErrorCode,
  errorMessage,
  errorName,
  KafkaError,
  ProtocolError,
} from "../protocol/errors.ts";

/** A config that is unknown, missing, or out of its range. Thrown by constructors. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** Kafka's name of the config, such as "linger.ms". */
  readonly config: string;

  constructor(config: string, message: string) {
    super(message);
    this.config = config;
  }
}

/** Something took longer than the config named in the message allows (Kafka's TimeoutException). */
export class TimeoutError extends KafkaError {
  override readonly name: string = "TimeoutError";

  constructor(message: string, options?: { cause?: unknown }) {
    super(ErrorCode.REQUEST_TIMED_OUT, message);
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/** buffer.memory stayed full for max.block.ms (Kafka's BufferExhaustedException). */
export class BufferExhaustedError extends TimeoutError {
  override readonly name = "BufferExhaustedError";
}

/**
 * The request did not get through, or its reply did not: the server may have carried it out. `code`
 * is NETWORK_EXCEPTION, which is retriable, except for answers that would not change by a retry.
 */
export class TransportError extends KafkaError {
  override readonly name = "TransportError";
  /** HTTP status, null when there was no HTTP answer. */
  readonly status: number | null;
  /** What the server asked to wait (`retry-after`), null when it did not. */
  readonly retryAfterMs: number | null;

  constructor(
    code: number,
    message: string,
    options: { status?: number; retryAfterMs?: number | null; cause?: unknown } = {},
  ) {
    super(code, message);
    this.status = options.status ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
    if (options.cause !== undefined) this.cause = options.cause;
  }
}

/** A key or value that a serializer or deserializer cannot take. */
export class SerializationError extends Error {
  override readonly name: string = "SerializationError";
}

/** A record that was read but cannot be deserialized. Seek past `offset` to go on without it. */
export class RecordDeserializationError extends SerializationError {
  override readonly name = "RecordDeserializationError";
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;

  constructor(topic: string, partition: number, offset: number, cause: unknown) {
    super(
      `the record at offset ${offset} of ${topic}-${partition} cannot be deserialized: ` +
        `${cause instanceof Error ? cause.message : String(cause)}; seek past it to go on`,
    );
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.cause = cause;
  }
}

/** A call that makes no sense in the state that the client is in, such as one after close(). */
export class IllegalStateError extends Error {
  override readonly name = "IllegalStateError";
}

/** wakeup() was called: whatever waited has given up, and nothing is lost. */
export class WakeupError extends Error {
  override readonly name = "WakeupError";

  constructor() {
    super("wakeup() was called");
  }
}

/**
 * The group goes on without this member's offsets: it was taken for dead, or its partitions belong to
 * another by now (Kafka's CommitFailedException). Records since the last commit are read again by
 * whoever has the partitions; poll() joins anew.
 */
export class CommitFailedError extends KafkaError {
  override readonly name = "CommitFailedError";

  constructor(code: number, message: string) {
    super(code, `the offsets cannot be committed: ${message}`);
  }
}

/** The group rebalances (Kafka's RebalanceInProgressException): call poll(), then commit again. */
export class RebalanceInProgressError extends KafkaError {
  override readonly name = "RebalanceInProgressError";

  constructor() {
    super(
      ErrorCode.REBALANCE_IN_PROGRESS,
      "the offsets cannot be committed while the group rebalances: call poll(), then commit again",
    );
  }
}

/** A rebalance listener threw `cause`. The rebalance was carried out all the same. */
export class RebalanceListenerError extends Error {
  override readonly name = "RebalanceListenerError";

  constructor(cause: unknown) {
    super(`the rebalance listener threw: ${cause instanceof Error ? cause.message : cause}`);
    this.cause = cause;
  }
}

/** A partition without a position, and auto.offset.reset=none. */
export class OffsetOutOfRangeError extends KafkaError {
  override readonly name = "OffsetOutOfRangeError";
  readonly topic: string;
  readonly partition: number;

  constructor(topic: string, partition: number, message: string) {
    super(ErrorCode.OFFSET_OUT_OF_RANGE, message);
    this.topic = topic;
    this.partition = partition;
  }
}

/** What went wrong with one of the things that an Admin call was about. */
export interface AdminFailure {
  /** A topic, or a partition as "topic-0". */
  readonly name: string;
  readonly error: KafkaError;
}

/**
 * An Admin call of which at least a part failed; what else it was asked for was done. `code` is
 * that of the first failure.
 */
export class AdminError extends KafkaError {
  override readonly name = "AdminError";
  readonly failures: readonly AdminFailure[];

  constructor(failures: readonly AdminFailure[]) {
    super(
      failures[0]?.error.code ?? ErrorCode.UNKNOWN_SERVER_ERROR,
      failures.map(({ name, error }) => `${name}: ${error.message}`).join("; "),
    );
    this.failures = failures;
  }
}
