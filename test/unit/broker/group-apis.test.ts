/** The handlers of the group APIs: what they ask of which coordinator, and where errors go by version. */
import { describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { coordinatorPartition } from "../../../src/cluster/internal-topics.ts";
import { GROUP_MEMBER_METADATA_BYTES_MAX } from "../../../src/constants.ts";
import type { GroupReply } from "../../../src/group/messages.ts";
import { findCoordinatorApi } from "../../../src/protocol/api/10-find-coordinator.ts";
import { joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { heartbeatApi } from "../../../src/protocol/api/12-heartbeat.ts";
import { leaveGroupApi } from "../../../src/protocol/api/13-leave-group.ts";
import { syncGroupApi } from "../../../src/protocol/api/14-sync-group.ts";
import { describeGroupsApi } from "../../../src/protocol/api/15-describe-groups.ts";
import { listGroupsApi } from "../../../src/protocol/api/16-list-groups.ts";
import { deleteGroupsApi } from "../../../src/protocol/api/42-delete-groups.ts";
import { consumerGroupHeartbeatApi } from "../../../src/protocol/api/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribeApi } from "../../../src/protocol/api/69-consumer-group-describe.ts";
import { ErrorCode, KafkaError } from "../../../src/protocol/errors.ts";
import {
  type BrokerUnderTest,
  brokerUnderTest,
  withMethods,
} from "../../support/broker-context.ts";

const { COORDINATOR_NOT_AVAILABLE, INVALID_REQUEST, NONE, NOT_COORDINATOR } = ErrorCode;
const PARTITIONS = 50;
const EMPTY = new Uint8Array(0);
const JOIN = {
  ...{ groupId: "g", sessionTimeoutMs: 10_000, memberId: "m", protocolType: "consumer" },
  protocols: [{ name: "range", metadata: EMPTY }],
};

function answering(answer: GroupReply): BrokerUnderTest {
  const broker = brokerUnderTest();
  broker.groups.answer = () => answer;
  return broker;
}

const failing = (errorCode: number) => answering({ api: "failed", errorCode });

/** Nothing can be read from the catalogue. */
const withoutCatalogue = () =>
  brokerUnderTest({
    wrap: (catalogue) =>
      withMethods(catalogue, {
        topicsById: async () => {
          throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, "D1 is away");
        },
      }),
  });

describe("FindCoordinator", () => {
  const at = (broker: BrokerUnderTest) => ({
    ...broker.ctx,
    advertised: (brokerId: number) => ({ host: `broker-${brokerId}`, port: 9_000 + brokerId }),
  });

  test("names the leader of the group's partition by its own address, one key or many", async () => {
    const broker = brokerUnderTest();
    const ctx = at(broker);
    const one = await call(ctx, findCoordinatorApi, { key: "g" }, { version: 0 });
    const [topic] = (await broker.catalogue.topics("kedge", ["__consumer_offsets"])).values();
    const leader = topic?.partitions[coordinatorPartition("g", PARTITIONS)]?.leader ?? -1;
    const address = { nodeId: leader, host: `broker-${leader}`, port: 9_000 + leader };
    expect(one).toMatchObject({ errorCode: NONE, ...address });
    const coordinatorKeys = ["g", "h"];
    const many = await call(ctx, findCoordinatorApi, { coordinatorKeys }, { version: 4 });
    expect(many.coordinators.map(({ key }) => key)).toEqual(["g", "h"]);
    expect(many.coordinators[0]).toMatchObject({ errorCode: NONE, errorMessage: null, ...address });
  });

  test("15 while the partition's leader is on no live broker", async () => {
    const broker = brokerUnderTest();
    await call(broker.ctx, findCoordinatorApi, { key: "g" }, { version: 3 });
    for (const brokerId of [1, 2, 3]) {
      await broker.catalogue.setBrokerFenced("kedge", brokerId, true, { force: true });
    }
    const found = await call(broker.ctx, findCoordinatorApi, { key: "g" }, { version: 3 });
    expect(found).toMatchObject({ errorCode: COORDINATOR_NOT_AVAILABLE, nodeId: -1, port: -1 });
  });

  test.each([
    [1, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
    [2, INVALID_REQUEST],
    [9, INVALID_REQUEST],
  ])("key type %i is refused with %i", async (keyType, code) => {
    const { ctx, catalogue } = brokerUnderTest();
    const one = await call(ctx, findCoordinatorApi, { key: "t", keyType }, { version: 1 });
    expect(one).toMatchObject({ errorCode: code, nodeId: -1 });
    const batch = { coordinatorKeys: ["t"], keyType };
    const many = await call(ctx, findCoordinatorApi, batch, { version: 6 });
    expect(many.coordinators).toMatchObject([{ key: "t", errorCode: code, nodeId: -1 }]);
    expect(await catalogue.listTopics("kedge")).toEqual([]);
  });

  test("15 when the catalogue does not answer: clients ask again", async () => {
    const { ctx } = withoutCatalogue();
    const found = await call(ctx, findCoordinatorApi, { coordinatorKeys: ["g"] }, { version: 4 });
    expect(found.coordinators).toMatchObject([{ errorCode: COORDINATOR_NOT_AVAILABLE }]);
  });
});

describe("JoinGroup", () => {
  const body = { errorCode: NONE, leader: "m", memberId: "m", members: [], generationId: 3 };

  test("goes to the group's coordinator with who asks and a UUID for a member id", async () => {
    const broker = answering({ api: "joinGroup", body: { ...body, protocolName: "range" } });
    const ctx = { ...broker.ctx, clientHost: "/192.0.2.1" };
    const answer = await call(ctx, joinGroupApi, JOIN, { version: 5, clientId: "me" });
    expect(answer).toMatchObject({ ...body, protocolName: "range" });
    const [asked] = broker.groups.asked;
    expect(asked?.partition).toBe(coordinatorPartition("g", PARTITIONS));
    expect(asked?.leaderEpoch).toBe(0);
    expect(asked?.client).toMatchObject({
      ...{ clientId: "me", clientHost: "/192.0.2.1", apiVersion: 5 },
      uuid: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ),
    });
    expect(asked?.request).toMatchObject({ api: "joinGroup", body: { memberId: "m" } });
  });

  test.each([
    [6, ""],
    [7, null],
  ])("version %i says that there is no protocol with %j", async (version, protocolName) => {
    const { ctx } = answering({ api: "joinGroup", body: { ...body, protocolName: null } });
    expect(await call(ctx, joinGroupApi, JOIN, { version })).toMatchObject({ protocolName });
  });

  test("too much metadata is 42, and no coordinator hears of it", async () => {
    const { ctx, groups } = brokerUnderTest();
    const metadata = new Uint8Array(GROUP_MEMBER_METADATA_BYTES_MAX);
    const answer = await call(ctx, joinGroupApi, { ...JOIN, protocols: [{ name: "r", metadata }] });
    expect(answer).toMatchObject({ errorCode: INVALID_REQUEST, memberId: "m", generationId: -1 });
    expect(groups.asked).toEqual([]);
  });

  test("without a coordinator or a catalogue it is 15", async () => {
    const code = { errorCode: COORDINATOR_NOT_AVAILABLE, memberId: "m", generationId: -1 };
    for (const { ctx } of [failing(COORDINATOR_NOT_AVAILABLE), withoutCatalogue()]) {
      expect(await call(ctx, joinGroupApi, JOIN)).toMatchObject(code);
    }
  });
});

describe("SyncGroup", () => {
  const request = { groupId: "g", generationId: 1, memberId: "m", assignments: [] };

  test.each([
    [{ protocolType: null, protocolName: "range" }],
    [{ protocolType: "consumer", protocolName: null }],
  ])("from 5 on 23 with %j", async (named) => {
    const body = { errorCode: NONE, assignment: EMPTY };
    const { ctx, groups } = answering({ api: "syncGroup", body });
    const answer = await call(ctx, syncGroupApi, { ...request, ...named }, { version: 5 });
    expect(answer.errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(groups.asked).toEqual([]);
    expect((await call(ctx, syncGroupApi, request, { version: 4 })).errorCode).toBe(NONE);
  });
});

test("Heartbeat and LeaveGroup hand over what the coordinator says", async () => {
  const beat = { groupId: "g", generationId: 1, memberId: "m" };
  const alive = answering({ api: "heartbeat", body: { errorCode: 27 } });
  expect(await call(alive.ctx, heartbeatApi, beat)).toMatchObject({ errorCode: 27 });
  expect(alive.groups.asked[0]?.client.uuid).toBe("");
  expect(await call(failing(NOT_COORDINATOR).ctx, heartbeatApi, beat)).toMatchObject({
    errorCode: NOT_COORDINATOR,
  });
  const members = [{ memberId: "m", groupInstanceId: null, errorCode: 25 }];
  const gone = answering({ api: "leaveGroup", body: { errorCode: NONE, members } });
  const answer = await call(gone.ctx, leaveGroupApi, { groupId: "g", members: [] });
  expect(answer).toMatchObject({ errorCode: NONE, members });
});

describe("DescribeGroups and ConsumerGroupDescribe", () => {
  /** Describes whatever it is asked for, but for "lost". */
  function describing(): BrokerUnderTest {
    const broker = brokerUnderTest();
    broker.groups.answer = ({ request }) => {
      if (request.api !== "describeGroups") return { api: "failed", errorCode: NOT_COORDINATOR };
      const groups = request.body.groups.map((groupId) => ({
        ...{ groupId, errorCode: groupId === "unknown" ? 69 : NONE, groupState: "Stable" },
        ...{ protocolType: "consumer", protocolData: "range", members: [] },
      }));
      return { api: "describeGroups", body: { groups } };
    };
    return broker;
  }

  test("each group by its coordinator, each coordinator once, in the order asked", async () => {
    const { ctx, groups } = describing();
    const asked = ["a", "b", "c", "a"];
    const answer = await call(ctx, describeGroupsApi, { groups: asked });
    expect(answer.groups.map(({ groupId }) => groupId)).toEqual(asked);
    const partitions = groups.asked.map(({ partition }) => partition).toSorted();
    expect(partitions).toEqual(
      [...new Set(asked.map((id) => coordinatorPartition(id, PARTITIONS)))].toSorted(),
    );
  });

  test("operations are named when they are asked for and the group is there", async () => {
    const { ctx } = describing();
    const request = { groups: ["a", "unknown"], includeAuthorizedOperations: true };
    const { groups } = await call(ctx, describeGroupsApi, request);
    const READ_DELETE_DESCRIBE = (1 << 3) | (1 << 6) | (1 << 8);
    expect(groups.map((group) => group.authorizedOperations)).toEqual([
      READ_DELETE_DESCRIBE,
      -2147483648,
    ]);
  });

  test("a coordinator that cannot say is an error of its groups alone", async () => {
    const broker = describing();
    const { answer } = broker.groups;
    broker.groups.answer = (asked) =>
      asked.partition === coordinatorPartition("b", PARTITIONS)
        ? { api: "failed", errorCode: COORDINATOR_NOT_AVAILABLE }
        : answer(asked);
    const { groups } = await call(broker.ctx, describeGroupsApi, { groups: ["a", "b"] });
    expect(groups.map((group) => group.errorCode)).toEqual([NONE, COORDINATOR_NOT_AVAILABLE]);
    const ids = { groupIds: ["a"], includeAuthorizedOperations: false };
    const consumer = await call(broker.ctx, consumerGroupDescribeApi, ids);
    expect(consumer.groups).toMatchObject([{ groupId: "a", errorCode: NOT_COORDINATOR }]);
  });
});

describe("ListGroups", () => {
  const group = (groupId: string) => ({
    ...{ groupId, protocolType: "consumer", groupState: "Empty", groupType: "classic" },
  });

  async function listing(): Promise<BrokerUnderTest> {
    const broker = brokerUnderTest();
    await call(broker.ctx, findCoordinatorApi, { key: "g" }, { version: 3 });
    broker.groups.answer = ({ partition }) => ({
      api: "listGroups",
      body: { errorCode: NONE, groups: [group(`g${partition}`)] },
    });
    return broker;
  }

  test("nobody ever needed a coordinator: none, and no topic is made", async () => {
    const { ctx, catalogue } = brokerUnderTest();
    expect(await call(ctx, listGroupsApi, {})).toMatchObject({ errorCode: NONE, groups: [] });
    expect(await catalogue.listTopics("kedge")).toEqual([]);
  });

  test("over HTTP all; at a broker's own address those that it coordinates", async () => {
    const broker = await listing();
    const all = await call(broker.ctx, listGroupsApi, {});
    expect(all.groups).toHaveLength(PARTITIONS);
    const lists = [1, 2, 3].map(async (brokerId) => {
      const { groups } = await call({ ...broker.ctx, brokerId }, listGroupsApi, {});
      return groups.map(({ groupId }) => groupId);
    });
    const each = await Promise.all(lists);
    expect(each.every((ids) => ids.length > 0 && ids.length < PARTITIONS)).toBe(true);
    expect(each.flat().toSorted()).toEqual(all.groups.map((g) => g.groupId).toSorted());
  });

  test("what one coordinator cannot say is an error beside the others' groups", async () => {
    const broker = await listing();
    const { answer } = broker.groups;
    broker.groups.answer = (asked) =>
      asked.partition === 7 ? { api: "failed", errorCode: 15 } : answer(asked);
    const { errorCode, groups } = await call(broker.ctx, listGroupsApi, {});
    expect([errorCode, groups.length]).toEqual([COORDINATOR_NOT_AVAILABLE, PARTITIONS - 1]);
  });
});

test("DeleteGroups answers for each group in the order asked", async () => {
  const broker = brokerUnderTest();
  broker.groups.answer = ({ request }) => ({
    api: "deleteGroups",
    body:
      request.api === "deleteGroups"
        ? request.body.groups.map((groupId) => ({ groupId, errorCode: groupId === "b" ? 68 : 0 }))
        : [],
  });
  const { results } = await call(broker.ctx, deleteGroupsApi, { groupsNames: ["c", "b", "a"] });
  expect(results).toEqual([
    { groupId: "c", errorCode: 0 },
    { groupId: "b", errorCode: 68 },
    { groupId: "a", errorCode: 0 },
  ]);
});

describe("ConsumerGroupHeartbeat", () => {
  const request = {
    ...{ groupId: "g", memberId: "m", memberEpoch: 0, rebalanceTimeoutMs: 1_000 },
    ...{ subscribedTopicNames: ["t"], topicPartitions: [] },
  };

  test("is answered by the coordinator, or with its code", async () => {
    const body = { errorCode: NONE, memberId: "m", memberEpoch: 1, heartbeatIntervalMs: 5_000 };
    const { ctx } = answering({ api: "consumerGroupHeartbeat", body });
    expect(await call(ctx, consumerGroupHeartbeatApi, request)).toMatchObject(body);
    const lost = await call(failing(15).ctx, consumerGroupHeartbeatApi, request);
    expect(lost).toMatchObject({ errorCode: 15, memberId: null, assignment: null });
  });

  test("a subscription that is too large is 42, and says how large", async () => {
    const { ctx, groups } = brokerUnderTest();
    const subscribedTopicRegex = "x".repeat(GROUP_MEMBER_METADATA_BYTES_MAX + 1);
    const asked = { ...request, subscribedTopicRegex };
    const answer = await call(ctx, consumerGroupHeartbeatApi, asked, { version: 1 });
    expect(answer.errorCode).toBe(INVALID_REQUEST);
    expect(answer.errorMessage).toContain(String(GROUP_MEMBER_METADATA_BYTES_MAX));
    expect(groups.asked).toEqual([]);
  });
});
