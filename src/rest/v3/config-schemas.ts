/** What v3 takes and gives about configs (Confluent's api/v3/openapi.yaml). */
import * as z from "zod";
import { listOf, resource } from "./schemas.ts";

const source = z.enum([
  "DYNAMIC_TOPIC_CONFIG",
  "DYNAMIC_BROKER_CONFIG",
  "DYNAMIC_DEFAULT_BROKER_CONFIG",
  "STATIC_BROKER_CONFIG",
  "DEFAULT_CONFIG",
  "UNKNOWN",
]);

const fields = {
  cluster_id: z.string(),
  name: z.string(),
  value: z.string().nullable().describe("Null when it is not set and has no default."),
  is_default: z.boolean(),
  is_read_only: z.boolean().describe("Only a deployment sets it."),
  is_sensitive: z.boolean(),
  source,
  synonyms: z
    .array(z.object({ name: z.string(), value: z.string().nullable(), source }))
    .describe("Every value that was set or built in, the one that holds first."),
};

export const topicConfig = z.object({
  ...resource("KafkaTopicConfig"),
  ...fields,
  topic_name: z.string(),
});
export const topicConfigList = listOf("KafkaTopicConfigList", topicConfig);

export const brokerConfig = z.object({
  ...resource("KafkaBrokerConfig"),
  ...fields,
  broker_id: z.int(),
});
export const brokerConfigList = listOf("KafkaBrokerConfigList", brokerConfig);

export const clusterConfig = z.object({
  ...resource("KafkaClusterConfig"),
  ...fields,
  config_type: z.literal("BROKER"),
});
export const clusterConfigList = listOf("KafkaClusterConfigList", clusterConfig);

export const updateConfigRequest = z.strictObject({ value: z.string().nullish() });

/** More than there are configs, so that a body has a bound. */
const ALTERATIONS_MAX = 500;

export const alterConfigsRequest = z.strictObject({
  data: z
    .array(
      z.strictObject({
        name: z.string(),
        value: z.string().nullish(),
        operation: z
          .enum(["SET", "DELETE", "APPEND", "SUBTRACT"])
          .nullish()
          .describe("SET when left out. APPEND and SUBTRACT, for lists, are Kedge's own."),
      }),
    )
    .max(ALTERATIONS_MAX),
  validate_only: z.boolean().nullish(),
});
