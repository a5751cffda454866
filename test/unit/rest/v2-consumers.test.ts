import { beforeEach, describe, expect, test } from "vitest";
import { ORIGIN, RestWorld } from "../../support/rest-world.ts";

const JSON_V2 = "application/vnd.kafka.json.v2+json";
const V2 = "application/vnd.kafka.v2+json";

interface Shown {
  topic: string;
  partition: number;
  offset: number;
  key: unknown;
  value: unknown;
  timestamp: number;
  headers: unknown[];
}

let world: RestWorld;

beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("t", 3);
});

const post = (path: string, body?: unknown) =>
  world.request("POST", path, body === undefined ? {} : { body, type: V2 });
const remove = (path: string) => world.request("DELETE", path);

/** A JSON consumer that begins with the earliest record, and its path. */
async function consumer(name: string, config: Record<string, unknown> = {}, group = "g") {
  const { status, text } = await post(`/consumers/${group}`, {
    ...{ name, format: "json", "auto.offset.reset": "earliest", ...config },
  });
  if (status !== 200) throw new Error(`${status} ${text}`);
  return `/consumers/${group}/instances/${name}`;
}

async function subscribed(name: string, config: Record<string, unknown> = {}, topics = ["t"]) {
  const path = await consumer(name, config);
  expect((await post(`${path}/subscription`, { topics })).status).toBe(204);
  return path;
}

async function produce(partition: number, ...values: unknown[]) {
  const { status, text } = await world.request("POST", `/topics/t/partitions/${partition}`, {
    type: JSON_V2,
    body: { records: values.map((value) => ({ key: `k${partition}`, value })) },
  });
  if (status !== 200) throw new Error(text);
}

async function read(path: string, query = "?timeout=20"): Promise<Shown[]> {
  const { status, body, text } = await world.get<Shown[]>(`${path}/records${query}`, {
    accept: JSON_V2,
  });
  if (status !== 200) throw new Error(`${status} ${text}`);
  return body;
}

async function values(path: string, query = "?timeout=20"): Promise<unknown[]> {
  return (await read(path, query)).map(({ value }) => value).sort();
}

async function assignment(path: string): Promise<number[]> {
  const { body } = await world.get<{ partitions: { partition: number }[] }>(`${path}/assignments`);
  return body.partitions.map(({ partition }) => partition).sort();
}

async function committed(path: string, partition = 0): Promise<unknown> {
  const { body } = await world.get<{ offsets: { offset: number }[] }>(
    `${path}/offsets?partitions=t:${partition}`,
  );
  return body.offsets[0]?.offset ?? null;
}

/** Time passes; alarms and coordinators do what is due, a second at a time. */
async function pass(ms: number) {
  for (const end = world.nowMs + ms; world.nowMs < end; ) {
    world.nowMs = Math.min(end, world.nowMs + 1_000);
    await world.instances.ring();
    await world.groups.tick();
  }
}

describe("a consumer instance of REST v2", () => {
  test("create: its name, and a base_uri under the URL that was asked", async () => {
    const made = await world.request("POST", "http://127.0.0.1:8787/consumers/g%20r/", {
      type: V2,
      body: { name: "a b" },
    });
    expect(made.body).toEqual({
      instance_id: "a b",
      base_uri: "http://127.0.0.1:8787/consumers/g%20r/instances/a%20b",
    });
    expect(made.type).toBe(V2);
    const random = await post("/consumers/g");
    const { instance_id, base_uri } = random.body as Record<string, string>;
    expect(instance_id).toMatch(/^rest-consumer-[\w-]{22}$/);
    expect(base_uri).toBe(`${ORIGIN}/consumers/g/instances/${instance_id}`);
    const old = await post("/consumers/g", { id: "x", name: "y" });
    expect(old.body).toMatchObject({ instance_id: "x" });
  });

  test("REST21: the first read returns data, with headers and timestamps", async () => {
    await produce(0, 1, 2);
    await produce(2, 3);
    const path = await subscribed("a");
    const records = await read(path);
    expect(records.map(({ value }) => value).sort()).toEqual([1, 2, 3]);
    expect(records[0]).toEqual({
      ...{ topic: "t", partition: expect.any(Number), offset: expect.any(Number) },
      ...{ key: expect.stringMatching(/^k\d$/), value: expect.any(Number), headers: [] },
      timestamp: 1_700_000_000_000,
    });
    const startMs = performance.now();
    expect(await read(path, "?timeout=60")).toEqual([]);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(55);
  });

  test("binary is the format unless one is named; an unspecific Accept takes the instance's", async () => {
    await produce(0, "x");
    const path = await consumer("a", { format: undefined });
    await post(`${path}/subscription`, { topics: ["t"] });
    const answer = await world.get<Shown[]>(`${path}/records`);
    expect(answer.type).toBe("application/vnd.kafka.binary.v2+json");
    expect(answer.body[0]?.value).toBe("Ingi");
    const text = await subscribed("b", { format: "string" });
    const generic = await world.get(`${text}/records`, { accept: V2 });
    expect(generic.type).toBe("application/vnd.kafka.string.v2+json");
  });

  test("two instances of a group share a topic; both are assigned without a wait", async () => {
    await produce(0, 0);
    await produce(1, 1);
    await produce(2, 2);
    const a = await subscribed("a");
    expect(await assignment(a)).toEqual([0, 1, 2]);
    const b = await subscribed("b");
    await pass(10_000);
    const [ofA, ofB] = [await assignment(a), await assignment(b)];
    expect([...ofA, ...ofB].sort()).toEqual([0, 1, 2]);
    expect(ofB.length).toBeGreaterThan(0);
    expect([...(await values(a)), ...(await values(b))].sort()).toEqual([0, 1, 2]);
    // Whoever is left has them all again.
    await remove(b);
    await pass(10_000);
    expect(await assignment(a)).toEqual([0, 1, 2]);
  });

  test("REST25: a partition that was read and not committed stays until its client comes back", async () => {
    await produce(0, 0);
    await produce(1, 1);
    await produce(2, 2);
    const a = await subscribed("a", { "auto.commit.enable": "true" });
    expect(await values(a)).toEqual([0, 1, 2]);
    const b = await subscribed("b");
    await pass(6_000);
    expect(await assignment(b)).toEqual([]);
    // The next read says that all was processed: it is committed, and part of it goes.
    expect(await read(a, "?timeout=10")).toEqual([]);
    await pass(6_000);
    expect(await assignment(b)).toHaveLength(1);
    expect(await values(b)).toEqual([]);
    expect(await committed(a)).toBe(1);
  });

  test("REST25: a client that does not come back keeps it for 30 s, and commits nothing", async () => {
    await produce(0, 0);
    await produce(1, 1);
    await produce(2, 2);
    const a = await subscribed("a");
    await values(a);
    const b = await subscribed("b");
    await pass(25_000);
    expect(await assignment(b)).toEqual([]);
    await pass(15_000);
    const [partition = -1] = await assignment(b);
    expect(await values(b)).toEqual([partition]);
  });

  test("auto.commit.enable=false commits nothing; an empty body commits all that was read", async () => {
    await produce(0, 1, 2);
    const path = await subscribed("a", { "auto.commit.enable": false });
    await read(path);
    await read(path);
    expect(await committed(path)).toBeNull();
    const done = await post(`${path}/offsets`);
    expect([done.status, done.body]).toEqual([200, []]);
    expect(await committed(path)).toBe(2);
  });

  test("REST28: an explicit commit stores the offset after the record", async () => {
    const path = await subscribed("a");
    const offsets = [{ topic: "t", partition: 0, offset: 4, metadata: "seen" }];
    expect((await post(`${path}/offsets?async=false`, { offsets })).status).toBe(200);
    const { body } = await world.get(`${path}/offsets?partitions=t:0,t:1`);
    expect(body).toEqual({
      offsets: [{ topic: "t", partition: 0, offset: 5, metadata: "seen" }],
    });
  });

  test("a new instance goes on where the group committed", async () => {
    await produce(0, 1, 2, 3);
    const a = await subscribed("a", { "auto.commit.enable": false });
    await read(a);
    const offsets = [{ topic: "t", partition: 0, offset: 0 }];
    await post(`${a}/offsets`, { offsets });
    await remove(a);
    const b = await subscribed("b");
    expect(await values(b)).toEqual([2, 3]);
  });

  test("deleting an instance with auto.commit.enable commits what it read", async () => {
    await produce(0, 1, 2);
    const a = await subscribed("a");
    await read(a);
    expect((await remove(a)).status).toBe(204);
    const b = await subscribed("b");
    expect(await committed(b)).toBe(2);
    expect(await values(b)).toEqual([]);
  });

  test("latest begins with what comes next, and keeps its place while nothing comes", async () => {
    await produce(0, "old");
    const path = await subscribed("a", { "auto.offset.reset": "latest" });
    expect(await read(path)).toEqual([]);
    await produce(0, "new");
    expect(await values(path)).toEqual(["new"]);
  });

  test("REST22: no record twice, none left out, whatever the bounds", async () => {
    for (const partition of [0, 1, 2]) {
      await produce(partition, ...Array.from({ length: 40 }, (_, i) => partition * 100 + i));
    }
    const path = await subscribed("a");
    const seen: number[] = [];
    for (let reads = 0; seen.length < 120 && reads < 200; reads++) {
      seen.push(
        ...(await read(path, "?max_bytes=20&timeout=20")).map(({ value }) => Number(value)),
      );
    }
    const all = [0, 1, 2].flatMap((p) => Array.from({ length: 40 }, (_, i) => p * 100 + i));
    expect(seen.sort((x, y) => x - y)).toEqual(all);
  });

  test("REST22: two reads at once: one waits for the other, and no record comes twice", async () => {
    await produce(0, 1, 2, 3);
    const path = await subscribed("a");
    const both = await Promise.all([values(path), values(path)]);
    expect(both.flat().sort()).toEqual([1, 2, 3]);
  });

  test("REST22: a client that went away before the records came did not read them", async () => {
    await produce(0, 1);
    const path = await subscribed("a");
    await world.fetch(`${path}/records`, { signal: AbortSignal.abort() });
    expect(await values(path)).toEqual([1]);
  });

  test("REST20: an eviction forgets nothing but a read under way", async () => {
    await produce(0, 1, 2);
    const path = await subscribed("a");
    expect(await values(path)).toEqual([1, 2]);
    const home = world.instances.home("g", "a");
    const port = world.instances.at("kedge", "g", "a");
    const look = { open: null, commitRead: false, after: null, beat: false };
    const held = await port.plan({ ...look, lease: null, holdMs: 1_000 });
    home.evict();
    await produce(0, 3);
    expect(await values(path)).toEqual([3]);
    const late = await port.finish({
      lease: held.ok ? (held.value.lease ?? "") : "",
      advances: [{ topic: "t", partition: 0, planned: 2, from: 2, to: 9 }],
      committed: [],
      delivered: true,
    });
    expect(late).toMatchObject({ value: { accepted: false } });
    await produce(0, 4);
    expect(await values(path)).toEqual([4]);
  });

  test("REST26: a member that the group forgot joins again and goes on at the last commit", async () => {
    await produce(0, 1, 2);
    const path = await subscribed("a");
    expect(await values(path)).toEqual([1, 2]);
    await read(path, "?timeout=1");
    await produce(0, 3);
    // No alarm for longer than the session: the coordinator takes the member for dead.
    world.nowMs += 60_000;
    await world.groups.tick();
    expect(await values(path)).toEqual([3]);
    expect(await assignment(path)).toEqual([0, 1, 2]);
  });

  test("REST27: an idle instance leaves the group and forgets everything", async () => {
    await produce(0, 1);
    const a = await subscribed("a", { "consumer.instance.timeout.ms": 20_000 });
    await pass(15_000);
    await read(a, "?timeout=1");
    await pass(15_000);
    expect((await world.get(`${a}/assignments`)).status).toBe(200);
    await pass(25_000);
    const gone = await world.get(`${a}/assignments`);
    expect([gone.status, gone.body]).toEqual([404, notFound]);
    const home = world.instances.home("g", "a");
    expect([home.data, home.alarmAtMs]).toEqual([null, Number.POSITIVE_INFINITY]);
    const b = await subscribed("b");
    expect(await assignment(b)).toEqual([0, 1, 2]);
    // What a read and never confirmed comes again.
    expect(await values(b)).toEqual([1]);
  });

  test("heartbeats of an idle instance write nothing but the alarm", async () => {
    const path = await subscribed("a");
    await read(path, "?timeout=1");
    const home = world.instances.home("g", "a");
    const [saves, alarms] = [home.saves, home.alarms];
    await pass(60_000);
    expect(home.saves).toBe(saves);
    expect(home.alarms - alarms).toBeLessThanOrEqual(13);
    expect(await assignment(path)).toEqual([0, 1, 2]);
  });

  test("a pattern subscribes to every topic that it matches", async () => {
    await world.createTopic("t-2");
    await world.createTopic("other");
    const path = await consumer("a");
    expect((await post(`${path}/subscription`, { topic_pattern: "t.*" })).status).toBe(204);
    await read(path, "?timeout=1000");
    const { body } = await world.get(`${path}/subscription`);
    expect(body).toEqual({ topics: ["t", "t-2"], topic_pattern: "t.*" });
  });

  test("another subscription replaces the one before; DELETE ends it", async () => {
    await world.createTopic("u");
    const path = await subscribed("a");
    expect((await world.get(`${path}/subscription`)).body).toEqual({ topics: ["t"] });
    await post(`${path}/subscription`, { topics: ["u", "u"] });
    expect((await world.get(`${path}/subscription`)).body).toEqual({ topics: ["u"] });
    await read(path, "?timeout=1000");
    const { body } = await world.get(`${path}/assignments`);
    expect(body).toEqual({ partitions: [{ topic: "u", partition: 0 }] });
    expect((await remove(`${path}/subscription`)).status).toBe(204);
    expect((await world.get(`${path}/subscription`)).body).toEqual({ topics: [] });
    expect(await assignment(path)).toEqual([]);
  });

  test("partitions assigned by hand are read without a group", async () => {
    await produce(1, 7, 8);
    const path = await consumer("a");
    const partitions = [{ topic: "t", partition: 1 }];
    expect((await post(`${path}/assignments/`, { partitions })).status).toBe(204);
    expect((await world.get(`${path}/assignments`)).body).toEqual({ partitions });
    expect(await values(path)).toEqual([7, 8]);
    await post(`${path}/offsets`);
    expect(await committed(path, 1)).toBe(2);
  });

  test("positions: an offset, a time, the beginning, the end", async () => {
    await produce(0, 1, 2);
    world.nowMs += 60_000;
    const later = new Date(world.nowMs).toISOString();
    await produce(0, 3);
    const path = await subscribed("a");
    const partitions = [{ topic: "t", partition: 0 }];
    const offsets = [{ topic: "t", partition: 0, offset: 1 }];
    expect((await post(`${path}/positions`, { offsets })).status).toBe(204);
    expect(await values(path)).toEqual([2, 3]);
    const timestamps = [{ topic: "t", partition: 0, timestamp: later }];
    expect((await post(`${path}/positions`, { offsets: [], timestamps })).status).toBe(204);
    expect(await values(path)).toEqual([3]);
    expect((await post(`${path}/positions/beginning`, { partitions })).status).toBe(204);
    expect(await values(path)).toEqual([1, 2, 3]);
    await post(`${path}/positions/beginning`, { partitions });
    expect((await post(`${path}/positions/end`, { partitions })).status).toBe(204);
    expect(await values(path)).toEqual([]);
  });

  test("a position that the log does not have any more goes where auto.offset.reset says", async () => {
    await produce(0, 1, 2);
    const path = await subscribed("a");
    await post(`${path}/positions`, { offsets: [{ topic: "t", partition: 0, offset: 99 }] });
    expect(await values(path)).toEqual([1, 2]);
  });

  test("fetch.min.bytes waits for more, for as long as the request may take", async () => {
    await produce(0, "x".repeat(50));
    const path = await subscribed("a", { "fetch.min.bytes": 100_000 });
    const startMs = performance.now();
    expect(await values(path, "?timeout=60")).toHaveLength(1);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(55);
  });

  test("REST11: a record of another format is 40601, and the reader can go on after it", async () => {
    await world.request("POST", "/topics/t/partitions/0", {
      type: "application/vnd.kafka.binary.v2+json",
      body: { records: [{ value: "/w==" }] },
    });
    await produce(0, 2);
    const path = await subscribed("a");
    const answer = await world.get(`${path}/records`, { accept: JSON_V2 });
    expect([answer.status, (answer.body as { error_code: number }).error_code]).toEqual([
      406, 40601,
    ]);
    expect(answer.headers.get("kedge-next-offset")).toBe("1");
    await post(`${path}/positions`, { offsets: [{ topic: "t", partition: 0, offset: 1 }] });
    expect(await values(path)).toEqual([2]);
  });
});

const notFound = { error_code: 40403, message: "Consumer instance not found." };
