/** The name of a partition's object: who it is, readable in alarms too (ctx.id.name). */
import type { PartitionAddress } from "../broker/ports.ts";
import { CONSUMER_OFFSETS_ID } from "../cluster/internal-topics.ts";
import type { Env } from "../env.ts";
import { assert } from "../lib/assert.ts";
import type { Partition } from "./partition.ts";

/** Replicas of __consumer_offsets are objects of a class of their own; the topic's id tells. */
export function namespaceOf(
  env: Env,
  { topicId }: Pick<PartitionAddress, "topicId">,
): DurableObjectNamespace<Partition> {
  // A group coordinator is a partition that can do more.
  return topicId === CONSUMER_OFFSETS_ID
    ? (env.GROUP_COORDINATOR as unknown as DurableObjectNamespace<Partition>)
    : env.PARTITION;
}

/** Cluster ids hold no slash (catalogue rule); topic ids are base64url. */
export function partitionName(address: PartitionAddress): string {
  const { clusterId, topicId, partition, brokerId } = address;
  return `${clusterId}/${topicId}/${partition}/${brokerId}`;
}

export function parsePartitionName(name: string | undefined): PartitionAddress {
  const [clusterId, topicId, partition, brokerId, ...rest] = (name ?? "").split("/");
  assert(
    clusterId && topicId && partition && brokerId && rest.length === 0,
    `"${name}" is not cluster/topicId/partition/brokerId: use getByName`,
  );
  return { clusterId, topicId, partition: Number(partition), brokerId: Number(brokerId) };
}

const HINTS: ReadonlySet<string> = new Set<DurableObjectLocationHint>([
  "wnam",
  "enam",
  "sam",
  "weur",
  "eeur",
  "apac",
  "apac-ne",
  "apac-se",
  "oc",
  "afr",
  "me",
]);

export function isHint(hint: string): hint is DurableObjectLocationHint {
  return HINTS.has(hint);
}
