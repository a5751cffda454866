/**
 * ElectLeaders, key 43, versions 0-2. Preferred: the first replica of the assignment leads again.
 * Unclean: a partition without a leader gets a live replica, in sync or not, and what that one lacks
 * is lost.
 *
 * Errors of a partition: 3 unknown, 7 the catalogue does not answer, 80 the preferred replica is not
 * alive and in sync, 83 nobody may lead, 84 not needed. With null for all partitions those of 84 are
 * left out, as in Kafka. Of the whole: 31 without ALTER on the cluster, 42 for another type.
 *
 * 1: electionType (0 means preferred); an error of the whole.
 *
 * Not done: timeoutMs, since nothing is waited for but the catalogue.
 */
import type { ElectLeadersRequest } from "../../protocol/api/43-elect-leaders.ts";
import { electLeadersApi } from "../../protocol/api/43-elect-leaders.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import { inBackground } from "../context.ts";
import type { ElectionTarget, ElectionType } from "../elections.ts";
import { electLeaders } from "../elections.ts";
import { defineHandler } from "../handler.ts";
import { leadersOf } from "../moves.ts";

/** org.apache.kafka.common.ElectionType. */
const TYPES: ReadonlyMap<number, ElectionType> = new Map([
  [0, "preferred"],
  [1, "unclean"],
]);

export const electLeadersHandler = defineHandler(
  electLeadersApi,
  [0, 2],
  async (ctx, request) => {
    throwUnlessCluster(ctx, AclOperation.ALTER);
    const type = TYPES.get(request.electionType);
    if (type === undefined) {
      const text = `Unknown election type ${request.electionType}: 0 is preferred, 1 is unclean.`;
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
    const { results, moves } = await electLeaders(ctx, type, targetsOf(request));
    inBackground(ctx, "tell leaders of an election", () =>
      ctx.ports.partitions.refresh(leadersOf(ctx.clusterId, moves.made)),
    );
    const byTopic = Map.groupBy(results, ({ topic }) => topic);
    return {
      errorCode: ErrorCode.NONE,
      replicaElectionResults: Array.from(byTopic, ([topic, partitions]) => ({
        topic,
        partitionResult: partitions.map(({ partition, errorCode, errorMessage }) => ({
          ...{ partitionId: partition, errorCode, errorMessage },
        })),
      })),
    };
  },
  {
    // Before version 1 there is no error for the whole, so that it goes to every partition.
    failure: (error, request) => ({
      errorCode: error.code,
      replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({
          ...{ partitionId, errorCode: error.code, errorMessage: error.message },
        })),
      })),
    }),
  },
);

/** Each partition once: Kafka's own tools send sets. */
function targetsOf({ topicPartitions }: ElectLeadersRequest): ElectionTarget[] | null {
  if (topicPartitions === null) return null;
  const byTopic = Map.groupBy(topicPartitions, ({ topic }) => topic);
  return Array.from(byTopic).flatMap(([topic, entries]) => {
    const partitions = new Set(entries.flatMap((entry) => entry.partitions));
    return Array.from(partitions, (partition) => ({ topic, partition }));
  });
}
