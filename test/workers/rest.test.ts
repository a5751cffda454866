/** The HTTP side inside workerd: real Durable Objects, real D1, real streams. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import type { Env } from "../../src/env.ts";
import { utf8Encode } from "../../src/lib/bytes.ts";
import { partitionForKey } from "../../src/lib/murmur2.ts";
import { createApp } from "../../src/router/app.ts";
import { migratedDatabase } from "../support/d1.ts";

const ORIGIN = "http://localhost:8787";
const JSON_V2 = "application/vnd.kafka.json.v2+json";

const app = createApp();
const open: Env = { ...(env as unknown as Env), KEDGE_OPEN: "loopback" };

beforeAll(async () => {
  await migratedDatabase();
});

async function send(path: string, init: RequestInit = {}, vars: Env = open): Promise<Response> {
  const execution = createExecutionContext();
  const response = await app.fetch(new Request(ORIGIN + path, init), vars, execution);
  // What streams is waited for by who reads it.
  if (response.body === null) await waitOnExecutionContext(execution);
  return response;
}

function post(path: string, type: string, body: unknown): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return send(path, { method: "POST", headers: { "content-type": type }, body: text });
}

async function createTopic(topic_name: string, partitions_count = 1): Promise<void> {
  const body = { topic_name, partitions_count };
  const response = await post("/v3/clusters/kedge/topics", "application/json", body);
  expect([response.status, await response.text()]).toEqual([201, expect.any(String)]);
}

interface Shown {
  key: unknown;
  value: unknown;
  offset: number;
  timestamp: number;
  headers: { key: string; value: string | null }[];
}

async function read(path: string): Promise<Shown[]> {
  const response = await send(`${path}/records`, { headers: { accept: JSON_V2 } });
  expect(response.status).toBe(200);
  return response.json();
}

describe("inside workerd", () => {
  test("DOOR1: the deployment as it comes is closed; health is not", async () => {
    const { KEDGE_OPEN: _, ...closed } = open;
    expect((await send("/topics", {}, closed)).status).toBe(503);
    expect((await send("/healthz", {}, closed)).status).toBe(200);
  });

  test("REST6: create, produce, read and delete", async () => {
    await createTopic("tour", 3);
    const headers = [{ key: "h", value: "eA==" }];
    const records = ["a", "b", "c"].map((key) => ({
      key,
      value: { of: key },
      headers,
      timestamp: 5,
    }));
    const produced = await post("/topics/tour", JSON_V2, { records });
    const { offsets } = await produced.json<{ offsets: { partition: number; offset: number }[] }>();
    expect(offsets.map((o) => o.partition)).toEqual(
      ["a", "b", "c"].map((key) => partitionForKey(utf8Encode(JSON.stringify(key)), 3)),
    );
    for (const [i, { partition, offset }] of offsets.entries()) {
      const shown = await read(`/topics/tour/partitions/${partition}`);
      expect(shown[offset]).toMatchObject({ ...records[i], offset, partition });
    }
    expect((await send("/v3/clusters/kedge/topics/tour", { method: "DELETE" })).status).toBe(204);
    expect((await send("/topics/tour")).status).toBe(404);
  });

  test("REST6: numbers keep their digits here as well", async () => {
    await createTopic("digits");
    const value = '{"id":12345678901234567890,"price":1.50}';
    await post("/topics/digits", JSON_V2, `{"records":[{"value":${value}}]}`);
    const response = await send("/topics/digits/partitions/0/records", {
      headers: { accept: JSON_V2 },
    });
    expect(await response.text()).toContain(`"value":${value}`);
  });

  test("REST10: a read that waits is woken by a produce", async () => {
    await createTopic("wait");
    const started = Date.now();
    const waiting = send("/topics/wait/partitions/0/records?offset=latest&timeout=20000", {
      headers: { accept: JSON_V2 },
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await post("/topics/wait", JSON_V2, { records: [{ value: "news" }] });
    const shown = await (await waiting).json<Shown[]>();
    expect(shown.map((record) => record.value)).toEqual(["news"]);
    expect(Date.now() - started).toBeLessThan(10_000);
  });

  test("REST12: a stream of records is answered while it is being sent", async () => {
    await createTopic("stream");
    const { readable, writable } = new IdentityTransformStream();
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: readable,
    };
    const writer = writable.getWriter();
    const record = (data: string) =>
      utf8Encode(JSON.stringify({ value: { type: "STRING", data } }));
    const [response] = await Promise.all([
      send("/v3/clusters/kedge/topics/stream/records", init),
      writer.write(record("0")),
    ]);
    const reader = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    for (let i = 0; i < 5; i++) {
      const { value = "" } = await reader.read();
      expect(JSON.parse(value)).toMatchObject({ error_code: 200, offset: i });
      if (i < 4) await writer.write(record(`${i + 1}`));
    }
    await writer.close();
    expect((await reader.read()).done).toBe(true);
  });

  test("REST7: an idempotent request sent twice is in the log once", async () => {
    await createTopic("once");
    const { producer_id } = await (await post("/producers", JSON_V2, "")).json<{
      producer_id: number;
    }>();
    const init = {
      method: "POST",
      headers: {
        "content-type": JSON_V2,
        "kedge-producer-id": `${producer_id}`,
        "kedge-producer-epoch": "0",
        "kedge-sequence": "0",
      },
      body: JSON.stringify({ records: [{ value: 1 }, { value: 2 }] }),
    };
    const first = await (await send("/topics/once/partitions/0", init)).text();
    const again = await (await send("/topics/once/partitions/0", init)).text();
    expect(again).toBe(first);
    expect((await read("/topics/once/partitions/0")).map((r) => r.value)).toEqual([1, 2]);
  });

  test("the OpenAPI document can be made here", async () => {
    const response = await send("/openapi.json");
    const { paths } = await response.json<{ paths: Record<string, unknown> }>();
    expect(Object.keys(paths)).toContain("/v3/clusters/{cluster_id}/topics/{topic_name}/records");
  });
});
