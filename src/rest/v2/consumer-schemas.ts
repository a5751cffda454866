/** What v2's consumer routes take and give. */
import * as z from "zod";
import { FORMATS } from "../formats.ts";
import {
  INSTANCE_TIMEOUT_MS_MAX,
  INSTANCE_TIMEOUT_MS_MIN,
  POLL_RECORDS_DEFAULT,
  READ_BYTES_DEFAULT,
  READ_BYTES_MAX,
  READ_RECORDS_MAX,
  READ_WAIT_MS_MAX,
} from "../limits.ts";
import { wholeNumber } from "../validate.ts";
import { consumedRecord } from "./schemas.ts";

const PARTITION_MAX = 0x7fffffff;
const TOPIC_CHARS_MAX = 249;
const PATTERN_CHARS_MAX = 1_000;
const TOPICS_MAX = 1_000;
const PARTITIONS_MAX = 5_000;
const METADATA_CHARS_MAX = 32_767;

/** Letters, digits, and . _ -: what a topic may be called. */
const topicName = z
  .string()
  .min(1, "must not be empty")
  .max(TOPIC_CHARS_MAX)
  .regex(/^[\w.-]*$/, "must be a topic name: letters, digits, dots, underscores and dashes");
const topicPartition = z.strictObject({
  topic: topicName,
  partition: z.int().min(0).max(PARTITION_MAX),
});
const offsetNumber = z
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER - 1);
const topicOffset = topicPartition.extend({
  offset: offsetNumber,
  metadata: z.string().max(METADATA_CHARS_MAX).nullish(),
});

/**
 * The configs are checked by hand (instance-config.ts): what is wrong with one has codes of its own,
 * and Confluent takes text for numbers.
 */
export const createConsumer = z.strictObject({
  id: z.string().nullish().describe("The old name of name, and goes before it."),
  name: z.string().nullish().describe("A random one when left out."),
  format: z
    .unknown()
    .optional()
    .describe(`${FORMATS.join(", ")}; binary when left out.`),
  "auto.offset.reset": z.unknown().optional().describe("earliest, latest (default) or none."),
  "auto.commit.enable": z.unknown().optional().describe("true (default) or false."),
  "isolation.level": z.unknown().optional().describe("Not in Confluent's v2."),
  "fetch.min.bytes": z.unknown().optional().describe("-1 to 10000000; -1, the default, is 1."),
  "consumer.request.timeout.ms": z.unknown().optional().describe("1000 when left out."),
  "consumer.instance.timeout.ms": z
    .unknown()
    .optional()
    .describe(`${INSTANCE_TIMEOUT_MS_MIN} to ${INSTANCE_TIMEOUT_MS_MAX}, 300000 when left out.`),
});
export const createdConsumer = z.object({ instance_id: z.string(), base_uri: z.string() });

export const subscriptionRequest = z.strictObject({
  topics: z.array(topicName).max(TOPICS_MAX).nullish(),
  topic_pattern: z
    .string()
    .max(PATTERN_CHARS_MAX)
    .nullish()
    .describe("In place of topics: an RE2 regular expression that the whole name matches."),
});
export const subscriptionResponse = z.object({
  topics: z.array(z.string()),
  topic_pattern: z.string().optional().describe("Not in Confluent's v2."),
});

export const partitions = z.strictObject({
  partitions: z.array(topicPartition).max(PARTITIONS_MAX),
});

export const positionsRequest = z.strictObject({
  offsets: z.array(topicOffset).max(PARTITIONS_MAX).nullish(),
  timestamps: z
    .array(topicPartition.extend({ timestamp: z.string().describe("RFC 3339, or milliseconds.") }))
    .max(PARTITIONS_MAX)
    .nullish(),
});

export const commitRequest = z.strictObject({ offsets: z.array(topicOffset).max(PARTITIONS_MAX) });
export const commitQuery = z.object({
  async: z.string().optional().describe("Taken and not used."),
});
export const committedQuery = z.object({
  partitions: z
    .string()
    .optional()
    .describe("orders:0,orders:1: in place of a body, for clients whose GET has none."),
});
export const committedResponse = z.object({
  offsets: z.array(
    z.object({
      ...{ topic: z.string(), partition: z.int(), offset: z.int(), metadata: z.string() },
    }),
  ),
});

export const recordsQuery = z.object({
  timeout: wholeNumber(-1, READ_WAIT_MS_MAX)
    .default(-1)
    .describe("ms; consumer.request.timeout.ms is the most, and what less than 1 means."),
  max_bytes: wholeNumber(-1)
    .default(-1)
    .describe(`Bytes of keys and values; ${READ_BYTES_MAX} is the most. One record may pass it.`),
});

export const pollRequest = z.strictObject({
  ...subscriptionRequest.shape,
  format: z.enum(FORMATS).nullish(),
  key_format: z.enum(FORMATS).nullish(),
  value_format: z.enum(FORMATS).nullish(),
  header_format: z.enum(["binary", "string"]).nullish(),
  timeout: z.int().min(0).max(READ_WAIT_MS_MAX).nullish().describe("ms, 1000 when left out."),
  min_bytes: z.int().min(0).nullish().describe("1 when left out."),
  max_bytes: z.int().min(1).nullish().describe(`${READ_BYTES_DEFAULT} when left out.`),
  max_records: z
    .int()
    .min(1)
    .max(READ_RECORDS_MAX)
    .nullish()
    .describe(`${POLL_RECORDS_DEFAULT} when left out.`),
  isolation: z.enum(["read_uncommitted", "read_committed"]).nullish(),
  "auto.offset.reset": z.enum(["earliest", "latest", "none"]).nullish().describe("latest"),
  "consumer.instance.timeout.ms": z
    .int()
    .min(INSTANCE_TIMEOUT_MS_MIN)
    .max(INSTANCE_TIMEOUT_MS_MAX)
    .nullish(),
  commit: z
    .enum(["previous", "auto", "none"])
    .nullish()
    .describe("What the poll before returned (default), what this one returns, or nothing."),
  offsets: z
    .array(topicOffset)
    .max(PARTITIONS_MAX)
    .nullish()
    .describe("Committed first, as they are: the offset to go on from."),
  after: z
    .int()
    .min(0)
    .nullish()
    .describe("The sequence of the last poll that was processed: a later one is undone."),
});
export type PollRequest = z.output<typeof pollRequest>;

const topicPosition = z.object({ topic: z.string(), partition: z.int(), offset: z.int() });
export const pollResponse = z.object({
  instance: z.string(),
  member_id: z.string(),
  member_epoch: z.int(),
  sequence: z.int(),
  records: z.array(consumedRecord),
  assignment: z.array(z.object({ topic: z.string(), partition: z.int() })),
  positions: z.array(topicPosition),
  committed: z.array(topicPosition),
});
