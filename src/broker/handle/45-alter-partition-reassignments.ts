/**
 * AlterPartitionReassignments, key 45, versions 0-1 (KIP-455). Starts moving partitions to other
 * replicas, or with null takes the move under way back. The reply says that moves have begun; key 46
 * says which are under way.
 *
 * Needs ALTER on the cluster (31, of the whole).
 *
 * Errors of a partition: 3 unknown, 38 another replication factor when that is not allowed, 39 an
 * empty list, an unknown broker, one twice, fenced ones only, or a move that cannot be taken back
 * without loss, 42 a partition named twice, 85 nothing to cancel. 7 when others keep changing it.
 *
 * 1: allowReplicationFactorChange (KIP-860).
 *
 * Not done: timeoutMs, since nothing is waited for but the catalogue.
 */
import type { AlterPartitionReassignmentsRequest } from "../../protocol/api/45-alter-partition-reassignments.ts";
import { alterPartitionReassignmentsApi } from "../../protocol/api/45-alter-partition-reassignments.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessCluster } from "../access.ts";
import { inBackground } from "../context.ts";
import { defineHandler } from "../handler.ts";
import { leadersOf } from "../moves.ts";
import type { ReassignmentTarget } from "../reassignments.ts";
import { advanceReassignments, alterReassignments } from "../reassignments.ts";

export const alterPartitionReassignmentsHandler = defineHandler(
  alterPartitionReassignmentsApi,
  [0, 1],
  async (ctx, request) => {
    throwUnlessCluster(ctx, AclOperation.ALTER);
    const { allowReplicationFactorChange } = request;
    const { once, twice } = targetsOf(request);
    const { results, moved } = await alterReassignments(ctx, once, {
      allowReplicationFactorChange,
    });
    if (moved.length > 0) {
      inBackground(ctx, "move replicas", async () => {
        await ctx.ports.partitions.refresh(leadersOf(ctx.clusterId, moved));
        const topicIds = [...new Set(moved.map(({ topic }) => topic.topicId))];
        await advanceReassignments(ctx, topicIds, { push: true });
      });
    }
    const repeated = new KafkaError(ErrorCode.INVALID_REQUEST, "The partition is named twice.");
    const all = [...results, ...twice.map((target) => ({ ...target, error: repeated }))];
    return {
      allowReplicationFactorChange,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      responses: Array.from(
        Map.groupBy(all, ({ topic }) => topic),
        ([name, partitions]) => ({
          name,
          partitions: partitions.map(({ partition, error }) => ({
            partitionIndex: partition,
            errorCode: error?.code ?? ErrorCode.NONE,
            errorMessage: error?.message ?? null,
          })),
        }),
      ),
    };
  },
  {
    failure: (error) => ({ errorCode: error.code, errorMessage: error.message, responses: [] }),
  },
);

/** What is asked twice of a partition is refused, not guessed at. */
function targetsOf(request: AlterPartitionReassignmentsRequest): {
  once: ReassignmentTarget[];
  twice: ReassignmentTarget[];
} {
  const all = request.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, replicas }) => ({
      ...{ topic: name, partition: partitionIndex, replicas },
    })),
  );
  const groups = Map.groupBy(all, ({ topic, partition }) => `${partition}/${topic}`);
  const once: ReassignmentTarget[] = [];
  const twice: ReassignmentTarget[] = [];
  for (const [first, ...more] of groups.values()) {
    if (first !== undefined) (more.length === 0 ? once : twice).push(first);
  }
  return { once, twice };
}
