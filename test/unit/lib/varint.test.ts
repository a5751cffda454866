import fc from "fast-check";
import { expect, test } from "vitest";
import {
  joinVarlong,
  sizeOfUnsignedVarint,
  sizeOfVarint,
  sizeOfVarlong,
  writeUnsignedVarint,
  writeVarint,
  writeVarlong,
} from "../../../src/lib/varint.ts";

/** The slow, obvious version: KIP-482 and Protocol Buffers, on big integers. */
function groups(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 0x7fn));
    rest >>= 7n;
  } while (rest > 0n);
  return bytes.map((byte, i) => (i === bytes.length - 1 ? byte : byte | 0x80));
}

function zigZag(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
}

function written(write: (target: Uint8Array, at: number) => number): number[] {
  const target = new Uint8Array(12);
  const end = write(target, 1);
  return [...target.subarray(1, end)];
}

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const safe = fc.maxSafeInteger();
const powers = fc.integer({ min: 0, max: 62 }).map((n) => 2 ** n);

test("unsigned varints", () => {
  fc.assert(
    fc.property(uint32, (value) => {
      const expected = groups(BigInt(value));
      expect(written((target, at) => writeUnsignedVarint(value, target, at))).toEqual(expected);
      expect(sizeOfUnsignedVarint(value)).toBe(expected.length);
    }),
  );
});

test("zig-zag varints", () => {
  fc.assert(
    fc.property(int32, (value) => {
      const expected = groups(zigZag(BigInt(value)));
      expect(written((target, at) => writeVarint(value, target, at))).toEqual(expected);
      expect(sizeOfVarint(value)).toBe(expected.length);
    }),
  );
});

test("zig-zag varlongs, in pieces too", () => {
  const values = fc.oneof(
    int32,
    safe,
    powers,
    powers.map((n) => -n),
  );
  fc.assert(
    fc.property(values, (value) => {
      const raw = zigZag(BigInt(value));
      const expected = groups(raw);
      expect(written((target, at) => writeVarlong(value, target, at))).toEqual(expected);
      expect(sizeOfVarlong(value)).toBe(expected.length);
      const low = Number(raw & 0xfffffffn);
      const middle = Number((raw >> 28n) & 0xfffffffn);
      expect(joinVarlong(low, middle, Number(raw >> 56n)) + 0).toBe(value + 0);
    }),
    { numRuns: 1_000 },
  );
});

test("the smallest int64 is a varlong of ten bytes", () => {
  const value = -(2 ** 63);
  expect(written((target, at) => writeVarlong(value, target, at))).toEqual(groups(2n ** 64n - 1n));
  expect(sizeOfVarlong(value)).toBe(10);
});
