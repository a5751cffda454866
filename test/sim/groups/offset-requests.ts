/** Requests about offsets, of places instead of topics and partitions. */
import type { FetchedOffsets, GroupRequest, TopicImage } from "../../../src/group/messages.ts";
import { type Place, placesOf } from "../../unit/group/consumer/sim-clients.ts";
import type { Stamp } from "./history.ts";

export type Positions = Map<Place, number>;
type Topics = ReadonlyMap<string, TopicImage>;

export const GROUP = "g";

export function commitRequest(
  topics: Topics,
  positions: ReadonlyMap<Place, number>,
  stamp: Stamp,
  groupInstanceId: string | null,
): GroupRequest {
  return {
    api: "offsetCommit",
    body: {
      groupId: GROUP,
      generationIdOrMemberEpoch: stamp.era,
      memberId: stamp.memberId,
      groupInstanceId,
      retentionTimeMs: -1,
      topics: named(topics, new Set(positions.keys())).map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitions: partitions.map((partitionIndex) => ({
          partitionIndex,
          committedOffset: positions.get(`${topicId}/${partitionIndex}`) ?? 0,
          committedLeaderEpoch: -1,
          committedMetadata: JSON.stringify(stamp),
        })),
      })),
    },
  };
}

export function fetchRequest(
  topics: Topics,
  places: readonly Place[],
  as: { readonly memberId: string | null; readonly memberEpoch: number },
): GroupRequest {
  const asked = named(topics, new Set(places)).map(({ name, partitions }) => ({
    name,
    partitionIndexes: partitions,
  }));
  return { api: "offsetFetch", body: { groupId: GROUP, ...as, topics: asked } };
}

export function offsetsIn(
  topics: Topics,
  { topics: found }: FetchedOffsets,
): { readonly place: Place; readonly offset: number; readonly metadata: string }[] {
  return found.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, committedOffset: offset, metadata }) => ({
      place: `${topics.get(name)?.topicId}/${partitionIndex}`,
      offset,
      metadata,
    })),
  );
}

function named(topics: Topics, places: ReadonlySet<Place>) {
  const names = new Map(Array.from(topics.values(), ({ topicId, name }) => [topicId, name]));
  return placesOf(places).map(({ topicId, partitions }) => ({
    name: names.get(topicId) ?? "",
    topicId,
    partitions,
  }));
}
