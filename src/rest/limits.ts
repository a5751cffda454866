/** Bounds of the REST dialects, unit in the name. Kafka's own are in src/constants.ts. */
import { FETCH_WAIT_MS_MAX } from "../constants.ts";

/** A request body that is read whole: v2 produce, v3 batches, topics. */
export const REST_BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Objects and lists in one body: what JSON.parse makes of them is many times their text. */
export const JSON_CONTAINERS_MAX = 250_000;
/** One record of a streamed v3 produce, as JSON. */
export const STREAM_RECORD_BYTES_MAX = REST_BODY_BYTES_MAX;
/** A v3 produce body this small is read whole and answered at once; a larger one streams. */
export const STREAM_BYTES_MIN = 64 * 1024;
/** Records of a stream that were read and are not in the log yet: then reading pauses. */
export const STREAM_PENDING_BYTES_MAX = 8 * 1024 * 1024;
/**
 * Delivery reports that the client has not read: then reading pauses. Generous, because a client
 * that reads nothing before it has sent everything would wait for itself.
 */
export const STREAM_REPORT_BYTES_MAX = 16 * 1024 * 1024;
/** streaming.connection.max.duration.ms: then a 408 report ends the stream. */
export const STREAM_DURATION_MS_MAX = 24 * 60 * 60 * 1000;

/** produce.batch.maximum.entries of records:batch. */
export const BATCH_ENTRIES_MAX = 10;
export const BATCH_ID_CHARS_MAX = 80;

/** max_bytes of a stateless fetch: what it is without one, and what it is lowered to. */
export const READ_BYTES_DEFAULT = 1024 * 1024;
export const READ_BYTES_MAX = 8 * 1024 * 1024;
/** max_records of a stateless fetch. */
export const READ_RECORDS_MAX = 100_000;
/** timeout of a stateless fetch. */
export const READ_WAIT_MS_MAX = FETCH_WAIT_MS_MAX;

/** consumer.instance.timeout.ms of a consumer instance: its default and its bounds. */
export const INSTANCE_TIMEOUT_MS_DEFAULT = 300_000;
export const INSTANCE_TIMEOUT_MS_MIN = 1_000;
export const INSTANCE_TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000;
/** consumer.request.timeout.ms, Confluent's default. */
export const INSTANCE_REQUEST_TIMEOUT_MS_DEFAULT = 1_000;
/** consumer.request.max.bytes and the upper bound of fetch.min.bytes, Confluent's. */
export const INSTANCE_FETCH_MIN_BYTES_MAX = 10_000_000;
/** Names of a group and of an instance: they are the object's name, which may have 1,024 bytes. */
export const INSTANCE_NAME_CHARS_MAX = 255;
/** A body of a consumer route: lists of topics, partitions and offsets. */
export const INSTANCE_BODY_BYTES_MAX = 64 * 1024;
/** The arguments of one call to an instance: they travel in a header (itty-durable). */
export const INSTANCE_CALL_BYTES_MAX = 256 * 1024;
/** Partitions that one read of an instance asks; the next read begins after them. */
export const INSTANCE_READ_PARTITIONS_MAX = 500;
/** A partition that the group wants back goes without its client after this long. */
export const INSTANCE_GIVE_UP_MS = 30_000;
/** rebalance.timeout.ms of the instance as a member: after it the group takes partitions by force. */
export const INSTANCE_REBALANCE_TIMEOUT_MS = 60_000;
/** A heartbeat that failed is sent again after this long. */
export const INSTANCE_RETRY_MS = 1_000;
/** A read's lease outlives what the reader said it would take by so much. */
export const INSTANCE_LEASE_SLACK_MS = 15_000;
/** How long a reader waits before it looks again for partitions, or for the end of another read. */
export const INSTANCE_LOOK_AGAIN_MS_MIN = 20;
export const INSTANCE_LOOK_AGAIN_MS_MAX = 500;
/** max.poll.records, Kafka's default: what a poll returns when it does not say. */
export const POLL_RECORDS_DEFAULT = 500;

/** Partitions that a scrape of /metrics shows by themselves: some 100 bytes for each of six series. */
export const METRICS_PARTITIONS_MAX = 5_000;
/** Logs that it asks, each in an object that it wakes. */
export const METRICS_LOGS_MAX = 200;
/** Groups that it asks for: their coordinators, and the ends of the logs that they read. */
export const METRICS_GROUPS_MAX = 50;
