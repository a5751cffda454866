/** REST v3: moves of replicas that are under way. "-" in a path stands for all. */
import { call } from "../../broker/dispatch.ts";
import { listPartitionReassignmentsApi } from "../../protocol/api/46-list-partition-reassignments.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { RestError } from "../rest-error.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { describeTopic } from "../topics.ts";
import { answer, documented, NO_CLUSTER, NO_TOPIC, open, partitionOf } from "./common.ts";
import { v3Error } from "./errors.ts";
import type { Resources } from "./resources.ts";
import * as schemas from "./schemas.ts";

export const reassignmentRoutes = new RouteGroup("REST v3: reassignments");

const TOPICS = "/clusters/{cluster_id}/topics";

/** Null: of all topics. */
async function reassignments(
  c: RestContext,
  resources: Resources,
  topics: { readonly name: string; readonly partitionIndexes: readonly number[] }[] | null,
) {
  const response = await call(c.env.kafka, listPartitionReassignmentsApi, { topics });
  if (response.errorCode !== ErrorCode.NONE) {
    throw v3Error(response.errorCode, response.errorMessage);
  }
  return response.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, addingReplicas, removingReplicas }) =>
      resources.reassignment(name, partitionIndex, addingReplicas, removingReplicas),
    ),
  );
}

reassignmentRoutes.on(
  "get",
  `${TOPICS}/-/partitions/-/reassignment`,
  {
    summary: "The moves of replicas in the cluster.",
    responses: { 200: documented("The moves.", schemas.reassignmentList), 404: NO_CLUSTER },
  },
  async (c) => {
    const resources = open(c);
    const data = await reassignments(c, resources, null);
    const segments = ["topics", "-", "partitions", "-", "reassignment"];
    return answer(resources.list("KafkaReassignmentList", segments, data));
  },
);

reassignmentRoutes.on(
  "get",
  `${TOPICS}/{topic_name}/partitions/-/reassignment`,
  {
    summary: "The moves of a topic's replicas.",
    responses: { 200: documented("The moves.", schemas.reassignmentList), 404: NO_TOPIC },
  },
  async (c) => {
    const resources = open(c);
    const { name, partitions } = await describeTopic(c.env.kafka, param(c, "topic_name"));
    const partitionIndexes = partitions.map(({ partition }) => partition);
    const data = await reassignments(c, resources, [{ name, partitionIndexes }]);
    const segments = ["topics", name, "partitions", "-", "reassignment"];
    return answer(resources.list("KafkaReassignmentList", segments, data));
  },
);

reassignmentRoutes.on(
  "get",
  `${TOPICS}/{topic_name}/partitions/{partition_id}/reassignment`,
  {
    summary: "The move of a partition's replicas.",
    responses: {
      200: documented("The move.", schemas.reassignment),
      404: { description: "404: no such cluster, or no move. 40403: no such topic or partition." },
    },
  },
  async (c) => {
    const resources = open(c);
    const topic = await describeTopic(c.env.kafka, param(c, "topic_name"));
    const { partition } = partitionOf(c, topic);
    const [found] = await reassignments(c, resources, [
      { name: topic.name, partitionIndexes: [partition] },
    ]);
    if (found !== undefined) return answer(found);
    const text = `No reassignment of partition ${partition} of topic "${topic.name}" is in progress.`;
    throw new RestError(404, 404, text);
  },
);
