import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import { ZERO_UUID } from "../../../src/lib/uuid.ts";
import { deleteTopicsApi } from "../../../src/protocol/api/20-delete-topics.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

type Target = { name: string | null; topicId?: string };

async function remove({ ctx }: BrokerUnderTest, targets: readonly Target[]) {
  const topics = targets.map(({ name, topicId = ZERO_UUID }) => ({ name, topicId }));
  const request = { topics, topicNames: [], timeoutMs: 1_000 };
  return (await call(ctx, deleteTopicsApi, request, { version: 6 })).responses;
}

async function removeByName({ ctx }: BrokerUnderTest, topicNames: string[], version = 5) {
  const request = { topicNames, timeoutMs: 1_000 };
  return (await call(ctx, deleteTopicsApi, request, { version })).responses;
}

async function stored({ catalogue }: BrokerUnderTest, name: string) {
  const state = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1] };
  const partitions = [{ partition: 0, ...state }];
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

const namesOf = async ({ catalogue }: BrokerUnderTest) =>
  (await catalogue.listTopics("kedge")).map(({ name }) => name);

describe("DeleteTopics", () => {
  test("deletes by name and by id, and empties the objects after the reply", async () => {
    const broker = brokerUnderTest();
    const a = await stored(broker, "a");
    const b = await stored(broker, "b");
    await stored(broker, "c");
    const responses = await remove(broker, [{ name: "a" }, { name: null, topicId: b.topicId }]);
    expect(responses).toEqual([
      { name: "a", topicId: a.topicId, errorCode: 0, errorMessage: null },
      { name: "b", topicId: b.topicId, errorCode: 0, errorMessage: null },
    ]);
    expect(await namesOf(broker)).toEqual(["c"]);
    await broker.background();
    expect(broker.partitions.destroyed.toSorted()).toEqual(["a", "b"]);
    expect(await broker.catalogue.deletedTopics("kedge")).toEqual([]);
  });

  test("a topic whose objects could not be emptied is remembered", async () => {
    const broker = brokerUnderTest();
    const { topicId } = await stored(broker, "a");
    broker.partitions.failure = new Error("region away");
    expect((await remove(broker, [{ name: "a" }]))[0]?.errorCode).toBe(0);
    await broker.background();
    expect(broker.logs[0]?.message).toBe("could not empty the objects of deleted topic a");
    const [left] = await broker.catalogue.deletedTopics("kedge");
    expect([left?.topicId, left?.partitions.length]).toEqual([topicId, 1]);
  });

  test.each([1, 2, 3, 4, 5])("version %i names topics", async (version) => {
    const broker = brokerUnderTest();
    await stored(broker, "a");
    const responses = await removeByName(broker, ["a", "no"], version);
    expect(responses.map((r) => [r.name, r.errorCode])).toEqual([
      ["a", 0],
      ["no", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    expect(await namesOf(broker)).toEqual([]);
  });

  test("unknown names and ids have errors of their own; the others are deleted", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a");
    const unknown = newTopicId(Math.random);
    const targets = [{ name: "no" }, { name: null, topicId: unknown }, { name: "a" }];
    const responses = await remove(broker, targets);
    expect(responses.map((r) => [r.name, r.topicId === unknown, r.errorCode])).toEqual([
      ["no", false, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [null, true, ErrorCode.UNKNOWN_TOPIC_ID],
      ["a", false, 0],
    ]);
  });

  test("what is named twice, doubly or not at all is refused and not deleted", async () => {
    const broker = brokerUnderTest();
    const a = await stored(broker, "a");
    const b = await stored(broker, "b");
    await stored(broker, "c");
    const responses = await remove(broker, [
      { name: "c" },
      { name: "c" },
      { name: null, topicId: b.topicId },
      { name: null, topicId: b.topicId },
      { name: null },
      { name: "a", topicId: a.topicId },
    ]);
    expect(responses.map((r) => [r.name, r.errorCode, r.errorMessage])).toEqual([
      ["c", 42, "Duplicate topic name."],
      [null, 42, "Duplicate topic id."],
      [null, 42, "Neither topic name nor id were specified."],
      ["a", 42, "You may not specify both topic name and topic id."],
    ]);
    expect(await namesOf(broker)).toEqual(["a", "b", "c"]);
  });

  test("a topic named once by name and once by id is deleted once", async () => {
    const broker = brokerUnderTest();
    const { topicId } = await stored(broker, "a");
    const responses = await remove(broker, [{ name: null, topicId }, { name: "a" }]);
    expect(responses.map((r) => r.errorCode)).toEqual([0, ErrorCode.INVALID_REQUEST]);
    expect(responses[1]?.errorMessage).toContain("already supplied");
    await broker.background();
    expect(broker.partitions.destroyed).toEqual(["a"]);
  });

  test("of two who delete a topic at once, one succeeds", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a");
    const both = await Promise.all([
      remove(broker, [{ name: "a" }]),
      remove(broker, [{ name: "a" }]),
    ]);
    const codes = both.map((responses) => responses[0]?.errorCode);
    expect(codes).toEqual([0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    await broker.background();
    expect(broker.partitions.destroyed).toEqual(["a"]);
  });

  test("too many topics in one request are refused", async () => {
    const names = Array.from({ length: 401 }, (_, n) => `t${n}`);
    const responses = await removeByName(brokerUnderTest(), names);
    expect(new Set(responses.map((r) => r.errorCode))).toEqual(
      new Set([ErrorCode.POLICY_VIOLATION]),
    );
    expect(responses).toHaveLength(401);
  });

  test("while the catalogue does not answer, each topic has an error to try again after", async () => {
    const down = async () => {
      throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "the catalogue is away");
    };
    for (const method of ["topics", "deleteTopic"]) {
      const wrap = (catalogue: BrokerUnderTest["catalogue"]) =>
        withMethods(catalogue, { [method]: down });
      const broker = brokerUnderTest({ wrap });
      await stored(broker, "a");
      const responses = await remove(broker, [{ name: "a" }]);
      expect(responses).toMatchObject([
        { name: "a", errorCode: 7, errorMessage: "the catalogue is away" },
      ]);
      await broker.background();
      expect(broker.partitions.destroyed).toEqual([]);
    }
  });
});
