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
