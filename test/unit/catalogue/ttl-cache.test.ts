import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TtlCache } from "../../../src/catalogue/ttl-cache.ts";

const cache = (weightMax = 100) =>
  new TtlCache<string>({ ttlMs: 10, staleMsMax: 30, weightMax, weigh: (value) => value.length });

describe("a cache with a time to live", () => {
  test("a value is given for ttlMs, and to who asks for a stale one for staleMsMax", () => {
    const it = cache();
    it.set("a", "x", 100);
    expect([it.get("a", 109), it.get("a", 110)]).toEqual(["x", undefined]);
    expect([it.getStale("a", 129), it.getStale("a", 130)]).toEqual(["x", undefined]);
    it.set("a", "y", 130);
    expect(it.get("a", 139)).toBe("y");
  });

  test("deleted values are gone", () => {
    const it = cache();
    it.set("a", "x", 0);
    it.set("b", "yy", 0);
    it.delete("a");
    it.delete("no-such");
    expect([it.get("a", 0), it.get("b", 0), it.weight]).toEqual([undefined, "yy", 2]);
    it.deleteWhere((value) => value === "yy");
    expect([it.get("b", 0), it.weight]).toEqual([undefined, 0]);
  });

  test("for room the one read longest ago goes first", () => {
    const it = cache(3);
    it.set("a", "1", 0);
    it.set("b", "2", 0);
    it.set("c", "3", 0);
    it.set("a", "4", 1);
    it.set("d", "5", 1);
    expect(["a", "b", "c", "d"].map((key) => it.get(key, 1))).toEqual(["4", undefined, "3", "5"]);
  });

  test("what is too heavy by itself is not kept, and drops nothing but what it replaces", () => {
    const it = cache(3);
    it.set("a", "1", 0);
    it.set("b", "2", 0);
    it.set("b", "4444", 0);
    expect([it.get("a", 0), it.get("b", 0)]).toEqual(["1", undefined]);
  });

  test("it never weighs more than it may, and knows its weight", () => {
    const step = fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.string({ maxLength: 8 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), fc.nat(20), (steps, weightMax) => {
        const it = cache(weightMax);
        for (const [key, value] of steps) {
          if (value === "") it.delete(key);
          else it.set(key, value, 0);
          const kept = ["a", "b", "c", "d"].map((k) => it.get(k, 0)?.length ?? 0);
          expect(it.weight).toBe(kept.reduce((a, b) => a + b));
          expect(it.weight).toBeLessThanOrEqual(weightMax);
        }
      }),
    );
  });
});
