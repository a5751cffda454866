/** REST v3: the configs of topics. */
import type { RequestContextBase } from "../../broker/context.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { describeEach, topicResource } from "../configs.ts";
import { JSON_TYPE } from "../media-types.ts";
import { streamedText } from "../respond.ts";
import { param, RouteGroup } from "../routes.ts";
import { describeTopics } from "../topics.ts";
import { documented, NO_CLUSTER, open } from "./common.ts";
import { addConfigRoutes } from "./config-routes.ts";
import * as schemas from "./config-schemas.ts";
import { topicNotFound } from "./errors.ts";
import type { ConfigOwner, Resources } from "./resources.ts";

export const topicConfigRoutes = new RouteGroup("REST v3: topic configs");

function ownerOf(topic: string): ConfigOwner {
  return {
    kind: "KafkaTopicConfig",
    segments: ["topics", topic, "configs"],
    resourceName: `/topic=${topic}/config`,
    fields: { topic_name: topic },
  };
}

topicConfigRoutes.on(
  "get",
  "/clusters/{cluster_id}/topics/-/configs",
  {
    summary: "The configs of all topics.",
    responses: {
      200: documented("The configs, by topic and name.", schemas.topicConfigList),
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const { kafka } = c.env;
    const names = (await describeTopics(kafka, null)).map(({ name }) => name);
    const { data: _, ...head } = resources.list(
      "KafkaTopicConfigList",
      ["topics", "-", "configs"],
      [],
    );
    return streamedText(listText(head, kafka, resources, names), JSON_TYPE);
  },
);

/** An answer has some 20 KB a topic: it is sent while it is made. */
const TOPICS_PER_PAGE = 50;

async function* listText(
  head: object,
  kafka: RequestContextBase,
  resources: Resources,
  names: readonly string[],
): AsyncGenerator<string> {
  // Goes with the first page, so that a failure of that one is still an answer of its own.
  let before = `${JSON.stringify(head).slice(0, -1)},"data":[`;
  for (let at = 0; at < names.length; at += TOPICS_PER_PAGE) {
    const page = names.slice(at, at + TOPICS_PER_PAGE);
    const results = await describeEach(kafka, page.map(topicResource));
    const bodies = page.flatMap((topic, i) => {
      const { errorCode = ErrorCode.UNKNOWN_SERVER_ERROR, configs = [] } = results[i] ?? {};
      if (errorCode === ErrorCode.NONE) {
        return configs.map((config) => resources.config(ownerOf(topic), config));
      }
      // Deleted since it was listed, or its configs are not for the caller.
      if (PASSED_OVER.has(errorCode)) return [];
      throw new KafkaError(errorCode, results[i]?.errorMessage ?? undefined);
    });
    if (bodies.length === 0) continue;
    yield before + bodies.map((body) => JSON.stringify(body)).join(",");
    before = ",";
  }
  yield before === "," ? "]}" : `${before}]}`;
}

const PASSED_OVER: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
]);

addConfigRoutes(topicConfigRoutes, {
  path: "/clusters/{cluster_id}/topics/{topic_name}/configs",
  of: "a topic",
  listSchema: schemas.topicConfigList,
  itemSchema: schemas.topicConfig,
  notFound: { description: "404: no such cluster or config. 40403: no such topic." },
  listsAll: true,
  owner(c) {
    const topic = param(c, "topic_name");
    return { owner: ownerOf(topic), resource: topicResource(topic) };
  },
  failure(error, c) {
    const isGone =
      error instanceof KafkaError && error.code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return isGone ? topicNotFound(param(c, "topic_name")) : error;
  },
});
