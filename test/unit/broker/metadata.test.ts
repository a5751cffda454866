import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import type { PartitionInfo } from "../../../src/cluster/types.ts";
import { ZERO_UUID } from "../../../src/lib/uuid.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

interface Asked {
  /** Names; null for all. */
  readonly names?: readonly string[] | null;
  readonly ids?: readonly string[];
  readonly version?: number;
  readonly create?: boolean;
  readonly operations?: boolean;
}

async function metadata({ ctx }: BrokerUnderTest, asked: Asked) {
  const { names = [], ids = [], version = 13, create = false, operations = false } = asked;
  const topics = [
    ...ids.map((topicId) => ({ topicId, name: null })),
    ...(names ?? []).map((name) => ({ topicId: ZERO_UUID, name })),
  ];
  const request = {
    topics: names === null ? null : topics,
    allowAutoTopicCreation: create,
    includeClusterAuthorizedOperations: operations,
    includeTopicAuthorizedOperations: operations,
  };
  return await call(ctx, metadataApi, request, { version });
}

async function stored(broker: BrokerUnderTest, name: string, partitions?: PartitionInfo[]) {
  const one = {
    partition: 0,
    leader: 2,
    leaderEpoch: 4,
    partitionEpoch: 6,
    replicas: [2],
    isr: [2],
  };
  const topicId = newTopicId(Math.random);
  const internal = name.startsWith("__");
  const topic = { name, topicId, internal, partitions: partitions ?? [one], configs: {} };
  await broker.catalogue.createTopic("kedge", topic);
  return topic;
}

describe("Metadata", () => {
  test("names the cluster, its brokers at the advertised address, and a controller among them", async () => {
    const found = await metadata(brokerUnderTest(), {});
    expect(found).toMatchObject({ clusterId: "kedge", controllerId: 1, errorCode: 0, topics: [] });
    const host = { host: "kafka.example", port: 9092 };
    expect(found.brokers).toEqual([
      { nodeId: 1, ...host, rack: "wnam" },
      { nodeId: 2, ...host, rack: "weur" },
      { nodeId: 3, ...host, rack: "apac" },
    ]);
  });

  test("describes a topic with its partitions", async () => {
    const broker = brokerUnderTest();
    const replicated = { leader: 3, leaderEpoch: 5, partitionEpoch: 7, replicas: [1, 3], isr: [3] };
    const { topicId } = await stored(broker, "t", [{ partition: 0, ...replicated }]);
    const { topics } = await metadata(broker, { names: ["t"] });
    expect(topics).toEqual([
      {
        errorCode: 0,
        name: "t",
        topicId,
        isInternal: false,
        partitions: [
          {
            errorCode: 0,
            partitionIndex: 0,
            leaderId: 3,
            leaderEpoch: 5,
            replicaNodes: [1, 3],
            isrNodes: [3],
            offlineReplicas: [],
          },
        ],
        topicAuthorizedOperations: -2147483648,
      },
    ]);
  });

  test("null is all topics, an empty list none; in version 0 the empty list is all", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "b");
    await stored(broker, "__a");
    const names = async (asked: Asked) => (await metadata(broker, asked)).topics.map((t) => t.name);
    expect(await names({ names: null })).toEqual(["__a", "b"]);
    expect(await names({ names: [] })).toEqual([]);
    expect(await names({ names: [], version: 1 })).toEqual([]);
    expect(await names({ names: [], version: 0 })).toEqual(["__a", "b"]);
    const { topics } = await metadata(broker, { names: null });
    expect(topics.map((t) => t.isInternal)).toEqual([true, false]);
  });

  test("answers in the order of the request, each topic once", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "a");
    await stored(broker, "b");
    const { topics } = await metadata(broker, { names: ["b", "no", "a", "b", "bad name"] });
    expect(topics.map((t) => [t.name, t.errorCode])).toEqual([
      ["b", 0],
      ["no", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ["a", 0],
      ["bad name", ErrorCode.INVALID_TOPIC_EXCEPTION],
    ]);
  });

  test("finds topics by id from version 12 on", async () => {
    const broker = brokerUnderTest();
    const { topicId } = await stored(broker, "t");
    const unknown = newTopicId(Math.random);
    const { topics } = await metadata(broker, { ids: [topicId, unknown], create: true });
    expect(topics.map((t) => [t.name, t.topicId, t.errorCode])).toEqual([
      ["t", topicId, 0],
      [null, unknown, ErrorCode.UNKNOWN_TOPIC_ID],
    ]);
    for (const version of [10, 11]) {
      const refused = await metadata(broker, { ids: [topicId], version });
      expect(refused.topics.map((t) => t.errorCode)).toEqual([ErrorCode.INVALID_REQUEST]);
    }
  });

  test("in versions 10 and 11 a topic has a name", async () => {
    const { topics } = await metadata(brokerUnderTest(), { ids: [ZERO_UUID], version: 11 });
    expect(topics.map((t) => t.errorCode)).toEqual([ErrorCode.INVALID_REQUEST]);
  });

  test("a leader on a fenced broker is no leader, and its replica is offline", async () => {
    const broker = brokerUnderTest();
    const state = { leader: 1, leaderEpoch: 5, partitionEpoch: 7, replicas: [1, 2], isr: [1, 2] };
    await stored(broker, "t", [
      { partition: 0, ...state },
      { partition: 1, ...state, leader: -1 },
      { partition: 2, ...state, leader: 2 },
    ]);
    broker.catalogue.setFenced("kedge", 1, true);
    const found = await metadata(broker, { names: ["t"] });
    expect(found.brokers.map((b) => b.nodeId)).toEqual([2, 3]);
    expect(found.controllerId).toBe(2);
    const { LEADER_NOT_AVAILABLE } = ErrorCode;
    const partitions = found.topics[0]?.partitions.map((p) => [
      p.errorCode,
      p.leaderId,
      p.leaderEpoch,
    ]);
    expect(partitions).toEqual([
      [LEADER_NOT_AVAILABLE, -1, 5],
      [LEADER_NOT_AVAILABLE, -1, 5],
      [0, 2, 5],
    ]);
    expect(found.topics[0]?.partitions.map((p) => p.offlineReplicas)).toEqual([[1], [1], [1]]);
  });

  test("gives the operations that are allowed, when asked", async () => {
    const broker = brokerUnderTest();
    await stored(broker, "t");
    const asked = await metadata(broker, { names: ["t"], version: 9, operations: true });
    expect(asked.topics[0]?.topicAuthorizedOperations).toBe(0b1101_1111_1000);
    expect(asked.clusterAuthorizedOperations).toBe(0b1_1111_1010_0000);
    const not = await metadata(broker, { names: ["t"], version: 9 });
    expect(not.topics[0]?.topicAuthorizedOperations).toBe(-2147483648);
    expect(not.clusterAuthorizedOperations).toBe(-2147483648);
  });

  test.each(Array.from({ length: 14 }, (_, version) => version))("version %i", async (version) => {
    const broker = brokerUnderTest();
    const { topicId } = await stored(broker, "t");
    const [found] = (await metadata(broker, { names: ["t"], version })).topics;
    expect(found?.partitions.map((p) => p.leaderId)).toEqual([2]);
    expect(found?.topicId).toBe(version >= 10 ? topicId : ZERO_UUID);
    expect(found?.partitions[0]?.leaderEpoch).toBe(version >= 7 ? 4 : -1);
  });
});

describe("automatic creation", () => {
  test("a topic that nobody has is created with the defaults and is in the same reply", async () => {
    const broker = brokerUnderTest({ config: { numPartitions: 3 } });
    const { topics } = await metadata(broker, { names: ["new"], create: true });
    expect(topics[0]).toMatchObject({ name: "new", errorCode: 0 });
    expect(topics[0]?.partitions).toHaveLength(3);
    const created = (await broker.catalogue.topics("kedge", ["new"])).get("new");
    expect(topics[0]?.topicId).toBe(created?.topicId);
    await broker.background();
    expect(broker.partitions.opened).toEqual([{ topic: "new", partitions: [0, 1, 2] }]);
  });

  test("clients before version 4 cannot forbid it", async () => {
    const broker = brokerUnderTest();
    const { topics } = await metadata(broker, { names: ["new"], version: 3 });
    expect(topics[0]?.errorCode).toBe(0);
  });

  test("not when the client or the broker forbids it", async () => {
    const forbidding = brokerUnderTest({ config: { autoCreateTopicsEnable: false } });
    for (const [broker, create] of [
      [forbidding, true],
      [brokerUnderTest(), false],
    ] as const) {
      const { topics } = await metadata(broker, { names: ["new"], create });
      expect(topics[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      expect(await broker.catalogue.listTopics("kedge")).toEqual([]);
    }
  });

  test("not of a bad name, nor of an internal topic", async () => {
    const broker = brokerUnderTest();
    const names = ["a b", "", "__consumer_offsets"];
    const { topics } = await metadata(broker, { names, create: true });
    expect(topics.map((t) => t.errorCode)).toEqual([
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    expect(await broker.catalogue.listTopics("kedge")).toEqual([]);
  });

  test("of two who want the same topic at once, both get the one that was made", async () => {
    const broker = brokerUnderTest();
    const both = await Promise.all([
      metadata(broker, { names: ["new"], create: true }),
      metadata(broker, { names: ["new"], create: true }),
    ]);
    const [one, two] = both.map(({ topics }) => topics[0]);
    expect([one?.errorCode, two?.errorCode]).toEqual([0, 0]);
    expect(one?.topicId).toBe(two?.topicId);
    expect(await broker.catalogue.listTopics("kedge")).toHaveLength(1);
  });

  test("of too many for one request some are created, and the rest when the client asks again", async () => {
    const broker = brokerUnderTest({ config: { numPartitions: 4_000 } });
    const names = ["a", "b", "c"];
    const codes = async () =>
      (await metadata(broker, { names, create: true })).topics.map((t) => t.errorCode);
    expect(await codes()).toEqual([0, 0, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(await codes()).toEqual([0, 0, 0]);
  });

  test("what CreateTopics would answer is answered, and the reason is logged", async () => {
    const broker = brokerUnderTest({ config: { defaultReplicationFactor: 4 } });
    await stored(broker, "t");
    const { topics } = await metadata(broker, { names: ["new", "t"], create: true });
    expect(topics.map((t) => t.errorCode)).toEqual([ErrorCode.INVALID_REPLICATION_FACTOR, 0]);
    expect(broker.logs[0]?.message).toBe("automatic creation of topic 'new' failed");
    expect(broker.logs[0]?.error).toContain("only 3 broker(s)");
  });
});

test("while the catalogue does not answer, there is nothing to say", async () => {
  const down = async () => {
    throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "the catalogue is away");
  };
  const wrap = {
    wrap: (catalogue: BrokerUnderTest["catalogue"]) => withMethods(catalogue, { topics: down }),
  };
  await expect(metadata(brokerUnderTest(wrap), { names: ["t"] })).rejects.toMatchObject({
    code: 7,
  });
});
