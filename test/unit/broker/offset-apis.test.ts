/** OffsetCommit, OffsetFetch and OffsetDelete: topics by name and by id, and where errors go by version. */
import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { newTopicId } from "../../../src/cluster/topic-id.ts";
import type { FetchedOffsets, GroupReply, GroupRequest } from "../../../src/group/messages.ts";
import { ZERO_UUID } from "../../../src/lib/uuid.ts";
import { offsetCommitApi } from "../../../src/protocol/api/08-offset-commit.ts";
import { offsetFetchApi } from "../../../src/protocol/api/09-offset-fetch.ts";
import { offsetDeleteApi } from "../../../src/protocol/api/47-offset-delete.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

const { COORDINATOR_NOT_AVAILABLE, NONE, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;

async function stored({ catalogue }: BrokerUnderTest, name: string, count = 2): Promise<string> {
  const state = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], isr: [1] };
  const partitions = Array.from({ length: count }, (_, partition) => ({ partition, ...state }));
  const topicId = newTopicId(Math.random);
  await catalogue.createTopic("kedge", { name, topicId, internal: false, partitions, configs: {} });
  return topicId;
}

const BY = { groupId: "g", memberId: "m" };

const offset = (partitionIndex: number, committedOffset = 5) => ({
  ...{ partitionIndex, committedOffset, committedMetadata: "" },
});

/** A coordinator that takes every commit with `errorCode`, and of which every offset is 5. */
function keeping(errorCode: number = NONE): BrokerUnderTest {
  const broker = brokerUnderTest();
  broker.groups.answer = ({ request }) => reply(request, errorCode);
  return broker;
}

function reply(request: GroupRequest, errorCode: number): GroupReply {
  if (request.api === "offsetCommit") {
    const topics = request.body.topics.map(({ name, topicId, partitions }) => ({
      ...{ name, topicId },
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    }));
    return { api: "offsetCommit", body: { topics } };
  }
  if (request.api === "offsetFetch") {
    const asked = request.body.topics ?? [
      { name: "a", partitionIndexes: [0] },
      { name: "gone", partitionIndexes: [0] },
    ];
    const topics = errorCode === NONE ? asked.map(fetched) : [];
    return { api: "offsetFetch", body: { errorCode, topics } };
  }
  if (request.api !== "offsetDelete") throw new Error(`nobody asks for ${request.api} here`);
  const topics = request.body.topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: NONE })),
  }));
  return { api: "offsetDelete", body: { errorCode, topics } };
}

function fetched({
  name,
  partitionIndexes,
}: {
  name: string;
  partitionIndexes: readonly number[];
}) {
  const partitions = partitionIndexes.map((partitionIndex) => ({
    ...{ partitionIndex, committedOffset: 5, committedLeaderEpoch: 2, metadata: "m" },
    errorCode: NONE,
  }));
  return { name, partitions } satisfies FetchedOffsets["topics"][number];
}

describe("OffsetCommit", () => {
  const codes = (topics: readonly { partitions: readonly { errorCode: number }[] }[]) =>
    topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));

  test("what does not exist is 3, the rest is the coordinator's, in the order asked", async () => {
    const broker = keeping(22);
    await stored(broker, "a");
    const topics = [
      { name: "unknown", partitions: [offset(0)] },
      { name: "a", partitions: [offset(1), offset(2), offset(0)] },
    ];
    const answer = await call(broker.ctx, offsetCommitApi, { ...BY, topics }, { version: 9 });
    expect(answer.topics.map(({ name }) => name)).toEqual(["unknown", "a"]);
    expect(codes(answer.topics)).toEqual([
      [UNKNOWN_TOPIC_OR_PARTITION],
      [22, UNKNOWN_TOPIC_OR_PARTITION, 22],
    ]);
    const [asked] = broker.groups.asked;
    expect(asked?.request.body).toMatchObject({
      topics: [{ name: "a", partitions: [offset(1), offset(0)] }],
    });
  });

  test("nothing that exists: no coordinator is asked; nothing at all: it is", async () => {
    const broker = keeping();
    const topics = [{ name: "unknown", partitions: [offset(0)] }];
    await call(broker.ctx, offsetCommitApi, { ...BY, topics }, { version: 8 });
    expect(broker.groups.asked).toEqual([]);
    await call(broker.ctx, offsetCommitApi, { ...BY, topics: [] }, { version: 8 });
    expect(broker.groups.asked).toHaveLength(1);
  });

  test("from 10 on topics have ids, and an unknown one is 100", async () => {
    const broker = keeping();
    const topicId = await stored(broker, "a");
    const other = newTopicId(Math.random);
    const topics = [
      { topicId, partitions: [offset(0), offset(9)] },
      { topicId: other, partitions: [offset(0)] },
    ];
    const answer = await call(broker.ctx, offsetCommitApi, { ...BY, topics });
    expect(answer.topics.map((topic) => topic.topicId)).toEqual([topicId, other]);
    expect(codes(answer.topics)).toEqual([[NONE, UNKNOWN_TOPIC_OR_PARTITION], [UNKNOWN_TOPIC_ID]]);
    expect(broker.groups.asked[0]?.request.body).toMatchObject({ topics: [{ name: "a" }] });
  });

  test("a topic that was made a moment ago is read anew", async () => {
    let reads = 0;
    const broker = brokerUnderTest({
      wrap: (catalogue) =>
        withMethods(catalogue, {
          topics: async (clusterId: string, names: readonly string[] | null) =>
            reads++ === 0 ? new Map() : catalogue.topics(clusterId, names),
        }),
    });
    broker.groups.answer = ({ request }) => reply(request, NONE);
    await stored(broker, "a");
    const topics = [{ name: "a", partitions: [offset(0)] }];
    const answer = await call(broker.ctx, offsetCommitApi, { ...BY, topics }, { version: 2 });
    expect(codes(answer.topics)).toEqual([[NONE]]);
  });

  test("without a coordinator or a catalogue every partition has the code", async () => {
    const lost = brokerUnderTest();
    await stored(lost, "a");
    const away = brokerUnderTest({
      wrap: (catalogue) =>
        withMethods(catalogue, {
          topics: async () => {
            throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "D1 is away");
          },
        }),
    });
    const topics = [{ name: "a", partitions: [offset(0), offset(1)] }];
    for (const { ctx } of [lost, away]) {
      const answer = await call(ctx, offsetCommitApi, { ...BY, topics }, { version: 5 });
      expect(codes(answer.topics)).toEqual([
        [COORDINATOR_NOT_AVAILABLE, COORDINATOR_NOT_AVAILABLE],
      ]);
    }
  });
});

describe("OffsetFetch", () => {
  const topics = [{ name: "a", partitionIndexes: [0, 1] }];
  const none = { committedOffset: -1, committedLeaderEpoch: -1, metadata: "" };

  test("1 to 7 are about one group", async () => {
    const { ctx, groups } = keeping();
    const answer = await call(ctx, offsetFetchApi, { groupId: "g", topics }, { version: 7 });
    expect(answer).toMatchObject({ errorCode: NONE, topics: [fetched(topics[0] ?? never())] });
    expect(groups.asked[0]?.request.body).toEqual({
      ...{ groupId: "g", memberId: null, memberEpoch: -1, topics },
    });
    const all = await call(ctx, offsetFetchApi, { groupId: "g", topics: null }, { version: 2 });
    expect(all.topics.map(({ name }) => name)).toEqual(["a", "gone"]);
  });

  test("an error of the group is said of each partition in 1, of the whole in 2 to 7", async () => {
    const { ctx } = keeping(24);
    const one = await call(ctx, offsetFetchApi, { groupId: "", topics }, { version: 1 });
    const partitions = [0, 1].map((at) => ({ partitionIndex: at, ...none, errorCode: 24 }));
    expect(one.topics).toEqual([{ name: "a", partitions }]);
    const seven = await call(ctx, offsetFetchApi, { groupId: "", topics }, { version: 7 });
    expect(seven).toMatchObject({ errorCode: 24, topics: [] });
  });

  test("8 and on are about many, each with an error of its own", async () => {
    const broker = brokerUnderTest();
    broker.groups.answer = ({ request }) =>
      request.api === "offsetFetch" && request.body.groupId === "bad"
        ? { api: "failed", errorCode: COORDINATOR_NOT_AVAILABLE }
        : reply(request, NONE);
    const groups = [
      { groupId: "bad", topics },
      { groupId: "good", memberId: "m", memberEpoch: 4, topics },
    ];
    const answer = await call(broker.ctx, offsetFetchApi, { groups }, { version: 9 });
    expect(answer.groups).toMatchObject([
      { groupId: "bad", errorCode: COORDINATOR_NOT_AVAILABLE, topics: [] },
      { groupId: "good", errorCode: NONE, topics: [fetched(topics[0] ?? never())] },
    ]);
    const asked = broker.groups.asked.find(({ request }) => request.api === "offsetFetch");
    expect(asked).toBeDefined();
    expect(broker.groups.asked.map(({ request }) => request.body)).toContainEqual({
      ...{ groupId: "good", memberId: "m", memberEpoch: 4 },
      topics: topics.map((topic) => ({ ...topic, topicId: ZERO_UUID })),
    });
  });

  test("10 names topics by id: an unknown one is 100, and one that is gone is not among all", async () => {
    const broker = keeping();
    const topicId = await stored(broker, "a");
    const other = newTopicId(Math.random);
    const byId = [
      { topicId: other, partitionIndexes: [3] },
      { topicId, partitionIndexes: [0] },
    ];
    const named = { groups: [{ groupId: "g", topics: byId }] };
    const { groups } = await call(broker.ctx, offsetFetchApi, named);
    expect(groups[0]?.topics).toMatchObject([
      { topicId: other, partitions: [{ partitionIndex: 3, ...none, errorCode: UNKNOWN_TOPIC_ID }] },
      { topicId, partitions: [{ partitionIndex: 0, committedOffset: 5, errorCode: NONE }] },
    ]);
    const all = await call(broker.ctx, offsetFetchApi, {
      groups: [{ groupId: "g", topics: null }],
    });
    expect(all.groups[0]?.topics.map((topic) => topic.topicId)).toEqual([topicId]);
  });
});

describe("OffsetDelete", () => {
  const partitions = [{ partitionIndex: 0 }];
  const request = {
    groupId: "g",
    topics: [
      { name: "unknown", partitions },
      { name: "a", partitions },
    ],
  };

  test("an unknown topic is 3, and the coordinator hears of the others", async () => {
    const broker = keeping();
    await stored(broker, "a");
    const answer = await call(broker.ctx, offsetDeleteApi, request);
    expect(answer.errorCode).toBe(NONE);
    expect(answer.topics).toEqual([
      { name: "a", partitions: [{ partitionIndex: 0, errorCode: NONE }] },
      {
        name: "unknown",
        partitions: [{ partitionIndex: 0, errorCode: UNKNOWN_TOPIC_OR_PARTITION }],
      },
    ]);
  });

  test("an error of the group is the whole answer", async () => {
    const broker = keeping(69);
    await stored(broker, "a");
    const answer = await call(broker.ctx, offsetDeleteApi, request);
    expect(answer).toMatchObject({ errorCode: 69, topics: [] });
  });
});

function never(): never {
  throw new Error("the list is not empty");
}
