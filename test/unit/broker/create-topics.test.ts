import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { ZERO_UUID } from "../../../src/lib/uuid.ts";
import {
  type CreateTopicsRequestInput,
  createTopicsApi,
} from "../../../src/protocol/api/19-create-topics.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

type Topic = CreateTopicsRequestInput["topics"][number];

const topic = (name: string, more: Partial<Topic> = {}): Topic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});

async function create(
  { ctx }: BrokerUnderTest,
  topics: readonly Topic[],
  options: { validateOnly?: boolean; version?: number } = {},
) {
  const { validateOnly = false, version = 7 } = options;
  const response = await call(ctx, createTopicsApi, { topics, validateOnly }, { version });
  return response.topics;
}

/** The one result of a request for one topic. */
async function createOne(broker: BrokerUnderTest, one: Topic, options = {}) {
  const [result, ...more] = await create(broker, [one], options);
  expect(more).toEqual([]);
  if (result === undefined) throw new Error("no result");
  return result;
}

const assignments = (...lists: readonly (readonly number[])[]) => ({
  numPartitions: -1,
  replicationFactor: -1,
  assignments: lists.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
});

describe("CreateTopics", () => {
  test("creates the topic, spread over the regions, and opens its partitions after the reply", async () => {
    const broker = brokerUnderTest();
    const result = await createOne(broker, topic("t", { numPartitions: 6 }));
    expect(result).toMatchObject({
      name: "t",
      errorCode: 0,
      errorMessage: null,
      numPartitions: 6,
      replicationFactor: 1,
    });
    const stored = (await broker.catalogue.topics("kedge", ["t"])).get("t");
    expect(result.topicId).toBe(stored?.topicId);
    expect(stored?.internal).toBe(false);
    expect(stored?.partitions.map((p) => p.partition)).toEqual([0, 1, 2, 3, 4, 5]);
    const leaders = stored?.partitions.map((p) => p.leader) ?? [];
    expect(leaders.toSorted()).toEqual([1, 1, 2, 2, 3, 3]);
    await broker.background();
    expect(broker.partitions.opened).toEqual([{ topic: "t", partitions: [0, 1, 2, 3, 4, 5] }]);
  });

  test("-1 means the broker's defaults", async () => {
    const broker = brokerUnderTest({ config: { numPartitions: 4 } });
    const result = await createOne(
      broker,
      topic("t", { numPartitions: -1, replicationFactor: -1 }),
    );
    expect(result).toMatchObject({ errorCode: 0, numPartitions: 4, replicationFactor: 1 });
  });

  test("keeps the configs and answers with all that hold, and where each comes from", async () => {
    const broker = brokerUnderTest();
    const configs = [
      { name: "retention.ms", value: "1000" },
      { name: "cleanup.policy", value: "compact" },
    ];
    const result = await createOne(broker, topic("t", { configs }));
    const stored = (await broker.catalogue.topics("kedge", ["t"])).get("t");
    expect(stored?.configs).toEqual({ "retention.ms": "1000", "cleanup.policy": "compact" });
    const of = (name: string) => result.configs?.find((config) => config.name === name);
    const common = { readOnly: false, isSensitive: false };
    expect(of("retention.ms")).toEqual({
      name: "retention.ms",
      value: "1000",
      configSource: 1,
      ...common,
    });
    expect(of("segment.ms")).toEqual({
      name: "segment.ms",
      value: "604800000",
      configSource: 5,
      ...common,
    });
  });

  test("an explicit assignment is kept as it is", async () => {
    const broker = brokerUnderTest();
    const result = await createOne(broker, topic("t", assignments([3], [1], [3])));
    expect(result).toMatchObject({ errorCode: 0, numPartitions: 3, replicationFactor: 1 });
    const stored = (await broker.catalogue.topics("kedge", ["t"])).get("t");
    expect(stored?.partitions.map((p) => p.replicas)).toEqual([[3], [1], [3]]);
    expect(stored?.partitions.map((p) => p.leader)).toEqual([3, 1, 3]);
  });

  test("the order in which an assignment names its partitions does not matter", async () => {
    const broker = brokerUnderTest();
    const { assignments: lists, ...rest } = assignments([3], [1]);
    await createOne(broker, topic("t", { ...rest, assignments: lists.toReversed() }));
    const stored = (await broker.catalogue.topics("kedge", ["t"])).get("t");
    expect(stored?.partitions.map((p) => p.leader)).toEqual([3, 1]);
  });

  test("validateOnly checks everything and does nothing", async () => {
    const broker = brokerUnderTest();
    const options = { validateOnly: true };
    const good = await createOne(broker, topic("t", { numPartitions: 3 }), options);
    expect(good).toMatchObject({ errorCode: 0, numPartitions: 3, topicId: ZERO_UUID });
    const bad = await createOne(broker, topic("t", { numPartitions: 0 }), options);
    expect(bad.errorCode).toBe(ErrorCode.INVALID_PARTITIONS);
    await broker.background();
    expect(await broker.catalogue.listTopics("kedge")).toEqual([]);
    expect(broker.partitions.opened).toEqual([]);
  });

  test("one that fails leaves the others", async () => {
    const broker = brokerUnderTest();
    const results = await create(broker, [topic("a"), topic("b/c"), topic("d")]);
    expect(results.map((r) => [r.name, r.errorCode])).toEqual([
      ["a", 0],
      ["b/c", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["d", 0],
    ]);
    expect((await broker.catalogue.listTopics("kedge")).map(({ name }) => name)).toEqual([
      "a",
      "d",
    ]);
  });

  test("a name given twice is refused, once, and not created", async () => {
    const broker = brokerUnderTest();
    const results = await create(broker, [
      topic("a"),
      topic("b"),
      topic("a", { numPartitions: 2 }),
    ]);
    expect(results.map((r) => [r.name, r.errorCode, r.errorMessage])).toEqual([
      ["b", 0, null],
      ["a", ErrorCode.INVALID_REQUEST, "Duplicate topic name."],
    ]);
    expect((await broker.catalogue.listTopics("kedge")).map(({ name }) => name)).toEqual(["b"]);
  });

  test("an empty request is an empty answer", async () => {
    expect(await create(brokerUnderTest(), [])).toEqual([]);
  });

  test.each([2, 3, 4, 5, 6, 7])("version %i creates topics", async (version) => {
    const result = await createOne(brokerUnderTest(), topic("t", { numPartitions: 2 }), {
      version,
    });
    expect(result.errorCode).toBe(0);
    expect(result.numPartitions).toBe(version >= 5 ? 2 : -1);
    expect(result.topicId === ZERO_UUID).toBe(version < 7);
  });
});

describe("CreateTopics refuses", () => {
  const { INVALID_REPLICA_ASSIGNMENT, INVALID_REPLICATION_FACTOR, INVALID_REQUEST } = ErrorCode;
  const { INVALID_CONFIG, INVALID_PARTITIONS, INVALID_TOPIC_EXCEPTION } = ErrorCode;
  const twice = [0, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] }));
  const gap = [0, 2].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] }));

  test.each<[string, Topic, number, string]>([
    ["a bad name", topic("a b"), INVALID_TOPIC_EXCEPTION, "'a b' contains"],
    ["the empty name", topic(""), INVALID_TOPIC_EXCEPTION, "the empty string is not allowed"],
    ["an internal topic", topic("__consumer_offsets"), INVALID_REQUEST, "is prohibited"],
    ["no partitions", topic("t", { numPartitions: 0 }), INVALID_PARTITIONS, "non-positive"],
    ["fewer than none", topic("t", { numPartitions: -2 }), INVALID_PARTITIONS, "non-positive"],
    [
      "too many",
      topic("t", { numPartitions: 10_001 }),
      INVALID_PARTITIONS,
      "at most 10000 partitions; 10001",
    ],
    [
      "no replicas",
      topic("t", { replicationFactor: 0 }),
      INVALID_REPLICATION_FACTOR,
      "larger than 0",
    ],
    [
      "fewer replicas than none",
      topic("t", { replicationFactor: -2 }),
      INVALID_REPLICATION_FACTOR,
      "larger than 0",
    ],
    [
      "more replicas than brokers",
      topic("t", { replicationFactor: 4 }),
      INVALID_REPLICATION_FACTOR,
      "only 3 broker(s)",
    ],
    [
      "an unknown config",
      topic("t", { configs: [{ name: "nope", value: "1" }] }),
      INVALID_CONFIG,
      "Unknown topic config name: nope",
    ],
    [
      "a bad config",
      topic("t", { configs: [{ name: "retention.ms", value: "x" }] }),
      INVALID_CONFIG,
      "retention.ms: it must be an integer from -1",
    ],
    [
      "a config of null",
      topic("t", { configs: [{ name: "retention.ms", value: null }] }),
      INVALID_CONFIG,
      "Null value not supported for topic configs: retention.ms",
    ],
    ["an unknown broker", topic("t", assignments([9])), INVALID_REPLICA_ASSIGNMENT, "broker 9"],
    [
      "a broker twice",
      topic("t", assignments([1, 1])),
      INVALID_REPLICA_ASSIGNMENT,
      "more than once",
    ],
    [
      "an empty list",
      topic("t", assignments([])),
      INVALID_REPLICA_ASSIGNMENT,
      "empty replica list",
    ],
    [
      "lists of unequal length",
      topic("t", assignments([1], [1, 2])),
      INVALID_REPLICA_ASSIGNMENT,
      "2 replica(s)",
    ],
    [
      "a partition twice",
      topic("t", { ...assignments(), assignments: twice }),
      INVALID_REPLICA_ASSIGNMENT,
      "multiple manual partition assignments for partition 0",
    ],
    [
      "a gap",
      topic("t", { ...assignments(), assignments: gap }),
      INVALID_REPLICA_ASSIGNMENT,
      "and 1 is missing",
    ],
    [
      "a factor beside lists",
      topic("t", { ...assignments([1]), replicationFactor: 1 }),
      INVALID_REQUEST,
      "replication factor was not set to -1",
    ],
    [
      "a count beside lists",
      topic("t", { ...assignments([1]), numPartitions: 1 }),
      INVALID_REQUEST,
      "numPartitions was not set to -1",
    ],
  ])("%s", async (_, bad, code, message) => {
    const broker = brokerUnderTest();
    const result = await createOne(broker, bad);
    expect([result.errorCode, result.errorMessage]).toEqual([
      code,
      expect.stringContaining(message),
    ]);
    expect(result.topicId).toBe(ZERO_UUID);
    expect(await broker.catalogue.listTopics("kedge")).toEqual([]);
    await broker.background();
    expect(broker.partitions.opened).toEqual([]);
  });

  test("more replicas than unfenced brokers, and as many are taken", async () => {
    const broker = brokerUnderTest();
    broker.catalogue.setFenced("kedge", 3, true);
    const refused = await createOne(broker, topic("t", { replicationFactor: 3 }));
    expect(refused.errorCode).toBe(INVALID_REPLICATION_FACTOR);
    expect(refused.errorMessage).toContain("only 2 broker(s) are available (1 more fenced)");
    expect((await createOne(broker, topic("t", { replicationFactor: 2 }))).errorCode).toBe(0);
    const stored = (await broker.catalogue.topics("kedge", ["t"])).get("t")?.partitions[0];
    expect(stored?.replicas.toSorted()).toEqual([1, 2]);
    expect(stored?.isr).toEqual(stored?.replicas);
    expect((await createOne(broker, topic("u", assignments([3, 1, 2])))).errorCode).toBe(0);
    const assigned = (await broker.catalogue.topics("kedge", ["u"])).get("u")?.partitions[0];
    expect(assigned).toMatchObject({ leader: 1, replicas: [3, 1, 2], isr: [1, 2] });
  });

  test("a topic that exists, before it looks at the rest", async () => {
    const broker = brokerUnderTest();
    await createOne(broker, topic("t"));
    const result = await createOne(broker, topic("t", { numPartitions: 0 }));
    expect(result.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    expect(result.errorMessage).toBe("Topic 't' already exists.");
  });

  test("a topic that another request created meanwhile", async () => {
    const broker = brokerUnderTest();
    const results = await Promise.all([
      createOne(broker, topic("t", { numPartitions: 2 })),
      createOne(broker, topic("t", { numPartitions: 3 })),
    ]);
    expect(results.map((r) => r.errorCode)).toEqual([0, ErrorCode.TOPIC_ALREADY_EXISTS]);
    const stored = (await broker.catalogue.topics("kedge", ["t"])).get("t");
    expect(stored?.partitions).toHaveLength(2);
    await broker.background();
    expect(broker.partitions.opened).toHaveLength(1);
  });

  test("a name that would share its metrics with another topic's", async () => {
    const broker = brokerUnderTest();
    await createOne(broker, topic("a.b"));
    const result = await createOne(broker, topic("a_b"));
    expect(result.errorCode).toBe(INVALID_TOPIC_EXCEPTION);
    expect(result.errorMessage).toBe("Topic 'a_b' collides with existing topic: a.b");
    expect((await createOne(broker, topic("a-b"))).errorCode).toBe(0);
    const again = await createOne(broker, topic("a.b"));
    expect(again.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
  });

  test("fenced brokers: none left, or an assignment to none but them", async () => {
    const broker = brokerUnderTest();
    broker.catalogue.setFenced("kedge", 1, true);
    const assigned = await createOne(broker, topic("t", assignments([2], [1])));
    expect(assigned.errorCode).toBe(INVALID_REPLICA_ASSIGNMENT);
    expect(assigned.errorMessage).toContain("for partition 1 are fenced");
    const placed = await createOne(broker, topic("t", { numPartitions: 10 }));
    expect(placed.errorCode).toBe(0);
    const stored = (await broker.catalogue.topics("kedge", ["t"])).get("t");
    expect(stored?.partitions.every((p) => p.leader !== 1)).toBe(true);
    broker.catalogue.setFenced("kedge", 2, true);
    broker.catalogue.setFenced("kedge", 3, true);
    const none = await createOne(broker, topic("u"));
    expect(none.errorCode).toBe(INVALID_REPLICATION_FACTOR);
    expect(none.errorMessage).toContain("All brokers are currently fenced");
  });

  test("more partitions, or more topics, than one request may bring", async () => {
    const broker = brokerUnderTest();
    const large = await create(broker, [
      topic("a", { numPartitions: 6_000 }),
      topic("b", { numPartitions: 4_001 }),
    ]);
    expect(large.map((r) => r.errorCode)).toEqual(Array(2).fill(ErrorCode.POLICY_VIOLATION));
    expect(large[0]?.errorMessage).toContain("10001, at most 10000");
    const many = await create(
      broker,
      Array.from({ length: 401 }, (_, n) => topic(`t${n}`)),
    );
    expect(many).toHaveLength(401);
    expect(many[400]?.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
    expect(await broker.catalogue.listTopics("kedge")).toEqual([]);
  });

  test("everything while the catalogue does not answer, with an error to try again after", async () => {
    const down = async () => {
      throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "the catalogue is away");
    };
    for (const method of ["cluster", "listTopics", "createTopic"]) {
      const broker = brokerUnderTest({
        wrap: (catalogue) => withMethods(catalogue, { [method]: down }),
      });
      const result = await createOne(broker, topic("t"));
      expect(result.errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
      expect(result.errorMessage).toBe("the catalogue is away");
    }
  });

  test("a cluster that is not there, and says what to do", async () => {
    const result = await createOne(brokerUnderTest({ clusterId: "nowhere" }), topic("t"));
    expect(result.errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(result.errorMessage).toContain("Cluster 'nowhere' is not in the catalogue");
  });
});

test("a partition that cannot be opened is logged; the topic is there", async () => {
  const broker = brokerUnderTest();
  broker.partitions.failure = new Error("no such region");
  expect((await createOne(broker, topic("t"))).errorCode).toBe(0);
  await broker.background();
  expect(broker.logs).toMatchObject([{ level: "error", message: "could not open topic t" }]);
  expect(broker.logs[0]?.error).toContain("no such region");
});
