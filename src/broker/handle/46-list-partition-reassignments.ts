/**
 * ListPartitionReassignments, key 46, version 0 (KIP-455). The moves of replicas that are under way.
 * With null all of them; of partitions asked for by name those without a move, or that are not
 * there, are left out. A move that can end is ended first, so that who waits for it sees it.
 * Needs DESCRIBE on the cluster (31).
 *
 * Not done: timeoutMs, since nothing is waited for but the catalogue.
 */
import { isReassigning } from "../../cluster/reassignment.ts";
import type { TopicInfo } from "../../cluster/types.ts";
import type { ListPartitionReassignmentsRequest } from "../../protocol/api/46-list-partition-reassignments.ts";
import { listPartitionReassignmentsApi } from "../../protocol/api/46-list-partition-reassignments.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";
import { endReassignments } from "../reassignments.ts";

export const listPartitionReassignmentsHandler = defineHandler(
  listPartitionReassignmentsApi,
  [0, 0],
  async (ctx, request) => {
    throwUnlessCluster(ctx, AclOperation.DESCRIBE);
    const before = await topicsOf(ctx, request);
    const moving = before.filter(({ partitions }) => partitions.some(isReassigning));
    const ended = await endReassignments(
      ctx,
      moving.map(({ topicId }) => topicId),
    );
    const after = ended === 0 ? moving : await topicsOf(ctx, request);
    return {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      topics: after.flatMap((topic) => listed(topic, request)),
    };
  },
  {
    failure: (error) => ({ errorCode: error.code, errorMessage: error.message, topics: [] }),
  },
);

async function topicsOf(
  ctx: RequestContext,
  { topics }: ListPartitionReassignmentsRequest,
): Promise<TopicInfo[]> {
  const names = topics === null ? null : [...new Set(topics.map(({ name }) => name))];
  const found = await ctx.ports.catalogue.topics(ctx.clusterId, names, { fresh: true });
  return [...found.values()];
}

function listed({ name, partitions }: TopicInfo, { topics }: ListPartitionReassignmentsRequest) {
  const asked = topics?.filter((entry) => entry.name === name);
  const wanted = new Set(asked?.flatMap(({ partitionIndexes }) => partitionIndexes));
  const moving = partitions.filter(
    (row) => isReassigning(row) && (asked === undefined || wanted.has(row.partition)),
  );
  if (moving.length === 0) return [];
  return [
    {
      name,
      partitions: moving.map(({ partition, replicas, reassignment }) => ({
        partitionIndex: partition,
        replicas,
        addingReplicas: reassignment?.adding ?? [],
        // What has left the row already is not the client's matter.
        removingReplicas: (reassignment?.removing ?? []).filter((id) => replicas.includes(id)),
      })),
    },
  ];
}
