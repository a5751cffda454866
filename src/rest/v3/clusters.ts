/** REST v3: clusters and brokers. A deployment serves one cluster; a broker is a region. */
import { AclOperation, throwUnlessCluster } from "../../broker/access.ts";
import { inBackground } from "../../broker/context.ts";
import { call } from "../../broker/dispatch.ts";
import { fenceBroker, unfenceBroker } from "../../broker/fencing.ts";
import type { DescribeClusterResponse } from "../../protocol/api/60-describe-cluster.ts";
import { describeClusterApi } from "../../protocol/api/60-describe-cluster.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { requireJsonAccepted } from "../media-types.ts";
import type { RestContext } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { validateQuery } from "../validate.ts";
import { answer, documented, NO_CLUSTER, open } from "./common.ts";
import { brokerNotFound, v3Error } from "./errors.ts";
import type { BrokerView } from "./resources.ts";
import { Resources } from "./resources.ts";
import * as schemas from "./schemas.ts";

export const clusterRoutes = new RouteGroup("REST v3: clusters");

async function describeCluster(c: RestContext): Promise<DescribeClusterResponse> {
  const response = await call(c.env.kafka, describeClusterApi, {
    includeClusterAuthorizedOperations: false,
    includeFencedBrokers: true,
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
    const data = brokers.map((broker) => resources.broker(broker));
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
    return answer(resources.broker(await brokerOf(c, asked)));
  },
);

/** Throws RestError 404. */
async function brokerOf(c: RestContext, asked: string): Promise<BrokerView> {
  const { brokers } = await describeCluster(c);
  const found = brokers.find(({ brokerId }) => String(brokerId) === asked);
  if (found === undefined) throw brokerNotFound(asked);
  return found;
}

for (const verb of ["fence", "unfence"] as const) {
  const fences = verb === "fence";
  clusterRoutes.on(
    "post",
    `/clusters/{cluster_id}/brokers/{broker_id}:${verb}`,
    {
      summary: fences
        ? "Take a broker out: its leaders move, and it leaves the ISRs."
        : "Take a broker back: it leads what waits for it, and catches up with the rest.",
      description: "Kedge's own. Doing it again does no harm.",
      ...(fences ? { query: schemas.fenceQuery } : {}),
      responses: {
        200: documented("The broker, and what changed.", schemas.brokerFencing),
        ...(fences ? { 400: { description: "40002: it is the last one, and not forced." } } : {}),
        404: { description: "404: no such cluster or broker." },
      },
    },
    async (c) => {
      const resources = open(c);
      throwUnlessCluster(c.env.kafka, AclOperation.ALTER);
      const asked = param(c, "broker_id", verb);
      const { brokerId, ...rest } = await brokerOf(c, asked);
      const { kafka } = c.env;
      const options = fences ? validateQuery(schemas.fenceQuery, new URL(c.req.url)) : {};
      const report = fences
        ? await fenceBroker(kafka, brokerId, options)
        : await unfenceBroker(kafka, brokerId);
      inBackground(kafka, `tell the leaders that broker ${brokerId} is ${verb}d`, () =>
        kafka.ports.partitions.refresh(report.refresh),
      );
      return answer({
        ...resources.broker({ ...rest, brokerId, isFenced: report.fenced }),
        leaders_moved: report.leadersMoved,
        isrs_shrunk: report.isrsShrunk,
        leaderless: report.leaderless,
        pending: report.left,
      });
    },
  );
}
