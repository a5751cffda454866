/** Calls to coordinators, and the topic that they are the leaders of. */
import { describe, expect, test } from "vitest";
import { askCoordinator } from "../../../src/broker/coordinator-call.ts";
import { call } from "../../../src/broker/dispatch.ts";
import { offsetsTopic } from "../../../src/broker/offsets-topic.ts";
import { CONSUMER_OFFSETS_ID, coordinatorPartition } from "../../../src/cluster/internal-topics.ts";
import type { GroupReply } from "../../../src/group/messages.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { deleteTopicsApi } from "../../../src/protocol/api/20-delete-topics.ts";
import { createPartitionsApi } from "../../../src/protocol/api/37-create-partitions.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

const { COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR } = ErrorCode;
const TOPIC = "__consumer_offsets";
const ALIVE: GroupReply = { api: "heartbeat", body: { errorCode: 0 } };
const COMMITTED: GroupReply = { api: "offsetCommit", body: { topics: [] } };
const failed = (errorCode: number): GroupReply => ({ api: "failed", errorCode });
const PARTITION = coordinatorPartition("g", 50);

const contextOf = ({ ctx }: BrokerUnderTest) => ({
  ...ctx,
  ...{ clientId: null, apiVersion: 4, byFrame: true },
});

/** Answers one after the other; an Error is a call that broke. */
function answeringInTurn(...answers: (GroupReply | Error)[]): BrokerUnderTest {
  const broker = brokerUnderTest();
  broker.groups.answer = () => {
    const next = answers.shift() ?? ALIVE;
    if (next instanceof Error) throw next;
    return next;
  };
  return broker;
}

const heartbeat = (broker: BrokerUnderTest) =>
  askCoordinator<"heartbeat">(contextOf(broker), "g", {
    api: "heartbeat",
    body: { groupId: "g", generationId: 1, memberId: "m", groupInstanceId: null },
  });

const commit = (broker: BrokerUnderTest) =>
  askCoordinator<"offsetCommit">(contextOf(broker), "g", {
    api: "offsetCommit",
    body: {
      ...{ groupId: "g", generationIdOrMemberEpoch: 1, memberId: "m", groupInstanceId: null },
      ...{ retentionTimeMs: -1, topics: [] },
    },
  });

describe("a coordinator that cannot answer", () => {
  test.each([NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS])(
    "%i: the row is read anew and it is asked again, inside the request",
    async (code) => {
      const broker = answeringInTurn(failed(code), failed(code), ALIVE);
      expect(await heartbeat(broker)).toEqual({ errorCode: 0 });
      expect(broker.groups.asked).toHaveLength(3);
    },
  );

  test("the next leader is asked, under its epoch", async () => {
    const broker = brokerUnderTest();
    await offsetsTopic(contextOf(broker));
    const { catalogue } = broker;
    broker.groups.answer = async ({ leaderEpoch }) => {
      if (leaderEpoch > 0) return ALIVE;
      const topics = await catalogue.topicsById("kedge", [CONSUMER_OFFSETS_ID]);
      const row = topics.get(CONSUMER_OFFSETS_ID)?.partitions[PARTITION];
      if (row === undefined) throw new Error("the topic is there");
      const leader = row.replicas.find((id) => id !== row.leader) ?? -1;
      const next = { ...row, leader, leaderEpoch: 1 };
      await catalogue.changePartition("kedge", CONSUMER_OFFSETS_ID, PARTITION, 0, next);
      return failed(NOT_COORDINATOR);
    };
    expect(await heartbeat(broker)).toEqual({ errorCode: 0 });
    const [first, second] = broker.groups.asked;
    expect(second?.leaderEpoch).toBe(1);
    expect(second?.brokerId).not.toBe(first?.brokerId);
  });

  test("for good: its code, within the bound", async () => {
    const broker = brokerUnderTest();
    broker.groups.answer = () => failed(NOT_COORDINATOR);
    const before = broker.ctx.now();
    expect(await heartbeat(broker)).toBe(NOT_COORDINATOR);
    expect(broker.ctx.now() - before).toBeLessThanOrEqual(10_000);
  });

  test("15 may have been done, and is the client's to repeat", async () => {
    const broker = answeringInTurn(failed(COORDINATOR_NOT_AVAILABLE), ALIVE);
    expect(await heartbeat(broker)).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(broker.groups.asked).toHaveLength(1);
  });
});

describe("a call that breaks on the way", () => {
  const lost = (): Error => new Error("the object was evicted");

  test("is made again where that does no harm", async () => {
    const broker = answeringInTurn(lost(), lost(), ALIVE);
    expect(await heartbeat(broker)).toEqual({ errorCode: 0 });
  });

  test("a commit is not: another may have come after it", async () => {
    const broker = answeringInTurn(lost(), COMMITTED);
    expect(await commit(broker)).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(broker.groups.asked).toHaveLength(1);
    expect(await commit(broker)).toEqual({ topics: [] });
  });

  test("again and again: another member of the ISR takes over", async () => {
    const broker = brokerUnderTest();
    broker.groups.answer = ({ leaderEpoch }) => {
      if (leaderEpoch === 0) throw lost();
      return ALIVE;
    };
    expect(await heartbeat(broker)).toEqual({ errorCode: 0 });
    expect(broker.groups.asked.at(-1)?.leaderEpoch).toBe(1);
  });
});

describe("__consumer_offsets", () => {
  test("is made by the first who needs it, as configured, and nothing is opened", async () => {
    const config = { offsetsTopicPartitions: 7, offsetsTopicReplicationFactor: 2 };
    const broker = brokerUnderTest({ config });
    const topic = await offsetsTopic(contextOf(broker));
    expect(topic).toMatchObject({ name: TOPIC, topicId: CONSUMER_OFFSETS_ID, internal: true });
    expect(topic.configs).toEqual({
      ...{ "cleanup.policy": "compact", "compression.type": "producer" },
      "segment.bytes": "104857600",
    });
    expect(topic.partitions.map(({ replicas }) => replicas.length)).toEqual(Array(7).fill(2));
    await broker.background();
    expect(broker.partitions.opened).toEqual([]);
  });

  test("has as many replicas as there are live brokers, at most", async () => {
    const broker = brokerUnderTest();
    await broker.catalogue.setBrokerFenced("kedge", 2, true);
    const { partitions } = await offsetsTopic(contextOf(broker));
    expect(partitions.every(({ replicas }) => replicas.toSorted().join() === "1,3")).toBe(true);
  });

  test("is one, whoever makes it at the same time", async () => {
    const broker = brokerUnderTest();
    const ctx = contextOf(broker);
    const topics = await Promise.all(Array.from({ length: 5 }, () => offsetsTopic(ctx)));
    expect(new Set(topics.map(({ partitions }) => JSON.stringify(partitions))).size).toBe(1);
  });

  test("made by another request between the look and the making: that one is taken", async () => {
    const theirs = brokerUnderTest();
    const made = await offsetsTopic(contextOf(theirs));
    const broker = brokerUnderTest({
      wrap: (catalogue) =>
        withMethods(catalogue, {
          createTopic: async (clusterId, topic) => {
            await catalogue.createTopic(clusterId, { ...topic, partitions: made.partitions });
            return false;
          },
        }),
    });
    expect((await offsetsTopic(contextOf(broker))).partitions).toEqual(made.partitions);
  });

  test("is internal to clients: shown as such, not to be deleted or grown", async () => {
    const broker = brokerUnderTest();
    await offsetsTopic(contextOf(broker));
    const { topics } = await call(broker.ctx, metadataApi, { topics: null });
    expect(topics).toMatchObject([{ name: TOPIC, isInternal: true }]);
    const names = { topicNames: [TOPIC], timeoutMs: 1_000 };
    const deleted = await call(broker.ctx, deleteTopicsApi, names, { version: 5 });
    expect(deleted.responses).toMatchObject([{ errorCode: ErrorCode.INVALID_REQUEST }]);
    const more = [{ name: TOPIC, count: 60, assignments: null }];
    const request = { topics: more, timeoutMs: 1_000, validateOnly: false };
    const grown = await call(broker.ctx, createPartitionsApi, request);
    expect(grown.results).toMatchObject([{ errorCode: ErrorCode.INVALID_REQUEST }]);
    const [kept] = (await broker.catalogue.topics("kedge", [TOPIC])).values();
    expect(kept?.partitions).toHaveLength(50);
  });
});

describe("a deleted topic", () => {
  const topic = {
    ...{ name: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAQ", internal: false, configs: {} },
    partitions: [
      { partition: 0, leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1] },
    ],
  };

  test("every coordinator has forgotten its offsets before the answer", async () => {
    const broker = brokerUnderTest();
    await offsetsTopic(contextOf(broker));
    await broker.catalogue.createTopic("kedge", topic);
    broker.groups.answer = () => ({ api: "topicDeleted", body: null });
    const patient = { ...broker.ctx, sleep: () => new Promise<void>(() => undefined) };
    const request = { topicNames: ["t", "no"], timeoutMs: 1_000 };
    await call(patient, deleteTopicsApi, request, { version: 5 });
    expect(broker.groups.asked.map(({ partition }) => partition)).toEqual([...Array(50).keys()]);
    expect(broker.groups.asked[0]?.request).toEqual({
      api: "topicDeleted",
      body: { topics: ["t"] },
    });
  });

  test("one that does not answer fails nothing, and is told of", async () => {
    const broker = brokerUnderTest();
    await offsetsTopic(contextOf(broker));
    await broker.catalogue.createTopic("kedge", topic);
    broker.groups.answer = ({ partition }) =>
      partition === 3 ? failed(COORDINATOR_NOT_AVAILABLE) : { api: "topicDeleted", body: null };
    const request = { topicNames: ["t"], timeoutMs: 1_000 };
    const deleted = await call(broker.ctx, deleteTopicsApi, request, { version: 5 });
    expect(deleted.responses).toMatchObject([{ name: "t", errorCode: 0 }]);
    await broker.background();
    expect(broker.logs.map(({ message }) => message)).toEqual([
      "coordinator 3 may keep the offsets of deleted topics",
    ]);
  });
});
