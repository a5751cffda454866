import fc from "fast-check";
import { expect, test } from "vitest";
import { murmur2, partitionForKey } from "../../../src/lib/murmur2.ts";
import { Prng } from "../../../src/lib/prng.ts";

/** The slow, obvious version: Kafka's published rule on big integers. */
function slowMurmur2(bytes: Uint8Array): number {
  const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
  const m = 0x5bd1e995n;
  let h = u32(0x9747b28cn ^ BigInt(bytes.length));
  let at = 0;
  for (; bytes.length - at >= 4; at += 4) {
    const word = bytes.slice(at, at + 4).reduceRight((sum, byte) => sum * 256 + byte, 0);
    let k = u32(BigInt(word) * m);
    k = u32((k ^ (k >> 24n)) * m);
    h = u32(h * m) ^ k;
  }
  const tail = bytes.slice(at);
  if (tail.length > 0) {
    h ^= BigInt(tail.reduceRight((sum, byte) => sum * 256 + byte, 0));
    h = u32(h * m);
  }
  h = u32((h ^ (h >> 13n)) * m);
  h ^= h >> 15n;
  return Number(BigInt.asIntN(32, h));
}

// Kafka's UtilsTest.testMurmur2, and librdkafka's rdmurmur2.c.
test.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
  ["kafka", 0xd067cf64 | 0],
  ["giberish123456789", 0x8f552b0c | 0],
  ["1234", 0x9fc97b14 | 0],
  ["", 0x106e08d9],
])("the published hash of %j", (key, hash) => {
  expect(murmur2(new TextEncoder().encode(key))).toBe(hash);
});

test("10,000 random keys go where the published rule puts them", () => {
  const prng = new Prng(20_260_101);
  for (let i = 0; i < 10_000; i++) {
    const key = prng.bytes(prng.int(40));
    const partitions = 1 + prng.int(1_000);
    const hash = slowMurmur2(key);
    expect(murmur2(key)).toBe(hash);
    expect(partitionForKey(key, partitions)).toBe((hash & 0x7fffffff) % partitions);
  }
});

test("a view hashes as its own bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const inside = new Uint8Array(bytes.length + 5).fill(0xee);
      inside.set(bytes, 2);
      expect(murmur2(inside.subarray(2, 2 + bytes.length))).toBe(slowMurmur2(bytes));
    }),
  );
});

test("a topic without partitions is a mistake of the caller", () => {
  expect(() => partitionForKey(new Uint8Array(1), 0)).toThrow("this one has 0");
});
