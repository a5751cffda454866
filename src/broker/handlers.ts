/** Every API key that the broker answers. ApiVersions is made from this list. */
import { assert } from "../lib/assert.ts";
import { produceHandler } from "./handle/00-produce.ts";
import { fetchHandler } from "./handle/01-fetch.ts";
import { listOffsetsHandler } from "./handle/02-list-offsets.ts";
import { metadataHandler } from "./handle/03-metadata.ts";
import { offsetCommitHandler } from "./handle/08-offset-commit.ts";
import { offsetFetchHandler } from "./handle/09-offset-fetch.ts";
import { findCoordinatorHandler } from "./handle/10-find-coordinator.ts";
import { joinGroupHandler } from "./handle/11-join-group.ts";
import { heartbeatHandler } from "./handle/12-heartbeat.ts";
import { leaveGroupHandler } from "./handle/13-leave-group.ts";
import { syncGroupHandler } from "./handle/14-sync-group.ts";
import { describeGroupsHandler } from "./handle/15-describe-groups.ts";
import { listGroupsHandler } from "./handle/16-list-groups.ts";
import { apiVersionsHandler } from "./handle/18-api-versions.ts";
import { createTopicsHandler } from "./handle/19-create-topics.ts";
import { deleteTopicsHandler } from "./handle/20-delete-topics.ts";
import { deleteRecordsHandler } from "./handle/21-delete-records.ts";
import { initProducerIdHandler } from "./handle/22-init-producer-id.ts";
import { offsetForLeaderEpochHandler } from "./handle/23-offset-for-leader-epoch.ts";
import { describeConfigsHandler } from "./handle/32-describe-configs.ts";
import { alterConfigsHandler } from "./handle/33-alter-configs.ts";
import { describeLogDirsHandler } from "./handle/35-describe-log-dirs.ts";
import { createPartitionsHandler } from "./handle/37-create-partitions.ts";
import { deleteGroupsHandler } from "./handle/42-delete-groups.ts";
import { electLeadersHandler } from "./handle/43-elect-leaders.ts";
import { incrementalAlterConfigsHandler } from "./handle/44-incremental-alter-configs.ts";
import { alterPartitionReassignmentsHandler } from "./handle/45-alter-partition-reassignments.ts";
import { listPartitionReassignmentsHandler } from "./handle/46-list-partition-reassignments.ts";
import { offsetDeleteHandler } from "./handle/47-offset-delete.ts";
import { describeClusterHandler } from "./handle/60-describe-cluster.ts";
import { describeProducersHandler } from "./handle/61-describe-producers.ts";
import { consumerGroupHeartbeatHandler } from "./handle/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeHandler } from "./handle/69-consumer-group-describe.ts";
import { describeTopicPartitionsHandler } from "./handle/75-describe-topic-partitions.ts";
import type { Handler } from "./handler.ts";

/** Ordered by API key, which is also the order in ApiVersions. */
export const handlers: readonly Handler[] = [
  produceHandler,
  fetchHandler,
  listOffsetsHandler,
  metadataHandler,
  offsetCommitHandler,
  offsetFetchHandler,
  findCoordinatorHandler,
  joinGroupHandler,
  heartbeatHandler,
  leaveGroupHandler,
  syncGroupHandler,
  describeGroupsHandler,
  listGroupsHandler,
  apiVersionsHandler(() => handlers),
  createTopicsHandler,
  deleteTopicsHandler,
  deleteRecordsHandler,
  initProducerIdHandler,
  offsetForLeaderEpochHandler,
  describeConfigsHandler,
  alterConfigsHandler,
  describeLogDirsHandler,
  createPartitionsHandler,
  deleteGroupsHandler,
  electLeadersHandler,
  incrementalAlterConfigsHandler,
  alterPartitionReassignmentsHandler,
  listPartitionReassignmentsHandler,
  offsetDeleteHandler,
  describeClusterHandler,
  describeProducersHandler,
  consumerGroupHeartbeatHandler,
  consumerGroupDescribeHandler,
  describeTopicPartitionsHandler,
].toSorted((a, b) => a.api.key - b.api.key);

const byKey: ReadonlyMap<number, Handler> = new Map(handlers.map((h) => [h.api.key, h]));
assert(byKey.size === handlers.length, "two handlers answer the same API key");

export function handlerByKey(apiKey: number): Handler | undefined {
  return byKey.get(apiKey);
}
