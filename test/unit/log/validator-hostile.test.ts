/** The validator is given whatever a client sends: it answers, and what it lets through can be read. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ValidationRules, validateRecords } from "../../../src/log/validator.ts";
import { decompress } from "../../../src/protocol/compression/mod.ts";
import {
  batchBaseOffset,
  batchCrc,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchSizeInBytes,
  computeBatchCrc,
  decodeRecordBatch,
  RECORD_BATCH_HEADER_BYTES,
  setBatchCrc,
} from "../../../src/protocol/record-batch.ts";
import { batchOf, NOW } from "./harness.ts";

const RULES: ValidationRules = {
  nowMs: NOW,
  apiVersion: 13,
  maxMessageBytes: 100_000,
  segmentBytes: 1 << 30,
  logAppendTime: false,
  timestampBeforeMaxMs: Number("9223372036854775807"),
  timestampAfterMaxMs: Number("9223372036854775807"),
  compacted: false,
};

/** True when the bytes were let through; then everything that the log relies on must hold. */
function check(bytes: Uint8Array): boolean {
  const { batch, errorCode, errorMessage } = validateRecords(bytes, RULES);
  if (batch === null) {
    expect([2, 10, 18, 32, 76, 87]).toContain(errorCode);
    expect(errorMessage).not.toBe("");
    return false;
  }
  expect(errorCode).toBe(0);
  expect(batchSizeInBytes(batch, 0)).toBe(batch.byteLength);
  expect(batchBaseOffset(batch, 0)).toBe(0);
  expect(batchCrc(batch, 0)).toBe(computeBatchCrc(batch, 0));
  const records = decodeRecordBatch(batch, 0, (codec, payload) =>
    decompress(codec, payload, 1 << 26),
  );
  expect(records.map(({ offset }) => offset)).toEqual(records.map((_, i) => i));
  expect(records).toHaveLength(batchLastOffsetDelta(batch, 0) + 1);
  expect(batchMaxTimestamp(batch, 0)).toBe(Math.max(-1, ...records.map((one) => one.timestamp)));
  return true;
}

test("LOG50 LOG53 LOG57: random bytes are refused, never thrown at", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(check(bytes)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test("LOG54 LOG57: random records behind a good header and checksum", () => {
  const codec = fc.nat(4);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      codec,
      fc.nat(3),
      (payload, attributes, count) => {
        const bytes = new Uint8Array(RECORD_BATCH_HEADER_BYTES + payload.byteLength);
        bytes.set(batchOf({ records: count + 1 }).subarray(0, RECORD_BATCH_HEADER_BYTES));
        bytes.set(payload, RECORD_BATCH_HEADER_BYTES);
        new DataView(bytes.buffer).setInt32(8, bytes.byteLength - 12);
        new DataView(bytes.buffer).setInt16(21, attributes);
        setBatchCrc(bytes, 0);
        check(bytes);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("LOG53 LOG57 LOG59: good batches with a few bytes changed, the checksum made to hold", () => {
  let passed = 0;
  const batches = [0, 1, 2, 3, 4].map((compression) =>
    batchOf({ records: [NOW, 5, NOW + 9, -1], compression, valueBytes: 9 }),
  );
  const change = fc.tuple(fc.nat(1 << 16), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(
      fc.constantFrom(...batches),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      (batch, changes) => {
        const bytes = batch.slice();
        for (const [where, flip] of changes) {
          // Mostly behind the length, which nothing gets past when it is wrong.
          const at = 12 + (where % (bytes.byteLength - 12));
          bytes[at] = (bytes[at] ?? 0) ^ flip;
        }
        setBatchCrc(bytes, 0);
        if (check(bytes)) passed++;
      },
    ),
    { numRuns: 4_000 },
  );
  expect(passed).toBeGreaterThan(100);
});
