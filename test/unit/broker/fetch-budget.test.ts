import { describe, expect, test } from "vitest";
import {
  FetchBudget,
  type Lease,
  type Taking,
  unboundedLease,
} from "../../../src/broker/fetch-budget.ts";
import { VirtualClock } from "../client/virtual-clock.ts";

const LAPSE_MS = 1_000;

function world(totalBytes: number) {
  const clock = new VirtualClock(0);
  const budget = new FetchBudget(totalBytes, LAPSE_MS, () => clock.now());
  const take = (lease: Lease, more: Partial<Taking>) =>
    lease.take({
      ...{ wantedBytes: 10, leastBytes: 10, timeoutMs: 0, sleep: (ms) => clock.sleep(ms) },
      ...more,
    });
  return { clock, budget, take };
}

describe("a fetch's bytes", () => {
  test("are what it wants while there is plenty, and come back", async () => {
    const { budget, take } = world(100);
    const lease = budget.lease();
    expect(await take(lease, { wantedBytes: 25 })).toBe(25);
    expect([lease.bytes, budget.freeBytes]).toEqual([25, 75]);
    lease.keep(5);
    expect(budget.freeBytes).toBe(95);
    lease.keep(0);
    expect(budget.freeBytes).toBe(100);
  });

  test("are half of what is free when that is less, and never under the least", async () => {
    const { budget, take } = world(100);
    const taken = [];
    for (let i = 0; i < 6; i++) taken.push(await take(budget.lease(), { wantedBytes: 60 }));
    expect(taken).toEqual([50, 25, 12, 10, 0, 0]);
    expect(budget.freeBytes).toBe(3);
  });

  test("may be the whole budget for one that needs so many, and no more than that is asked for", async () => {
    const { budget, take } = world(100);
    const lease = budget.lease();
    expect(await take(lease, { wantedBytes: 500, leastBytes: 500 })).toBe(100);
    lease.keep(120);
    expect(budget.freeBytes).toBe(-20);
    expect(await take(budget.lease(), { leastBytes: 1 })).toBe(0);
  });

  test("unbounded: there are always enough", async () => {
    const { take } = world(0);
    expect(await take(unboundedLease(), { wantedBytes: 1e12 })).toBe(1e12);
  });
});

describe("who does not fit", () => {
  test("waits in the order of asking, small ones behind a large one too", async () => {
    const { clock, budget, take } = world(100);
    const holder = budget.lease();
    await take(holder, { wantedBytes: 100, leastBytes: 100 });
    const order: string[] = [];
    const asked = [
      ["large", 60],
      ["small", 1],
      ["other", 20],
    ] as const;
    const waits = asked.map(async ([name, leastBytes]) => {
      const bytes = await take(budget.lease(), { wantedBytes: 60, leastBytes, timeoutMs: 500 });
      order.push(`${name} ${bytes}`);
    });
    await clock.advance(0);
    holder.keep(50);
    await clock.advance(0);
    expect([order, budget.waiting]).toEqual([[], 3]);
    holder.keep(0);
    await clock.run(Promise.all(waits));
    expect(order).toEqual(["large 60", "small 20", "other 20"]);
    expect([budget.freeBytes, budget.waiting]).toEqual([0, 0]);
  });

  test("gets nothing when its time is over, and lets those behind it in", async () => {
    const { clock, budget, take } = world(100);
    const holder = budget.lease();
    await take(holder, { wantedBytes: 80, leastBytes: 80 });
    const large = take(budget.lease(), { leastBytes: 50, timeoutMs: 100 });
    const small = take(budget.lease(), { leastBytes: 20, wantedBytes: 20, timeoutMs: 500 });
    expect(await clock.run(large)).toBe(0);
    expect(clock.now()).toBe(100);
    expect(await clock.run(small)).toBe(20);
    expect(clock.now()).toBe(100);
  });

  test("gets nothing when its client goes", async () => {
    const { clock, budget, take } = world(10);
    await take(budget.lease(), {});
    const client = new AbortController();
    const waiting = take(budget.lease(), { timeoutMs: 10_000, signal: client.signal });
    client.abort();
    expect(await clock.run(waiting)).toBe(0);
    expect([clock.now(), budget.waiting]).toEqual([0, 0]);
  });

  test("takes back what a request that ended without a word left held", async () => {
    const { clock, budget, take } = world(20);
    const forgotten = budget.lease();
    await take(forgotten, {});
    await clock.advance(LAPSE_MS - 1);
    const alive = budget.lease();
    await take(alive, {});
    expect(await take(budget.lease(), {})).toBe(0);
    await clock.advance(1);
    expect(await take(budget.lease(), {})).toBe(10);
    expect([forgotten.bytes, alive.bytes, budget.freeBytes]).toEqual([0, 10, 0]);
    forgotten.keep(0);
    expect(budget.freeBytes).toBe(0);
  });
});
