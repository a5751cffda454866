/** The numbers of DescribeConfigs and its kin, under Kafka's names. */

/** ConfigResource.Type: what may have configs. */
export const ConfigResourceType = { TOPIC: 2, BROKER: 4 } as const;
export type ConfigResourceType = (typeof ConfigResourceType)[keyof typeof ConfigResourceType];

/** DescribeConfigsResponse.ConfigSource, by number. */
const CONFIG_SOURCES = [
  "UNKNOWN",
  "DYNAMIC_TOPIC_CONFIG",
  "DYNAMIC_BROKER_CONFIG",
  "DYNAMIC_DEFAULT_BROKER_CONFIG",
  "STATIC_BROKER_CONFIG",
  "DEFAULT_CONFIG",
  "DYNAMIC_BROKER_LOGGER_CONFIG",
  "DYNAMIC_CLIENT_METRICS_CONFIG",
  "DYNAMIC_GROUP_CONFIG",
] as const;
export type ConfigSourceName = (typeof CONFIG_SOURCES)[number];

/** DescribeConfigsResponse.ConfigType, by number. */
const CONFIG_TYPES = [
  "UNKNOWN",
  "BOOLEAN",
  "STRING",
  "INT",
  "SHORT",
  "LONG",
  "DOUBLE",
  "LIST",
  "CLASS",
  "PASSWORD",
] as const;
export type ConfigTypeName = (typeof CONFIG_TYPES)[number];

/** A number that this release does not know is UNKNOWN. */
export function configSourceName(code: number): ConfigSourceName {
  return CONFIG_SOURCES[code] ?? "UNKNOWN";
}

/** A number that this release does not know is UNKNOWN. */
export function configTypeName(code: number): ConfigTypeName {
  return CONFIG_TYPES[code] ?? "UNKNOWN";
}

/** AlterConfigOp.OpType (KIP-339). */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;
export type ConfigOperationName = keyof typeof ConfigOperation;
