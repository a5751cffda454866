/**
 * Reads near the reader (KIP-392, ReplicaSelector): the replica whose broker's rack is the consumer's
 * `client.rack`; for a caller over HTTP that names none, the one whose region is nearest to it.
 */
import { nearestBroker } from "../cluster/nearest.ts";
import type { BrokerInfo } from "../cluster/types.ts";
import type { RequestContext } from "./context.ts";
import type { PartitionPort } from "./ports.ts";
import type { Leader } from "./topics.ts";

export interface NearReplica {
  readonly brokerId: number;
  readonly port: PartitionPort;
  /** The client addressed another broker: it is told where to go. */
  readonly redirect: boolean;
}

/** Of a partition: only a replica in sync, not fenced; null when the leader is as near, or there is none. */
export type ReplicaSelector = (leader: Leader) => NearReplica | null;

const LEADER_ONLY: ReplicaSelector = () => null;

/** Brokers and fences may be some seconds old (CataloguePort). */
export async function replicaSelector(
  ctx: RequestContext,
  rackId: string,
): Promise<ReplicaSelector> {
  const { reader, readNearest } = ctx;
  const byPlace = rackId === "" && readNearest === true ? (reader ?? null) : null;
  if (rackId === "" && byPlace === null) return LEADER_ONLY;
  // Without the catalogue the leader serves as well as ever.
  const cluster = await ctx.ports.catalogue.cluster(ctx.clusterId).catch(() => null);
  const brokers = cluster?.brokers ?? [];
  const choose = (inSync: readonly BrokerInfo[], leader: number): BrokerInfo | null =>
    byPlace === null ? ofRack(inSync, rackId, leader) : nearestBroker(inSync, byPlace);
  return (leader) => {
    const { isr } = leader.state;
    const inSync = brokers.filter(({ brokerId, fenced }) => !fenced && isr.includes(brokerId));
    const chosen = choose(inSync, leader.state.leader);
    if (chosen === null || chosen.brokerId === leader.state.leader) return null;
    return replicaAt(ctx, leader, chosen.brokerId);
  };
}

/** Of several brokers in the rack the leader, else the first. */
function ofRack(brokers: readonly BrokerInfo[], rack: string, leader: number): BrokerInfo | null {
  const near = brokers.filter((broker) => broker.rack === rack);
  return near.find(({ brokerId }) => brokerId === leader) ?? near[0] ?? null;
}

function replicaAt(ctx: RequestContext, { topic, state }: Leader, brokerId: number): NearReplica {
  const { clusterId } = ctx;
  const { topicId } = topic;
  const { partition } = state;
  const port = ctx.ports.partitions.at({ clusterId, topicId, partition, brokerId });
  // A caller that addressed no broker has nowhere else to go: the replica is read for it.
  const redirect = ctx.brokerId !== null && ctx.brokerId !== brokerId;
  return { brokerId, port, redirect };
}
