import { describe, expect, test } from "vitest";
import { SingleFlight } from "../../../src/catalogue/single-flight.ts";
import { ManualClock, settle } from "./manual-clock.ts";

interface Call {
  readonly keys: readonly string[];
  readonly answer: (found: Record<string, number>) => void;
  readonly fail: (error: Error) => void;
}

function setUp() {
  const clock = new ManualClock();
  const flight = new SingleFlight<number>(1_000, clock.after);
  const calls: Call[] = [];
  const query = (keys: readonly string[]): Promise<Map<string, number>> =>
    new Promise((resolve, reject) => {
      const answer = (found: Record<string, number>) => resolve(new Map(Object.entries(found)));
      calls.push({ keys, answer, fail: reject });
    });
  const load = (...keys: string[]) =>
    flight.load(keys, query).then((found) => Object.fromEntries(found));
  return { clock, flight, calls, load };
}

describe("readers of the same keys", () => {
  test("CAT10: share one query, and get what they asked for and no more", async () => {
    const { calls, load, clock } = setUp();
    const reads = [load("a", "b"), load("b"), load("a", "absent", "b")];
    expect(calls.map(({ keys }) => keys)).toEqual([["a", "b"], ["absent"]]);
    calls[0]?.answer({ a: 1, b: 2 });
    calls[1]?.answer({});
    expect(await Promise.all(reads)).toEqual([{ a: 1, b: 2 }, { b: 2 }, { a: 1, b: 2 }]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("who comes after the answer sends a query anew", async () => {
    const { calls, load } = setUp();
    const first = load("a");
    calls[0]?.answer({ a: 1 });
    expect(await first).toEqual({ a: 1 });
    const second = load("a");
    calls[1]?.answer({ a: 2 });
    expect(await second).toEqual({ a: 2 });
  });

  test("all of them learn that the query failed; the next one starts afresh", async () => {
    const { calls, load, clock } = setUp();
    const reads = [load("a"), load("a"), load("a", "b")];
    calls[0]?.fail(new Error("no luck"));
    calls[1]?.answer({ b: 2 });
    for (const read of reads) await expect(read).rejects.toThrow("no luck");
    expect(clock.pendingTimers).toBe(0);
    const next = load("a");
    calls[2]?.answer({ a: 3 });
    expect(await next).toEqual({ a: 3 });
  });

  test("CAT10: nobody waits for ever for a request that died: one of those who waited asks again", async () => {
    const { calls, load, clock } = setUp();
    const dead = load("a");
    const waiting = [load("a"), load("a"), load("a", "b")];
    calls[1]?.answer({ b: 2 });
    await settle();
    await clock.advance(999);
    expect(calls).toHaveLength(2);
    await clock.advance(1);
    expect(calls.map(({ keys }) => keys)).toEqual([["a"], ["b"], ["a"]]);
    const late = load("a");
    calls[2]?.answer({ a: 1 });
    expect(await Promise.all(waiting)).toEqual([{ a: 1 }, { a: 1 }, { a: 1, b: 2 }]);
    expect(await late).toEqual({ a: 1 });
    calls[0]?.answer({ a: 0 });
    expect(await dead).toEqual({ a: 0 });
    const next = load("a");
    expect(calls).toHaveLength(4);
    calls[3]?.answer({});
    expect(await next).toEqual({});
  });

  test("after a change nobody joins a query that began before it", async () => {
    const { flight, calls, load } = setUp();
    const before = load("a");
    flight.forget();
    const after = load("a");
    expect(calls).toHaveLength(2);
    calls[0]?.answer({ a: 1 });
    await settle();
    const joined = load("a");
    expect(calls).toHaveLength(2);
    calls[1]?.answer({ a: 2 });
    expect(await Promise.all([before, after, joined])).toEqual([{ a: 1 }, { a: 2 }, { a: 2 }]);
  });
});
