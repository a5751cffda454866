/** The bodies of v3's consumer groups: kind, self, resource name and related links. */
import type { GroupView, LagView, MemberView, PartitionName } from "../groups.ts";
import { lagOf } from "../groups.ts";
import type { Resources } from "./resources.ts";

/** "PreparingRebalance" → "PREPARING_REBALANCE" */
function upper(state: string): string {
  return state.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}

export function groupBody(resources: Resources, group: GroupView) {
  const { groupId, coordinatorId } = group;
  const segments = ["consumer-groups", groupId];
  return {
    ...resources.resource("KafkaConsumerGroup", segments, `/consumer-group=${groupId}`),
    consumer_group_id: groupId,
    is_simple: group.isSimple,
    partition_assignor: group.assignor,
    state: upper(group.state),
    type: group.type,
    is_mixed_consumer_group: group.isMixed,
    ...(coordinatorId < 0 ? {} : { coordinator: resources.related("brokers", coordinatorId) }),
    consumers: resources.related(...segments, "consumers"),
    lag_summary: resources.related(...segments, "lag-summary"),
  };
}

export function consumerBody(resources: Resources, { groupId }: GroupView, member: MemberView) {
  const { consumerId } = member;
  const segments = ["consumer-groups", groupId, "consumers", consumerId];
  const name = `/consumer-group=${groupId}/consumer=${consumerId}`;
  return {
    ...resources.resource("KafkaConsumer", segments, name),
    consumer_group_id: groupId,
    consumer_id: consumerId,
    instance_id: member.instanceId,
    client_id: member.clientId,
    assignments: resources.related(...segments, "assignments"),
  };
}

export function assignmentBody(
  resources: Resources,
  { groupId }: GroupView,
  { consumerId }: MemberView,
  { topic, partition }: PartitionName,
) {
  const owner = ["consumer-groups", groupId, "consumers", consumerId];
  const segments = [...owner, "assignments", topic, "partitions", partition];
  const name =
    `/consumer-group=${groupId}/consumer=${consumerId}` +
    `/assignment=${topic}/partition=${partition}`;
  return {
    ...resources.resource("KafkaConsumerAssignment", segments, name),
    consumer_group_id: groupId,
    consumer_id: consumerId,
    topic_name: topic,
    partition_id: partition,
    partition: resources.related("topics", topic, "partitions", partition),
    lag: resources.related("consumer-groups", groupId, "lags", topic, "partitions", partition),
  };
}

export function lagBody(resources: Resources, { groupId }: GroupView, lag: LagView) {
  const { topic, partition, member } = lag;
  const segments = ["consumer-groups", groupId, "lags", topic, "partitions", partition];
  const name = `/consumer-group=${groupId}/lag=${topic}/partition=${partition}`;
  return {
    ...resources.resource("KafkaConsumerLag", segments, name),
    consumer_group_id: groupId,
    topic_name: topic,
    partition_id: partition,
    consumer_id: member?.consumerId ?? "",
    instance_id: member?.instanceId ?? null,
    client_id: member?.clientId ?? "",
    current_offset: lag.currentOffset,
    log_end_offset: lag.logEndOffset,
    lag: lagOf(lag),
  };
}

/** `lags` has at least one, the largest first. */
export function lagSummaryBody(
  resources: Resources,
  { groupId }: GroupView,
  largest: LagView,
  lags: readonly LagView[],
) {
  const { topic, partition, member } = largest;
  const segments = ["consumer-groups", groupId];
  const name = `/consumer-group=${groupId}/lag-summary`;
  return {
    ...resources.resource("KafkaConsumerGroupLagSummary", [...segments, "lag-summary"], name),
    consumer_group_id: groupId,
    max_lag_consumer_id: member?.consumerId ?? "",
    max_lag_instance_id: member?.instanceId ?? null,
    max_lag_client_id: member?.clientId ?? "",
    max_lag_topic_name: topic,
    max_lag_partition_id: partition,
    max_lag: lagOf(largest),
    total_lag: lags.reduce((total, one) => total + lagOf(one), 0),
    ...(member === null
      ? {}
      : { max_lag_consumer: resources.related(...segments, "consumers", member.consumerId) }),
    max_lag_partition: resources.related("topics", topic, "partitions", partition),
  };
}
