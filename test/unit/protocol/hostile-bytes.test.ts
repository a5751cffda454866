/** No input makes a decoder throw anything but ProtocolError, work without bound, or loop. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { apis } from "../../../src/protocol/api/registry.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { decodeRequestHeader, decodeResponseFrame } from "../../../src/protocol/frame.ts";
import { ARRAY_ELEMENTS_MAX, Reader } from "../../../src/protocol/reader.ts";
import {
  decodeRecordBatch,
  encodeRecordBatch,
  iterateBatches,
  walkRecords,
} from "../../../src/protocol/record-batch.ts";
import { Writer } from "../../../src/protocol/writer.ts";
import { casesOf } from "./arbitrary.ts";

const cases = casesOf(apis.values());
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  // Small numbers look like counts and tags, large ones like lengths.
  fc
    .array(fc.constantFrom(0, 1, 2, 3, 0x7f, 0x80, 0xff), { maxLength: 200 })
    .map((a) => Uint8Array.from(a)),
);

/** Runs `decode`; whatever it throws must be a ProtocolError with a message. */
function survives(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    expect(error.message).not.toBe("");
  }
}

interface Damage {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly cutTo: number;
}

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(10_000),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 5 }),
    fc.constant(Uint8Array.of(0x7f, 0xff, 0xff, 0xff)),
    fc.constant(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f)),
  ),
  cutTo: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(10_000)),
});

function damaged(valid: Uint8Array, { at, bytes, cutTo }: Damage): Uint8Array {
  const copy = valid.slice();
  if (copy.length > 0) {
    const start = at % copy.length;
    copy.set(bytes.subarray(0, copy.length - start), start);
  }
  return cutTo === Number.POSITIVE_INFINITY ? copy : copy.slice(0, cutTo % (copy.length + 1));
}

test.each(cases)("$label: random bytes", ({ message, version }) => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      survives(() => message.decode(new Reader(bytes), version));
    }),
    { numRuns: 60 },
  );
});

test.each(cases)("$label: damaged messages", ({ message, version, value }) => {
  fc.assert(
    fc.property(value, fc.array(damage, { minLength: 1, maxLength: 6 }), (x, damages) => {
      const writer = new Writer();
      message.encode(writer, version, x);
      const valid = writer.finish();
      for (const one of damages) {
        survives(() => message.decode(new Reader(damaged(valid, one)), version));
      }
    }),
    { numRuns: 15 },
  );
});

test.each(cases)("$label: half a megabyte of the same byte", ({ message, version }) => {
  for (const byte of [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff]) {
    survives(() => message.decode(new Reader(new Uint8Array(500_000).fill(byte)), version));
  }
});

test.each(cases)(
  "$label: every prefix of a valid message is refused",
  ({ message, version, value }) => {
    const [x] = fc.sample(value, { numRuns: 1, seed: 7 });
    const writer = new Writer();
    message.encode(writer, version, x);
    const valid = writer.finish();
    for (let length = 0; length < valid.length; length++) {
      const cut = new Reader(valid.slice(0, length));
      expect(() => message.decode(cut, version)).toThrow(ProtocolError);
    }
  },
);

test("an array that claims 2^31 - 1 elements is refused before anything is made", () => {
  const metadata = apis.get(3);
  const plain = Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 0, 0);
  const compact = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0);
  expect(() => metadata?.request.decode(new Reader(plain), 1)).toThrow(
    "an array of 2147483647 elements at byte 4 needs 4294967294 bytes or more, 2 are left",
  );
  expect(() => metadata?.request.decode(new Reader(compact), 9)).toThrow(
    "an array of 4294967294 elements at byte 5 needs 8589934588 bytes or more, 2 are left",
  );
});

test("small elements may not become more objects than a message may have", () => {
  const count = ARRAY_ELEMENTS_MAX + 1;
  const deleteGroups = apis.get(42);
  const writer = new Writer();
  writer.unsignedVarint(count + 1);
  writer.raw(new Uint8Array(count).fill(1));
  writer.int8(0);
  expect(() => deleteGroups?.request.decode(new Reader(writer.finish()), 2)).toThrow(
    "more than 1000000 array elements",
  );
});

test("request headers", () => {
  fc.assert(
    fc.property(anyBytes, fc.nat(8), (bytes, offset) => {
      survives(() => decodeRequestHeader(bytes, offset));
    }),
    { numRuns: 3_000 },
  );
});

test("response frames", () => {
  const all = [...apis.values()];
  fc.assert(
    fc.property(
      fc.constantFrom(...all),
      anyBytes,
      fc.integer({ min: -1, max: 20 }),
      (api, b, v) => {
        survives(() => decodeResponseFrame(api, v, b));
        const sized = new Uint8Array(b.length + 4);
        new DataView(sized.buffer).setInt32(0, b.length);
        sized.set(b, 4);
        survives(() => decodeResponseFrame(api, v, sized));
      },
    ),
    { numRuns: 2_000 },
  );
});

const batch = fc
  .array(
    fc.record({
      timestamp: fc.nat(1e6),
      key: fc.option(fc.uint8Array({ maxLength: 5 })),
      value: fc.option(fc.uint8Array({ maxLength: 20 })),
      headers: fc.array(
        fc.record({ key: fc.string({ maxLength: 4 }), value: fc.option(fc.uint8Array()) }),
        { maxLength: 2 },
      ),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((records) => encodeRecordBatch({ records }));

test("record batches, random and damaged", () => {
  const visitor = { record: () => undefined };
  fc.assert(
    fc.property(anyBytes, fc.integer(), (bytes, count) => {
      survives(() => walkRecords(bytes, count, visitor));
      survives(() => decodeRecordBatch(bytes, 0));
      survives(() => [...iterateBatches(bytes)]);
    }),
    { numRuns: 3_000 },
  );
  fc.assert(
    fc.property(batch, damage, (valid, one) => {
      const bytes = damaged(valid, one);
      survives(() => decodeRecordBatch(bytes, 0));
      survives(() => {
        for (const at of iterateBatches(bytes)) decodeRecordBatch(bytes, at);
      });
    }),
    { numRuns: 3_000 },
  );
});
