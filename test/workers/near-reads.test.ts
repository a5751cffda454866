/** Reading near the reader inside workerd: real followers, what the platform says of a request. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { crc32c } from "../../src/lib/crc32c.ts";
import { createApp } from "../../src/router/app.ts";
import { whenSent } from "../../src/router/when-sent.ts";
import { migratedDatabase } from "../support/d1.ts";

const ORIGIN = "http://localhost:8787";
const STRING = "application/vnd.kafka.string.v2+json";
const RECORDS = "/topics/near/partitions/0/records";
const EUROPE = { continent: "EU" };

const app = createApp();
const open: Env = { ...(env as unknown as Env), KEDGE_OPEN: "loopback" };

function send(path: string, init: RequestInit<CfProperties> = {}): Promise<Response> {
  const request = new Request(ORIGIN + path, init);
  return app.fetch(request, open, createExecutionContext());
}

interface Page {
  readonly from: number;
  readonly next: number;
  readonly values: readonly string[];
}

async function read(query: string, init: RequestInit<CfProperties> = {}): Promise<Page> {
  const headers = { accept: STRING, ...init.headers };
  const response = await send(RECORDS + query, { ...init, headers });
  expect(response.status).toBe(200);
  const body: { value: string }[] = await response.json();
  return {
    from: Number(response.headers.get("kedge-read-from")),
    next: Number(response.headers.get("kedge-next-offset")),
    values: body.map(({ value }) => value),
  };
}

async function produce(...values: string[]): Promise<void> {
  const records = values.map((value) => ({ value, partition: 0 }));
  const headers = { "content-type": STRING };
  const response = await send("/topics/near", {
    method: "POST",
    headers,
    body: JSON.stringify({ records }),
  });
  expect([response.status, await response.text()]).toEqual([
    200,
    expect.not.stringContaining('error_code":5'),
  ]);
}

beforeAll(async () => {
  await migratedDatabase();
  const created = await send("/v3/clusters/kedge/topics", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      topic_name: "near",
      replicas_assignments: { 0: [1, 2, 3] },
    }),
  });
  expect([created.status, await created.text()]).toEqual([201, expect.any(String)]);
});

describe("REST31: a reader in Europe", () => {
  test("is read the follower there, up to what it knows to be committed, and skips nothing", async () => {
    await produce("a", "b");
    const seen: string[] = [];
    for (let offset = 0; seen.length < 2; ) {
      const page = await read(`?offset=${offset}&timeout=5000`, { cf: EUROPE });
      expect(page.from).toBe(2);
      seen.push(...page.values);
      offset = page.next;
    }
    expect(seen).toEqual(["a", "b"]);
  });

  test("waits there for what comes", async () => {
    const waiting = read("?offset=2&timeout=20000", { cf: EUROPE });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await produce("c");
    expect(await waiting).toEqual({ from: 2, next: 3, values: ["c"] });
  });

  test("sees every acknowledged record at once when it asks the leader", async () => {
    for (let i = 0; i < 5; i++) {
      await produce(`own-${i}`);
      const own = await read(`?offset=${3 + i}&read_from=leader`, { cf: EUROPE });
      expect(own).toEqual({ from: 1, next: 4 + i, values: [`own-${i}`] });
    }
  });

  test("DOOR7: is where the platform says, and nowhere else", async () => {
    const coordinates = { latitude: "35.7", longitude: "139.7" };
    expect((await read("?offset=0", { cf: coordinates })).from).toBe(3);
    expect((await read("?offset=0", { cf: { continent: 7, latitude: null } as never })).from).toBe(
      1,
    );
    const forged = {
      ...{ "cf-ipcontinent": "EU", "x-continent": "EU", "mf-cf-blob": '{"continent":"EU"}' },
      ...{ "cf-iplatitude": "50", "cf-iplongitude": "9", "kedge-continent": "EU" },
    };
    expect((await read("?offset=0&timeout=0", { headers: forged })).from).toBe(1);
  });
});

describe("DOOR9: whenSent", () => {
  const BYTES = new Uint8Array(3 * 1024 * 1024).map((_, i) => i % 251);

  test("changes nothing of the answer, and says once that all of it was taken", async () => {
    const done = vi.fn();
    const response = whenSent(new Response(BYTES, { status: 201, headers: { a: "b" } }), done);
    expect([response.status, response.headers.get("a"), done.mock.calls.length]).toEqual([
      201,
      "b",
      0,
    ]);
    expect(crc32c(new Uint8Array(await response.arrayBuffer()))).toBe(crc32c(BYTES));
    await vi.waitFor(() => expect(done).toHaveBeenCalledTimes(1));
  });

  test("says so too when nobody wants the rest, and at once when there is no body", async () => {
    const done = vi.fn();
    const response = whenSent(new Response(BYTES), done);
    await response.body?.cancel();
    await vi.waitFor(() => expect(done).toHaveBeenCalledTimes(1));
    whenSent(new Response(null, { status: 204 }), done);
    expect(done).toHaveBeenCalledTimes(2);
  });
});
