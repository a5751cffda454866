/** REST v3: topics. Creating one that exists is 400 (40002), not 409, as in Confluent's. */
import { AclOperation } from "../../broker/access.ts";
import { call } from "../../broker/dispatch.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import { createTopicsApi } from "../../protocol/api/19-create-topics.ts";
import { deleteTopicsApi } from "../../protocol/api/20-delete-topics.ts";
import { createPartitionsApi } from "../../protocol/api/37-create-partitions.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { JSON_TYPE } from "../media-types.ts";
import { noContent } from "../respond.ts";
import { RestError } from "../rest-error.ts";
import { param, RouteGroup } from "../routes.ts";
import type { TopicView } from "../topics.ts";
import { describeTopic, describeTopics, findTopic } from "../topics.ts";
import { answer, documented, NO_CLUSTER, NO_TOPIC, open, readJson } from "./common.ts";
import { topicNotFound, v3Error } from "./errors.ts";
import type { Resources } from "./resources.ts";
import * as schemas from "./schemas.ts";

const ADMIN_TIMEOUT_MS = 30_000;

export const topicRoutes = new RouteGroup("REST v3: topics");

topicRoutes.on(
  "get",
  "/clusters/{cluster_id}/topics",
  {
    summary: "The topics.",
    responses: { 200: documented("The topics, by name.", schemas.topicList), 404: NO_CLUSTER },
  },
  async (c) => {
    const resources = open(c);
    const topics = await describeTopics(c.env.kafka, null);
    const data = topics.map((topic) => topicBody(resources, topic));
    return answer(resources.list("KafkaTopicList", ["topics"], data));
  },
);

topicRoutes.on(
  "post",
  "/clusters/{cluster_id}/topics",
  {
    summary: "Create a topic, or with validate_only see whether it could be created.",
    body: { required: true, content: { [JSON_TYPE]: schemas.createTopicRequest } },
    responses: {
      201: {
        ...documented("The topic that was created.", schemas.topic),
        headers: { Location: "The topic's URL." },
      },
      200: documented("The topic that would be created (validate_only).", schemas.topic),
      400: { description: "40002: it exists, or its name, numbers or configs are not allowed." },
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const input = await readJson(c, schemas.createTopicRequest, "Data is required.");
    const validateOnly = input.validate_only ?? false;
    const { topics } = await call(c.env.kafka, createTopicsApi, {
      topics: [newTopic(input)],
      timeoutMs: ADMIN_TIMEOUT_MS,
      validateOnly,
    });
    const created = topics[0];
    const errorCode = created?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (created === undefined || errorCode !== ErrorCode.NONE) {
      throw v3Error(errorCode, created?.errorMessage ?? null);
    }
    const { name, numPartitions, replicationFactor } = created;
    const body = resources.topic(name, false, numPartitions, replicationFactor);
    return answer(body, validateOnly ? 200 : 201, { location: body.metadata.self });
  },
);

topicRoutes.on(
  "get",
  "/clusters/{cluster_id}/topics/{topic_name}",
  {
    summary: "A topic.",
    responses: { 200: documented("The topic.", schemas.topic), 404: NO_TOPIC },
  },
  async (c) => {
    const resources = open(c);
    return answer(topicBody(resources, await describeTopic(c.env.kafka, param(c, "topic_name"))));
  },
);

topicRoutes.on(
  "patch",
  "/clusters/{cluster_id}/topics/{topic_name}",
  {
    summary: "Add partitions.",
    body: { required: true, content: { [JSON_TYPE]: schemas.updatePartitionCountRequest } },
    responses: {
      200: documented("The topic as it is now.", schemas.topic),
      400: { description: "40002: the number is not larger than it was." },
      404: NO_TOPIC,
    },
  },
  async (c) => {
    const resources = open(c);
    const name = param(c, "topic_name");
    const required = "Partitions_count is required.";
    const input = await readJson(c, schemas.updatePartitionCountRequest, required);
    const { results } = await call(c.env.kafka, createPartitionsApi, {
      topics: [{ name, count: input.partitions_count, assignments: null }],
      timeoutMs: ADMIN_TIMEOUT_MS,
      validateOnly: false,
    });
    throwIfFailed(name, results[0]);
    return answer(
      topicBody(
        resources,
        await findTopic(c.env.kafka, name, AclOperation.DESCRIBE, { fresh: true }),
      ),
    );
  },
);

topicRoutes.on(
  "delete",
  "/clusters/{cluster_id}/topics/{topic_name}",
  {
    summary: "Delete a topic and all of its records.",
    responses: { 204: { description: "It is deleted." }, 404: NO_TOPIC },
  },
  async (c) => {
    open(c);
    const name = param(c, "topic_name");
    const { responses } = await call(c.env.kafka, deleteTopicsApi, {
      topics: [{ name, topicId: ZERO_UUID }],
      timeoutMs: ADMIN_TIMEOUT_MS,
    });
    throwIfFailed(name, responses[0]);
    return noContent();
  },
);

function throwIfFailed(
  topic: string,
  result: { readonly errorCode: number; readonly errorMessage: string | null } | undefined,
): void {
  const errorCode = result?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (errorCode === ErrorCode.NONE) return;
  if (errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) throw topicNotFound(topic);
  throw v3Error(errorCode, result?.errorMessage ?? null);
}

/** Assignments, when given, say both numbers: Kafka then wants -1 for each. */
function newTopic(input: ReturnType<typeof schemas.createTopicRequest.parse>) {
  const assignments = Object.entries(input.replicas_assignments ?? {}).map(
    ([partition, brokerIds]) => ({ partitionIndex: Number(partition), brokerIds }),
  );
  const configs = (input.configs ?? []).map(({ name, value }) => ({ name, value: value ?? null }));
  const names = new Set(configs.map((config) => config.name));
  if (names.size < configs.length) {
    throw new RestError(422, 422, "configs: a name is given twice");
  }
  const assigned = assignments.length > 0;
  return {
    name: input.topic_name,
    numPartitions: assigned ? -1 : (input.partitions_count ?? -1),
    replicationFactor: assigned ? -1 : (input.replication_factor ?? -1),
    assignments,
    configs,
  };
}

function topicBody(resources: Resources, { name, internal, partitions }: TopicView) {
  const replicationFactor = partitions[0]?.replicas.length ?? 0;
  return resources.topic(name, internal, partitions.length, replicationFactor);
}
