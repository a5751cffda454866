/** REST v2: the root, brokers, topics and partitions (http-dialects.md 1.1). */
import * as z from "zod";
import { call } from "../../broker/dispatch.ts";
import { metadataApi } from "../../protocol/api/03-metadata.ts";
import { describeConfigs, topicResource } from "../configs.ts";
import { KAFKA_V2_JSON, metadataType } from "../media-types.ts";
import { offsetBounds } from "../offsets.ts";
import { json } from "../respond.ts";
import type { ResponseDoc, RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import type { PartitionView, TopicView } from "../topics.ts";
import { describeTopic, describeTopics } from "../topics.ts";
import { partitionNumber } from "../validate.ts";
import { partitionNotFound } from "./errors.ts";
import * as schemas from "./schemas.ts";

function answer(c: RestContext, body: unknown): Response {
  return json(body, 200, metadataType(c.req.header("accept") ?? null));
}

function documented(description: string, schema: z.ZodType): ResponseDoc {
  return { description, content: { [KAFKA_V2_JSON]: schema } };
}

export const metadataRoutes = new RouteGroup("REST v2: metadata");

const rootDoc = {
  summary: "Nothing, to see that the service answers.",
  responses: { 200: documented("An empty object.", z.object({})) },
};
metadataRoutes.on("get", "/", rootDoc, (c) => answer(c, {}));
metadataRoutes.on("post", "/", rootDoc, (c) => answer(c, {}));

metadataRoutes.on(
  "get",
  "/brokers",
  {
    summary: "Broker ids. In Kedge a broker is a region.",
    responses: { 200: documented("The brokers.", schemas.brokers) },
  },
  async (c) => {
    const { brokers } = await call(c.env.kafka, metadataApi, { topics: [] });
    return answer(c, { brokers: brokers.map((broker) => broker.nodeId) });
  },
);

metadataRoutes.on(
  "get",
  "/topics",
  {
    summary: "Topic names.",
    responses: { 200: documented("The names, ordered.", schemas.topicNames) },
  },
  async (c) => {
    const topics = await describeTopics(c.env.kafka, null);
    return answer(
      c,
      topics.map((topic) => topic.name),
    );
  },
);

metadataRoutes.on(
  "get",
  "/topics/{topic_name}",
  {
    summary: "A topic with its configs and partitions.",
    responses: {
      200: documented("The topic.", schemas.topic),
      404: { description: "40401: no such topic." },
    },
  },
  async (c) => {
    const { kafka } = c.env;
    const topic = await describeTopic(kafka, param(c, "topic_name"));
    const configs = await describeConfigs(kafka, topicResource(topic.name));
    return answer(c, {
      name: topic.name,
      configs: Object.fromEntries(configs.map(({ name, value }) => [name, value])),
      partitions: topic.partitions.map(partitionBody),
    });
  },
);

metadataRoutes.on(
  "get",
  "/topics/{topic_name}/partitions",
  {
    summary: "The partitions of a topic.",
    responses: {
      200: documented("The partitions, ordered.", z.array(schemas.partition)),
      404: { description: "40401: no such topic." },
    },
  },
  async (c) => {
    const topic = await describeTopic(c.env.kafka, param(c, "topic_name"));
    return answer(c, topic.partitions.map(partitionBody));
  },
);

metadataRoutes.on(
  "get",
  "/topics/{topic_name}/partitions/{partition_id}",
  {
    summary: "One partition.",
    responses: {
      200: documented("The partition.", schemas.partition),
      404: { description: "40401: no such topic. 40402: no such partition." },
    },
  },
  async (c) => answer(c, partitionBody(await findPartition(c))),
);

metadataRoutes.on(
  "get",
  "/topics/{topic_name}/partitions/{partition_id}/offsets",
  {
    summary: "The first offset and the high watermark of a partition.",
    responses: {
      200: documented("The offsets.", schemas.offsets),
      404: { description: "40401: no such topic. 40402: no such partition." },
    },
  },
  async (c) => {
    const { partition } = await findPartition(c);
    const { earliest, latest } = await offsetBounds(c.env.kafka, param(c, "topic_name"), partition);
    return answer(c, { beginning_offset: earliest, end_offset: latest });
  },
);

async function findPartition(c: RestContext): Promise<PartitionView> {
  return partitionOf(c, await describeTopic(c.env.kafka, param(c, "topic_name")));
}

/** The partition that the path names. Throws RestError 404, 40402. */
export function partitionOf(c: RestContext, topic: TopicView): PartitionView {
  const text = param(c, "partition_id");
  const number = partitionNumber(text);
  const found = number === null ? undefined : topic.partitions[number];
  if (found === undefined) throw partitionNotFound(topic.name, text, topic.partitions.length);
  return found;
}

function partitionBody({ partition, leader, replicas, isr }: PartitionView) {
  return {
    partition,
    leader,
    replicas: replicas.map((broker) => ({
      broker,
      leader: broker === leader,
      in_sync: isr.includes(broker),
    })),
  };
}
