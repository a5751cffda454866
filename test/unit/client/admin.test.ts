import { beforeEach, describe, expect, it } from "vitest";
import { Admin } from "../../../src/client/admin.ts";
import { AdminError, ErrorCode, KafkaError } from "../../../src/client/errors.ts";
import { listOffsetsApi } from "../../../src/protocol/api/02-list-offsets.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import {
  type CreateTopicsRequest,
  createTopicsApi,
} from "../../../src/protocol/api/19-create-topics.ts";
import {
  type DeleteTopicsRequest,
  deleteTopicsApi,
} from "../../../src/protocol/api/20-delete-topics.ts";
import {
  type DeleteRecordsRequest,
  deleteRecordsApi,
} from "../../../src/protocol/api/21-delete-records.ts";
import {
  type CreatePartitionsRequest,
  createPartitionsApi,
} from "../../../src/protocol/api/37-create-partitions.ts";
import {
  type ElectLeadersRequest,
  electLeadersApi,
} from "../../../src/protocol/api/43-elect-leaders.ts";
import {
  type AlterPartitionReassignmentsRequest,
  alterPartitionReassignmentsApi,
} from "../../../src/protocol/api/45-alter-partition-reassignments.ts";
import {
  type ListPartitionReassignmentsRequest,
  listPartitionReassignmentsApi,
} from "../../../src/protocol/api/46-list-partition-reassignments.ts";
import { describeClusterApi } from "../../../src/protocol/api/60-describe-cluster.ts";
import {
  type DescribeTopicPartitionsRequest,
  describeTopicPartitionsApi,
} from "../../../src/protocol/api/75-describe-topic-partitions.ts";
import { encodeRecordBatch } from "../../../src/protocol/record-batch.ts";
import { FakeBroker } from "./fake-broker.ts";
import { VirtualClock } from "./virtual-clock.ts";

let clock: VirtualClock;
let broker: FakeBroker;
let admin: Admin;

beforeEach(() => {
  clock = new VirtualClock();
  broker = new FakeBroker(clock);
  admin = new Admin(
    { "bootstrap.servers": "https://kedge.test", "default.api.timeout.ms": 5000 },
    { transport: broker, clock, random: () => 0.5 },
  );
});

/** Codes by name, taken one at a time; none left means success. */
function outcomes(codes: Record<string, number[]>): (name: string | null) => {
  name: string | null;
  errorCode: number;
  errorMessage: string | null;
} {
  return (name) => {
    const errorCode = codes[name ?? ""]?.shift() ?? 0;
    return { name, errorCode, errorMessage: errorCode === 0 ? null : `no ${name}` };
  };
}

async function failing(promise: Promise<unknown>): Promise<AdminError> {
  const error = await clock.run(promise).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AdminError);
  return error as AdminError;
}

describe("createTopics", () => {
  function serve(codes: Record<string, number[]> = {}): CreateTopicsRequest[] {
    const requests: CreateTopicsRequest[] = [];
    const outcome = outcomes(codes);
    broker.other = (api, body) => {
      expect(api).toBe(createTopicsApi);
      requests.push(body as CreateTopicsRequest);
      const topics = (body as CreateTopicsRequest).topics.map(({ name, numPartitions }) => ({
        ...outcome(name),
        numPartitions: numPartitions < 0 ? 3 : numPartitions,
        replicationFactor: 1,
        configs: [
          {
            name: "retention.ms",
            value: "5",
            readOnly: false,
            configSource: 1,
            isSensitive: false,
          },
        ],
      }));
      return { topics };
    };
    return requests;
  }

  it("tells what was made", async () => {
    const requests = serve();
    const created = await clock.run(
      admin.createTopics([
        { name: "a", numPartitions: 6, replicationFactor: 2, configs: { "retention.ms": "5" } },
        { name: "b" },
        { name: "c", assignments: [[1, 2], [2]] },
      ]),
    );
    expect(created).toMatchObject([
      { name: "a", numPartitions: 6, replicationFactor: 1, configs: { "retention.ms": "5" } },
      { name: "b", numPartitions: 3 },
      { name: "c" },
    ]);
    expect(requests[0]?.topics).toMatchObject([
      { numPartitions: 6, replicationFactor: 2, configs: [{ name: "retention.ms", value: "5" }] },
      { numPartitions: -1, replicationFactor: -1, assignments: [] },
      {
        numPartitions: -1,
        replicationFactor: -1,
        assignments: [
          { partitionIndex: 0, brokerIds: [1, 2] },
          { partitionIndex: 1, brokerIds: [2] },
        ],
      },
    ]);
  });

  it("names what failed", async () => {
    serve({ a: [ErrorCode.TOPIC_ALREADY_EXISTS], c: [ErrorCode.INVALID_TOPIC_EXCEPTION] });
    const error = await failing(
      admin.createTopics([{ name: "a" }, { name: "b" }, { name: "c" }], { validateOnly: true }),
    );
    expect(error.code).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    expect(error.message).toBe("a: no a; c: no c");
    expect(error.failures.map(({ name, error: { code } }) => [name, code])).toEqual([
      ["a", 36],
      ["c", 17],
    ]);
  });

  it("asks again only for those whose error may go away", async () => {
    const requests = serve({ b: [ErrorCode.NOT_CONTROLLER, ErrorCode.THROTTLING_QUOTA_EXCEEDED] });
    await clock.run(admin.createTopics([{ name: "a" }, { name: "b" }]));
    expect(requests.map(({ topics }) => topics.map(({ name }) => name))).toEqual([
      ["a", "b"],
      ["b"],
      ["b"],
    ]);
  });

  it("gives up after the time given, with the last error", async () => {
    serve({ a: new Array(100).fill(ErrorCode.NOT_CONTROLLER) });
    const before = clock.now();
    const error = await failing(admin.createTopics([{ name: "a" }], { timeoutMs: 1500 }));
    expect(error.code).toBe(ErrorCode.NOT_CONTROLLER);
    expect(clock.now() - before).toBeLessThanOrEqual(1500);
  });

  it("survives a lost request, and says so when none gets through", async () => {
    serve();
    broker.meddle = ({ api, nth }) =>
      api === createTopicsApi && nth === 1 ? { lost: true } : undefined;
    await clock.run(admin.createTopics([{ name: "a" }]));
    broker.meddle = ({ api }) => (api === createTopicsApi ? { lost: true } : undefined);
    await expect(clock.run(admin.createTopics([{ name: "a" }]))).rejects.toThrow(
      /creating topics did not succeed within 5000 ms: .*connection reset/,
    );
  });
});

it("deleteTopics names topics, and what failed", async () => {
  const requests: DeleteTopicsRequest[] = [];
  const outcome = outcomes({ b: [ErrorCode.TOPIC_AUTHORIZATION_FAILED] });
  broker.other = (api, body) => {
    expect(api).toBe(deleteTopicsApi);
    requests.push(body as DeleteTopicsRequest);
    return { responses: (body as DeleteTopicsRequest).topics.map(({ name }) => outcome(name)) };
  };
  const error = await failing(admin.deleteTopics(["a", "b"]));
  expect(error.failures.map(({ name }) => name)).toEqual(["b"]);
  expect(requests[0]?.topics.map(({ name }) => name)).toEqual(["a", "b"]);
});

it("createPartitions says how many there shall be", async () => {
  const requests: CreatePartitionsRequest[] = [];
  broker.other = (api, body) => {
    expect(api).toBe(createPartitionsApi);
    requests.push(body as CreatePartitionsRequest);
    return { results: [{ name: "a", errorCode: 0, errorMessage: null }] };
  };
  await clock.run(admin.createPartitions([{ name: "a", count: 12 }]));
  expect(requests[0]?.topics).toEqual([{ name: "a", count: 12, assignments: null }]);
});

it("deleteRecords answers with the new beginnings, in the order asked for", async () => {
  broker.other = (api, body) => {
    expect(api).toBe(deleteRecordsApi);
    return {
      topics: (body as DeleteRecordsRequest).topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, offset }) => ({
          partitionIndex,
          lowWatermark: offset,
          errorCode: partitionIndex === 9 ? ErrorCode.OFFSET_OUT_OF_RANGE : 0,
        })),
      })),
    };
  };
  const before = [
    { topic: "b", partition: 1, offset: 5 },
    { topic: "a", partition: 0, offset: 7 },
    { topic: "b", partition: 0, offset: 9 },
  ];
  expect((await clock.run(admin.deleteRecords(before))).map((r) => r.lowWatermark)).toEqual([
    5, 7, 9,
  ]);
  const error = await failing(admin.deleteRecords([{ topic: "a", partition: 9, offset: 1 }]));
  expect(error.failures[0]?.name).toBe("a-9");
});

describe("listTopics and describeTopics", () => {
  beforeEach(() => {
    broker.createTopic("b", 1);
    broker.createTopic("a", 2);
  });

  it("lists by name", async () => {
    expect((await clock.run(admin.listTopics())).map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("describes in pages", async () => {
    const requests: DescribeTopicPartitionsRequest[] = [];
    const partition = (partitionIndex: number) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: partitionIndex === 0 ? -1 : 2,
      leaderEpoch: 3,
      replicaNodes: [2, 1],
      isrNodes: [2],
      eligibleLeaderReplicas: null,
      lastKnownElr: null,
      offlineReplicas: [],
    });
    broker.other = (api, body) => {
      expect(api).toBe(describeTopicPartitionsApi);
      const request = body as DescribeTopicPartitionsRequest;
      requests.push(request);
      const page = request.cursor?.partitionIndex ?? 0;
      const topic = { errorCode: 0, name: "a", topicId: undefined, isInternal: false };
      const more = page < 2;
      return {
        topics: [{ ...topic, partitions: [partition(page)] }],
        nextCursor: more ? { topicName: "a", partitionIndex: page + 1 } : null,
      };
    };
    const [a] = await clock.run(admin.describeTopics(["a"]));
    expect(requests.map(({ cursor }) => cursor?.partitionIndex ?? null)).toEqual([null, 1, 2]);
    expect(a?.partitions.map(({ partition: p, leader }) => [p, leader])).toEqual([
      [0, null],
      [1, 2],
      [2, 2],
    ]);
    expect(a?.partitions[1]).toMatchObject({ replicas: [2, 1], isr: [2], leaderEpoch: 3 });
  });

  it("falls back to Metadata, and names what is not there", async () => {
    broker.versions.delete(describeTopicPartitionsApi.key);
    const described = await clock.run(admin.describeTopics(["b", "a"]));
    expect(described.map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ["b", 1],
      ["a", 2],
    ]);
    const error = await failing(admin.describeTopics(["a", "nowhere"]));
    expect(error.failures.map(({ name }) => name)).toEqual(["nowhere"]);
    expect(error.code).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

describe("listOffsets", () => {
  beforeEach(() => {
    const { partitions } = broker.createTopic("t", 2);
    const record = (timestamp: number) => ({ timestamp, key: null, value: null });
    partitions[0]?.append(encodeRecordBatch({ records: [record(10), record(30), record(20)] }));
  });

  const of = (spec: Parameters<Admin["listOffsets"]>[0][number]["spec"], partition = 0) => ({
    topic: "t",
    partition,
    spec,
  });

  it("knows the ends, times, and the newest record", async () => {
    const results = await clock.run(
      admin.listOffsets([
        of("latest"),
        of("earliest", 1),
        of("earliest"),
        of("max-timestamp"),
        of({ timestamp: 15 }),
        of({ timestamp: 99 }),
      ]),
    );
    expect(results.map(({ offset }) => offset)).toEqual([3, 0, 0, 1, 1, -1]);
    expect(results[3]?.timestamp).toBe(30);
  });

  it("names partitions that are not there", async () => {
    const error = await failing(
      admin.listOffsets([of("latest"), of("latest", 5)], { timeoutMs: 500 }),
    );
    expect(error.failures.map(({ name }) => name)).toEqual(["t-5"]);
  });

  it("says when the server is too old", async () => {
    broker.versions.set(listOffsetsApi.key, [1, 6]);
    await expect(clock.run(admin.listOffsets([of("max-timestamp")]))).rejects.toThrow(
      /ListOffsets up to version 6, this offset needs 7/,
    );
  });
});

it("describeCluster names nodes and the controller", async () => {
  broker.other = (api) => {
    expect(api).toBe(describeClusterApi);
    return {
      errorCode: 0,
      errorMessage: null,
      clusterId: "c",
      controllerId: 2,
      brokers: [
        { brokerId: 1, host: "h", port: 1, rack: null, isFenced: false },
        { brokerId: 2, host: "i", port: 2, rack: "weur", isFenced: false },
      ],
    };
  };
  expect(await clock.run(admin.describeCluster())).toEqual({
    clusterId: "c",
    controller: { id: 2, host: "i", port: 2, rack: "weur", isFenced: false },
    nodes: [
      { id: 1, host: "h", port: 1, rack: null, isFenced: false },
      { id: 2, host: "i", port: 2, rack: "weur", isFenced: false },
    ],
  });
});

it("apiVersions names what it knows", async () => {
  broker.versions.set(999, [0, 1]);
  const versions = await clock.run(admin.apiVersions());
  expect(versions.find(({ apiKey }) => apiKey === 3)).toEqual({
    apiKey: 3,
    name: "Metadata",
    minVersion: metadataApi.versions[0],
    maxVersion: metadataApi.versions[1],
  });
  expect(versions.at(-1)).toEqual({ apiKey: 999, name: null, minVersion: 0, maxVersion: 1 });
});

it("says when there is no common version", async () => {
  broker.versions.set(metadataApi.key, [50, 60]);
  const error = await clock.run(admin.listTopics()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KafkaError);
  expect(String(error)).toMatch(/speaks Metadata 50 to 60, this client 0 to 13/);
});

describe("elections and moves of replicas", () => {
  it("electLeaders tells each partition's outcome, and asks for all with null", async () => {
    const asked: unknown[] = [];
    broker.other = (api, request) => {
      expect(api).toBe(electLeadersApi);
      const { electionType, topicPartitions } = request as ElectLeadersRequest;
      asked.push([electionType, topicPartitions]);
      const done = { partitionId: 0, errorCode: 0, errorMessage: null };
      const refused = { partitionId: 1, errorCode: 84, errorMessage: "not needed" };
      return {
        errorCode: 0,
        replicaElectionResults: [{ topic: "t", partitionResult: [done, refused] }],
      };
    };
    const outcomes = await clock.run(
      admin.electLeaders("preferred", [
        { topic: "t", partition: 0 },
        { topic: "t", partition: 1 },
      ]),
    );
    expect(outcomes.map(({ partition, error }) => [partition, error?.code ?? null])).toEqual([
      [0, null],
      [1, ErrorCode.ELECTION_NOT_NEEDED],
    ]);
    await clock.run(admin.electLeaders("unclean", null));
    expect(asked).toEqual([
      [0, [{ topic: "t", partitions: [0, 1] }]],
      [1, null],
    ]);
  });

  it("alterPartitionReassignments names what was refused", async () => {
    broker.other = (api, request) => {
      expect(api).toBe(alterPartitionReassignmentsApi);
      const { topics } = request as AlterPartitionReassignmentsRequest;
      return {
        errorCode: 0,
        errorMessage: null,
        responses: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex, replicas }) => ({
            ...{ partitionIndex, errorCode: replicas === null ? 85 : 0 },
            errorMessage: replicas === null ? "nothing to cancel" : null,
          })),
        })),
      };
    };
    const moves = [
      { topic: "t", partition: 0, replicas: [2, 1] },
      { topic: "u", partition: 3, replicas: null },
    ];
    const { failures } = await failing(admin.alterPartitionReassignments(moves));
    expect(failures.map(({ name, error }) => [name, error.code, error.message])).toEqual([
      ["u-3", ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, "nothing to cancel"],
    ]);
  });

  it("listPartitionReassignments lists those of some partitions, or of all", async () => {
    const asked: unknown[] = [];
    const replicas = { replicas: [1, 2, 3], addingReplicas: [3], removingReplicas: [] };
    broker.other = (api, request) => {
      expect(api).toBe(listPartitionReassignmentsApi);
      asked.push((request as ListPartitionReassignmentsRequest).topics);
      const topics = [{ name: "t", partitions: [{ partitionIndex: 4, ...replicas }] }];
      return { errorCode: 0, errorMessage: null, topics };
    };
    const some = admin.listPartitionReassignments([{ topic: "t", partition: 4 }]);
    expect(await clock.run(some)).toEqual([{ topic: "t", partition: 4, ...replicas }]);
    await clock.run(admin.listPartitionReassignments());
    expect(asked).toEqual([[{ name: "t", partitionIndexes: [4] }], null]);
  });
});
