import {
  type ConsumerSubscription,
  decodeStickyUserData,
  encodeStickyUserData,
} from "../../protocol/consumer-protocol.ts";
import { ProtocolError } from "../errors.ts";
import type { TopicPartition } from "../topics.ts";
import type { PartitionAssignor } from "./assignor.ts";
import { assignSticky, type Claim } from "./balance.ts";

/**
 * As even as it can be, and of such assignments one that moves little (Kafka's StickyAssignor,
 * without racks). Members give everything up before they join, and say in their user data what they
 * had.
 */
export const stickyAssignor: PartitionAssignor = {
  name: "sticky",
  cooperative: false,
  userData({ partitions, generationId }) {
    if (generationId < 0) return null;
    const previousAssignment = Array.from(
      Map.groupBy(partitions, ({ topic }) => topic),
      ([topic, some]) => ({ topic, partitions: some.map(({ partition }) => partition) }),
    );
    return encodeStickyUserData({ previousAssignment, generation: generationId });
  },
  assign: (partitionCounts, members) => assignSticky(partitionCounts, members, claimOf),
};

function claimOf({ userData }: ConsumerSubscription): Claim {
  if (userData === null || userData.length === 0) return { partitions: [], generationId: -1 };
  try {
    const { previousAssignment, generation } = decodeStickyUserData(userData);
    return { partitions: placesOf(previousAssignment), generationId: generation };
  } catch (error) {
    // What cannot be read is no claim; the member gets partitions like a new one.
    if (error instanceof ProtocolError) return { partitions: [], generationId: -1 };
    throw error;
  }
}

export function placesOf(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
