/** REST v3: partitions, their offsets and replicas. */
import { offsetBounds } from "../offsets.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { describeTopic } from "../topics.ts";
import { validateQuery } from "../validate.ts";
import { answer, documented, NO_PARTITION, NO_TOPIC, open, partitionOf } from "./common.ts";
import { partitionNotFound } from "./errors.ts";
import * as schemas from "./schemas.ts";

export const partitionRoutes = new RouteGroup("REST v3: partitions");

const PARTITIONS = "/clusters/{cluster_id}/topics/{topic_name}/partitions";

function topicOf(c: RestContext) {
  return describeTopic(c.env.kafka, param(c, "topic_name"));
}

partitionRoutes.on(
  "get",
  PARTITIONS,
  {
    summary: "The partitions of a topic.",
    responses: { 200: documented("The partitions.", schemas.partitionList), 404: NO_TOPIC },
  },
  async (c) => {
    const resources = open(c);
    const { name, partitions } = await topicOf(c);
    const data = partitions.map((partition) => resources.partition(name, partition));
    return answer(resources.list("KafkaPartitionList", ["topics", name, "partitions"], data));
  },
);

partitionRoutes.on(
  "get",
  `${PARTITIONS}/{partition_id}`,
  {
    summary: "A partition.",
    responses: { 200: documented("The partition.", schemas.partition), 404: NO_PARTITION },
  },
  async (c) => {
    const resources = open(c);
    const topic = await topicOf(c);
    return answer(resources.partition(topic.name, partitionOf(c, topic)));
  },
);

partitionRoutes.on(
  "get",
  `${PARTITIONS}/{partition_id}/offset`,
  {
    summary: "The first offset and the high watermark of a partition.",
    query: schemas.offsetQuery,
    responses: {
      200: documented("The offsets.", schemas.partitionWithOffsets),
      400: { description: "400: another offset_type." },
      404: NO_PARTITION,
    },
  },
  async (c) => {
    const resources = open(c);
    validateQuery(schemas.offsetQuery, new URL(c.req.url), 400);
    const topic = await topicOf(c);
    const { partition } = partitionOf(c, topic);
    const { earliest, latest } = await offsetBounds(c.env.kafka, topic.name, partition);
    return answer(resources.partitionWithOffsets(topic.name, partition, earliest, latest));
  },
);

partitionRoutes.on(
  "get",
  `${PARTITIONS}/{partition_id}/replicas`,
  {
    summary: "The replicas of a partition.",
    responses: { 200: documented("The replicas.", schemas.replicaList), 404: NO_PARTITION },
  },
  async (c) => {
    const resources = open(c);
    const topic = await topicOf(c);
    const view = partitionOf(c, topic);
    const data = view.replicas.map((broker) => resources.replica(topic.name, view, broker));
    const segments = ["topics", topic.name, "partitions", view.partition, "replicas"];
    return answer(resources.list("KafkaReplicaList", segments, data));
  },
);

partitionRoutes.on(
  "get",
  `${PARTITIONS}/{partition_id}/replicas/{broker_id}`,
  {
    summary: "A replica.",
    responses: {
      200: documented("The replica.", schemas.replica),
      404: { description: "404: no such cluster. 40403: no such topic, partition or replica." },
    },
  },
  async (c) => {
    const resources = open(c);
    const topic = await topicOf(c);
    const view = partitionOf(c, topic);
    const asked = param(c, "broker_id");
    const broker = view.replicas.find((id) => String(id) === asked);
    if (broker !== undefined) return answer(resources.replica(topic.name, view, broker));
    const what = `${view.partition} on broker ${asked}`;
    throw partitionNotFound(topic.name, what, topic.partitions.length);
  },
);
