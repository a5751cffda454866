/** Consumer instances inside workerd: the object on itty-durable, its storage, its alarm, its end. */
import {
  createExecutionContext,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Env } from "../../src/env.ts";
import { createInstancesPort, instanceName } from "../../src/objects/instances-port.ts";
import type { InstanceData } from "../../src/rest/instances/types.ts";
import { createApp } from "../../src/router/app.ts";
import { migratedDatabase } from "../support/d1.ts";

const ORIGIN = "http://localhost:8787";
const JSON_V2 = "application/vnd.kafka.json.v2+json";

const app = createApp();
const open: Env = { ...(env as unknown as Env), KEDGE_OPEN: "loopback" };

let topic = "";
let group = "";
let runs = 0;

beforeAll(async () => {
  await migratedDatabase();
});

beforeEach(async () => {
  runs++;
  topic = `topic-${runs}`;
  group = `group-${runs}`;
  const body = { topic_name: topic, partitions_count: 2 };
  const { status } = await send("POST", "/v3/clusters/kedge/topics", body, "application/json");
  expect(status).toBe(201);
});

async function send(
  method: string,
  path: string,
  body?: unknown,
  type = "application/vnd.kafka.v2+json",
) {
  const init = { method, headers: { "content-type": type, accept: "*/*" } };
  const request = new Request(ORIGIN + path, {
    ...init,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return app.fetch(request, open, createExecutionContext());
}

async function produce(...values: unknown[]) {
  const records = values.map((value) => ({ value, partition: 0 }));
  const { status } = await send("POST", `/topics/${topic}`, { records }, JSON_V2);
  expect(status).toBe(200);
}

interface Polled {
  records: { value: unknown; partition: number; offset: number }[];
  assignment: unknown[];
}

async function poll(name: string, options: Record<string, unknown> = {}): Promise<Polled> {
  const body = { topics: [topic], format: "json", timeout: 300, ...options };
  const path = `/consumers/${group}/instances/${name}/poll`;
  const response = await send("POST", path, { "auto.offset.reset": "earliest", ...body });
  expect([response.status, response.status === 200 ? "" : await response.text()]).toEqual([
    200,
    "",
  ]);
  return response.json();
}

function stubOf(name: string): DurableObjectStub {
  return open.CONSUMER_INSTANCE.get(
    open.CONSUMER_INSTANCE.idFromName(instanceName("kedge", group, name)),
  );
}

async function stored(name: string): Promise<[keys: string[], alarm: number | null]> {
  return runInDurableObject(stubOf(name), async (_object, state) => [
    [...(await state.storage.list()).keys()],
    await state.storage.getAlarm(),
  ]);
}

/** As if the client had gone long ago. */
async function age(name: string, ms: number): Promise<void> {
  const stub = stubOf(name);
  await runInDurableObject(stub, async (_object, state) => {
    const { data } = (await state.storage.get<{ data: InstanceData }>("data")) ?? {};
    if (data === undefined) throw new Error("nothing is stored");
    const old = { ...data, lastRequestMs: data.lastRequestMs - ms };
    await state.storage.put("data", { data: old });
  });
  await evictDurableObject(stubOf(name));
}

describe("a consumer instance inside workerd", () => {
  test("REST29: one request creates it, joins, and returns records", async () => {
    await produce(1, 2);
    const { records, assignment } = await poll("w");
    expect(records.map(({ value }) => value)).toEqual([1, 2]);
    expect(assignment).toHaveLength(2);
    expect(await stored("w")).toEqual([["data"], expect.any(Number)]);
  });

  test("REST20: positions survive an eviction", async () => {
    await produce(1);
    expect((await poll("w")).records).toHaveLength(1);
    await evictDurableObject(stubOf("w"));
    await produce(2);
    expect((await poll("w")).records.map(({ value }) => value)).toEqual([2]);
  });

  test("REST27: its alarm closes it when its client stays away, and nothing is left", async () => {
    await poll("w", { "consumer.instance.timeout.ms": 60_000 });
    expect(await runDurableObjectAlarm(stubOf("w"))).toBe(true);
    expect((await stored("w"))[0]).toEqual(["data"]);
    await age("w", 60_000);
    expect(await runDurableObjectAlarm(stubOf("w"))).toBe(true);
    expect(await stored("w")).toEqual([[], null]);
    const gone = await send("GET", `/consumers/${group}/instances/w/assignments`);
    expect(gone.status).toBe(404);
    // Its partitions are free at once: it left.
    expect((await poll("v")).assignment).toHaveLength(2);
  });

  test("a name that nobody created leaves nothing behind", async () => {
    const path = `/consumers/${group}/instances/nobody/records`;
    expect((await send("GET", path)).status).toBe(404);
    expect(await stored("nobody")).toEqual([[], null]);
  });

  test("DELETE leaves nothing behind", async () => {
    await poll("w");
    expect((await send("DELETE", `/consumers/${group}/instances/w`)).status).toBe(204);
    expect(await stored("w")).toEqual([[], null]);
  });

  test("names with anything in them travel in the header that itty-durable makes", async () => {
    group = `grüße/${runs} 群`;
    const encoded = encodeURIComponent(group);
    const made = await send("POST", `/consumers/${encoded}`, { name: "näme/1" });
    expect(made.status).toBe(200);
    const { base_uri } = (await made.json()) as { base_uri: string };
    const subscription = base_uri.slice(ORIGIN.length);
    const body = { topics: [topic] };
    expect((await send("POST", `${subscription}/subscription`, body)).status).toBe(204);
    const offsets = [{ topic, partition: 0, offset: 4, metadata: "schön 好" }];
    expect((await send("POST", `${subscription}/offsets`, { offsets })).status).toBe(200);
    const read = await send("GET", `${subscription}/offsets?partitions=${topic}:0`);
    expect(await read.json()).toEqual({ offsets: [{ ...offsets[0], offset: 5 }] });
  });

  test("two polls at once of one instance: each record goes to one of them", async () => {
    await produce(...Array.from({ length: 20 }, (_, i) => i));
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => poll("w", { timeout: 2_000 })),
    );
    const values = answers.flatMap(({ records }) => records.map(({ value }) => Number(value)));
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("the arguments of one call are bounded, by no more than a header carries", async () => {
    const port = createInstancesPort(open).at("kedge", group, "w");
    const named = (count: number) =>
      Array.from({ length: count }, (_, partition) => ({ topic: "x".repeat(249), partition }));
    expect(() => port.assign(named(1_000))).toThrow(/takes 262144 bytes in one call, not \d+/);
    await send("POST", `/consumers/${group}`, { name: "w" });
    expect(await port.assign(named(900))).toEqual({ ok: true, value: null });
  });
});
