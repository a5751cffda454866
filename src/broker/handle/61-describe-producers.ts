/**
 * DescribeProducers, key 61, version 0. The idempotent producers that a partition's leader remembers
 * (KIP-664), by id: epoch, last sequence, and when the leader last took a batch of each.
 *
 * Errors of a partition: 3 no such topic or partition, 5 no leader, 7 it does not answer.
 *
 * Not done: transactions, so the coordinator's epoch and the start of a transaction are -1.
 */
import { describeProducersApi } from "../../protocol/api/61-describe-producers.ts";
import { ErrorCode, errorMessage } from "../../protocol/errors.ts";
import { defineHandler } from "../handler.ts";
import { askLeader } from "../leader-call.ts";
import type { ActiveProducers } from "../ports.ts";
import { leaderOf, lookUpTopics } from "../topics.ts";

const TIMEOUT_MS = 10_000;

export const describeProducersHandler = defineHandler(
  describeProducersApi,
  [0, 0],
  async (ctx, request) => {
    const refs = request.topics.map(({ name }) => ({ name, topicId: "" }));
    const topicOf = await lookUpTopics(ctx, refs, false);
    const topics = request.topics.map(async ({ name, partitionIndexes }) => {
      const ref = { name, topicId: "" };
      const partitions = partitionIndexes.map(async (partition) => {
        const answer = await askLeader<ActiveProducers>(ctx, {
          ...{ ref, byId: false, partition, leader: leaderOf(ctx, topicOf(ref), partition) },
          ...{ timeoutMs: TIMEOUT_MS, repeatable: true },
          ask: ({ port }) => port.activeProducers(),
        });
        return typeof answer === "number"
          ? failed(partition, answer)
          : described(partition, answer);
      });
      return { name, partitions: await Promise.all(partitions) };
    });
    return { topics: await Promise.all(topics) };
  },
  {
    failure: ({ code }, { topics }) => ({
      topics: topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partition) => failed(partition, code)),
      })),
    }),
  },
);

function described(partitionIndex: number, { errorCode, producers }: ActiveProducers) {
  if (errorCode !== ErrorCode.NONE) return failed(partitionIndex, errorCode);
  const activeProducers = producers.map(({ producerId, epoch, lastSequence, lastAppendMs }) => ({
    ...{ producerId, producerEpoch: epoch, lastSequence, lastTimestamp: lastAppendMs },
    ...{ coordinatorEpoch: -1, currentTxnStartOffset: -1 },
  }));
  activeProducers.sort((a, b) => a.producerId - b.producerId);
  return { partitionIndex, errorCode, errorMessage: null, activeProducers };
}

function failed(partitionIndex: number, errorCode: number) {
  return { partitionIndex, errorCode, errorMessage: errorMessage(errorCode), activeProducers: [] };
}
