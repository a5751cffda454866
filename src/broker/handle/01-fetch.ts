/**
 * Fetch (key 1), versions 4 to 17.
 *
 * Whole batches, from the one that holds the offset. The first partition that has something returns
 * at least one batch whatever the limits say; later ones only what fits (KIP-74). Waits until
 * min_bytes are there, max_wait_ms is over, or any partition has an error. The wait is parked here,
 * in the Worker, and not in the partition's object.
 *
 * 7: fetch sessions: none are kept, every answer is full with session id 0, which KIP-227 allows.
 * 9: current leader epoch. 11: a consumer whose rack is that of a replica in sync reads there, up to
 * what that replica knows to be committed (KIP-392): a Kafka client is sent to it, over HTTP it is
 * read on the spot. 12: diverging epoch. 13: topics by id.
 */
import { FETCH_BYTES_MAX, FETCH_PARTITION_BYTES_MAX, FETCH_WAIT_MS_MAX } from "../../constants.ts";
import { EMPTY_BYTES } from "../../lib/bytes.ts";
import type { FetchRequest, FetchResponseInput } from "../../protocol/api/01-fetch.ts";
import { fetchApi } from "../../protocol/api/01-fetch.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { batchSizeInBytes, RECORD_BATCH_HEADER_BYTES } from "../../protocol/record-batch.ts";
import { codeForConsumer } from "../client-codes.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";
import { askLeader } from "../leader-call.ts";
import { brokersOf, type NearReplica, nearReplica } from "../near-replica.ts";
import type { ReadResult } from "../ports.ts";
import { type Leader, leaderOf, lookUpTopics, type TopicRef } from "../topics.ts";

/** Bytes asked of partitions at the same time: the answers wait in a Worker's 128 MB. */
const WAVE_BYTES = 16 * 1024 * 1024;
/** With min_bytes above 1, let a little more arrive before looking again. */
const GATHER_MS = 5;

/** How long a read looks for a leader, whatever the client's patience. */
const READ_TIMEOUT_MS = 5_000;

const NO_REPLICA = -1;

type PartitionAnswer = FetchResponseInput["responses"][number]["partitions"][number];
type PartitionRequest = FetchRequest["topics"][number]["partitions"][number];

/** One partition of the request and what is known of it so far. */
interface Slot {
  readonly ref: TopicRef;
  readonly request: PartitionRequest;
  leader: Leader | number;
  /** The replica that is near the reader, when it is not the leader. */
  readonly near: NearReplica | null;
  result: ReadResult;
}

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
    const { rackId } = request;
    const brokers = rackId === "" ? [] : await brokersOf(ctx);
    const topics = request.topics.map(({ topic, topicId, partitions }) => {
      const ref = { name: topic, topicId };
      const found = topicOf(ref);
      const slots = partitions.map((partition): Slot => {
        const leader = leaderOf(ctx, found, partition.partition, byId);
        const errorCode = typeof leader === "number" ? leader : ErrorCode.NONE;
        const near = typeof leader === "number" ? null : nearReplica(ctx, brokers, leader, rackId);
        return { ref, request: partition, leader, near, result: nothing(errorCode) };
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

class Fetching {
  readonly #ctx: RequestContext;
  readonly #request: FetchRequest;
  readonly #slots: readonly Slot[];
  readonly #byId: boolean;
  readonly #maxBytes: number;

  constructor(ctx: RequestContext, request: FetchRequest, slots: readonly Slot[], byId: boolean) {
    this.#ctx = ctx;
    this.#request = request;
    this.#slots = slots;
    this.#byId = byId;
    this.#maxBytes = Math.min(Math.max(request.maxBytes, 0), FETCH_BYTES_MAX);
  }

  async run(): Promise<void> {
    const { minBytes, maxWaitMs } = this.#request;
    const deadline = this.#ctx.now() + Math.min(maxWaitMs, FETCH_WAIT_MS_MAX);
    await this.#readAll(this.#slots);
    while (!this.#satisfied(minBytes)) {
      const left = deadline - this.#ctx.now();
      if (left <= 0 || this.#ctx.signal?.aborted === true) break;
      const woken = await this.#waitForAny(left);
      if (woken.length === 0) break;
      if (minBytes > 1) await this.#gather(Math.min(GATHER_MS, deadline - this.#ctx.now()));
      await this.#readAll(woken);
    }
    this.#cutToLimit();
  }

  #satisfied(minBytes: number): boolean {
    let bytes = 0;
    for (const { result, near } of this.#slots) {
      if (near?.redirect === true) return true;
      if (result.errorCode !== ErrorCode.NONE || result.divergingEpoch !== null) return true;
      bytes += result.records.byteLength;
    }
    // No partitions: nothing will ever come.
    return bytes >= Math.min(minBytes, this.#maxBytes) || this.#slots.length === 0;
  }

  /** In waves, so that no more than WAVE_BYTES are asked for at a time. */
  async #readAll(slots: readonly Slot[]): Promise<void> {
    let had = this.#slots.reduce(
      (sum, slot) => sum + (slots.includes(slot) ? 0 : slot.result.records.byteLength),
      0,
    );
    for (let from = 0; from < slots.length; ) {
      let asked = 0;
      let to = from;
      while (to < slots.length && (to === from || asked < WAVE_BYTES)) {
        asked += this.#limitOf(slots[to++]);
      }
      const wave = slots.slice(from, to);
      const room = this.#maxBytes - had;
      await Promise.all(wave.map((slot) => this.#read(slot, room, had === 0)));
      had += wave.reduce((sum, { result }) => sum + result.records.byteLength, 0);
      from = to;
      // What is left gets its turn in the client's next fetch.
      if (had >= this.#maxBytes && had > 0) return;
    }
  }

  #limitOf(slot: Slot | undefined): number {
    const { partitionMaxBytes = 0 } = slot?.request ?? {};
    return Math.min(Math.max(partitionMaxBytes, 0), this.#maxBytes, FETCH_PARTITION_BYTES_MAX);
  }

  async #read(slot: Slot, room: number, minOneBatch: boolean): Promise<void> {
    const { request, ref, near } = slot;
    // Sent elsewhere: the leader gives no records (KIP-392).
    if (near?.redirect === true) return;
    const { currentLeaderEpoch, lastFetchedEpoch, fetchOffset, partition } = request;
    const answer = await askLeader<ReadResult>(this.#ctx, {
      ref,
      byId: this.#byId,
      partition,
      leader: slot.leader,
      // A client that names an epoch wants to hear that it is not the present one.
      timeoutMs: currentLeaderEpoch >= 0 ? 0 : READ_TIMEOUT_MS,
      repeatable: true,
      ask: (leader) => {
        slot.leader = leader;
        return (near?.port ?? leader.port).read({
          fetchOffset,
          maxBytes: Math.min(this.#limitOf(slot), Math.max(room, 0)),
          minOneBatch,
          currentLeaderEpoch,
          lastFetchedEpoch,
          readCommitted: this.#request.isolationLevel === 1,
          fromFollower: near !== null,
        });
      },
    });
    slot.result = typeof answer === "number" ? nothing(answer) : answer;
  }

  /** The partitions that have news, empty when the time is over or the client has gone. */
  async #waitForAny(timeoutMs: number): Promise<Slot[]> {
    const over = new AbortController();
    const { signal } = this.#ctx;
    const gone = (): void => over.abort();
    signal?.addEventListener("abort", gone);
    const woken: Slot[] = [];
    try {
      await Promise.race(
        this.#slots.map(async (slot) => {
          if (typeof slot.leader === "number") return;
          const { highWatermark, records } = slot.result;
          const offset =
            records.byteLength > 0
              ? highWatermark
              : Math.max(slot.request.fetchOffset, highWatermark);
          const port = slot.near?.port ?? slot.leader.port;
          if (await port.waitForData(offset, timeoutMs, over.signal)) woken.push(slot);
        }),
      );
    } finally {
      signal?.removeEventListener("abort", gone);
      over.abort();
    }
    return woken;
  }

  #gather(ms: number): Promise<void> {
    return ms <= 0 ? Promise.resolve() : this.#ctx.sleep(ms);
  }

  /** Waves were read side by side: drop, in the request's order, what passes max_bytes. */
  #cutToLimit(): void {
    let left = this.#maxBytes;
    let first = true;
    for (const slot of this.#slots) {
      const { records } = slot.result;
      if (records.byteLength === 0) continue;
      const kept = wholeBatches(records, left, first);
      if (kept < records.byteLength) {
        slot.result = { ...slot.result, records: records.subarray(0, kept) };
      }
      if (kept > 0) first = false;
      left -= kept;
    }
  }
}

/** How many bytes of whole batches fit; the first batch of the response always does. */
function wholeBatches(records: Uint8Array, room: number, minOneBatch: boolean): number {
  if (records.byteLength <= room) return records.byteLength;
  let at = 0;
  while (at + RECORD_BATCH_HEADER_BYTES <= records.byteLength) {
    const size = batchSizeInBytes(records, at);
    if (at + size > room && !(at === 0 && minOneBatch)) break;
    at += size;
  }
  return at;
}

function nothing(errorCode: number): ReadResult {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    logEndOffset: -1,
    records: EMPTY_BYTES,
    divergingEpoch: null,
  };
}

function answerOf(
  ctx: RequestContext,
  { request, result, near }: Slot,
  { isolationLevel }: FetchRequest,
): PartitionAnswer {
  const { errorCode, highWatermark, lastStableOffset, logStartOffset, divergingEpoch } = result;
  return {
    partitionIndex: request.partition,
    errorCode: codeForConsumer(ctx, errorCode),
    highWatermark,
    lastStableOffset,
    logStartOffset,
    ...(divergingEpoch === null ? {} : { divergingEpoch }),
    abortedTransactions: isolationLevel === 1 ? [] : null,
    preferredReadReplica: near?.redirect === true ? near.brokerId : NO_REPLICA,
    records: result.records,
  };
}
