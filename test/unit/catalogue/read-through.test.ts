import { describe, expect, test } from "vitest";
import { ReadThrough } from "../../../src/catalogue/read-through.ts";
import { ManualClock, settle } from "./manual-clock.ts";

interface Call {
  readonly clusterId: string;
  readonly keys: readonly string[];
  readonly fresh: boolean;
  answer(found: Record<string, number>): void;
  fail(message: string): void;
}

function setUp() {
  const clock = new ManualClock();
  const calls: Call[] = [];
  const it = new ReadThrough<number>({
    now: clock.now,
    after: clock.after,
    patienceMs: 1_000,
    ttlMs: 10,
    staleMsMax: 100,
    weightMax: 50,
    weigh: () => 1,
    query: (clusterId, keys, fresh) =>
      new Promise((resolve, reject) => {
        calls.push({
          clusterId,
          keys,
          fresh,
          answer: (found) => resolve(new Map(Object.entries(found))),
          fail: (message) => reject(new Error(message)),
        });
      }),
  });
  const get = (keys: readonly string[], fresh = false, clusterId = "c") =>
    it.get(clusterId, keys, fresh).then((found) => Object.fromEntries(found));
  /** Reads with the next query answered so. */
  const read = async (keys: readonly string[], found: Record<string, number>, fresh = false) => {
    const pending = get(keys, fresh);
    calls.at(-1)?.answer(found);
    return await pending;
  };
  return { clock, calls, it, get, read };
}

describe("a cache that reads what it lacks", () => {
  test("asks for what is missing only, each key once, and not again within the TTL", async () => {
    const { clock, calls, get, read } = setUp();
    expect(await read(["a", "b", "a"], { a: 1, b: 2 })).toEqual({ a: 1, b: 2 });
    expect(await read(["a", "c"], { c: 3 })).toEqual({ a: 1, c: 3 });
    expect(calls.map(({ keys }) => keys)).toEqual([["a", "b"], ["c"]]);
    expect(await get(["a", "b", "c"])).toEqual({ a: 1, b: 2, c: 3 });
    await clock.advance(10);
    expect(await read(["a"], { a: 9 })).toEqual({ a: 9 });
    expect(calls).toHaveLength(3);
    expect(await get([], true)).toEqual({});
    expect(calls).toHaveLength(3);
  });

  test("CAT8: does not keep what is absent, and forgets what went", async () => {
    const { clock, calls, get, read } = setUp();
    await read(["a"], {});
    expect(await read(["a"], { a: 1 })).toEqual({ a: 1 });
    await clock.advance(10);
    expect(await read(["a"], {})).toEqual({});
    const pending = get(["a"]);
    calls.at(-1)?.fail("down");
    await expect(pending).rejects.toThrow("down");
  });

  test("CAT7: a fresh read asks always, and what it found is kept", async () => {
    const { calls, get, read } = setUp();
    await read(["a"], { a: 1 });
    expect(await read(["a"], { a: 2 }, true)).toEqual({ a: 2 });
    expect(calls.map(({ fresh }) => fresh)).toEqual([false, true]);
    expect(await get(["a"])).toEqual({ a: 2 });
    await read(["a"], {}, true);
    expect(await read(["a"], { a: 3 })).toEqual({ a: 3 });
  });

  test("CAT6: clusters do not mix, whatever the keys look like", async () => {
    const { calls, get } = setUp();
    const reads = [get(["x"], false, "a"), get(["x"], false, "b"), get(["a\nx", "x"], false, "a")];
    expect(calls.map(({ clusterId, keys }) => [clusterId, keys])).toEqual([
      ["a", ["x"]],
      ["b", ["x"]],
      ["a", ["a\nx"]],
    ]);
    calls[0]?.answer({ x: 1 });
    calls[1]?.answer({ x: 2 });
    calls[2]?.answer({ "a\nx": 3 });
    expect(await Promise.all(reads)).toEqual([{ x: 1 }, { x: 2 }, { "a\nx": 3, x: 1 }]);
    expect(await get(["x"], false, "b")).toEqual({ x: 2 });
  });

  test("CAT7: a read that our own write overtook is given, not kept", async () => {
    const { calls, it, get } = setUp();
    const early = get(["a"]);
    it.forget("c", "a");
    calls[0]?.answer({ a: 1 });
    expect(await early).toEqual({ a: 1 });
    const late = get(["a"]);
    calls[1]?.answer({ a: 2 });
    expect(await late).toEqual({ a: 2 });
    expect(await get(["a"])).toEqual({ a: 2 });
  });

  test("CAT7: a fresh read that our own write overtook is not kept either", async () => {
    const { calls, it, get, read } = setUp();
    const early = get(["a"], true);
    it.forgetWhere(() => false);
    calls[0]?.answer({ a: 1 });
    expect(await early).toEqual({ a: 1 });
    expect(await read(["a"], { a: 2 })).toEqual({ a: 2 });
  });

  test("CAT7: a read that a fresh one overtook does not replace what that one found", async () => {
    const { calls, get } = setUp();
    const slow = get(["a"]);
    const fresh = get(["a"], true);
    calls[1]?.answer({ a: 2 });
    expect(await fresh).toEqual({ a: 2 });
    calls[0]?.answer({ a: 1 });
    expect(await slow).toEqual({ a: 1 });
    expect(await get(["a"])).toEqual({ a: 2 });
  });

  test("CAT7: of two fresh reads the one that began later is kept, in whatever order they end", async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { calls, get } = setUp();
      const reads = [get(["a"], true), get(["a"], true)];
      for (const index of order) {
        calls[index]?.answer({ a: index });
        await settle();
      }
      await Promise.all(reads);
      expect(await get(["a"])).toEqual({ a: 1 });
    }
  });

  test("forgets a key, or what looks like it", async () => {
    const { calls, it, get, read } = setUp();
    await read(["a", "b", "c"], { a: 1, b: 2, c: 3 });
    it.forget("c", "a");
    it.forgetWhere((value) => value === 2);
    it.forget("other", "c");
    expect(await get(["c"])).toEqual({ c: 3 });
    expect(await read(["a", "b"], { a: 4, b: 5 })).toEqual({ a: 4, b: 5 });
    expect(calls.at(-1)?.keys).toEqual(["a", "b"]);
  });

  test("CAT9: goes on with what it has when the query fails, but not for ever, nor when asked fresh", async () => {
    const { clock, calls, get, read } = setUp();
    await read(["a"], { a: 1 });
    const failing = (keys: readonly string[], fresh = false) => {
      const pending = get(keys, fresh);
      calls.at(-1)?.fail("down");
      return pending;
    };
    await clock.advance(99);
    expect(await failing(["a"])).toEqual({ a: 1 });
    await expect(failing(["a", "b"])).rejects.toThrow("down");
    await expect(failing(["a"], true)).rejects.toThrow("down");
    await clock.advance(1);
    await expect(failing(["a"])).rejects.toThrow("down");
    expect(await read(["a"], { a: 2 })).toEqual({ a: 2 });
  });
});
