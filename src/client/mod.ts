/**
 * The Kedge SDK: Kafka's Producer, Consumer and Admin over HTTPS, by nothing but fetch. Works in
 * Workers, Node, browsers, Deno and Bun.
 */

export type {
  ConfigOperationName,
  ConfigSourceName,
  ConfigTypeName,
} from "../protocol/config-codes.ts";
export { Admin, type AdminConfig } from "./admin.ts";
export type {
  ConfigAlteration,
  ConfigChange,
  ConfigEntry,
  ConfigResource,
  ConfigSynonym,
  DescribedConfigs,
} from "./admin-config-types.ts";
export type {
  ConsumerGroupDescription,
  ConsumerGroupListing,
  GroupType,
  MemberDescription,
  MemberToRemove,
} from "./admin-group-types.ts";
export type {
  ApiVersion,
  CallOptions,
  ClusterDescription,
  CreatedTopic,
  ElectionOutcome,
  ElectionType,
  NewTopic,
  Node,
  PartitionReassignment,
  TopicDescription,
  TopicListing,
} from "./admin-types.ts";
export type { CommonConfig } from "./common-config.ts";
export { type CloseOptions, Consumer, type ConsumerGroupMetadata } from "./consumer.ts";
export type { ConsumerConfig } from "./consumer-config.ts";
export type { ConsumerRecord } from "./consumer-record.ts";
export {
  AdminError,
  type AdminFailure,
  BufferExhaustedError,
  CommitFailedError,
  ConfigError,
  ErrorCode,
  errorMessage,
  errorName,
  IllegalStateError,
  KafkaError,
  OffsetOutOfRangeError,
  ProtocolError,
  RebalanceInProgressError,
  RebalanceListenerError,
  RecordDeserializationError,
  SerializationError,
  TimeoutError,
  TransportError,
  WakeupError,
} from "./errors.ts";
export type { CommittedOffset, OffsetAndMetadata, OffsetToCommit } from "./group-offsets.ts";
export type { OffsetQuery, OffsetResult, OffsetSpec } from "./list-offsets.ts";
export type { MembershipAtClose } from "./membership.ts";
export type { OffsetCommitCallback } from "./offset-commits.ts";
export type { ClientOptions } from "./options.ts";
export type { PartitionerFunction, PartitionerInput, PartitionerName } from "./partitioners.ts";
export { type PollOnceRequest, type PollOnceResult, pollOnce } from "./poll-once.ts";
export { type HeadersInput, Producer, type ProducerRecord } from "./producer.ts";
export type { RecordMetadata } from "./producer-batch.ts";
export type { ProducerConfig } from "./producer-config.ts";
export type { RebalanceListener } from "./rebalance-listener.ts";
export * from "./serializers.ts";
export type { PartitionInfo, TopicPartition } from "./topics.ts";
export { type FetchFunction, HttpTransport, type Transport } from "./transport.ts";
