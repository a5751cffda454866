import { beforeEach, describe, expect, test } from "vitest";
import { RestWorld } from "../../support/rest-world.ts";

const JSON_V2 = "application/vnd.kafka.json.v2+json";

interface Polled {
  instance: string;
  member_id: string;
  member_epoch: number;
  sequence: number;
  records: { topic: string; partition: number; offset: number; value: unknown }[];
  assignment: { topic: string; partition: number }[];
  positions: { topic: string; partition: number; offset: number }[];
  committed: { topic: string; partition: number; offset: number }[];
}

let world: RestWorld;

beforeEach(async () => {
  world = new RestWorld();
  await world.createTopic("t", 2);
});

const BASE = {
  ...{ topics: ["t"], format: "json", timeout: 20, "auto.offset.reset": "earliest" },
};

const post = (path: string, body?: unknown) =>
  world.request<Polled>("POST", path, {
    ...(body === undefined ? {} : { body, type: "application/json" }),
  });

async function poll(name: string, options: Record<string, unknown> = {}): Promise<Polled> {
  const path = `/consumers/g/instances/${name}/poll`;
  const { status, body, text } = await post(path, { ...BASE, ...options });
  if (status !== 200) throw new Error(`${status} ${text}`);
  return body;
}

const valuesOf = ({ records }: Polled) => records.map(({ value }) => value).sort();

async function produce(partition: number, ...values: unknown[]) {
  await world.request("POST", `/topics/t/partitions/${partition}`, {
    type: JSON_V2,
    body: { records: values.map((value) => ({ value })) },
  });
}

async function committed(): Promise<Record<number, number>> {
  await post("/consumers/g", { name: "looker" });
  const { body } = await world.get<{ offsets: { partition: number; offset: number }[] }>(
    "/consumers/g/instances/looker/offsets?partitions=t:0,t:1",
  );
  return Object.fromEntries(body.offsets.map(({ partition, offset }) => [partition, offset]));
}

describe("poll", () => {
  test("REST29: one request creates, joins and reads", async () => {
    await produce(0, "a", "b");
    await produce(1, "c");
    const answer = await poll("w");
    expect(valuesOf(answer)).toEqual(["a", "b", "c"]);
    expect(answer).toEqual({
      instance: "w",
      member_id: expect.stringMatching(/^[\w-]{22}$/),
      member_epoch: expect.any(Number),
      sequence: world.nowMs + 1,
      records: expect.any(Array),
      assignment: [
        { topic: "t", partition: 0 },
        { topic: "t", partition: 1 },
      ],
      positions: [
        { topic: "t", partition: 0, offset: 2 },
        { topic: "t", partition: 1, offset: 1 },
      ],
      committed: [
        { topic: "t", partition: 0, offset: 0 },
        { topic: "t", partition: 1, offset: 0 },
      ],
    });
    expect(answer.records[0]).toEqual({
      ...{ topic: "t", partition: 0, offset: 0, key: null, value: "a", headers: [] },
      timestamp: world.nowMs,
    });
  });

  test("REST24: previous, which is the default, commits with the next poll", async () => {
    await produce(0, "a");
    await poll("w");
    expect(await committed()).toEqual({ 0: 0, 1: 0 });
    const next = await poll("w");
    expect(next.records).toEqual([]);
    expect(next.committed).toEqual([{ topic: "t", partition: 0, offset: 1 }]);
    expect(await committed()).toEqual({ 0: 1, 1: 0 });
  });

  test("auto commits what it returns, none commits nothing", async () => {
    await produce(0, "a");
    const auto = await poll("w", { commit: "auto" });
    expect(auto.committed).toContainEqual({ topic: "t", partition: 0, offset: 1 });
    expect(await committed()).toEqual({ 0: 1, 1: 0 });
    await produce(0, "b");
    const none = await poll("w", { commit: "none" });
    expect([valuesOf(none), none.committed]).toEqual([["b"], []]);
    expect(await committed()).toEqual({ 0: 1, 1: 0 });
  });

  test("REST28: offsets are committed as they are, before anything is read", async () => {
    await produce(0, "a", "b");
    const first = await poll("w", { commit: "none" });
    const second = await poll("w", { commit: "none", offsets: first.positions });
    expect(second.committed).toEqual(first.positions);
    expect(await committed()).toEqual({ 0: 2, 1: 0 });
  });

  test("under latest nothing is skipped between two short lives", async () => {
    const config = { "auto.offset.reset": "latest", "consumer.instance.timeout.ms": 1_000 };
    await produce(0, "before");
    expect((await poll("w", config)).records).toEqual([]);
    for (let ms = 0; ms < 60_000; ms += 1_000) {
      world.nowMs += 1_000;
      await world.instances.ring();
      await world.groups.tick();
    }
    expect(world.instances.home("g", "w").data).toBeNull();
    await produce(0, "between");
    expect(valuesOf(await poll("v", config))).toEqual(["between"]);
  });

  describe("after", () => {
    const refused = async (after: number) => {
      const answer = await post("/consumers/g/instances/w/poll", { ...BASE, after });
      const { error_code } = answer.body as unknown as { error_code: number };
      expect([answer.status, error_code]).toEqual([409, 40903]);
    };

    test("a poll whose answer was lost is undone, and its records come again, twice too", async () => {
      await produce(0, "a", "b", "c");
      const first = await poll("w", { max_records: 1, after: 0 });
      expect(valuesOf(first)).toEqual(["a"]);
      // This answer never arrives, nor does the next.
      const lost = await poll("w", { max_records: 1, after: first.sequence });
      await poll("w", { max_records: 1, after: first.sequence });
      const again = await poll("w", { max_records: 1, after: first.sequence });
      expect([valuesOf(again), again.sequence]).toEqual([["b"], lost.sequence]);
      expect(await committed()).toEqual({ 0: 1, 1: 0 });
      const last = await poll("w", { after: again.sequence });
      expect(valuesOf(last)).toEqual(["c"]);
      expect(await committed()).toEqual({ 0: 2, 1: 0 });
      await refused(first.sequence);
    });

    test("an answer without records is none that could be lost; late copies undo nothing", async () => {
      await produce(0, "a");
      const { sequence } = await poll("w");
      for (let i = 0; i < 2; i++) {
        const empty = await poll("w", { after: sequence });
        expect([empty.records, empty.sequence]).toEqual([[], sequence]);
      }
      await refused(sequence - 1);
      expect((await poll("w", { after: sequence })).records).toEqual([]);
    });

    test("of an instance that was made anew, whatever its client remembers", async () => {
      await produce(0, "a", "b");
      const old = await poll("w", { max_records: 1 });
      await world.request("DELETE", "/consumers/g/instances/w");
      world.nowMs += 1;
      // The instance is new, and its first answer is lost.
      expect(valuesOf(await poll("w", { after: old.sequence }))).toEqual(["b"]);
      const again = await poll("w", { after: old.sequence });
      expect(valuesOf(again)).toEqual(["b"]);
      expect(again.sequence).not.toBe(old.sequence);
      expect((await poll("w", { after: again.sequence })).records).toEqual([]);
    });
  });

  test("bounds: max_records and max_bytes, and every record once", async () => {
    await produce(0, ...Array.from({ length: 20 }, (_, i) => i));
    await produce(1, ...Array.from({ length: 20 }, (_, i) => 100 + i));
    const seen: unknown[] = [];
    for (let i = 0; i < 40 && seen.length < 40; i++) {
      const { records } = await poll("w", { max_records: 3 });
      expect(records.length).toBeLessThanOrEqual(3);
      seen.push(...records.map(({ value }) => value));
    }
    expect(seen).toHaveLength(40);
    expect(new Set(seen).size).toBe(40);
  });

  test("a second poll needs no topics; other topics replace them", async () => {
    await world.createTopic("u");
    await poll("w");
    const path = "/consumers/g/instances/w/poll";
    const bare = await post(path, { timeout: 1 });
    expect(bare.body.assignment).toHaveLength(2);
    expect((await post(path)).status).toBe(200);
    const { assignment } = await poll("w", { topics: ["u"], timeout: 1_000 });
    expect(assignment).toEqual([{ topic: "u", partition: 0 }]);
  });

  test("key, value and header formats", async () => {
    await world.request("POST", "/topics/t/partitions/0?key_format=string", {
      type: JSON_V2,
      body: { records: [{ key: "k", value: { n: 1 }, headers: [{ key: "h", value: "aGk=" }] }] },
    });
    const shown = await poll("w", { key_format: "string", header_format: "string" });
    expect(shown.records[0]).toMatchObject({
      ...{ key: "k", value: { n: 1 }, headers: [{ key: "h", value: "hi" }] },
    });
    const { records } = await poll("w2", { format: null, topics: ["t"] });
    expect(records).toEqual([]);
  });

  test("REST29: many at once in one group share the partitions, and no record is read twice", async () => {
    await produce(0, 1, 2);
    await produce(1, 3, 4);
    const answers = await Promise.all(["a", "b", "c"].map((name) => poll(name)));
    expect(answers.flatMap(valuesOf).sort()).toEqual([1, 2, 3, 4]);
  });

  test("two polls of one instance at once: each record goes to one of them", async () => {
    await produce(0, ...Array.from({ length: 10 }, (_, i) => i));
    const answers = await Promise.all(Array.from({ length: 5 }, () => poll("w", { timeout: 500 })));
    expect(answers.flatMap(valuesOf).sort()).toEqual(Array.from({ length: 10 }, (_, i) => i));
  });
});
