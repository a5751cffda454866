/** What v3 takes and gives (Confluent's api/v3/openapi.yaml), for validation and for our document. */
import * as z from "zod";
import { PARTITIONER_NAMES } from "../../protocol/partitioner.ts";
import { flag } from "../validate.ts";

export const resource = (kind: string) => ({
  kind: z.literal(kind),
  metadata: z.object({ self: z.string(), resource_name: z.string() }),
});
export const related = z.object({ related: z.string() });

export function listOf<T extends z.ZodType>(kind: string, item: T) {
  return z.object({
    kind: z.literal(kind),
    metadata: z.object({ self: z.string(), next: z.null() }),
    data: z.array(item),
  });
}

export const cluster = z.object({
  ...resource("KafkaCluster"),
  cluster_id: z.string(),
  controller: related,
  acls: related,
  brokers: related,
  broker_configs: related,
  consumer_groups: related,
  topics: related,
  partition_reassignments: related,
});
export const clusterList = listOf("KafkaClusterList", cluster);

export const broker = z.object({
  ...resource("KafkaBroker"),
  cluster_id: z.string(),
  broker_id: z.int(),
  host: z.string(),
  port: z.int(),
  rack: z.string().nullable(),
  is_fenced: z.boolean().describe("Kedge's own: an operator took the broker out."),
  configs: related,
  partition_replicas: related,
});

/** Kedge's own: what fencing or unfencing a broker changed. */
export const brokerFencing = broker.extend({
  leaders_moved: z.int().describe("Partitions that got another leader."),
  isrs_shrunk: z.int().describe("Partitions that the broker left the ISR of, and no more."),
  leaderless: z.int().describe("Partitions that lost their leader and have none in sync."),
  pending: z.int().describe("Partitions that were changed by others; the sweep looks at them."),
});
export const fenceQuery = z.object({
  force: flag.default(false).describe("Also the last broker that is not fenced."),
});
export const brokerList = listOf("KafkaBrokerList", broker);

export const topic = z.object({
  ...resource("KafkaTopic"),
  cluster_id: z.string(),
  topic_name: z.string(),
  is_internal: z.boolean(),
  replication_factor: z.int(),
  partitions_count: z.int(),
  partitions: related,
  configs: related,
  partition_reassignments: related,
});
export const topicList = listOf("KafkaTopicList", topic);

export const partition = z.object({
  ...resource("KafkaPartition"),
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  leader: related.optional().describe("Absent while the partition has no leader."),
  replicas: related,
  reassignment: related,
});
export const partitionList = listOf("KafkaPartitionList", partition);

export const partitionWithOffsets = z.object({
  ...resource("KafkaPartitionWithOffsets"),
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  earliest_offset: z.int(),
  latest_offset: z.int(),
});

export const replica = z.object({
  ...resource("KafkaReplica"),
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  broker_id: z.int(),
  is_leader: z.boolean(),
  is_in_sync: z.boolean(),
  broker: related,
});
export const replicaList = listOf("KafkaReplicaList", replica);

export const reassignment = z.object({
  ...resource("KafkaReassignment"),
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  adding_replicas: z.array(z.int()),
  removing_replicas: z.array(z.int()),
  replicas: related,
});
export const reassignmentList = listOf("KafkaReassignmentList", reassignment);

const INT32_MAX = 0x7fffffff;
const INT16_MAX = 0x7fff;

export const createTopicRequest = z.strictObject({
  topic_name: z.string(),
  partitions_count: z.int().max(INT32_MAX).nullish(),
  replication_factor: z.int().max(INT16_MAX).nullish(),
  replicas_assignments: z
    .record(z.string().regex(/^\d{1,9}$/, "must be a partition number"), z.array(z.int()))
    .nullish()
    .describe("Broker ids by partition; in place of partitions_count and replication_factor."),
  configs: z.array(z.strictObject({ name: z.string(), value: z.string().nullish() })).nullish(),
  validate_only: z.boolean().nullish(),
});

export const updatePartitionCountRequest = z.strictObject({
  partitions_count: z.int().max(INT32_MAX),
});

/** Fields of a schema registry, which Kedge has not: known, so that the answer can say so. */
const registryField = z.unknown().optional();
const recordData = z.strictObject({
  type: z.enum(["BINARY", "JSON", "STRING", "AVRO", "JSONSCHEMA", "PROTOBUF"]).nullish(),
  data: z.unknown().optional().describe("base64 for BINARY, any value for JSON, text for STRING."),
  subject: registryField,
  subject_name_strategy: registryField,
  schema_id: registryField,
  schema_version: registryField,
  schema: registryField,
});
export type RecordData = z.output<typeof recordData>;

const recordFields = {
  partition_id: z.int().max(INT32_MAX).nullish(),
  headers: z
    .array(z.strictObject({ name: z.string(), value: z.string().nullish().describe("base64") }))
    .nullish(),
  key: recordData.nullish(),
  value: recordData.nullish(),
  timestamp: z.string().nullish().describe("RFC 3339; now when left out."),
};
export const produceRecord = z.strictObject(recordFields);
export type ProduceRecordInput = z.output<typeof produceRecord>;

export const produceBatchEntry = z.strictObject({
  /** Checked by hand: what is wrong with it is 42208, which no other field has. */
  id: z.unknown().optional().describe("A string of 1 to 80 characters that no other entry has."),
  ...recordFields,
});
export const produceBatchRequest = z.strictObject({ entries: z.array(produceBatchEntry) });

export const produceQuery = z.object({
  partitioner: z
    .enum(PARTITIONER_NAMES)
    .optional()
    .describe("Where records without key and partition go; KEDGE_PARTITIONER when left out."),
  acks: z.enum(["all", "-1", "1"]).default("all"),
});

const reportData = z.object({ type: z.string(), size: z.int() });
const reportFields = {
  cluster_id: z.string(),
  topic_name: z.string(),
  partition_id: z.int(),
  offset: z.int(),
  timestamp: z.string(),
  key: reportData.optional(),
  value: reportData.optional(),
};
export const errorReport = z.object({
  error_code: z.int(),
  message: z.string(),
  kafka_error: z.string().optional(),
  retriable: z.boolean().optional(),
});
export const deliveryReport = z.union([
  z.object({ error_code: z.literal(200), ...reportFields }),
  errorReport,
]);
export const produceBatchResponse = z.object({
  successes: z.array(z.object({ id: z.string(), ...reportFields })),
  failures: z.array(z.object({ id: z.string(), ...errorReport.shape })),
});

export const offsetQuery = z.object({
  offset_type: z
    .enum(["earliest_and_latest"], { error: "must be earliest_and_latest, the only type there is" })
    .default("earliest_and_latest"),
});
