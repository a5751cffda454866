/** Every Kafka API as a closed service answers it: to whom it is allowed, and to whom it is not. */
import { beforeAll, describe, expect, test } from "vitest";
import { handlers } from "../../../src/broker/handlers.ts";
import { metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { offsetFetchApi } from "../../../src/protocol/api/09-offset-fetch.ts";
import { listGroupsApi } from "../../../src/protocol/api/16-list-groups.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { createTopicsApi } from "../../../src/protocol/api/19-create-topics.ts";
import { deleteTopicsApi } from "../../../src/protocol/api/20-delete-topics.ts";
import { describeClusterApi } from "../../../src/protocol/api/60-describe-cluster.ts";
import { consumerGroupHeartbeatApi } from "../../../src/protocol/api/68-consumer-group-heartbeat.ts";
import { describeTopicPartitionsApi } from "../../../src/protocol/api/75-describe-topic-partitions.ts";
import type { AnyApi } from "../../../src/protocol/schema.ts";
import { AccessWorld, ADMIN, acl } from "../../support/access-world.ts";
import { type AccessCase, CASES, CLUSTER, TOPIC } from "./access-cases.ts";

const REFUSALS = [29, 30, 31, 53];
/** Nothing to allow: they say who the service is, or tell only what the caller may know. */
const FOR_EVERYBODY = [16, 17, 18, 36, 60];

let world: AccessWorld;
let alice: Record<string, string>;
let topicId: string;

beforeAll(async () => {
  world = new AccessWorld();
  alice = await world.alice();
  const topics = ["t", "hidden"].map((name) => ({
    ...{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
  }));
  await world.ask(ADMIN, createTopicsApi, 7, { topics, timeoutMs: 100 });
  const found = await world.ask(ADMIN, metadataApi, 12, { topics: [{ name: "t" }] });
  topicId = found.topics[0]?.topicId ?? "";
  for (const [groupId, topic] of [
    ["read", "t"],
    ["other", "hidden"],
  ] as const) {
    await world.ask(ADMIN, consumerGroupHeartbeatApi, 0, {
      ...{ groupId, memberId: "", memberEpoch: 0, rebalanceTimeoutMs: 10_000 },
      ...{ subscribedTopicNames: [topic], topicPartitions: [] },
    });
  }
});

async function prepare(): Promise<void> {
  const topics = await world.catalogue.topics("kedge", ["made", "gone"]);
  const made = topics.get("made");
  if (made !== undefined) await world.catalogue.deleteTopic("kedge", made.name, made.topicId);
  if (topics.has("gone")) return;
  const gone = { name: "gone", numPartitions: 1, replicationFactor: 1 };
  const request = { topics: [{ ...gone, assignments: [], configs: [] }], timeoutMs: 100 };
  await world.ask(ADMIN, createTopicsApi, 7, request);
}

async function codeOf({ api, version, request, codeOf }: AccessCase): Promise<number> {
  await prepare();
  const text = JSON.stringify(request).replaceAll('"T-ID"', JSON.stringify(topicId));
  const response = await world.ask(alice, api as AnyApi, version, JSON.parse(text));
  const code = codeOf(response as never);
  expect(code).toBeTypeOf("number");
  return code as number;
}

describe("what each API needs", () => {
  test.each(CASES)("ACL6: $title", async (it) => {
    const needs = it.needs.map(([text]) => text);
    // Allowed, with no right more than it takes.
    await world.setAcls(...needs);
    expect(REFUSALS).not.toContain(await codeOf(it));
    // Without any one of them.
    for (const [missing, code] of it.needs) {
      await world.setAcls(...needs.filter((text) => text !== missing));
      expect([missing, await codeOf(it)]).toEqual([missing, code]);
      // A DENY takes it away again, whatever else is allowed.
      const operation = missing.split(" ")[2] ?? "";
      await world.setAcls(...needs, `DENY ${missing}`);
      expect([operation, await codeOf(it)]).toEqual([operation, code]);
    }
    // To another principal it gives nothing.
    await world.setAcls();
    await world.security.createAcls(
      "kedge",
      needs.map((text) => acl(text, "User:bob")),
    );
    expect(REFUSALS).toContain(await codeOf(it));
    // All of them for everybody.
    await world.security.createAcls(
      "kedge",
      needs.map((text) => acl(text, "User:*")),
    );
    expect(REFUSALS).not.toContain(await codeOf(it));
  });

  test("ACL6: no API is left out", () => {
    const tried = new Set([...CASES.map(({ api }) => api.key), ...FOR_EVERYBODY]);
    expect([...tried].sort((a, b) => a - b)).toEqual(handlers.map(({ api }) => api.key));
  });
});

describe("what is not shown", () => {
  const allTopics = async () => {
    const { topics } = await world.ask(alice, metadataApi, 12, { topics: null });
    return topics.map(({ name }) => name);
  };

  test("ACL7: topics and groups that the caller may not describe are not in lists", async () => {
    await world.setAcls();
    expect(await allTopics()).toEqual([]);
    const pages = { topics: [], responsePartitionLimit: 10, cursor: null };
    expect((await world.ask(alice, describeTopicPartitionsApi, 0, pages)).topics).toEqual([]);
    expect((await world.ask(alice, listGroupsApi, 5, {})).groups).toEqual([]);
    await world.setAcls("TOPIC t READ", "GROUP re* READ");
    expect(await allTopics()).toEqual(["t"]);
    const page = await world.ask(alice, describeTopicPartitionsApi, 0, pages);
    expect(page.topics.map(({ name }) => name)).toEqual(["t"]);
    const listed = await world.ask(alice, listGroupsApi, 5, {});
    expect(listed.groups.map(({ groupId }) => groupId)).toEqual(["read"]);
    // Who may describe the cluster may know all groups.
    await world.setAcls("CLUSTER - DESCRIBE");
    const all = await world.ask(alice, listGroupsApi, 5, {});
    expect(all.groups.map(({ groupId }) => groupId)).toContain("other");
  });

  test("ACL7: whether a topic is there, nobody learns who may not describe it", async () => {
    await world.setAcls();
    const body = { topics: [{ name: "hidden" }, { name: "nothing" }] };
    const { topics } = await world.ask(alice, metadataApi, 12, body);
    const shown = topics.map(({ errorCode, topicId: id, partitions }) => [
      ...[errorCode, id, partitions.length],
    ]);
    expect(shown).toEqual([
      [TOPIC, "AAAAAAAAAAAAAAAAAAAAAA", 0],
      [TOPIC, "AAAAAAAAAAAAAAAAAAAAAA", 0],
    ]);
  });

  test("ACL7: a topic that cannot be deleted does not give its name away by its id", async () => {
    const deletion = async () => {
      const body = { topics: [{ name: null, topicId }], timeoutMs: 100 };
      const { responses } = await world.ask(alice, deleteTopicsApi, 6, body);
      return responses.map(({ name, errorCode }) => [name, errorCode]);
    };
    await world.setAcls();
    expect(await deletion()).toEqual([[null, TOPIC]]);
    await world.setAcls("TOPIC t DESCRIBE");
    expect(await deletion()).toEqual([["t", TOPIC]]);
  });

  test("ACL7: of all offsets of a group only those of topics that may be described", async () => {
    await world.setAcls("GROUP g DESCRIBE");
    const body = { groups: [{ groupId: "g", memberId: null, topics: null }] };
    const { groups } = await world.ask(alice, offsetFetchApi, 9, body);
    expect(groups[0]).toMatchObject({ errorCode: 0, topics: [] });
  });

  test("ACL8: the operations that are allowed, as bits", async () => {
    await world.setAcls("TOPIC t READ", "CLUSTER - DESCRIBE");
    const { topics } = await world.ask(alice, metadataApi, 12, {
      topics: [{ name: "t" }],
      includeTopicAuthorizedOperations: true,
    });
    expect(topics[0]?.topicAuthorizedOperations).toBe((1 << 3) | (1 << 8));
    const asked = { includeClusterAuthorizedOperations: true };
    const described = await world.ask(alice, describeClusterApi, 1, asked);
    expect(described.clusterAuthorizedOperations).toBe(1 << 8);
    await world.setAcls();
    const hidden = await world.ask(alice, describeClusterApi, 1, asked);
    expect(hidden).toMatchObject({ clusterAuthorizedOperations: 0, errorCode: 0 });
    expect(hidden.brokers.length).toBe(3);
  });

  test("ACL8: a created topic's settings are told to those who may describe its configs", async () => {
    const create = (name: string) =>
      world.ask(alice, createTopicsApi, 7, {
        topics: [{ name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }],
        timeoutMs: 100,
      });
    await world.setAcls("TOPIC made-* CREATE");
    const { topics: first } = await create("made-1");
    expect(first[0]).toMatchObject({
      ...{ errorCode: 0, topicConfigErrorCode: TOPIC, numPartitions: -1, configs: null },
    });
    await world.setAcls("TOPIC made-* CREATE", "TOPIC made-* DESCRIBE_CONFIGS");
    const { topics: second } = await create("made-2");
    expect(second[0]).toMatchObject({ errorCode: 0, topicConfigErrorCode: 0, numPartitions: 2 });
  });
});

test("ACL9: rules for a host go by where the platform says that the request comes from", async () => {
  const closed = new AccessWorld({ KEDGE_TRUSTED_GATEWAYS: "203.0.113.1, 203.0.113.2" });
  const headers = await closed.alice();
  await closed.security.createAcls("kedge", [acl("TOPIC t DESCRIBE", "User:alice", "192.0.2.7")]);
  const codeFrom = async (more: Record<string, string>) => {
    const body = { topics: [{ name: "t" }], allowAutoTopicCreation: false };
    const answer = await closed.ask({ ...headers, ...more }, metadataApi, 12, body);
    return answer.topics[0]?.errorCode;
  };
  expect(await codeFrom({ "cf-connecting-ip": "192.0.2.7" })).toBe(3);
  expect(await codeFrom({ "cf-connecting-ip": "192.0.2.8" })).toBe(TOPIC);
  // A client may say what it likes; a gateway is believed.
  const says = { "x-kedge-client": "192.0.2.7" };
  expect(await codeFrom({ "cf-connecting-ip": "192.0.2.8", ...says })).toBe(TOPIC);
  expect(await codeFrom({ "cf-connecting-ip": "203.0.113.2", ...says })).toBe(3);
  // On one's own machine nobody else can say it.
  expect(await codeFrom({ "x-kedge-client": "::ffff:192.0.2.7" })).toBe(3);
  expect(await codeFrom({})).toBe(TOPIC);
});

test("ACL10: super users need no ACL, and no ACL takes anything from them", async () => {
  await world.security.createAcls("kedge", [acl("DENY CLUSTER - ALTER", "User:*")]);
  const { key, secret } = await world.newKey("User:admin");
  for (const headers of [ADMIN, { authorization: `Bearer ${key.keyId}.${secret}` }]) {
    const elected = CASES.find(({ title }) => title === "elect leaders") as AccessCase;
    const { api, version, request } = elected;
    const response = await world.ask(headers, api, version, request as never);
    expect(elected.codeOf(response as never)).not.toBe(CLUSTER);
  }
});

test("ApiVersions is answered to whoever is let in", async () => {
  await world.setAcls();
  const client = { clientSoftwareName: "a", clientSoftwareVersion: "1" };
  expect((await world.ask(alice, apiVersionsApi, 3, client)).errorCode).toBe(0);
});
