/**
 * Fetch (key 1), versions 4 to 17.
 *
 * Whole batches, from the one that holds the offset. The first partition that has something returns
 * at least one batch whatever the limits say; later ones only what fits (KIP-74). Waits until
 * min_bytes are there, max_wait_ms is over, or any partition has an error. The wait is parked here,
 * in the Worker, and not in the partition's object.
 *
 * Needs READ on each topic (29).
 *
 * What all fetches of an isolate hold is bounded (FETCH_ANSWERS_BYTES_MAX): one that does not fit
 * waits, max_wait_ms at most, and answers with less or with nothing.
 *
 * 7: fetch sessions: none are kept, every answer is full with session id 0, which KIP-227 allows.
 * 9: current leader epoch. 11: a consumer whose rack is that of a replica in sync reads there, up to
 * what that replica knows to be committed (KIP-392): one that addressed another broker is sent to it,
 * one that addressed none is read there on the spot. A replica that cannot serve the reader (out of
 * reach, behind it) is passed over for the leader. 12: diverging epoch. 13: topics by id.
 */
import type { FetchRequest, FetchResponseInput } from "../../protocol/api/01-fetch.ts";
import { fetchApi } from "../../protocol/api/01-fetch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { AclOperation, leaderFor } from "../access.ts";
import { codeForConsumer } from "../client-codes.ts";
import type { RequestContext } from "../context.ts";
import { newSlot, type Slot } from "../fetch-slot.ts";
import { Fetching } from "../fetching.ts";
import { defineHandler } from "../handler.ts";
import { replicaSelector } from "../near-replica.ts";
import { lookUpTopics } from "../topics.ts";

const NO_REPLICA = -1;

type PartitionAnswer = FetchResponseInput["responses"][number]["partitions"][number];

export const fetchHandler = defineHandler(
  fetchApi,
  [4, 17],
  async (ctx, request) => {
    const sessionError = checkSession(request);
    if (sessionError !== ErrorCode.NONE) {
      return { errorCode: sessionError, sessionId: 0, responses: [] };
    }
    const byId = ctx.apiVersion >= 13;
    const topicOf = await lookUpTopics(
      ctx,
      request.topics.map(({ topic, topicId }) => ({ name: topic, topicId })),
      byId,
    );
    const select = await replicaSelector(ctx, request.rackId);
    const topics = request.topics.map(({ topic, topicId, partitions }) => {
      const ref = { name: topic, topicId };
      const found = topicOf(ref);
      const slots = partitions.map((partition) => {
        const leader = leaderFor(ctx, AclOperation.READ, ref, found, partition.partition, byId);
        const near = typeof leader === "number" ? null : select(leader);
        return newSlot(ref, partition, leader, near);
      });
      return { topic, topicId, slots };
    });
    await new Fetching(
      ctx,
      request,
      topics.flatMap(({ slots }) => slots),
      byId,
    ).run();
    const responses = topics.map(({ topic, topicId, slots }) => ({
      topic,
      topicId,
      partitions: slots.map((slot) => answerOf(ctx, slot, request)),
    }));
    return { errorCode: ErrorCode.NONE, sessionId: 0, responses };
  },
  { failure: (error) => ({ errorCode: error.code, sessionId: 0, responses: [] }) },
);

/** No session is ever given out, so none can be continued. */
function checkSession({ sessionId, sessionEpoch }: FetchRequest): number {
  if (sessionId !== 0 && sessionEpoch > 0) return ErrorCode.FETCH_SESSION_ID_NOT_FOUND;
  if (sessionId === 0 && sessionEpoch > 0) return ErrorCode.INVALID_FETCH_SESSION_EPOCH;
  return ErrorCode.NONE;
}

function answerOf(
  ctx: RequestContext,
  { request, result, near, readFrom }: Slot,
  { isolationLevel }: FetchRequest,
): PartitionAnswer {
  const { errorCode, highWatermark, lastStableOffset, logStartOffset, divergingEpoch } = result;
  const elsewhere = near?.redirect === true ? near.brokerId : NO_REPLICA;
  return {
    partitionIndex: request.partition,
    errorCode: codeForConsumer(ctx, errorCode),
    highWatermark,
    lastStableOffset,
    logStartOffset,
    ...(divergingEpoch === null ? {} : { divergingEpoch }),
    abortedTransactions: isolationLevel === 1 ? [] : null,
    // A caller in this process hears which replica was read.
    preferredReadReplica: ctx.byFrame ? elsewhere : readFrom,
    records: result.records,
  };
}
