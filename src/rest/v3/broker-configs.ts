/** REST v3: the configs of brokers, and of all brokers: the cluster's. */
import { call } from "../../broker/dispatch.ts";
import { describeClusterApi } from "../../protocol/api/60-describe-cluster.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { brokerResource, describeEach } from "../configs.ts";
import { param, RouteGroup } from "../routes.ts";
import { answer, documented, NO_CLUSTER, open } from "./common.ts";
import { addConfigRoutes } from "./config-routes.ts";
import * as schemas from "./config-schemas.ts";
import { brokerNotFound, v3Error } from "./errors.ts";
import type { ConfigOwner } from "./resources.ts";

export const brokerConfigRoutes = new RouteGroup("REST v3: broker configs");

function ownerOf(brokerId: number): ConfigOwner {
  return {
    kind: "KafkaBrokerConfig",
    segments: ["brokers", brokerId, "configs"],
    resourceName: `/broker=${brokerId}/config`,
    fields: { broker_id: brokerId },
  };
}

brokerConfigRoutes.on(
  "get",
  "/clusters/{cluster_id}/brokers/-/configs",
  {
    summary: "The configs of all brokers, each by itself.",
    responses: {
      200: documented("The configs, by broker and name.", schemas.brokerConfigList),
      404: NO_CLUSTER,
    },
  },
  async (c) => {
    const resources = open(c);
    const { kafka } = c.env;
    const { errorCode, errorMessage, brokers } = await call(kafka, describeClusterApi, {
      includeClusterAuthorizedOperations: false,
      includeFencedBrokers: true,
    });
    if (errorCode !== ErrorCode.NONE) throw v3Error(errorCode, errorMessage);
    const ids = brokers.map(({ brokerId }) => brokerId);
    const results = await describeEach(
      kafka,
      ids.map((id) => brokerResource(String(id))),
    );
    const data = results.flatMap((result, at) => {
      if (result.errorCode !== ErrorCode.NONE) throw v3Error(result.errorCode, result.errorMessage);
      return result.configs.map((config) => resources.config(ownerOf(ids[at] ?? -1), config));
    });
    return answer(resources.list("KafkaBrokerConfigList", ["brokers", "-", "configs"], data));
  },
);

addConfigRoutes(brokerConfigRoutes, {
  path: "/clusters/{cluster_id}/brokers/{broker_id}/configs",
  of: "a broker",
  listSchema: schemas.brokerConfigList,
  itemSchema: schemas.brokerConfig,
  notFound: { description: "404: no such cluster, broker or config." },
  listsAll: true,
  owner(c) {
    const text = param(c, "broker_id");
    if (!/^\d{1,9}$/.test(text)) throw brokerNotFound(text);
    const brokerId = Number(text);
    return { owner: ownerOf(brokerId), resource: brokerResource(String(brokerId)) };
  },
  failure(error, c) {
    const isGone = error instanceof KafkaError && error.code === ErrorCode.INVALID_REQUEST;
    return isGone ? brokerNotFound(param(c, "broker_id")) : error;
  },
});

addConfigRoutes(brokerConfigRoutes, {
  path: "/clusters/{cluster_id}/broker-configs",
  of: "all brokers",
  listSchema: schemas.clusterConfigList,
  itemSchema: schemas.clusterConfig,
  notFound: { description: "404: no such cluster, or the config is not set for all brokers." },
  listsAll: false,
  owner: () => ({
    owner: {
      kind: "KafkaClusterConfig",
      segments: ["broker-configs"],
      resourceName: "/broker-config",
      fields: { config_type: "BROKER" },
    },
    resource: brokerResource(""),
  }),
  failure: (error) => error,
});
