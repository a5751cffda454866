import type { ConsumerSubscription } from "../../protocol/consumer-protocol.ts";
import { Reader } from "../../protocol/reader.ts";
import { Writer } from "../../protocol/writer.ts";
import type { TopicPartition } from "../topics.ts";
import { type AssignorMember, keyOf, type PartitionAssignor } from "./assignor.ts";
import { assignSticky, type Claim } from "./balance.ts";
import { placesOf } from "./sticky.ts";

const GENERATION_BYTES = 4;

/**
 * As sticky, for members that keep their partitions while they rebalance (Kafka's
 * CooperativeStickyAssignor, KIP-429). What moves is assigned to nobody until its owner, seeing that
 * it is not its own any more, gave it up and all joined again.
 */
export const cooperativeStickyAssignor: PartitionAssignor = {
  name: "cooperative-sticky",
  cooperative: true,
  userData({ generationId }) {
    const writer = new Writer();
    writer.int32(generationId);
    return writer.finish();
  },
  assign(partitionCounts, members) {
    const assignment = assignSticky(partitionCounts, members, claimOf);
    const owners = ownersOf(members);
    for (const [memberId, places] of assignment) {
      const free = places.filter((place) => {
        const owning = owners.get(keyOf(place));
        return owning === undefined || owning.has(memberId);
      });
      assignment.set(memberId, free);
    }
    return assignment;
  },
};

function claimOf({ ownedPartitions, generationId, userData }: ConsumerSubscription): Claim {
  const partitions = placesOf(ownedPartitions);
  if (generationId >= 0) return { partitions, generationId };
  // Before version 2 of the subscription the generation was user data.
  const known = userData !== null && userData.length >= GENERATION_BYTES;
  return { partitions, generationId: known ? new Reader(userData).int32() : -1 };
}

function ownersOf(members: readonly AssignorMember[]): Map<string, Set<string>> {
  const owners = new Map<string, Set<string>>();
  for (const { memberId, subscription } of members) {
    for (const place of placesOf(subscription.ownedPartitions)) own(owners, place, memberId);
  }
  return owners;
}

function own(owners: Map<string, Set<string>>, place: TopicPartition, memberId: string): void {
  const owning = owners.get(keyOf(place));
  if (owning === undefined) owners.set(keyOf(place), new Set([memberId]));
  else owning.add(memberId);
}
