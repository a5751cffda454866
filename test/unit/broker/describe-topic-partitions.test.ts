import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import { describeTopicPartitionsApi } from "../../../src/protocol/api/75-describe-topic-partitions.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { type BrokerUnderTest, brokerUnderTest } from "../../support/broker-context.ts";

type Cursor = { topicName: string; partitionIndex: number } | null;

function page(
  { ctx }: BrokerUnderTest,
  names: readonly string[],
  limit = 2_000,
  cursor: Cursor = null,
) {
  const topics = names.map((name) => ({ name }));
  const request = { topics, responsePartitionLimit: limit, cursor };
  return call(ctx, describeTopicPartitionsApi, request, { version: 0 });
}

async function stored({ catalogue }: BrokerUnderTest, name: string, count: number) {
  const state = { leader: 1, leaderEpoch: 3, partitionEpoch: 4, replicas: [1, 2], isr: [1] };
  const partitions = Array.from({ length: count }, (_, partition) => ({ partition, ...state }));
  const topicId = newTopicId(Math.random);
  await catalogue.createTopic("kedge", { name, topicId, internal: false, partitions, configs: {} });
  return topicId;
}

type Page = Awaited<ReturnType<typeof page>>;
const parts = ({ topics }: Page) =>
  topics.map((t) => [t.name, t.errorCode, t.partitions.map((p) => p.partitionIndex)]);

describe("DescribeTopicPartitions", () => {
  test("describes topics in the order of their names, each once", async () => {
    const broker = brokerUnderTest();
    const topicId = await stored(broker, "a", 1);
    await stored(broker, "b", 2);
    const response = await page(broker, ["b", "a", "b"]);
    expect(parts(response)).toEqual([
      ["a", 0, [0]],
      ["b", 0, [0, 1]],
    ]);
    expect(response.nextCursor).toBeNull();
    expect(response.topics[0]).toMatchObject({
      topicId,
      topicAuthorizedOperations: 0b1101_1111_1000,
    });
    expect(response.topics[0]?.partitions[0]).toEqual({
      errorCode: 0,
      partitionIndex: 0,
      leaderId: 1,
      leaderEpoch: 3,
      replicaNodes: [1, 2],
      isrNodes: [1],
      // Lists and not null: Java's Admin calls .stream() on them.
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    });
  });

  test("unknown topics and bad names have their errors, unless all were asked for", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "b", 1);
    expect(parts(await page(broker, ["a", "b", "c d"]))).toEqual([
      ["a", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, []],
      ["b", 0, [0]],
      ["c d", ErrorCode.INVALID_TOPIC_EXCEPTION, []],
    ]);
    expect(parts(await page(broker, []))).toEqual([["b", 0, [0]]]);
    expect(parts(await page(brokerUnderTest(), []))).toEqual([]);
  });

  test("a partition without a live leader says so without an error", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a", 1);
    broker.catalogue.setFenced("kedge", 1, true);
    const [topic] = (await page(broker, ["a"])).topics;
    expect(topic?.partitions[0]).toMatchObject({
      errorCode: 0,
      leaderId: -1,
      offlineReplicas: [1],
    });
  });

  test("a page ends at the limit, in a topic or between two", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a", 3);
    await stored(broker, "b", 2);
    const first = await page(broker, [], 2);
    expect([parts(first), first.nextCursor]).toEqual([
      [["a", 0, [0, 1]]],
      { topicName: "a", partitionIndex: 2 },
    ]);
    const second = await page(broker, [], 1, first.nextCursor);
    expect([parts(second), second.nextCursor]).toEqual([
      [["a", 0, [2]]],
      { topicName: "b", partitionIndex: 0 },
    ]);
    const third = await page(broker, [], 2, second.nextCursor);
    expect([parts(third), third.nextCursor]).toEqual([[["b", 0, [0, 1]]], null]);
  });

  test("the limit is at least one and at most 2,000", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a", 3_000);
    for (const [asked, given] of [
      [0, 1],
      [-5, 1],
      [5_000, 2_000],
    ] as const) {
      const response = await page(broker, ["a"], asked);
      expect(response.topics[0]?.partitions).toHaveLength(given);
      expect(response.nextCursor).toEqual({ topicName: "a", partitionIndex: given });
    }
  });

  test("a cursor must be of a topic named and not negative", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a", 2);
    for (const cursor of [
      { topicName: "b", partitionIndex: 0 },
      { topicName: "a", partitionIndex: -1 },
    ]) {
      const response = await page(broker, ["a"], 10, cursor);
      expect(parts(response)).toEqual([["a", ErrorCode.INVALID_REQUEST, []]]);
    }
  });

  test("a failure of the whole is never an empty answer", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a", 2);
    const cursor = { topicName: "a", partitionIndex: -1 };
    await expect(page(broker, [], 10, cursor)).rejects.toMatchObject({
      code: ErrorCode.INVALID_REQUEST,
    });
  });

  test("a cursor behind a topic's end, or of one that went meanwhile, goes on with the next", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a", 2);
    await stored(broker, "c", 1);
    const past = await page(broker, [], 10, { topicName: "a", partitionIndex: 7 });
    expect(parts(past)).toEqual([
      ["a", 0, []],
      ["c", 0, [0]],
    ]);
    const gone = await page(broker, [], 10, { topicName: "b", partitionIndex: 1 });
    expect(parts(gone)).toEqual([["c", 0, [0]]]);
  });

  test("page by page every partition comes once, in order, whatever the sizes", async () => {
    const counts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 130 });
    await fc.assert(
      fc.asyncProperty(counts, fc.integer({ min: 1, max: 40 }), async (sizes, limit) => {
        const broker = brokerUnderTest();
        const expected: string[] = [];
        for (const [index, size] of sizes.entries()) {
          const name = `t${String(index).padStart(3, "0")}`;
          await stored(broker, name, size);
          for (let partition = 0; partition < size; partition++)
            expected.push(`${name}-${partition}`);
        }
        const seen: string[] = [];
        let cursor: Cursor = null;
        do {
          const response: Page = await page(broker, [], limit, cursor);
          const before = seen.length;
          for (const { name, partitions } of response.topics) {
            for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`);
          }
          expect(seen.length).toBeGreaterThan(before);
          expect(seen.length - before).toBeLessThanOrEqual(limit);
          cursor = response.nextCursor;
        } while (cursor !== null);
        expect(seen).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });
});
