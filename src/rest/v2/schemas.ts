/** What v2 takes and gives, for validation and for the OpenAPI document. */
import * as z from "zod";
import { PARTITIONER_NAMES } from "../../protocol/partitioner.ts";
import { FORMATS } from "../formats.ts";
import {
  READ_BYTES_DEFAULT,
  READ_BYTES_MAX,
  READ_RECORDS_MAX,
  READ_WAIT_MS_MAX,
} from "../limits.ts";
import { wholeNumber } from "../validate.ts";

const PARTITION_MAX = 0x7fffffff;

export const replica = z.object({
  broker: z.int(),
  leader: z.boolean(),
  in_sync: z.boolean(),
});
export const partition = z.object({
  partition: z.int(),
  leader: z.int().describe("Broker id, -1 when the partition has no leader now."),
  replicas: z.array(replica),
});
export const topic = z.object({
  name: z.string(),
  configs: z.record(z.string(), z.string()),
  partitions: z.array(partition),
});
export const brokers = z.object({ brokers: z.array(z.int()) });
export const topicNames = z.array(z.string());
export const offsets = z.object({ beginning_offset: z.int(), end_offset: z.int() });

const fieldNote = "As Content-Type says: base64, any JSON, or a string. null is Kafka's null.";
const recordHeader = z.strictObject({
  key: z.string(),
  value: z.string().nullable().describe("base64; a string when the value's format is string."),
});

/** Kedge's supersets of v2: timestamp and headers. */
const recordFields = {
  key: z.unknown().optional().describe(fieldNote),
  value: z.unknown().optional().describe(fieldNote),
  timestamp: z
    .int()
    .min(0)
    .nullish()
    .describe("Milliseconds since the Unix epoch; now when left out. Not in Confluent's v2."),
  headers: z.array(recordHeader).nullish().describe("Not in Confluent's v2."),
  partition: z.int().min(0).max(PARTITION_MAX).nullish(),
};

/** Taken and not used, as Confluent does for formats without a schema. */
const schemaFields = {
  key_schema: z.unknown().optional(),
  key_schema_id: z.unknown().optional(),
  value_schema: z.unknown().optional(),
  value_schema_id: z.unknown().optional(),
};

export const produceRecord = z.strictObject(recordFields);
export const produceRequest = z.strictObject({
  records: z.array(produceRecord).min(1, "must not be empty"),
  ...schemaFields,
});
export type ProduceRecordInput = z.output<typeof produceRecord>;

export const produceResponse = z.object({
  offsets: z.array(
    z.object({
      partition: z.int().nullable(),
      offset: z.int().nullable(),
      error_code: z.int().nullable().describe("50002, 50003 (retriable), 40101 or 40301."),
      error: z.string().nullable(),
      kafka_error: z.string().optional(),
      retriable: z.boolean().optional(),
    }),
  ),
  key_schema_id: z.null(),
  value_schema_id: z.null(),
});

export const produceQuery = z.object({
  partitioner: z
    .enum(PARTITIONER_NAMES)
    .optional()
    .describe("Where records without key and partition go; KEDGE_PARTITIONER when left out."),
  acks: z.enum(["all", "-1", "1"]).default("all"),
  key_format: z.enum(FORMATS).optional().describe("Overrides Content-Type for keys."),
  value_format: z.enum(FORMATS).optional().describe("Overrides Content-Type for values."),
});

export const recordsQuery = z.strictObject({
  offset: z
    .union([z.enum(["earliest", "latest"]), wholeNumber(0)], {
      error: "must be a whole number from 0, earliest or latest",
    })
    .optional()
    .describe("earliest when neither offset nor timestamp is given."),
  timestamp: z
    .string()
    .optional()
    .describe("Instead of offset: milliseconds or RFC 3339; the first record as young or younger."),
  timeout: wholeNumber(0, READ_WAIT_MS_MAX)
    .default(0)
    .describe("Milliseconds to wait for min_bytes."),
  min_bytes: wholeNumber(0).default(1).describe("Answer as soon as this many bytes are there."),
  max_bytes: wholeNumber(1)
    .default(READ_BYTES_DEFAULT)
    .describe(`Bytes of keys and values; lowered to ${READ_BYTES_MAX}. One record may pass it.`),
  max_records: wholeNumber(1, READ_RECORDS_MAX).default(READ_RECORDS_MAX),
  isolation: z.enum(["read_uncommitted", "read_committed"]).default("read_uncommitted"),
  read_from: z
    .enum(["nearest", "leader"])
    .default("nearest")
    .describe(
      "leader: every acknowledged record is there. nearest: less far to go, a moment later.",
    ),
  key_format: z.enum(FORMATS).optional().describe("Overrides Accept for keys."),
  value_format: z.enum(FORMATS).optional().describe("Overrides Accept for values."),
  header_format: z
    .enum(["binary", "string"])
    .optional()
    .describe("base64 unless values are shown as strings."),
});

export const consumedRecord = z.object({
  topic: z.string(),
  key: z.unknown(),
  value: z.unknown(),
  partition: z.int(),
  offset: z.int(),
  timestamp: z.int(),
  headers: z.array(z.object({ key: z.string(), value: z.string().nullable() })),
});
export const consumedRecords = z.array(consumedRecord);

export const producerIdentity = z.object({ producer_id: z.int(), producer_epoch: z.int() });
