/** What a router asks again, and whom it tells what it does not know. */
import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import type { AppendResult, PartitionPort, ReadResult } from "../../../src/broker/ports.ts";
import { sweep } from "../../../src/broker/sweep.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import {
  LOST_APPEND,
  REFUSED_APPEND,
  refusedRead,
} from "../../../src/objects/partition-answers.ts";
import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { brokerUnderTest } from "../../support/broker-context.ts";
import { batchOf, sequenced } from "../log/harness.ts";

const WRITTEN: AppendResult = {
  errorCode: ErrorCode.NONE,
  errorMessage: null,
  baseOffset: 7,
  logAppendTimeMs: -1,
  logStartOffset: 0,
};
const UNAWARE = { ...REFUSED_APPEND, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER };
/** REP33 */
const STEPPED_DOWN = { ...UNAWARE, baseOffset: 7 };

/** One partition, whose object gives these answers one after the other. */
async function world(answers: { appends?: AppendResult[]; reads?: ReadResult[] }) {
  const broker = brokerUnderTest();
  const { catalogue, partitions } = broker;
  const topicId = newTopicId(broker.ctx.random);
  const state = { leader: 2, leaderEpoch: 3, replicas: [2, 1], isr: [2] };
  await catalogue.createTopic("kedge", {
    ...{ name: "t", topicId, internal: false, configs: {} },
    partitions: [{ partition: 0, partitionEpoch: 5, ...state }],
  });
  let asked = 0;
  const next = <T>(list: T[] | undefined): T => {
    asked++;
    const answer = list?.shift();
    if (answer === undefined) throw new Error("nobody asked for so much");
    return answer;
  };
  partitions.at = (): PartitionPort => ({
    append: async () => next(answers.appends),
    read: async () => next(answers.reads),
    waitForData: async () => false,
    listOffset: () => Promise.reject(new Error("not here")),
    deleteRecords: () => Promise.reject(new Error("not here")),
    epochEnd: () => Promise.reject(new Error("not here")),
    status: () => Promise.reject(new Error("not here")),
    activeProducers: () => Promise.reject(new Error("not here")),
  });
  const produce = async (records: Uint8Array) => {
    const partitionData = [{ index: 0, records }];
    const request = { acks: -1, timeoutMs: 1_000, topicData: [{ topicId, partitionData }] };
    const { responses } = await call(broker.ctx, produceApi, request);
    const answer = responses[0]?.partitionResponses[0];
    return { errorCode: answer?.errorCode, baseOffset: answer?.baseOffset, asked };
  };
  const fetch = async (currentLeaderEpoch: number) => {
    const wanted = { partition: 0, currentLeaderEpoch, fetchOffset: 0, partitionMaxBytes: 1_000 };
    const topics = [{ topicId, partitions: [wanted] }];
    const request = { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000, topics };
    const { responses } = await call(broker.ctx, fetchApi, request);
    await broker.background();
    return responses[0]?.partitions[0]?.errorCode;
  };
  return { broker, partitions, produce, fetch, leader: `${topicId}/0/2` };
}

describe("a batch that a leader refused", () => {
  const plain = (): Uint8Array => batchOf();
  const numbered = (): Uint8Array => sequenced(1, 0, 0);

  test("REP33: is not sent again without a number, once it may stand somewhere", async () => {
    const { produce } = await world({ appends: [STEPPED_DOWN, WRITTEN] });
    const errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER;
    expect(await produce(plain())).toEqual({ errorCode, baseOffset: -1, asked: 1 });
  });

  test("is sent again without a number when nobody took it", async () => {
    const { produce } = await world({ appends: [UNAWARE, WRITTEN] });
    expect(await produce(plain())).toEqual({ errorCode: 0, baseOffset: 7, asked: 2 });
  });

  test("is sent again with a number, wherever it stands", async () => {
    const { produce } = await world({ appends: [STEPPED_DOWN, UNAWARE, WRITTEN] });
    expect(await produce(numbered())).toEqual({ errorCode: 0, baseOffset: 7, asked: 3 });
  });

  test("whose replica was taken away is the client's to send again", async () => {
    const { produce } = await world({ appends: [LOST_APPEND, WRITTEN] });
    const errorCode = ErrorCode.REQUEST_TIMED_OUT;
    expect(await produce(plain())).toEqual({ errorCode, baseOffset: -1, asked: 1 });
  });
});

describe("a leader that does not know of its election", () => {
  const nothing: ReadResult = { ...refusedRead(ErrorCode.NONE), highWatermark: 0 };

  test("CLU10: is told by who reads from it", async () => {
    const reads = [refusedRead(ErrorCode.NOT_LEADER_OR_FOLLOWER), nothing];
    const { fetch, partitions, leader } = await world({ reads });
    expect(await fetch(-1)).toBe(ErrorCode.NONE);
    expect(partitions.refreshed).toEqual([leader]);
  });

  test("CLU10: is told although the reader, who named the new epoch, does not wait", async () => {
    const reads = [refusedRead(ErrorCode.UNKNOWN_LEADER_EPOCH)];
    const { fetch, partitions, leader } = await world({ reads });
    expect(await fetch(3)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    expect(partitions.refreshed).toEqual([leader]);
  });

  test("CLU14: and a leader that misses a live replica is told by the sweep", async () => {
    const { broker, partitions, leader } = await world({});
    expect(await sweep(broker.ctx)).toMatchObject({ woken: 1, failures: [] });
    expect(partitions.refreshed).toEqual([leader]);
    partitions.refreshed.length = 0;
    broker.catalogue.setFenced("kedge", 1, true);
    expect(await sweep(broker.ctx)).toMatchObject({ woken: 0 });
    expect(partitions.refreshed).toEqual([]);
  });
});
