import fc from "fast-check";
import { expect, test } from "vitest";
import { utf8Decode } from "../../../src/lib/bytes.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import {
  batchPayload,
  encodeRecordBatch,
  walkHeaders,
  walkRecords,
} from "../../../src/protocol/record-batch.ts";

/** A record by hand: the body's bytes behind their length. Every number below 64 is one byte doubled. */
const record = (...body: number[]): number[] => [body.length * 2, ...body];
/** attributes, timestamp delta, offset delta, key -1, value -1, no headers. */
const EMPTY = [0, 0, 0, 1, 1, 0];

interface Seen {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
  readonly size: number;
}

function walk(payload: Uint8Array, count: number, stopAfter = Number.POSITIVE_INFINITY): Seen[] {
  const seen: Seen[] = [];
  const text = (at: number, length: number): string | null =>
    length < 0 ? null : utf8Decode(payload.subarray(at, at + length));
  const visited = walkRecords(payload, count, {
    record(offsetDelta, timestampDelta, keyAt, keyLength, valueAt, valueLength, hAt, hCount, size) {
      const headers: [string, string | null][] = [];
      walkHeaders(payload, hAt, hCount, {
        header: (kAt, kLength, vAt, vLength) =>
          headers.push([text(kAt, kLength) ?? "", text(vAt, vLength)]),
      });
      const key = text(keyAt, keyLength);
      const value = text(valueAt, valueLength);
      seen.push({ offsetDelta, timestampDelta, key, value, headers, size });
      return seen.length < stopAfter;
    },
  });
  expect(visited).toBe(seen.length);
  return seen;
}

test("the visitor gets numbers that point at what was written", () => {
  const value = fc.option(fc.string({ unit: "binary", maxLength: 80 }), { nil: null });
  const header = fc.tuple(fc.string({ unit: "binary", maxLength: 10 }), value);
  const one = fc.record({
    timestamp: fc.integer({ min: 0, max: 2 ** 50 }),
    key: value,
    value,
    headers: fc.array(header, { maxLength: 3 }),
  });
  const encoder = new TextEncoder();
  const encoded = (text: string | null): Uint8Array | null =>
    text === null ? null : encoder.encode(text);
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 100 }), (given) => {
      const records = given.map((item) => ({
        timestamp: item.timestamp,
        key: encoded(item.key),
        value: encoded(item.value),
        headers: item.headers.map(([key, v]) => ({ key, value: encoded(v) })),
      }));
      const payload = batchPayload(encodeRecordBatch({ records }), 0);
      const seen = walk(payload, given.length);
      const first = given[0]?.timestamp ?? 0;
      expect(seen.map(({ size: _, ...rest }) => rest)).toEqual(
        given.map(({ timestamp, ...rest }, i) => ({
          ...rest,
          offsetDelta: i,
          timestampDelta: timestamp - first,
        })),
      );
      expect(seen.reduce((sum, { size }) => sum + size, 0)).toBe(payload.length);
    }),
  );
});

test("the largest and smallest timestamp deltas", () => {
  const longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
  const seen = walk(Uint8Array.from(record(0, ...longest, 0, 1, 1, 0)), 1);
  expect(seen[0]?.timestampDelta).toBe(-(2 ** 63));
});

test("any length below zero is null", () => {
  const minusThree = 5;
  const payload = Uint8Array.from(record(0, 0, 0, minusThree, minusThree, 2, 0, minusThree));
  expect(walk(payload, 1)[0]).toMatchObject({ key: null, value: null, headers: [["", null]] });
});

test("a visitor that says false ends the walk, whatever follows", () => {
  const payload = Uint8Array.from([...record(...EMPTY), ...record(...EMPTY), 99]);
  expect(walk(payload, 3, 2)).toHaveLength(2);
});

test.each([
  ["fewer records than claimed", 2, record(...EMPTY)],
  ["more bytes than records", 1, [...record(...EMPTY), 0]],
  ["no records and bytes", 0, [0]],
  ["a negative count", -1, []],
  ["a length that passes the end", 1, [99, ...EMPTY]],
  ["a negative length", 1, [1, ...EMPTY]],
  ["a record of no bytes", 1, [0]],
  ["fields that do not use up the record", 1, record(...EMPTY, 0)],
  ["fields that need more than the record", 1, [10, ...EMPTY]],
  ["a key that passes the record", 1, [...record(0, 0, 0, 20, 1, 0), ...Array(20).fill(0)]],
  ["a value that passes the record", 1, [...record(0, 0, 0, 1, 20, 0), ...Array(20).fill(0)]],
  ["a negative number of headers", 1, record(0, 0, 0, 1, 1, 1)],
  ["more headers than bytes", 1, record(0, 0, 0, 1, 1, 4, 0)],
  ["a header without a key", 1, record(0, 0, 0, 1, 1, 2, 1, 1)],
  ["a header key that passes the record", 1, record(0, 0, 0, 1, 1, 2, 40, 1)],
  ["a header value that passes the record", 1, record(0, 0, 0, 1, 1, 2, 0, 40)],
  ["a varint of six bytes", 1, record(0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 1, 1, 0)],
  ["a varlong of eleven bytes", 1, record(0, ...Array(10).fill(0x80), 0, 0, 1, 1, 0)],
])("refuses %s", (_, count, bytes) => {
  expect(() => walk(Uint8Array.from(bytes), count)).toThrow(ProtocolError);
});
