import { expect, test } from "vitest";
import { Prng } from "../../../src/lib/prng.ts";

test("a seed is a sequence, and neighbouring seeds are different ones", () => {
  const draw = (seed: number): number[] => {
    const prng = new Prng(seed);
    return Array.from({ length: 20 }, () => prng.uint32());
  };
  expect(draw(1)).toEqual(draw(1));
  const heads = new Set(Array.from({ length: 1_000 }, (_, seed) => draw(seed)[0]));
  expect(heads.size).toBe(1_000);
  expect(draw(2 ** 32 + 1)).not.toEqual(draw(1));
});

test("the sequence never changes: failing seeds are kept", () => {
  const prng = new Prng(42);
  const drawn = [prng.uint32(), prng.int(1_000), prng.bool(0.5), prng.pick(["a", "b", "c"])];
  expect([...drawn, ...prng.bytes(4)]).toMatchInlineSnapshot(`
    [
      3648644458,
      979,
      false,
      "b",
      80,
      225,
      133,
      147,
    ]
  `);
});

test("draws are spread evenly", () => {
  const prng = new Prng(7);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const n = prng.int(10);
    counts[n] = (counts[n] ?? 0) + 1;
  }
  // Six standard deviations of a fair die of ten sides.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(570);
  const heads = Array.from({ length: 100_000 }, () => prng.bool(0.25)).filter(Boolean).length;
  expect(Math.abs(heads - 25_000)).toBeLessThan(830);
  const floats = Array.from({ length: 100_000 }, () => prng.float());
  expect(Math.min(...floats.slice(0, 1_000))).toBeGreaterThanOrEqual(0);
  expect(floats.every((value) => value < 1)).toBe(true);
  const mean = floats.reduce((sum, value) => sum + value, 0) / floats.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.006);
});

test("bytes are as many as asked for", () => {
  const prng = new Prng(3);
  expect(prng.bytes(0).length).toBe(0);
  expect(new Set(prng.bytes(10_000)).size).toBe(256);
});

test("what cannot be drawn is refused", () => {
  const prng = new Prng(1);
  expect(() => prng.int(0)).toThrow("positive integer, got 0");
  expect(() => prng.int(1.5)).toThrow("positive integer, got 1.5");
  expect(() => prng.pick([])).toThrow("nothing to pick");
});
