/** What v3's consumer groups look like (Confluent's api/v3/openapi.yaml). */
import * as z from "zod";
import { listOf, related, resource } from "./schemas.ts";

export const group = z.object({
  ...resource("KafkaConsumerGroup"),
  cluster_id: z.string(),
  consumer_group_id: z.string(),
  is_simple: z.boolean().describe("It has offsets only: nobody ever joined it."),
  partition_assignor: z.string(),
  state: z.string().describe("STABLE, EMPTY, PREPARING_REBALANCE, RECONCILING …"),
  type: z.enum(["CLASSIC", "CONSUMER"]),
  is_mixed_consumer_group: z.boolean().describe("It has members of both protocols."),
  coordinator: related.optional().describe("Absent while nobody coordinates it."),
  consumers: related,
  lag_summary: related,
});
export const groupList = listOf("KafkaConsumerGroupList", group);

const member = {
  cluster_id: z.string(),
  consumer_group_id: z.string(),
  consumer_id: z.string(),
};

export const consumer = z.object({
  ...resource("KafkaConsumer"),
  ...member,
  instance_id: z.string().nullable(),
  client_id: z.string(),
  assignments: related,
});
export const consumerList = listOf("KafkaConsumerList", consumer);

export const assignment = z.object({
  ...resource("KafkaConsumerAssignment"),
  ...member,
  topic_name: z.string(),
  partition_id: z.int(),
  partition: related,
  lag: related,
});
export const assignmentList = listOf("KafkaConsumerAssignmentList", assignment);

export const lag = z.object({
  ...resource("KafkaConsumerLag"),
  ...member,
  topic_name: z.string(),
  partition_id: z.int(),
  instance_id: z.string().nullable(),
  client_id: z.string(),
  current_offset: z.int(),
  log_end_offset: z.int(),
  lag: z.int(),
});
export const lagList = listOf("KafkaConsumerLagList", lag);

export const lagSummary = z.object({
  ...resource("KafkaConsumerGroupLagSummary"),
  cluster_id: z.string(),
  consumer_group_id: z.string(),
  max_lag_consumer_id: z.string().describe('"" while nobody reads the partition.'),
  max_lag_instance_id: z.string().nullable(),
  max_lag_client_id: z.string(),
  max_lag_topic_name: z.string(),
  max_lag_partition_id: z.int(),
  max_lag: z.int(),
  total_lag: z.int(),
  max_lag_consumer: related.optional(),
  max_lag_partition: related,
});
