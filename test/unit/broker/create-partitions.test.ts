import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import { createPartitionsApi } from "../../../src/protocol/api/37-create-partitions.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";
import type { MemoryCatalogue } from "../../support/memory-catalogue.ts";

type Wanted = { name: string; count: number; lists?: readonly (readonly number[])[] };

async function grow(
  { ctx }: BrokerUnderTest,
  wanted: readonly Wanted[],
  validateOnly = false,
  version = 3,
) {
  const topics = wanted.map(({ name, count, lists }) => ({
    name,
    count,
    assignments: lists?.map((brokerIds) => ({ brokerIds })) ?? null,
  }));
  const request = { topics, timeoutMs: 1_000, validateOnly };
  return (await call(ctx, createPartitionsApi, request, { version })).results;
}

async function stored(catalogue: MemoryCatalogue, name: string, replicas: readonly number[] = [1]) {
  const state = { leader: 1, leaderEpoch: 3, partitionEpoch: 4, replicas, isr: replicas };
  const partitions = [0, 1].map((partition) => ({ partition, ...state }));
  const topic = {
    name,
    topicId: newTopicId(Math.random),
    internal: false,
    partitions,
    configs: {},
  };
  await catalogue.createTopic("kedge", topic);
  return topic;
}

const partitionsOf = async (catalogue: MemoryCatalogue, name: string) =>
  (await catalogue.topics("kedge", [name])).get(name)?.partitions ?? [];

describe("CreatePartitions", () => {
  test.each([0, 1, 2, 3])(
    "version %i adds partitions and leaves the others as they were",
    async (version) => {
      const broker = brokerUnderTest();
      const before = await stored(broker.catalogue, "t");
      const results = await grow(broker, [{ name: "t", count: 5 }], false, version);
      expect(results).toEqual([{ name: "t", errorCode: 0, errorMessage: null }]);
      const after = await partitionsOf(broker.catalogue, "t");
      expect(after.slice(0, 2)).toEqual(before.partitions);
      expect(after.map((p) => p.partition)).toEqual([0, 1, 2, 3, 4]);
      expect(after.slice(2).map((p) => [p.leaderEpoch, p.replicas.length, p.isr.length])).toEqual(
        Array(3).fill([0, 1, 1]),
      );
      await broker.background();
      expect(broker.partitions.opened).toEqual([{ topic: "t", partitions: [2, 3, 4] }]);
    },
  );

  test("new partitions get as many replicas as the topic has", async () => {
    const broker = brokerUnderTest();
    await stored(broker.catalogue, "t", [1, 2]);
    await grow(broker, [{ name: "t", count: 4 }]);
    const after = await partitionsOf(broker.catalogue, "t");
    expect(after.map((p) => new Set(p.replicas).size)).toEqual([2, 2, 2, 2]);
  });

  test("places them where the request says", async () => {
    const broker = brokerUnderTest();
    await stored(broker.catalogue, "t");
    await grow(broker, [{ name: "t", count: 4, lists: [[3], [2]] }]);
    const after = await partitionsOf(broker.catalogue, "t");
    expect(after.slice(2).map((p) => p.leader)).toEqual([3, 2]);
  });

  test("validateOnly checks and does nothing", async () => {
    const broker = brokerUnderTest();
    await stored(broker.catalogue, "t");
    const results = await grow(
      broker,
      [
        { name: "t", count: 4 },
        { name: "no", count: 4 },
      ],
      true,
    );
    expect(results.map((r) => r.errorCode)).toEqual([0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(await partitionsOf(broker.catalogue, "t")).toHaveLength(2);
    await broker.background();
    expect(broker.partitions.opened).toEqual([]);
  });

  const { INVALID_PARTITIONS, INVALID_REPLICA_ASSIGNMENT } = ErrorCode;
  test.each<[string, Wanted, number, string]>([
    [
      "an unknown topic",
      { name: "no", count: 3 },
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      "does not host",
    ],
    [
      "the count it has",
      { name: "t", count: 2 },
      INVALID_PARTITIONS,
      "Topic already has 2 partition(s).",
    ],
    [
      "fewer",
      { name: "t", count: 1 },
      INVALID_PARTITIONS,
      "currently has 2 partition(s); 1 would not be an increase.",
    ],
    [
      "a negative count",
      { name: "t", count: -1 },
      INVALID_PARTITIONS,
      "-1 would not be an increase",
    ],
    [
      "too many",
      { name: "t", count: 10_001 },
      INVALID_PARTITIONS,
      "at most 10000 partitions; 10001",
    ],
    [
      "too few lists",
      { name: "t", count: 4, lists: [[1]] },
      INVALID_REPLICA_ASSIGNMENT,
      "add 2 additional partition(s), but only 1",
    ],
    ["no lists", { name: "t", count: 3, lists: [] }, INVALID_REPLICA_ASSIGNMENT, "but only 0"],
    [
      "an unknown broker",
      { name: "t", count: 3, lists: [[4]] },
      INVALID_REPLICA_ASSIGNMENT,
      "broker 4",
    ],
    [
      "an empty list",
      { name: "t", count: 3, lists: [[]] },
      INVALID_REPLICA_ASSIGNMENT,
      "empty replica list",
    ],
    [
      "another factor",
      { name: "t", count: 3, lists: [[1, 2]] },
      INVALID_REPLICA_ASSIGNMENT,
      "which have 1 replica(s)",
    ],
  ])("refuses %s", async (_, wanted, code, message) => {
    const broker = brokerUnderTest();
    await stored(broker.catalogue, "t");
    const results = await grow(broker, [wanted]);
    expect(results).toEqual([
      { name: wanted.name, errorCode: code, errorMessage: expect.stringContaining(message) },
    ]);
    expect(await partitionsOf(broker.catalogue, "t")).toHaveLength(2);
  });

  test("refuses a name given twice; the others grow", async () => {
    const broker = brokerUnderTest();
    await stored(broker.catalogue, "a");
    await stored(broker.catalogue, "b");
    const wanted = [
      { name: "a", count: 3 },
      { name: "b", count: 3 },
      { name: "a", count: 4 },
    ];
    const results = await grow(broker, wanted);
    expect(results.map((r) => [r.name, r.errorCode, r.errorMessage])).toEqual([
      ["a", ErrorCode.INVALID_REQUEST, "Duplicate topic name."],
      ["b", 0, null],
    ]);
    expect(await partitionsOf(broker.catalogue, "a")).toHaveLength(2);
  });

  test("refuses when there are not enough brokers for the topic's replicas", async () => {
    const broker = brokerUnderTest();
    await stored(broker.catalogue, "t", [1, 2, 3]);
    broker.catalogue.setFenced("kedge", 3, true);
    const results = await grow(broker, [{ name: "t", count: 3 }]);
    expect(results[0]?.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
    expect(results[0]?.errorMessage).toContain("only 2 broker(s) are available (1 more fenced)");
  });

  test("two who grow a topic at once do not both add the same partitions", async () => {
    const broker = brokerUnderTest();
    await stored(broker.catalogue, "t");
    const both = await Promise.all([
      grow(broker, [{ name: "t", count: 4 }]),
      grow(broker, [{ name: "t", count: 5 }]),
    ]);
    expect(both.map((results) => results[0]?.errorCode)).toEqual([0, 0]);
    await broker.background();
    expect(await partitionsOf(broker.catalogue, "t")).toHaveLength(5);
    expect(broker.partitions.opened.map(({ partitions }) => partitions)).toEqual([[2, 3], [4]]);
  });

  test("gives up after losing again and again", async () => {
    let lost = 0;
    const broker = brokerUnderTest({
      wrap: (catalogue) =>
        withMethods(catalogue, {
          addPartitions: async () => {
            lost++;
            return false;
          },
        }),
    });
    await stored(broker.catalogue, "t");
    const results = await grow(broker, [{ name: "t", count: 4 }]);
    expect(results[0]?.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(lost).toBe(5);
  });

  test("too many topics in one request are refused", async () => {
    const wanted = Array.from({ length: 401 }, (_, n) => ({ name: `t${n}`, count: 2 }));
    const results = await grow(brokerUnderTest(), wanted);
    expect(new Set(results.map((r) => r.errorCode))).toEqual(new Set([ErrorCode.POLICY_VIOLATION]));
  });

  test("while the catalogue does not answer, each topic has an error to try again after", async () => {
    const down = async () => {
      throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "the catalogue is away");
    };
    const broker = brokerUnderTest({
      wrap: (catalogue) => withMethods(catalogue, { topics: down }),
    });
    const results = await grow(broker, [{ name: "t", count: 4 }]);
    expect(results).toEqual([{ name: "t", errorCode: 7, errorMessage: "the catalogue is away" }]);
  });
});
