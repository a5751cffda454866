/** Every API key that the broker answers. ApiVersions is made from this list. */
import { assert } from "../lib/assert.ts";
import { produceHandler } from "./handle/00-produce.ts";
import { fetchHandler } from "./handle/01-fetch.ts";
import { listOffsetsHandler } from "./handle/02-list-offsets.ts";
import { metadataHandler } from "./handle/03-metadata.ts";
import { apiVersionsHandler } from "./handle/18-api-versions.ts";
import { createTopicsHandler } from "./handle/19-create-topics.ts";
import { deleteTopicsHandler } from "./handle/20-delete-topics.ts";
import { deleteRecordsHandler } from "./handle/21-delete-records.ts";
import { initProducerIdHandler } from "./handle/22-init-producer-id.ts";
import { offsetForLeaderEpochHandler } from "./handle/23-offset-for-leader-epoch.ts";
import { describeConfigsHandler } from "./handle/32-describe-configs.ts";
import { alterConfigsHandler } from "./handle/33-alter-configs.ts";
import { createPartitionsHandler } from "./handle/37-create-partitions.ts";
import { electLeadersHandler } from "./handle/43-elect-leaders.ts";
import { incrementalAlterConfigsHandler } from "./handle/44-incremental-alter-configs.ts";
import { alterPartitionReassignmentsHandler } from "./handle/45-alter-partition-reassignments.ts";
import { listPartitionReassignmentsHandler } from "./handle/46-list-partition-reassignments.ts";
import { describeClusterHandler } from "./handle/60-describe-cluster.ts";
import { describeTopicPartitionsHandler } from "./handle/75-describe-topic-partitions.ts";
import type { Handler } from "./handler.ts";

/** Ordered by API key, which is also the order in ApiVersions. */
export const handlers: readonly Handler[] = [
  produceHandler,
  fetchHandler,
  listOffsetsHandler,
  metadataHandler,
  apiVersionsHandler(() => handlers),
  createTopicsHandler,
  deleteTopicsHandler,
  deleteRecordsHandler,
  initProducerIdHandler,
  offsetForLeaderEpochHandler,
  describeConfigsHandler,
  alterConfigsHandler,
  createPartitionsHandler,
  electLeadersHandler,
  incrementalAlterConfigsHandler,
  alterPartitionReassignmentsHandler,
  listPartitionReassignmentsHandler,
  describeClusterHandler,
  describeTopicPartitionsHandler,
].toSorted((a, b) => a.api.key - b.api.key);

const byKey: ReadonlyMap<number, Handler> = new Map(handlers.map((h) => [h.api.key, h]));
assert(byKey.size === handlers.length, "two handlers answer the same API key");

export function handlerByKey(apiKey: number): Handler | undefined {
  return byKey.get(apiKey);
}
