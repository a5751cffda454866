/**
 * What a Kafka client hears when a partition's object fails or is full. The codes were tried on Java's
 * consumer 4.2, kcat, kafkajs and platformatic: they retry those that are expected here.
 */
import { expect, test } from "vitest";
import { call, dispatchFrame } from "../../../src/broker/dispatch.ts";
import type { AppendResult, PartitionPort } from "../../../src/broker/ports.ts";
import { produceApi } from "../../../src/protocol/api/00-produce.ts";
import { fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import { listOffsetsApi } from "../../../src/protocol/api/02-list-offsets.ts";
import { createTopicsApi } from "../../../src/protocol/api/19-create-topics.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { decodeResponseFrame, encodeRequestFrame } from "../../../src/protocol/frame.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { brokerUnderTest, withMethods } from "../../support/broker-context.ts";

const FULL: AppendResult = {
  errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  errorMessage: "full",
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: -1,
};

/** A topic "t" of one partition, whose object does as `port` says; time passes only by sleeping. */
async function brokerWith(port: Partial<PartitionPort>) {
  const broker = brokerUnderTest();
  let nowMs = 1_700_000_000_000;
  const partitions = withMethods(broker.ctx.ports.partitions, {
    at: () => port as PartitionPort,
  });
  const ctx = {
    ...broker.ctx,
    ports: { ...broker.ctx.ports, partitions },
    now: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const topics = [
    { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
  ];
  await call(ctx, createTopicsApi, { topics, timeoutMs: 1_000 });
  return { ...broker, ctx };
}

type World = Awaited<ReturnType<typeof brokerWith>>;

const failing = (error: Error) => async (): Promise<never> => {
  throw error;
};
const overloaded = () => Object.assign(new Error("overloaded"), { overloaded: true });

const FETCH = {
  ...{ replicaId: -1, maxWaitMs: 0, minBytes: 0, maxBytes: 1_000, isolationLevel: 0 },
  topics: [
    { topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }] },
  ],
  forgottenTopicsData: [],
};

async function fetchCodes({ ctx }: World): Promise<(number | undefined)[]> {
  const request = encodeRequestFrame(fetchApi, 12, 1, null, FETCH);
  const { body } = decodeResponseFrame(
    fetchApi,
    12,
    (await dispatchFrame(ctx, request)) ?? request,
  );
  const inside = await call(ctx, fetchApi, FETCH, { version: 12 });
  return [body, inside].map((answer) => answer.responses[0]?.partitions[0]?.errorCode);
}

async function listCodes({ ctx }: World): Promise<(number | undefined)[]> {
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0, timestamp: -1 }] }];
  const asked = { replicaId: -1, isolationLevel: 0, topics };
  const request = encodeRequestFrame(listOffsetsApi, 7, 1, null, asked);
  const reply = (await dispatchFrame(ctx, request)) ?? request;
  const { body } = decodeResponseFrame(listOffsetsApi, 7, reply);
  const inside = await call(ctx, listOffsetsApi, asked, { version: 7 });
  return [body, inside].map((answer) => answer.topics[0]?.partitions[0]?.errorCode);
}

async function produceCodes({ ctx }: World): Promise<(number | undefined)[]> {
  const records = encodeRecordBatch({ records: [{ timestamp: 0, key: null, value: null }] });
  const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
  const asked = { acks: -1, timeoutMs: 100, topicData };
  const request = encodeRequestFrame(produceApi, 8, 1, null, asked);
  const reply = (await dispatchFrame(ctx, request)) ?? request;
  const { body } = decodeResponseFrame(produceApi, 8, reply);
  const inside = await call(ctx, produceApi, asked, { version: 8 });
  return [body, inside].map((answer) => answer.responses[0]?.partitionResponses[0]?.errorCode);
}

test("a partition that is full: a client hears 19, which all of them retry; REST hears 89", async () => {
  expect(await produceCodes(await brokerWith({ append: async () => FULL }))).toEqual([
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  ]);
  expect(await produceCodes(await brokerWith({ append: failing(overloaded()) }))).toEqual([
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.THROTTLING_QUOTA_EXCEEDED,
  ]);
});

test("a produce whose outcome is not known is 7 for everybody", async () => {
  const lost = await brokerWith({ append: failing(new Error("Network connection lost.")) });
  expect(await produceCodes(lost)).toEqual([
    ErrorCode.REQUEST_TIMED_OUT,
    ErrorCode.REQUEST_TIMED_OUT,
  ]);
});

test("an object that fails a reader: a client hears 56, over which Java's consumer does not end", async () => {
  for (const [error, inside] of [
    [new Error("Network connection lost."), ErrorCode.REQUEST_TIMED_OUT],
    [overloaded(), ErrorCode.THROTTLING_QUOTA_EXCEEDED],
  ] as const) {
    const broker = await brokerWith({ read: failing(error), listOffset: failing(error) });
    expect(await fetchCodes(broker)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, inside]);
    expect(await listCodes(broker)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, inside]);
  }
});

test("a partition without a leader: a reader hears 6, as from a broker of Kafka's", async () => {
  const broker = await brokerWith({});
  broker.catalogue.setFenced("kedge", 1, true);
  const topic = (await broker.catalogue.topics("kedge", ["t"])).get("t");
  const state = topic?.partitions[0];
  if (topic === undefined || state === undefined) throw new Error("the topic is there");
  const { partitionEpoch, ...rest } = state;
  const next = { ...rest, leader: -1 };
  await broker.catalogue.changePartition("kedge", topic.topicId, 0, partitionEpoch, next);
  expect(await fetchCodes(broker)).toEqual([
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.LEADER_NOT_AVAILABLE,
  ]);
});
