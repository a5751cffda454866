/**
 * DescribeCluster, key 60, versions 0-2. Brokers, which are regions, and the controller, which is
 * any of them: the catalogue decides, and every broker answers admin requests. Whoever is authenticated
 * may know them, as in Kafka.
 *
 * 1: endpointType; only 1, brokers, is served (KIP-919). 2: fenced brokers on request.
 *
 * Not done: controllers as an endpoint (MISMATCHED_ENDPOINT_TYPE 114).
 */
import { describeClusterApi } from "../../protocol/api/60-describe-cluster.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { clusterOperations } from "../authorized-operations.ts";
import { clusterOf } from "../cluster.ts";
import { defineHandler } from "../handler.ts";

const BROKER_ENDPOINT = 1;
const CONTROLLER_ENDPOINT = 2;

export const describeClusterHandler = defineHandler(
  describeClusterApi,
  [0, 2],
  async (ctx, request) => {
    throwIfNotBrokers(request.endpointType);
    const cluster = await clusterOf(ctx);
    const listed = cluster.brokers.filter((b) => !b.fenced || request.includeFencedBrokers);
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      endpointType: BROKER_ENDPOINT,
      clusterId: cluster.clusterId,
      controllerId: cluster.controllerId,
      brokers: listed.map(({ brokerId, rack, fenced }) => ({
        brokerId,
        ...ctx.advertised(brokerId),
        rack,
        isFenced: fenced,
      })),
      clusterAuthorizedOperations: clusterOperations(
        ctx,
        request.includeClusterAuthorizedOperations,
      ),
    };
  },
  {
    failure: (error) => ({
      errorCode: error.code,
      errorMessage: error.message,
      clusterId: "",
      brokers: [],
    }),
  },
);

function throwIfNotBrokers(endpointType: number): void {
  if (endpointType === BROKER_ENDPOINT) return;
  if (endpointType === CONTROLLER_ENDPOINT) {
    throw new KafkaError(
      ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
    );
  }
  const text = `Unsupported endpoint type ${endpointType}`;
  throw new KafkaError(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE, text);
}
