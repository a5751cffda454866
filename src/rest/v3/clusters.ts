/** REST v3: clusters and brokers. A deployment serves one cluster; a broker is a region. */
import { call } from "../../broker/dispatch.ts";
import type { DescribeClusterResponse } from "../../protocol/api/60-describe-cluster.ts";
import { describeClusterApi } from "../../protocol/api/60-describe-cluster.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { requireJsonAccepted } from "../media-types.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { answer, documented, NO_CLUSTER, open } from "./common.ts";
import { brokerNotFound, v3Error } from "./errors.ts";
import { Resources } from "./resources.ts";
import * as schemas from "./schemas.ts";

export const clusterRoutes = new RouteGroup("REST v3: clusters");

async function describeCluster(c: RestContext): Promise<DescribeClusterResponse> {
  const response = await call(c.env.kafka, describeClusterApi, {
    includeClusterAuthorizedOperations: false,
  });
  if (response.errorCode !== ErrorCode.NONE) {
    throw v3Error(response.errorCode, response.errorMessage);
  }
  return response;
}

clusterRoutes.on(
  "get",
  "/clusters",
  {
    summary: "The clusters of this deployment: one.",
    responses: { 200: documented("The clusters.", schemas.clusterList) },
  },
  async (c) => {
    requireJsonAccepted(c.req.header("accept") ?? null);
    const { clusterId, controllerId } = await describeCluster(c);
    const resources = new Resources(c.req.url, clusterId);
    return answer(resources.list("KafkaClusterList", null, [resources.cluster(controllerId)]));
  },
);

clusterRoutes.on(
  "get",
  "/clusters/{cluster_id}",
  {
    summary: "A cluster.",
    responses: { 200: documented("The cluster.", schemas.cluster), 404: NO_CLUSTER },
  },
  async (c) => {
    const resources = open(c);
    const { controllerId } = await describeCluster(c);
    return answer(resources.cluster(controllerId));
  },
);

clusterRoutes.on(
  "get",
  "/clusters/{cluster_id}/brokers",
  {
    summary: "The brokers: regions that hold replicas.",
    responses: { 200: documented("The brokers.", schemas.brokerList), 404: NO_CLUSTER },
  },
  async (c) => {
    const resources = open(c);
    const { brokers } = await describeCluster(c);
    const data = brokers.map(({ brokerId, host, port, rack }) =>
      resources.broker(brokerId, host, port, rack),
    );
    return answer(resources.list("KafkaBrokerList", ["brokers"], data));
  },
);

clusterRoutes.on(
  "get",
  "/clusters/{cluster_id}/brokers/{broker_id}",
  {
    summary: "A broker.",
    responses: {
      200: documented("The broker.", schemas.broker),
      404: { description: "404: no such cluster or broker." },
    },
  },
  async (c) => {
    const resources = open(c);
    const asked = param(c, "broker_id");
    const { brokers } = await describeCluster(c);
    const found = brokers.find(({ brokerId }) => String(brokerId) === asked);
    if (found === undefined) throw brokerNotFound(asked);
    return answer(resources.broker(found.brokerId, found.host, found.port, found.rack));
  },
);
