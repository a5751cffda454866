import { beforeEach, describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { offsetCommitApi } from "../../../src/protocol/api/08-offset-commit.ts";
import { joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { syncGroupApi } from "../../../src/protocol/api/14-sync-group.ts";
import {
  encodeConsumerAssignment,
  encodeConsumerSubscription,
} from "../../../src/protocol/consumer-protocol.ts";
import { ORIGIN, RestWorld } from "../../support/rest-world.ts";

const C = "/v3/clusters/kedge/consumer-groups";
const URL_C = `${ORIGIN}${C}`;

interface Resource {
  kind: string;
  metadata: { self: string; resource_name: string };
  [field: string]: unknown;
}
interface List {
  kind: string;
  metadata: { self: string; next: null };
  data: Resource[];
}

let world: RestWorld;

beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("t", 2);
});

/** A member of KIP-848's protocol that has both partitions. */
async function member(group = "g", name = "m"): Promise<string> {
  const body = { topics: ["t"], timeout: 20, "auto.offset.reset": "earliest" };
  const path = `/consumers/${group}/instances/${name}/poll`;
  const type = "application/json";
  const polled = await world.request<{ member_id: string }>("POST", path, { body, type });
  expect(polled.status).toBe(200);
  return polled.body.member_id;
}

async function commit(group: string, offsets: Record<number, number>) {
  const partitions = Object.entries(offsets).map(([partition, committedOffset]) => ({
    ...{ partitionIndex: Number(partition), committedOffset },
  }));
  const request = { groupId: group, memberId: "", topics: [{ name: "t", partitions }] };
  const response = await call(world.context(), offsetCommitApi, request, { version: 9 });
  expect(response.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual(
    partitions.map(() => 0),
  );
}

async function produce(partition: number, count: number) {
  const records = Array.from({ length: count }, () => ({ value: 1 }));
  await world.request("POST", `/topics/t/partitions/${partition}`, {
    ...{ type: "application/vnd.kafka.json.v2+json", body: { records } },
  });
}

/** A member of the classic protocol with both partitions; its id. */
async function classicMember(group: string): Promise<string> {
  const ctx = world.context();
  const metadata = encodeConsumerSubscription({
    ...{ topics: ["t"], userData: null, ownedPartitions: [], generationId: -1, rackId: null },
  });
  const request = {
    ...{ groupId: group, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: "" },
    ...{ groupInstanceId: "static", protocolType: "consumer", reason: null },
    protocols: [{ name: "range", metadata }],
  };
  const { memberId, generationId } = await untilAnswered(call(ctx, joinGroupApi, request));
  const assignment = encodeConsumerAssignment({
    ...{ assignedPartitions: [{ topic: "t", partitions: [1, 0] }], userData: null },
  });
  await untilAnswered(
    call(ctx, syncGroupApi, {
      ...{ groupId: group, generationId, memberId, groupInstanceId: "static" },
      ...{ protocolType: "consumer", protocolName: "range" },
      assignments: [{ memberId, assignment }],
    }),
  );
  return memberId;
}

/** Lets the coordinator's time pass until it answers. */
async function untilAnswered<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const answered = promise.finally(() => {
    done = true;
  });
  for (let i = 0; !done && i < 100; i++) {
    world.nowMs += 200;
    await world.groups.tick();
  }
  return answered;
}

describe("consumer groups of REST v3", () => {
  test("REST30: the list has groups of both protocols, and those with offsets only", async () => {
    await member("consumers");
    await classicMember("classics");
    await commit("simple", { 0: 1 });
    const { body } = await world.get<List>(C);
    expect(body).toMatchObject({
      kind: "KafkaConsumerGroupList",
      metadata: { self: URL_C, next: null },
    });
    expect(
      body.data.map(({ consumer_group_id, type, state, is_simple }) => [
        ...[consumer_group_id, type, state, is_simple],
      ]),
    ).toEqual([
      ["classics", "CLASSIC", "STABLE", false],
      ["consumers", "CONSUMER", "STABLE", false],
      ["simple", "CLASSIC", "EMPTY", true],
    ]);
  });

  test("a group, with its links", async () => {
    await member();
    const { status, body } = await world.get<Resource>(`${C}/g`);
    expect(status).toBe(200);
    expect(body).toEqual({
      kind: "KafkaConsumerGroup",
      metadata: {
        self: `${URL_C}/g`,
        resource_name: "crn:///kafka=kedge/consumer-group=g",
      },
      cluster_id: "kedge",
      consumer_group_id: "g",
      is_simple: false,
      partition_assignor: "uniform",
      state: "STABLE",
      type: "CONSUMER",
      is_mixed_consumer_group: false,
      coordinator: { related: expect.stringMatching(/\/v3\/clusters\/kedge\/brokers\/\d$/) },
      consumers: { related: `${URL_C}/g/consumers` },
      lag_summary: { related: `${URL_C}/g/lag-summary` },
    });
    const cloud = await world.get<Resource>("/kafka/v3/clusters/kedge/consumer-groups/g");
    expect(cloud.body.metadata.self).toBe(`${ORIGIN}/kafka${C}/g`);
  });

  test("a group whose name has anything in it is found by its link", async () => {
    await member("a%2Fb%20%C3%A9");
    const { body } = await world.get<List>(C);
    const self = body.data[0]?.metadata.self ?? "";
    expect(self).toBe(`${URL_C}/a%2Fb%20%C3%A9`);
    expect((await world.get<Resource>(self)).body.consumer_group_id).toBe("a/b é");
  });

  test("members and their assignments", async () => {
    const id = await member();
    const consumers = await world.get<List>(`${C}/g/consumers`);
    const expected = {
      kind: "KafkaConsumer",
      metadata: {
        self: `${URL_C}/g/consumers/${id}`,
        resource_name: `crn:///kafka=kedge/consumer-group=g/consumer=${id}`,
      },
      cluster_id: "kedge",
      consumer_group_id: "g",
      consumer_id: id,
      instance_id: null,
      client_id: "m",
      assignments: { related: `${URL_C}/g/consumers/${id}/assignments` },
    };
    expect(consumers.body.data).toEqual([expected]);
    expect((await world.get(`${C}/g/consumers/${id}`)).body).toEqual(expected);
    const list = await world.get<List>(`${C}/g/consumers/${id}/assignments`);
    expect(list.body.kind).toBe("KafkaConsumerAssignmentList");
    expect(
      list.body.data.map(({ topic_name, partition_id }) => [topic_name, partition_id]),
    ).toEqual([
      ["t", 0],
      ["t", 1],
    ]);
    const one = list.body.data[1];
    expect(one).toMatchObject({
      kind: "KafkaConsumerAssignment",
      partition: { related: `${ORIGIN}/v3/clusters/kedge/topics/t/partitions/1` },
      lag: { related: `${URL_C}/g/lags/t/partitions/1` },
    });
    expect((await world.get(one?.metadata.self ?? "")).body).toEqual(one);
  });

  test("a classic member's assignment is read from what the leader gave it", async () => {
    const id = await classicMember("classics");
    const { body } = await world.get<List>(`${C}/classics/consumers`);
    expect(body.data).toMatchObject([{ consumer_id: id, instance_id: "static" }]);
    const list = await world.get<List>(`${C}/classics/consumers/${id}/assignments`);
    expect(list.body.data.map(({ partition_id }) => partition_id)).toEqual([0, 1]);
    const group = await world.get<Resource>(`${C}/classics`);
    expect(group.body).toMatchObject({ type: "CLASSIC", partition_assignor: "range" });
  });

  test("REST30: lags, the largest first, with who reads; and their sum", async () => {
    await produce(0, 3);
    await produce(1, 10);
    await commit("g", { 0: 1, 1: 4 });
    const idle = await world.get<List>(`${C}/g/lags`);
    expect(idle.body.data).toMatchObject([
      { partition_id: 1, current_offset: 4, log_end_offset: 10, lag: 6, consumer_id: "" },
      { partition_id: 0, current_offset: 1, log_end_offset: 3, lag: 2, consumer_id: "" },
    ]);
    const id = await member();
    const { body } = await world.get<List>(`${C}/g/lags`);
    expect(body.data[0]).toEqual({
      kind: "KafkaConsumerLag",
      metadata: {
        self: `${URL_C}/g/lags/t/partitions/1`,
        resource_name: "crn:///kafka=kedge/consumer-group=g/lag=t/partition=1",
      },
      ...{ cluster_id: "kedge", consumer_group_id: "g", topic_name: "t", partition_id: 1 },
      ...{ consumer_id: id, instance_id: null, client_id: "m" },
      ...{ current_offset: 4, log_end_offset: 10, lag: 6 },
    });
    expect((await world.get(`${C}/g/lags/t/partitions/1`)).body).toEqual(body.data[0]);
    const summary = await world.get<Resource>(`${C}/g/lag-summary`);
    expect(summary.body).toEqual({
      kind: "KafkaConsumerGroupLagSummary",
      metadata: {
        self: `${URL_C}/g/lag-summary`,
        resource_name: "crn:///kafka=kedge/consumer-group=g/lag-summary",
      },
      ...{ cluster_id: "kedge", consumer_group_id: "g" },
      ...{ max_lag_consumer_id: id, max_lag_instance_id: null, max_lag_client_id: "m" },
      ...{ max_lag_topic_name: "t", max_lag_partition_id: 1, max_lag: 6, total_lag: 8 },
      max_lag_consumer: { related: `${URL_C}/g/consumers/${id}` },
      max_lag_partition: { related: `${ORIGIN}/v3/clusters/kedge/topics/t/partitions/1` },
    });
  });

  test("a partition of a deleted topic has no lag, and the rest is shown", async () => {
    await world.createTopic("u");
    await produce(0, 2);
    await commit("g", { 0: 0 });
    const request = {
      ...{ groupId: "g", memberId: "" },
      topics: [{ name: "u", partitions: [{ partitionIndex: 0, committedOffset: 0 }] }],
    };
    await call(world.context(), offsetCommitApi, request, { version: 9 });
    await world.catalogue.deleteTopic("kedge", "u", await topicId("u"));
    const { body } = await world.get<List>(`${C}/g/lags`);
    expect(body.data.map(({ topic_name }) => topic_name)).toEqual(["t"]);
  });

  async function topicId(name: string): Promise<string> {
    return (await world.catalogue.topics("kedge", [name])).get(name)?.topicId ?? "";
  }

  test.each([
    ["", "/v3/clusters/other/consumer-groups", 404],
    ["group", `${C}/nobody`, 404],
    ["group", `${C}/nobody/consumers`, 404],
    ["group", `${C}/nobody/lags`, 404],
    ["group", `${C}/nobody/lag-summary`, 404],
    ["consumer", `${C}/g/consumers/nobody`, 404],
    ["consumer", `${C}/g/consumers/nobody/assignments`, 404],
    ["offset", `${C}/g/lags/t/partitions/7`, 404],
    ["offset", `${C}/g/lags/t/partitions/x`, 404],
  ])("a %s that is not there: %s", async (_what, path, status) => {
    await commit("g", { 0: 0 });
    const answer = await world.get<{ error_code: number; message: string }>(path);
    expect([answer.status, answer.body.error_code]).toEqual([status, status]);
  });

  test("a partition that a member does not have, and a group without offsets", async () => {
    const id = await member("g", "m");
    const path = `${C}/g/consumers/${id}/assignments/t/partitions/9`;
    expect((await world.get<{ message: string }>(path)).body.message).toContain(
      "does not have t-9",
    );
    await classicMember("empty");
    const none = await world.get<{ message: string }>(`${C}/empty/lags`);
    expect([none.status, none.body.message]).toEqual([
      404,
      'HTTP 404 Not Found: group "empty" has no committed offsets',
    ]);
  });
});
