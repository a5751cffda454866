/** Reads near the reader (KIP-392): the replica whose broker's rack is the consumer's `client.rack`. */
import type { BrokerInfo } from "../cluster/types.ts";
import type { RequestContext } from "./context.ts";
import type { PartitionPort } from "./ports.ts";
import type { Leader } from "./topics.ts";

export interface NearReplica {
  readonly brokerId: number;
  readonly port: PartitionPort;
  /** The client dialled another broker: it is told where to go. */
  readonly redirect: boolean;
}

export async function brokersOf(ctx: RequestContext): Promise<readonly BrokerInfo[]> {
  return (await ctx.ports.catalogue.cluster(ctx.clusterId))?.brokers ?? [];
}

/** Only one in sync and not fenced; null when the leader is as near, or there is none. */
export function nearReplica(
  ctx: RequestContext,
  brokers: readonly BrokerInfo[],
  { topic, state }: Leader,
  rack: string,
): NearReplica | null {
  if (rack === "") return null;
  const near = brokers.filter((broker) => broker.rack === rack && !broker.fenced);
  if (near.some(({ brokerId }) => brokerId === state.leader)) return null;
  const found = near.find(({ brokerId }) => state.isr.includes(brokerId));
  if (found === undefined) return null;
  const { brokerId } = found;
  const { clusterId } = ctx;
  const { topicId } = topic;
  const { partition } = state;
  const port = ctx.ports.partitions.at({ clusterId, topicId, partition, brokerId });
  // Over HTTP there is no other address to go to: the replica is read for the caller.
  const redirect = ctx.brokerId !== null && ctx.brokerId !== brokerId;
  return { brokerId, port, redirect };
}
