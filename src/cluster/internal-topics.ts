/** `__consumer_offsets` (topic-names.ts): where it is, and which of its partitions coordinates a group. */

/**
 * The same in every cluster, whose id is in the name of every object: so it can be told from an
 * object's address alone that it is a group coordinator.
 */
export const CONSUMER_OFFSETS_ID = "S2VkZ2VDb25zT2Zmc2V0cw";

/**
 * The partition of __consumer_offsets whose leader coordinates the group: Utils.abs(hashCode) modulo
 * their number (GroupMetadataManager.partitionFor).
 */
export function coordinatorPartition(groupId: string, partitions: number): number {
  let hash = 0;
  for (let i = 0; i < groupId.length; i++) hash = (Math.imul(31, hash) + groupId.charCodeAt(i)) | 0;
  // Utils.abs: the smallest integer has no positive twin.
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitions;
}
