/**
 * DeleteRecords (key 21), versions 0 to 2.
 *
 * Moves the log start offset up to the given offset, -1 meaning the high watermark; beyond it is
 * error 1, below the present start changes nothing. Rows are deleted later, in small steps.
 * Needs DELETE on the topic (29).
 */
import { deleteRecordsApi } from "../../protocol/api/21-delete-records.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, leaderFor } from "../access.ts";
import { clusterOf } from "../cluster.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";
import type { DeleteRecordsResult } from "../ports.ts";
import { type Leader, logRules, lookUpTopics, transportError } from "../topics.ts";

export const deleteRecordsHandler = defineHandler(
  deleteRecordsApi,
  [0, 2],
  async (ctx, request) => {
    const refs = request.topics.map(({ name }) => ({ name, topicId: "" }));
    const topicOf = await lookUpTopics(ctx, refs, false, { fresh: true });
    const topics = await Promise.all(
      request.topics.map(async ({ name, partitions }) => {
        const ref = { name, topicId: "" };
        const topic = topicOf(ref);
        const answers = partitions.map(async ({ partitionIndex, offset }) => {
          const leader = leaderFor(ctx, AclOperation.DELETE, ref, topic, partitionIndex);
          return { partitionIndex, ...(await deleteOne(ctx, leader, offset, request.timeoutMs)) };
        });
        return { name, partitions: await Promise.all(answers) };
      }),
    );
    return { topics };
  },
  {
    failure: (error, request) => ({
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          ...failed(error.code),
        })),
      })),
    }),
  },
);

async function deleteOne(
  ctx: RequestContext,
  leader: Leader | number,
  offset: number,
  timeoutMs: number,
): Promise<DeleteRecordsResult> {
  if (typeof leader === "number") return failed(leader);
  const { topic, state, port } = leader;
  // Kafka: a compacted topic that is not also deleted from keeps the last record of every key.
  const { deleted } = logRules(ctx, await clusterOf(ctx), topic, state.leader);
  if (topic.internal || !deleted) return failed(ErrorCode.POLICY_VIOLATION);
  try {
    return await port.deleteRecords(offset, timeoutMs);
  } catch (error) {
    return failed(transportError(error));
  }
}

function failed(errorCode: number): DeleteRecordsResult {
  return { errorCode, lowWatermark: -1 };
}
