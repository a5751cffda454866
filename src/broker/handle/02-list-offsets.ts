/**
 * ListOffsets (key 2), versions 1 to 11.
 *
 * Latest is the high watermark (the last stable offset for read_committed), not the log's end.
 * A time that no record reaches answers offset -1 without an error. Needs DESCRIBE on each topic (29).
 *
 * 4: leader epochs. 7: -3, the record with the largest timestamp. 8: -4. 9: -5. 11: -6: without
 * tiered storage the last two answer -1. A special below its version is error 35.
 */
import { listOffsetsApi } from "../../protocol/api/02-list-offsets.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, leaderFor } from "../access.ts";
import { codeForConsumer } from "../client-codes.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";
import { askLeader } from "../leader-call.ts";
import type { ListOffsetRequest, ListOffsetResult } from "../ports.ts";
import { type Leader, lookUpTopics, type TopicRef } from "../topics.ts";

/** Versions before 10 do not say how long they wait. */
const LIST_TIMEOUT_MS = 10_000;

/** The first version that may ask for each special timestamp. */
const SPECIAL_SINCE: ReadonlyMap<number, number> = new Map([
  [-1, 1],
  [-2, 1],
  [-3, 7],
  [-4, 8],
  [-5, 9],
  [-6, 11],
]);

export const listOffsetsHandler = defineHandler(
  listOffsetsApi,
  [1, 11],
  async (ctx, request) => {
    const refs = request.topics.map(({ name }) => ({ name, topicId: "" }));
    const topicOf = await lookUpTopics(ctx, refs, false);
    const readCommitted = request.isolationLevel === 1;
    const topics = await Promise.all(
      request.topics.map(async ({ name, partitions }) => {
        const ref = { name, topicId: "" };
        const topic = topicOf(ref);
        const answers = partitions.map(async (wanted) => {
          const { partitionIndex, currentLeaderEpoch, timestamp } = wanted;
          const leader = leaderFor(ctx, AclOperation.DESCRIBE, ref, topic, partitionIndex);
          const ask = { timestamp, currentLeaderEpoch, readCommitted };
          const answer = await listOne(ctx, ref, partitionIndex, leader, ask);
          const errorCode = codeForConsumer(ctx, answer.errorCode);
          return { partitionIndex, ...answer, errorCode };
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

async function listOne(
  ctx: RequestContext,
  ref: TopicRef,
  partition: number,
  leader: Leader | number,
  request: ListOffsetRequest,
): Promise<ListOffsetResult> {
  const since = SPECIAL_SINCE.get(request.timestamp) ?? Infinity;
  if (request.timestamp < 0 && ctx.apiVersion < since) {
    return failed(ErrorCode.UNSUPPORTED_VERSION);
  }
  const result = await askLeader<ListOffsetResult>(ctx, {
    ref,
    byId: false,
    partition,
    leader,
    // A client that names an epoch wants to hear that it is not the present one.
    timeoutMs: request.currentLeaderEpoch >= 0 ? 0 : LIST_TIMEOUT_MS,
    repeatable: true,
    ask: ({ port }) => port.listOffset(request),
  });
  return typeof result === "number" ? failed(result) : result;
}

function failed(errorCode: number): ListOffsetResult {
  return { errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}
