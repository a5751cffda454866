/**
 * Produce (key 0), versions 3 to 13; 0 to 2 are advertised and refused, since librdkafka up to 2.10
 * silently stops compressing otherwise (its issue 4956; Kafka 4 does the same).
 *
 * Each partition is answered for itself: a refused batch does not touch the others. Batches are
 * checked here (log/validator.ts), so that the partition's object only orders and stores.
 * Needs WRITE on the topic (29). acks=0 gets no response; an error closes the connection, as in Kafka.
 *
 * 7: zstd. 8: per-record errors and messages. 13: topics by id only.
 *
 * Not done: transactions (48 INVALID_TXN_STATE for a transactional batch).
 */

import { EVERY_BROKER, type TopicInfo } from "../../cluster/types.ts";
import { validateRecords } from "../../log/validator.ts";
import type { ProduceRequest, ProduceResponseInput } from "../../protocol/api/00-produce.ts";
import { produceApi } from "../../protocol/api/00-produce.ts";
import { ErrorCode, errorName } from "../../protocol/errors.ts";
import { batchIsTransactional, batchProducerId } from "../../protocol/record-batch.ts";
import { AclOperation, isTopicRefused } from "../access.ts";
import { codeForProducer } from "../client-codes.ts";
import { clusterOf } from "../cluster.ts";
import type { RequestContext } from "../context.ts";
import { ConnectionError, defineHandler } from "../handler.ts";
import { askLeader } from "../leader-call.ts";
import type { AppendResult } from "../ports.ts";
import { leaderOf, logRules, lookUpTopics, type TopicRef, unknownTopic } from "../topics.ts";

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
            return produceTo(ctx, request, data, partition, topic, byId);
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
  topic: TopicInfo | undefined,
  byId: boolean,
): Promise<PartitionAnswer> {
  if (acks !== -1 && acks !== 0 && acks !== 1) {
    const text = `acks is ${acks}: it must be all (-1), 1 or 0`;
    return failed(index, ErrorCode.INVALID_REQUIRED_ACKS, text);
  }
  if (isTopicRefused(ctx, AclOperation.WRITE, ref, topic, byId)) {
    return failed(index, ErrorCode.TOPIC_AUTHORIZATION_FAILED, null);
  }
  const leader = leaderOf(ctx, topic, index, byId);
  if (topic === undefined) return failed(index, unknownTopic(byId), null);
  if (typeof leader === "number" && leader !== ErrorCode.LEADER_NOT_AVAILABLE) {
    return failed(index, leader, null);
  }
  if (topic.internal) {
    const text = `${topic.name} is an internal topic: clients may not write to it`;
    return failed(index, ErrorCode.INVALID_TOPIC_EXCEPTION, text);
  }
  const brokerId = typeof leader === "number" ? EVERY_BROKER : leader.state.leader;
  const rules = logRules(ctx, await clusterOf(ctx), topic, brokerId);
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
  const result = await askLeader<AppendResult>(ctx, {
    ref,
    byId,
    partition: index,
    leader,
    timeoutMs,
    // Only a numbered batch is known again when it comes twice.
    repeatable: batchProducerId(batch, 0) >= 0,
    // A leader that stepped down over it: the next one may have it (REP33).
    mayBeDone: ({ baseOffset }) => baseOffset >= 0,
    ask: ({ port, state }) =>
      port.append({
        batch,
        acks,
        timeoutMs,
        leaderEpoch: state.leaderEpoch,
        logAppendTime: rules.logAppendTime,
      }),
  });
  const answer = typeof result === "number" ? failed(index, result, null) : answerOf(index, result);
  return { ...answer, errorCode: codeForProducer(ctx, answer.errorCode) };
}

function answerOf(index: number, result: AppendResult): PartitionAnswer {
  const { errorCode, errorMessage, logAppendTimeMs, logStartOffset } = result;
  const baseOffset = errorCode === ErrorCode.NONE ? result.baseOffset : -1;
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
