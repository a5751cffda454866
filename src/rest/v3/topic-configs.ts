/** REST v3: the configs of a topic, to read. */
import { AclOperation } from "../../broker/access.ts";
import { effectiveTopicConfigs } from "../../cluster/topic-configs.ts";
import { RestError } from "../rest-error.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { findTopic } from "../topics.ts";
import { answer, documented, NO_TOPIC, open } from "./common.ts";
import type { Resources } from "./resources.ts";
import * as schemas from "./schemas.ts";

export const topicConfigRoutes = new RouteGroup("REST v3: topic configs");

const CONFIGS = "/clusters/{cluster_id}/topics/{topic_name}/configs";

async function configsOf(c: RestContext, resources: Resources) {
  const topic = await findTopic(c.env.kafka, param(c, "topic_name"), AclOperation.DESCRIBE_CONFIGS);
  return effectiveTopicConfigs(topic.configs).map(({ name, value, isSet }) =>
    resources.topicConfig(topic.name, name, value, isSet),
  );
}

topicConfigRoutes.on(
  "get",
  CONFIGS,
  {
    summary: "The configs of a topic, those that are not set with their defaults.",
    responses: { 200: documented("The configs.", schemas.topicConfigList), 404: NO_TOPIC },
  },
  async (c) => {
    const resources = open(c);
    const data = await configsOf(c, resources);
    const segments = ["topics", param(c, "topic_name"), "configs"];
    return answer(resources.list("KafkaTopicConfigList", segments, data));
  },
);

topicConfigRoutes.on(
  "get",
  `${CONFIGS}/{name}`,
  {
    summary: "A config of a topic.",
    responses: {
      200: documented("The config.", schemas.topicConfig),
      404: { description: "404: no such cluster or config. 40403: no such topic." },
    },
  },
  async (c) => {
    const resources = open(c);
    const asked = param(c, "name");
    const found = (await configsOf(c, resources)).find(({ name }) => name === asked);
    if (found !== undefined) return answer(found);
    throw new RestError(404, 404, `There is no topic config "${asked}".`);
  },
);
