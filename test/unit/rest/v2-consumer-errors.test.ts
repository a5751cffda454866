/** The "Bad input" of consumer groups over REST v2: status, error_code, and nothing changed. */

import { beforeEach, describe, expect, test } from "vitest";
import { call } from "../../../src/broker/dispatch.ts";
import { joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { encodeConsumerSubscription } from "../../../src/protocol/consumer-protocol.ts";
import { RestWorld } from "../../support/rest-world.ts";

const V2 = "application/vnd.kafka.v2+json";
const JSON_V2 = "application/vnd.kafka.json.v2+json";

let world: RestWorld;

beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("t", 2);
});

type Failure = { error_code: number; message: string };

const send = (method: string, path: string, body?: unknown, type = V2) =>
  world.request<Failure>(method, path, body === undefined ? {} : { body, type });

async function fails(
  method: string,
  path: string,
  body: unknown,
  status: number,
  code: number,
  message: string | RegExp = "",
  type = V2,
) {
  const answer = await send(method, path, body, type);
  expect([answer.status, answer.body?.error_code], answer.text).toEqual([status, code]);
  if (message instanceof RegExp) expect(answer.body.message).toMatch(message);
  else expect(answer.body.message).toContain(message);
  expect(answer.type).toBe("application/json");
}

async function instance(name = "a", config: Record<string, unknown> = {}): Promise<string> {
  const { status } = await send("POST", "/consumers/g", { name, format: "json", ...config });
  expect(status).toBe(200);
  return `/consumers/g/instances/${name}`;
}

async function subscribed(name = "a", config: Record<string, unknown> = {}): Promise<string> {
  const path = await instance(name, config);
  await send("POST", `${path}/subscription`, { topics: ["t"] });
  return path;
}

describe("creating a consumer instance", () => {
  test.each([
    [{ format: "avro" }, 422, 42204, 'format is "avro", and must be binary, json or string: Kedge'],
    [{ format: "xml" }, 422, 42204, 'format is "xml"'],
    [{ format: 7 }, 422, 42204, "format is 7"],
    [{ "auto.offset.reset": "smallest" }, 422, 42204, 'auto.offset.reset is "smallest"'],
    [{ "auto.commit.enable": "yes" }, 422, 42204, 'auto.commit.enable is "yes"'],
    [{ "isolation.level": "any" }, 422, 42204, 'isolation.level is "any"'],
    [{ "fetch.min.bytes": "many" }, 422, 42204, 'fetch.min.bytes is "many"'],
    [{ "fetch.min.bytes": -2 }, 400, 40001, "Invalid value -2 for configuration fetch.min.bytes"],
    [{ "fetch.min.bytes": 10_000_001 }, 400, 40001, "it must be from -1 to 10000000"],
    [{ "consumer.request.timeout.ms": -1 }, 400, 40001, "consumer.request.timeout.ms"],
    [{ "consumer.instance.timeout.ms": 5 }, 400, 40001, "it must be from 1000 to 86400000"],
    [{ name: "" }, 422, 42204, "the name must not be empty"],
    [{ name: "x".repeat(256) }, 422, 42204, "the name may have 255 characters, and has 256"],
    [{ name: 7 }, 400, 400, "name must be a string, not 7"],
    [{ nonsense: 1 }, 422, 422, "Unrecognized field: nonsense"],
    [[], 400, 400, "the body must be an object"],
  ])("%j is %d (%d)", async (body, status, code, message) => {
    await fails("POST", "/consumers/g", body, status, code, message);
  });

  test("a name that the group has is 40902; the instance stays as it is", async () => {
    const path = await subscribed();
    await fails("POST", "/consumers/g", { name: "a" }, 409, 40902, "already exists");
    expect((await send("GET", `${path}/subscription`)).body).toEqual({ topics: ["t"] });
    // In another group it is another instance.
    expect((await send("POST", "/consumers/h", { name: "a" })).status).toBe(200);
  });

  test("numbers and booleans may be text, as Confluent's documentation has them", async () => {
    const config = {
      ...{ "auto.commit.enable": "FALSE", "fetch.min.bytes": "5" },
      ...{ "consumer.request.timeout.ms": "10", format: "BINARY", "auto.offset.reset": "none" },
    };
    expect((await send("POST", "/consumers/g", config)).status).toBe(200);
  });
});

describe("an instance that is not there", () => {
  const path = "/consumers/g/instances/nobody";
  test.each([
    ["DELETE", "", undefined],
    ["POST", "/subscription", { topics: ["t"] }],
    ["GET", "/subscription", undefined],
    ["DELETE", "/subscription", undefined],
    ["POST", "/assignments", { partitions: [] }],
    ["GET", "/assignments", undefined],
    ["POST", "/positions", { offsets: [] }],
    ["POST", "/positions/beginning", { partitions: [] }],
    ["POST", "/positions/end", { partitions: [] }],
    ["GET", "/records", undefined],
    ["POST", "/offsets", undefined],
    ["POST", "/offsets", { offsets: [] }],
    ["GET", "/offsets?partitions=t:0", undefined],
    ["POST", "/poll", { timeout: 0 }],
  ])("%s %s is 40403", async (method, rest, body) => {
    await fails(method, path + rest, body, 404, 40403, "Consumer instance not found.");
    expect(world.instances.home("g", "nobody").data).toBeNull();
  });

  test("a name that no instance can have is 40403 as well", async () => {
    const long = `/consumers/g/instances/${"x".repeat(300)}`;
    await fails("GET", `${long}/assignments`, undefined, 404, 40403);
  });
});

describe("what an instance may not do now is 40903", () => {
  test("reading or committing without a subscription", async () => {
    const path = await instance();
    const message = "Consumer is not subscribed to any topics or assigned any partitions";
    await fails("GET", `${path}/records?timeout=1`, undefined, 409, 40903, message);
    await fails("POST", `${path}/offsets`, undefined, 409, 40903, message);
  });

  test("assigning when subscribed, subscribing when assigned", async () => {
    const path = await subscribed();
    const partitions = [{ topic: "t", partition: 0 }];
    const message = "mutually exclusive";
    await fails("POST", `${path}/assignments`, { partitions }, 409, 40903, message);
    expect((await send("GET", `${path}/subscription`)).body).toEqual({ topics: ["t"] });
    const other = await instance("b");
    await send("POST", `${other}/assignments`, { partitions });
    await fails("POST", `${other}/subscription`, { topics: ["t"] }, 409, 40903, message);
    expect((await send("GET", `${other}/assignments`)).body).toEqual({ partitions });
  });

  test("seeking in a partition that it does not have; the others stay where they are", async () => {
    const path = await subscribed("a", { "auto.offset.reset": "earliest" });
    await world.request("POST", "/topics/t/partitions/0", {
      type: JSON_V2,
      body: { records: [{ value: 1 }] },
    });
    const offsets = [
      { topic: "t", partition: 0, offset: 1 },
      { topic: "t", partition: 9, offset: 0 },
    ];
    const message = "No current assignment for partition t-9";
    await fails("POST", `${path}/positions`, { offsets }, 409, 40903, message);
    const partitions = [{ topic: "u", partition: 0 }];
    await fails("POST", `${path}/positions/end`, { partitions }, 409, 40903, "u-0");
    const read = await world.get<unknown[]>(`${path}/records?timeout=10`);
    expect(read.body).toHaveLength(1);
  });

  test("joining a group of another kind; consumers of the classic protocol are joined", async () => {
    await classicMember(world, "connect");
    const path = await instance();
    await fails("POST", `${path}/subscription`, { topics: ["t"] }, 409, 40903, /./);
    expect((await send("GET", `${path}/subscription`)).body).toEqual({ topics: [] });
    const other = new RestWorld();
    await other.createTopic("t", 2);
    await classicMember(other, "consumer");
    await other.request("POST", "/consumers/g", { type: V2, body: { name: "a" } });
    const body = { topics: ["t"] };
    const joined = await other.request("POST", "/consumers/g/instances/a/subscription", {
      ...{ type: V2, body },
    });
    expect(joined.status).toBe(204);
  });
});

describe("subscriptions", () => {
  test.each([
    [{}, 422, 422, "topics is missing: give it, or topic_pattern"],
    [{ topics: ["t"], topic_pattern: "t" }, 422, 422, "give one of them"],
    [{ topics: [] }, 422, 422, "topics: must not be empty"],
    [{ topics: [""] }, 422, 422, "topics[0]"],
    [{ topics: "t" }, 400, 400, "topics must be a list"],
    [{ topic_pattern: "" }, 422, 422, "topic_pattern"],
    [{ topic_pattern: "(" }, 400, 40002, /./],
    [{ topics: ["t"], extra: 1 }, 422, 422, "Unrecognized field: extra"],
  ])("%j is %d (%d), and the one before stands", async (body, status, code, message) => {
    const path = await subscribed();
    await fails("POST", `${path}/subscription`, body, status, code, message);
    expect((await send("GET", `${path}/subscription`)).body).toEqual({ topics: ["t"] });
  });

  test("a body that is no JSON, none at all, and another type", async () => {
    const path = await subscribed();
    await fails("POST", `${path}/subscription`, "{", 400, 400, "the body is not JSON");
    await fails("POST", `${path}/subscription`, undefined, 422, 422, "the body is missing");
    await fails("POST", `${path}/subscription`, "a=1", 415, 415, "text/plain", "text/plain");
    const huge = JSON.stringify({ topics: ["x".repeat(70_000)] });
    await fails("POST", `${path}/subscription`, huge, 413, 413, "65536");
  });

  test("a topic that does not exist is waited for, as in Kafka", async () => {
    const path = await instance();
    expect((await send("POST", `${path}/subscription`, { topics: ["later"] })).status).toBe(204);
    expect((await world.get(`${path}/records?timeout=1`)).body).toEqual([]);
  });
});

describe("records", () => {
  test("another format than the instance's is 40601, one that is not offered 406", async () => {
    const path = await subscribed();
    const wrong = await world.get<Failure>(`${path}/records`, {
      accept: "application/vnd.kafka.binary.v2+json",
    });
    expect([wrong.status, wrong.body.error_code]).toEqual([406, 40601]);
    const none = await world.get<Failure>(`${path}/records`, { accept: "text/html" });
    expect([none.status, none.body.error_code]).toEqual([406, 406]);
  });

  test.each(["timeout=x", "max_bytes=1.5", "timeout=999999999"])("%s is 40002", async (query) => {
    const path = await subscribed();
    await fails("GET", `${path}/records?${query}`, undefined, 400, 40002, "query parameter");
  });

  test("auto.offset.reset none without a commit is an error that says so", async () => {
    const path = await subscribed("a", { "auto.offset.reset": "none" });
    const message = /no usable committed offset of t-\d, and auto\.offset\.reset is none/;
    await fails("GET", `${path}/records?timeout=1`, undefined, 400, 40002, message);
    // The read that failed holds nothing up.
    await fails("GET", `${path}/records?timeout=1`, undefined, 400, 40002, message);
  });
});

describe("commits", () => {
  test.each([
    [{ offsets: [{ topic: "nope", partition: 0, offset: 1 }] }, 404, 40401],
    [{ offsets: [{ topic: "t", partition: 9, offset: 1 }] }, 404, 40401],
    [
      { offsets: [{ topic: "t", partition: 0, offset: 1, metadata: "m".repeat(4_097) }] },
      400,
      40002,
    ],
    [{ offsets: [{ topic: "t", partition: 0, offset: -1 }] }, 422, 422],
    [{ offsets: [{ topic: "t", partition: 0 }] }, 422, 422],
    [{ offsets: [{ topic: "t", partition: 0, offset: "1" }] }, 400, 400],
    [{ offsets: {} }, 400, 400],
    [{}, 422, 422],
  ])("%j is %d (%d), and nothing is committed", async (body, status, code) => {
    const path = await subscribed();
    await fails("POST", `${path}/offsets`, body, status, code, /./);
    const { body: read } = await world.get(`${path}/offsets?partitions=t:0,t:1`);
    expect(read).toEqual({ offsets: [] });
  });

  test("asking for committed offsets of nothing is 40402", async () => {
    const path = await subscribed();
    await fails("GET", `${path}/offsets`, undefined, 404, 40402, "Partition not found.");
    await fails("GET", `${path}/offsets?partitions=t`, undefined, 400, 40002, "topic:partition");
  });
});

describe("polls", () => {
  test.each([
    [{ topics: ["t"], topic_pattern: "t" }, 422, 422],
    [{ topics: ["t"], commit: "always" }, 400, 400],
    [{ topics: ["t"], format: "avro" }, 400, 400],
    [{ topics: ["t"], timeout: -1 }, 422, 422],
    [{ topics: ["t"], max_records: 0 }, 422, 422],
    [{ topics: ["t"], "consumer.instance.timeout.ms": 1 }, 422, 422],
    [{ topics: ["t"], surprise: 1 }, 422, 422],
    [{ topic_pattern: "(" }, 400, 40002],
  ])("%j is %d (%d), and no instance is made", async (body, status, code) => {
    await fails("POST", "/consumers/g/instances/w/poll", body, status, code, /./);
    await fails("GET", "/consumers/g/instances/w/assignments", undefined, 404, 40403);
  });

  test("offsets that cannot be committed end it before anything is read", async () => {
    await world.request("POST", "/topics/t/partitions/0", {
      type: JSON_V2,
      body: { records: [{ value: 1 }] },
    });
    const base = { topics: ["t"], "auto.offset.reset": "earliest", timeout: 10 };
    const offsets = [{ topic: "nope", partition: 0, offset: 1 }];
    const path = "/consumers/g/instances/w/poll";
    await fails("POST", path, { ...base, offsets }, 404, 40401, /./);
    const { body } = await world.request<{ records: unknown[] }>("POST", path, {
      type: V2,
      body: base,
    });
    expect(body.records).toHaveLength(1);
  });
});

/** A member that speaks JoinGroup. */
async function classicMember(of: RestWorld, protocolType: string): Promise<void> {
  const ctx = of.context();
  const metadata = encodeConsumerSubscription({
    ...{ topics: ["t"], userData: null, ownedPartitions: [], generationId: -1, rackId: null },
  });
  const request = {
    ...{ groupId: "g", sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: "" },
    ...{ groupInstanceId: null, protocolType, reason: null },
    protocols: [{ name: "range", metadata }],
  };
  const { memberId } = await call(ctx, joinGroupApi, request);
  let joined = false;
  const join = call(ctx, joinGroupApi, { ...request, memberId }).then(() => {
    joined = true;
  });
  // The group waits for more members before it begins.
  for (let i = 0; !joined && i < 100; i++) {
    of.nowMs += 200;
    await of.groups.tick();
  }
  await join;
}
