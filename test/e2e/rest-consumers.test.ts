/** Consumer instances over HTTP against the running service, as curl and other people's clients use them. */
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Consumer } from "../../src/client/mod.ts";
import { discard, type Service, startService, until } from "./service.ts";

const V2 = "application/vnd.kafka.v2+json";
const JSON_V2 = "application/vnd.kafka.json.v2+json";
const WAIT_MS = 60_000;

let service: Service;

beforeAll(async () => {
  service = await startService();
});

afterAll(async () => {
  await discard(service);
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** By Node's own client, which sends a body with a GET as curl does. */
function send(method: string, path: string, body?: unknown, type = V2): Promise<Answer> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = {
    accept: "*/*",
    ...(text === "" ? {} : { "content-type": type, "content-length": Buffer.byteLength(text) }),
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(new URL(path, service.url), { method, headers }, (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        answer += chunk;
      });
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        resolve({ status, body: answer === "" ? null : JSON.parse(answer) });
      });
    });
    request.on("error", reject);
    request.end(text);
  });
}

async function createTopic(name: string, partitions: number): Promise<void> {
  const body = { topic_name: name, partitions_count: partitions };
  const { status } = await send("POST", "/v3/clusters/kedge/topics", body, "application/json");
  expect(status).toBe(201);
}

async function produce(topic: string, values: readonly number[]): Promise<void> {
  const records = values.map((value) => ({ key: `k${value}`, value }));
  expect((await send("POST", `/topics/${topic}`, { records }, JSON_V2)).status).toBe(200);
}

async function create(group: string, name: string, topic: string): Promise<string> {
  const config = { name, format: "json", "auto.offset.reset": "earliest" };
  const made = await send("POST", `/consumers/${group}`, config);
  const { base_uri } = made.body as { base_uri: string };
  expect(base_uri).toBe(`${service.url}/consumers/${group}/instances/${name}`);
  const subscribed = await send("POST", `${base_uri}/subscription`, { topics: [topic] });
  expect(subscribed.status).toBe(204);
  return base_uri;
}

interface Shown {
  value: number;
  partition: number;
  offset: number;
}

async function read(uri: string, timeoutMs = 1_000): Promise<Shown[]> {
  const { status, body } = await send("GET", `${uri}/records?timeout=${timeoutMs}`);
  expect([status, status === 200 ? null : body]).toEqual([200, null]);
  return body as Shown[];
}

/** Reads from all of them in turn until so many records came. */
async function readAll(uris: readonly string[], count: number): Promise<number[]> {
  const seen: number[] = [];
  await until(
    async () => {
      for (const uri of uris) seen.push(...(await read(uri)).map(({ value }) => value));
      return seen.length >= count;
    },
    () => `${count} records came: ${seen.length}`,
    WAIT_MS,
  );
  // Each comes back once more, which says that it has processed what it read.
  for (const uri of uris) seen.push(...(await read(uri, 50)).map(({ value }) => value));
  return seen.sort((a, b) => a - b);
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("consumer instances of the running service", () => {
  test("REST21: the first read returns data; GET offsets takes a body; a commit is the next offset", async () => {
    await createTopic("first", 3);
    await produce("first", numbers(0, 30));
    const uri = await create("g-first", "a", "first");
    const records = await read(uri);
    expect(records.length).toBeGreaterThan(0);
    const { partition, offset } = records.at(-1) ?? { partition: -1, offset: -1 };
    const offsets = [{ topic: "first", partition, offset }];
    expect(await send("POST", `${uri}/offsets`, { offsets })).toEqual({ status: 200, body: [] });
    const partitions = [{ topic: "first", partition }];
    const committed = await send("GET", `${uri}/offsets`, { partitions });
    expect(committed.body).toEqual({
      offsets: [{ topic: "first", partition, offset: offset + 1, metadata: "" }],
    });
  });

  test("REST20: 1, 2, 3 and 4 instances of a group read everything once between them", async () => {
    await createTopic("shared", 3);
    const uris: string[] = [];
    for (const [at, name] of ["a", "b", "c", "d"].entries()) {
      uris.push(await create("g-shared", name, "shared"));
      const sizes = async () =>
        Promise.all(
          uris.map(async (uri) => {
            const { body } = await send("GET", `${uri}/assignments`);
            return (body as { partitions: unknown[] }).partitions.length;
          }),
        );
      const expected = [[3], [1, 2], [1, 1, 1], [0, 1, 1, 1]][at];
      await until(
        async () => JSON.stringify((await sizes()).sort()) === JSON.stringify(expected),
        `${uris.length} instances have ${expected?.join("+")} partitions`,
        WAIT_MS,
      );
      const from = at * 30;
      await produce("shared", numbers(from, from + 30));
      expect(await readAll(uris, 30)).toEqual(numbers(from, from + 30));
    }
    // One goes without a word: the others have its partitions once its records are committed.
    await send("DELETE", uris[1] ?? "");
    uris.splice(1, 1);
    await produce("shared", numbers(120, 150));
    expect(await readAll(uris, 30)).toEqual(numbers(120, 150));
  });

  test("an instance and an SDK consumer share a group", async () => {
    await createTopic("mixed", 4);
    const uri = await create("g-mixed", "a", "mixed");
    const consumer = new Consumer({
      "bootstrap.servers": service.url,
      "group.id": "g-mixed",
      "group.protocol": "consumer",
      "auto.offset.reset": "earliest",
    });
    consumer.subscribe(["mixed"]);
    try {
      await until(
        async () => {
          await consumer.poll(200);
          const { body } = await send("GET", `${uri}/assignments`);
          const { length } = (body as { partitions: unknown[] }).partitions;
          return consumer.assignment().length === 2 && length === 2;
        },
        "each has two partitions",
        WAIT_MS,
      );
      await produce("mixed", numbers(0, 40));
      const seen: number[] = [];
      await until(
        async () => {
          const polled = await consumer.poll(200);
          seen.push(
            ...polled.map(({ value }) => Number(new TextDecoder().decode(value ?? undefined))),
          );
          seen.push(...(await read(uri)).map(({ value }) => value));
          return seen.length >= 40;
        },
        () => `40 records came: ${seen.length}`,
        WAIT_MS,
      );
      expect(seen.sort((a, b) => a - b)).toEqual(numbers(0, 40));
    } finally {
      await consumer.close();
    }
  });

  test("REST29: polls, one after the other, read everything once; lags are what is left", async () => {
    await createTopic("polled", 2);
    await produce("polled", numbers(0, 20));
    const poll = async (after: number) => {
      const body = {
        ...{ topics: ["polled"], format: "json", "auto.offset.reset": "earliest" },
        ...{ max_records: 7, after, timeout: 500 },
      };
      const path = "/consumers/g-polled/instances/edge/poll";
      const answer = await send("POST", path, body, "application/json");
      expect(answer.status).toBe(200);
      return answer.body as { records: Shown[]; sequence: number };
    };
    const seen: number[] = [];
    for (let after = 0; seen.length < 20; ) {
      const { records, sequence } = await poll(after);
      seen.push(...records.map(({ value }) => value));
      after = sequence;
    }
    expect(seen.sort((a, b) => a - b)).toEqual(numbers(0, 20));
    const summary = "/v3/clusters/kedge/consumer-groups/g-polled/lag-summary";
    expect(((await send("GET", summary)).body as { total_lag: number }).total_lag).toBeGreaterThan(
      0,
    );
  });

  test("REST20: kill -9 and a restart lose neither instance nor position", async () => {
    await createTopic("survives", 1);
    await produce("survives", numbers(0, 5));
    const uri = new URL(await create("g-survives", "a", "survives")).pathname;
    expect(await read(uri)).toHaveLength(5);
    const { dataFolder } = service;
    await service.stop("SIGKILL");
    service = await startService({ dataFolder });
    await produce("survives", numbers(5, 8));
    expect(await readAll([uri], 3)).toEqual(numbers(5, 8));
  });
});
