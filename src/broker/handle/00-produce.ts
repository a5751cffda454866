/**
 * Produce (key 0), versions 3 to 13; 0 to 2 are advertised and refused, since librdkafka up to 2.10
 * silently stops compressing otherwise (its issue 4956; Kafka 4 does the same).
 *
 * Each partition is answered for itself: a refused batch does not touch the others. Batches are
 * checked here (log/validator.ts), so that the partition's object only orders and stores.
 * acks=0 gets no response; an error closes the connection, as in Kafka.
 *
 * 7: zstd. 8: per-record errors and messages. 13: topics by id only.
 *
 * Not done: transactions (48 INVALID_TXN_STATE for a transactional batch).
 */
import { validateRecords } from "../../log/validator.ts";
import type { ProduceRequest, ProduceResponseInput } from "../../protocol/api/00-produce.ts";
import { produceApi } from "../../protocol/api/00-produce.ts";
import { ErrorCode, errorName } from "../../protocol/errors.ts";
import { batchIsTransactional } from "../../protocol/record-batch.ts";
import type { RequestContext } from "../context.ts";
import { ConnectionError, defineHandler } from "../handler.ts";
import type { AppendResult } from "../ports.ts";
import {
  isStale,
  type Leader,
  leaderOf,
  logRules,
  lookUpTopics,
  refreshedLeader,
  type TopicRef,
  transportError,
} from "../topics.ts";

/** A batch that finds the partition full waits here, in the Worker, before the client is told. */
const FULL_PATIENCE_MS = 3_000;
const FULL_PAUSE_MS = 5;
const FULL_PAUSE_MS_MAX = 80;

type TopicData = ProduceRequest["topicData"][number];
type PartitionData = TopicData["partitionData"][number];
type PartitionAnswer = ProduceResponseInput["responses"][number]["partitionResponses"][number];

export const produceHandler = defineHandler(
  produceApi,
  [3, 13],
  async (ctx, request) => {
    const byId = ctx.apiVersion >= 13;
    const topicOf = await lookUpTopics(ctx, request.topicData, byId);
    const responses = await Promise.all(
      request.topicData.map(async (data) => {
        const topic = topicOf(data);
        const partitionResponses = await Promise.all(
          data.partitionData.map((partition) => {
            const leader = leaderOf(ctx, topic, partition.index, byId);
            return produceTo(ctx, request, data, partition, leader, byId);
          }),
        );
        return { name: data.name, topicId: data.topicId, partitionResponses };
      }),
    );
    if (request.acks !== 0) return { responses };
    throwIfAnyFailed(responses);
    return null;
  },
  {
    advertised: [0, 13],
    failure: (error, request) => ({
      responses: request.topicData.map(({ name, topicId, partitionData }) => ({
        name,
        topicId,
        partitionResponses: partitionData.map(({ index }) =>
          failed(index, error.code, error.message),
        ),
      })),
    }),
  },
);

async function produceTo(
  ctx: RequestContext,
  { acks, timeoutMs }: ProduceRequest,
  ref: TopicRef,
  { index, records }: PartitionData,
  leader: Leader | number,
  byId: boolean,
): Promise<PartitionAnswer> {
  if (acks !== -1 && acks !== 0 && acks !== 1) {
    const text = `acks is ${acks}: it must be all (-1), 1 or 0`;
    return failed(index, ErrorCode.INVALID_REQUIRED_ACKS, text);
  }
  if (typeof leader === "number") return failed(index, leader, null);
  if (leader.topic.internal) {
    const text = `${leader.topic.name} is an internal topic: clients may not write to it`;
    return failed(index, ErrorCode.INVALID_TOPIC_EXCEPTION, text);
  }
  const rules = logRules(ctx, leader.topic);
  const verdict = validateRecords(records, {
    ...rules,
    nowMs: ctx.now(),
    apiVersion: ctx.apiVersion,
  });
  const { batch } = verdict;
  if (batch === null) {
    return {
      ...failed(index, verdict.errorCode, verdict.errorMessage),
      recordErrors: verdict.recordErrors,
    };
  }
  if (batchIsTransactional(batch, 0)) {
    return failed(index, ErrorCode.INVALID_TXN_STATE, "Kedge has no transactions yet");
  }
  const append = (to: Leader): Promise<AppendResult> =>
    to.port.append({
      batch,
      acks,
      timeoutMs,
      leaderEpoch: to.state.leaderEpoch,
      logAppendTime: rules.logAppendTime,
    });
  try {
    let result = await append(leader);
    const deadline = ctx.now() + Math.min(timeoutMs, FULL_PATIENCE_MS);
    for (let pause = FULL_PAUSE_MS; isFull(result) && ctx.now() < deadline; pause *= 2) {
      await ctx.sleep(Math.min(pause, FULL_PAUSE_MS_MAX));
      result = await append(leader);
    }
    if (isStale(result.errorCode)) {
      // Nothing was appended, so asking the right one is safe.
      const current = await refreshedLeader(ctx, ref, leader, byId);
      if (current !== null) result = await append(current);
    }
    return answerOf(index, result);
  } catch (error) {
    return failed(index, transportError(error), error instanceof Error ? error.message : null);
  }
}

/** The partition holds as many bytes of produces as it may: nothing was appended. */
function isFull({ errorCode }: AppendResult): boolean {
  return errorCode === ErrorCode.THROTTLING_QUOTA_EXCEEDED;
}

function answerOf(index: number, result: AppendResult): PartitionAnswer {
  const { errorCode, errorMessage, baseOffset, logAppendTimeMs, logStartOffset } = result;
  return { index, errorCode, errorMessage, baseOffset, logAppendTimeMs, logStartOffset };
}

function failed(index: number, errorCode: number, errorMessage: string | null): PartitionAnswer {
  return { index, errorCode, errorMessage, baseOffset: -1 };
}

function throwIfAnyFailed(responses: ProduceResponseInput["responses"]): void {
  for (const { name, partitionResponses } of responses) {
    for (const { index, errorCode, errorMessage } of partitionResponses) {
      if (errorCode === ErrorCode.NONE) continue;
      throw new ConnectionError(
        `Produce with acks=0 to ${name}-${index} failed with ${errorName(errorCode)}: ${errorMessage ?? ""}`,
      );
    }
  }
}
