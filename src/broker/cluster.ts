/** The cluster of a request, and how Kafka's answers name its brokers and partitions. */
import type { ClusterInfo, PartitionInfo } from "../cluster/types.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";

/** Throws KafkaError UNKNOWN_SERVER_ERROR when the deployment names a cluster that is not there. */
export async function clusterOf(
  ctx: Pick<RequestContext, "clusterId" | "ports">,
  fresh = false,
): Promise<ClusterInfo> {
  const cluster = await ctx.ports.catalogue.cluster(ctx.clusterId, { fresh });
  if (cluster !== null) return cluster;
  throw new KafkaError(
    ErrorCode.UNKNOWN_SERVER_ERROR,
    `Cluster '${ctx.clusterId}' is not in the catalogue: apply the D1 migrations, or correct KEDGE_CLUSTER_ID.`,
  );
}

export interface PartitionDescription {
  readonly errorCode: number;
  readonly partitionIndex: number;
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly replicaNodes: readonly number[];
  readonly isrNodes: readonly number[];
  readonly offlineReplicas: readonly number[];
}

/**
 * Describes partitions as clients see them: a leader on a fenced broker is no leader, and replicas
 * there are offline (KRaftMetadataCache.getPartitionMetadata).
 */
export function partitionDescriber(
  cluster: ClusterInfo,
): (partition: PartitionInfo) => PartitionDescription {
  const live = new Set(cluster.brokers.filter((b) => !b.fenced).map((b) => b.brokerId));
  return (partition) => {
    const hasLeader = live.has(partition.leader);
    return {
      errorCode: hasLeader ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
      partitionIndex: partition.partition,
      leaderId: hasLeader ? partition.leader : -1,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: partition.replicas,
      isrNodes: partition.isr,
      offlineReplicas: partition.replicas.filter((id) => !live.has(id)),
    };
  };
}
