/** The name of a partition's object: who it is, readable in alarms too (ctx.id.name). */
import type { PartitionAddress } from "../broker/ports.ts";
import { assert } from "../lib/assert.ts";

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
