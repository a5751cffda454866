/** LOG50 to LOG61: what a producer may append. Every refusal with its code and the value it names. */
import zlib from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { compressSync as snappy } from "snappy";
import { describe, expect, test } from "vitest";
import { DECOMPRESSED_BYTES_MAX } from "../../../src/constants.ts";
import { concatBytes } from "../../../src/lib/bytes.ts";
import { type ValidationRules, validateRecords } from "../../../src/log/validator.ts";
import { compress } from "../../../src/protocol/compression/mod.ts";
import {
  batchBaseOffset,
  batchCrc,
  batchMaxTimestamp,
  batchPayload,
  computeBatchCrc,
  encodeRecordBatch,
  RECORD_BATCH_HEADER_BYTES,
  type RecordInput,
  setBatchCrc,
  setInt16,
  setInt32,
  setInt64,
} from "../../../src/protocol/record-batch.ts";
import { batchOf, NOW } from "./harness.ts";

const HOUR_MS = 60 * 60 * 1000;
const RULES: ValidationRules = {
  nowMs: NOW,
  apiVersion: 13,
  maxMessageBytes: 1_048_588,
  segmentBytes: 1 << 30,
  logAppendTime: false,
  timestampBeforeMaxMs: Number("9223372036854775807"),
  timestampAfterMaxMs: HOUR_MS,
  compacted: false,
};

function validate(records: Uint8Array | null, rules: Partial<ValidationRules> = {}) {
  return validateRecords(records, { ...RULES, ...rules });
}

function expectAccepted(records: Uint8Array, rules: Partial<ValidationRules> = {}): Uint8Array {
  const verdict = validate(records, rules);
  expect(verdict).toMatchObject({ errorCode: 0, errorMessage: null, recordErrors: [] });
  if (verdict.batch === null) throw new Error("an accepted batch is handed on");
  return verdict.batch;
}

function expectRefused(
  records: Uint8Array | null,
  errorCode: number,
  says: string | RegExp,
  rules: Partial<ValidationRules> = {},
) {
  const verdict = validate(records, rules);
  expect(verdict.errorCode).toBe(errorCode);
  expect(verdict.errorMessage).toMatch(says);
  expect(verdict.batch).toBeNull();
  return verdict;
}

/** A batch with something wrong in it, and a checksum that holds all the same. */
function broken(batch: Uint8Array, damage: (b: Uint8Array) => void): Uint8Array {
  const copy = batch.slice();
  damage(copy);
  setBatchCrc(copy, 0);
  return copy;
}

/** A batch around any payload, compressed with what its codec says. */
function withPayload(payload: Uint8Array, codec = 0, count = 1): Uint8Array {
  const header = batchOf().subarray(0, RECORD_BATCH_HEADER_BYTES);
  return broken(concatBytes([header, payload]), (b) => {
    setInt32(b, 8, b.byteLength - 12);
    setInt16(b, 21, codec);
    setInt32(b, 23, count - 1);
    setInt32(b, 57, count);
  });
}

function batchFrom(records: Partial<RecordInput>[]): Uint8Array {
  return encodeRecordBatch({
    records: records.map((one) => ({ timestamp: NOW, key: null, value: null, ...one })),
  });
}

describe("the frame", () => {
  test.each([0, 1, 2, 3, 4])(
    "LOG50: one batch of magic 2 is handed on as it is, codec %i",
    (codec) => {
      const batch = batchOf({ records: 20, compression: codec });
      expect(expectAccepted(batch)).toEqual(batch);
    },
  );

  test.each([
    ["null", null],
    ["nothing", new Uint8Array(0)],
    ["less than a length", new Uint8Array(11)],
  ])("LOG50: no batch: %s", (_, records) => {
    expectRefused(records, 87, "needs one record batch");
  });

  test.each([-1, 0, 1, 3, 127])("LOG50: magic %i", (magic) => {
    const batch = broken(batchOf(), (b) => {
      b[16] = magic;
    });
    expectRefused(batch, 87, `the batch has magic ${magic}`);
  });

  test("LOG50: two batches", () => {
    expectRefused(concatBytes([batchOf(), batchOf()]), 87, "this one has more");
    expectRefused(concatBytes([batchOf(), batchOf(), batchOf()]), 87, "this one has more");
  });

  test("LOG50: a cut second batch is dropped, wherever it is cut", () => {
    const batch = batchOf();
    const second = batchOf();
    for (let size = 1; size < second.byteLength; size++) {
      const accepted = expectAccepted(concatBytes([batch, second.subarray(0, size)]));
      expect(accepted).toEqual(batch);
    }
  });

  test("LOG50: less than a length behind the batch is dropped, whatever it says", () => {
    const batch = batchOf();
    for (let size = 1; size < 12; size++) {
      const tail = new Uint8Array(size).fill(255);
      expect(expectAccepted(concatBytes([batch, tail]))).toEqual(batch);
    }
    // A whole length that no batch can have is not a batch that was cut.
    expectRefused(concatBytes([batch, new Uint8Array(12).fill(255)]), 87, "this one has more");
  });

  test("LOG50: a cut first batch is none", () => {
    const batch = batchOf({ valueBytes: 100 });
    expectRefused(batch.subarray(0, batch.byteLength - 1), 87, `it says ${batch.byteLength} bytes`);
    expectRefused(batch.subarray(0, RECORD_BATCH_HEADER_BYTES), 87, "61 are there");
    expectRefused(batch.subarray(0, 17), 87, "17 are there");
  });

  test("LOG51: a base offset other than 0", () => {
    for (const offset of [1, -1, 2 ** 40]) {
      const batch = broken(batchOf(), (b) => setInt64(b, 0, offset));
      expectRefused(batch, 87, `base offset ${offset}, not 0`);
    }
  });

  test("LOG52: larger than max.message.bytes is 10, to the byte", () => {
    const batch = batchOf({ valueBytes: 500 });
    const size = batch.byteLength;
    expectAccepted(batch, { maxMessageBytes: size });
    expectRefused(batch, 10, `${size} bytes, the topic takes at most ${size - 1}`, {
      maxMessageBytes: size - 1,
    });
  });

  test("LOG52: the size is that of the batch as sent: compressed", () => {
    const batch = batchOf({ valueBytes: 5_000, compression: 1 });
    expect(batch.byteLength).toBeLessThan(500);
    expectAccepted(batch, { maxMessageBytes: 500 });
  });

  test("LOG52: larger than segment.bytes is 18, to the byte", () => {
    const batch = batchOf({ valueBytes: 500 });
    const size = batch.byteLength;
    expectAccepted(batch, { segmentBytes: size });
    const says = `${size} bytes, a segment holds ${size - 1}`;
    expectRefused(batch, 18, says, { segmentBytes: size - 1 });
  });

  test("LOG53: any damaged byte under the checksum is 2", () => {
    const batch = batchOf({ records: 2 });
    for (let at = 17; at < batch.byteLength; at++) {
      const damaged = batch.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expectRefused(damaged, 2, "it was damaged on the way");
    }
  });

  test("LOG53: the leader epoch is not under the checksum, nor the producer's to say", () => {
    const batch = batchOf();
    setInt32(batch, 12, 77);
    expectAccepted(batch);
  });

  test.each([-2_147_483_648, -12, -1, 0, 48])(
    "LOG53: a length of %i, below a header's",
    (length) => {
      const batch = broken(batchOf(), (b) => setInt32(b, 8, 49));
      setInt32(batch, 8, length);
      expectRefused(batch, 2, `it has ${length + 12} bytes, fewer than the 61`);
    },
  );

  test("LOG53: cut before its magic", () => {
    for (const size of [12, 16]) expectRefused(batchOf().subarray(0, size), 2, "the batch is cut");
  });
});

describe("the header", () => {
  test.each([
    ["no records", 0, -1],
    ["a negative count", -1, -2],
    ["a delta below the count", 3, 1],
    ["a delta above the count", 3, 3],
    ["a negative delta", 3, -1],
  ])("LOG54: %s", (_, count, delta) => {
    const batch = broken(batchOf({ records: 3 }), (b) => {
      setInt32(b, 23, delta);
      setInt32(b, 57, count);
    });
    expectRefused(batch, 87, `says ${count} records and last offset delta ${delta}`);
  });

  test("LOG55: a control batch", () => {
    expectRefused(batchOf({ control: true }), 87, "may not write control batches");
    const marker = { control: true, transactional: true, producerId: 4, producerEpoch: 0 };
    expectRefused(batchOf(marker), 87, "may not write control batches");
  });

  test("LOG55: a producer id with a negative sequence", () => {
    const batch = batchOf({ producerId: 4, producerEpoch: 0, baseSequence: -1 });
    expectRefused(batch, 87, "producer 4 sent sequence -1");
    expectAccepted(batchOf({ producerId: 4, producerEpoch: 0, baseSequence: 0 }));
    expectAccepted(batchOf({ producerId: -1, baseSequence: -1 }));
  });

  test("LOG56: zstd below Produce 7 is 76, the other codecs are not", () => {
    const zstd = batchOf({ compression: 4 });
    expectRefused(zstd, 76, "the request has version 6", { apiVersion: 6 });
    expectAccepted(zstd, { apiVersion: 7 });
    for (const compression of [0, 1, 2, 3]) {
      expectAccepted(batchOf({ compression }), { apiVersion: 3 });
    }
  });

  test.each([5, 6, 7])("LOG56: codec %i does not exist", (codec) => {
    expectRefused(
      withPayload(batchPayload(batchOf(), 0), codec),
      87,
      `codec ${codec} is not known`,
    );
  });

  test("LOG56: LogAppendTime set by a producer is 32, whatever the topic says", () => {
    const batch = batchOf({ timestampType: "LogAppendTime" });
    expectRefused(batch, 32, "only the log may");
    expectRefused(batch, 32, "only the log may", { logAppendTime: true });
  });
});

describe("the records", () => {
  const payload = batchPayload(batchOf(), 0);

  test.each([1, 2, 3, 4])("LOG57: what codec %i cannot unpack", (codec) => {
    expectRefused(withPayload(payload, codec), 87, "the records cannot be read");
    const packed = compress(codec, payload);
    const cut = packed.subarray(0, packed.byteLength - 1);
    expectRefused(withPayload(cut, codec), 87, "the records cannot be read");
    expectAccepted(withPayload(packed, codec));
  });

  test.each([0, 1, 2, 3, 4])("LOG57: left over or missing records, codec %i", (codec) => {
    const pack = (bytes: Uint8Array): Uint8Array => (codec === 0 ? bytes : compress(codec, bytes));
    expectRefused(withPayload(pack(concatBytes([payload, payload])), codec), 87, "left over");
    expectRefused(withPayload(pack(payload), codec, 2), 87, "the records cannot be read");
    expectRefused(withPayload(pack(new Uint8Array(0)), codec), 87, "the records cannot be read");
    expectRefused(withPayload(pack(payload), codec, 2_147_483_647), 87, "cannot be read");
  });

  test("LOG57: a record with any byte too few or too many", () => {
    for (let size = 0; size < payload.byteLength; size++) {
      expectRefused(withPayload(payload.subarray(0, size)), 87, "the records cannot be read");
    }
    expectRefused(withPayload(concatBytes([payload, new Uint8Array(1)])), 87, "left over");
  });

  test("LOG57: offset deltas other than 0, 1, 2 …, naming the records", () => {
    // Each of these records is 10 bytes, its offset delta the fourth.
    const batch = batchOf({ records: 3, valueBytes: 2 });
    const deltaAt = RECORD_BATCH_HEADER_BYTES + 9 + 3;
    expect(batch[deltaAt]).toBe(2);
    const wrong = broken(batch, (b) => {
      b[deltaAt] = 4;
    });
    const verdict = expectRefused(wrong, 87, "record 1 has offset delta 2");
    expect(verdict.recordErrors).toEqual([
      { batchIndex: 1, batchIndexErrorMessage: "record 1 has offset delta 2" },
    ]);
  });

  test("LOG58: within now − before.max … now + after.max, the ends included", () => {
    const rules = { timestampBeforeMaxMs: 1_000, timestampAfterMaxMs: 500 };
    expectAccepted(batchOf({ records: [NOW - 1_000, NOW, NOW + 500] }), rules);
    const verdict = expectRefused(
      batchOf({ records: [NOW - 1_001, NOW, NOW + 501] }),
      32,
      `2 records have timestamps out of range: record 0 has timestamp ${NOW - 1_001}`,
      rules,
    );
    expect(verdict.recordErrors.map(({ batchIndex }) => batchIndex)).toEqual([0, 2]);
    expect(verdict.recordErrors[1]?.batchIndexErrorMessage).toMatch(`${NOW + 501}, outside`);
  });

  test("LOG58: by default an hour ahead and any time back, and no timestamp at all", () => {
    expectAccepted(batchOf({ records: [NOW + HOUR_MS, 0, -1] }));
    expectRefused(batchOf({ records: [NOW + HOUR_MS + 1] }), 32, "out of range");
    expectAccepted(batchOf({ records: [-1] }), { timestampBeforeMaxMs: 0, timestampAfterMaxMs: 0 });
  });

  test("LOG58: with LogAppendTime the producer's times do not matter", () => {
    const batch = batchOf({ records: [NOW * 2, 5] });
    expect(expectAccepted(batch.slice(), { logAppendTime: true })).toEqual(batch);
  });

  test("LOG58: a thousand refused records are counted, a hundred are named", () => {
    const verdict = expectRefused(
      batchOf({ records: Array<number>(1_000).fill(NOW * 2) }),
      32,
      "1000 records have timestamps out of range",
    );
    expect(verdict.recordErrors.map((error) => error.batchIndex)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  test.each([0, 4])(
    "LOG59: a wrong maximum is corrected, and the checksum with it, codec %i",
    (compression) => {
      const batch = batchOf({ records: [NOW - 5, NOW - 1, NOW - 9], compression });
      for (const wrong of [0, NOW - 2, NOW + 10 * HOUR_MS, -1]) {
        const sent = broken(batch, (b) => setInt64(b, 35, wrong));
        const accepted = expectAccepted(sent);
        expect(batchMaxTimestamp(accepted, 0)).toBe(NOW - 1);
        expect(batchCrc(accepted, 0)).toBe(computeBatchCrc(accepted, 0));
        expect(accepted).toEqual(batch);
      }
    },
  );

  test("LOG59: the true maximum may be that of no timestamp", () => {
    const sent = broken(batchOf({ records: [-1, -1] }), (b) => setInt64(b, 35, NOW));
    expect(batchMaxTimestamp(expectAccepted(sent), 0)).toBe(-1);
  });

  test("LOG60: a compacted topic refuses records without a key, naming them", () => {
    const key = new Uint8Array(0);
    const keyed = batchFrom([{ key }, { key }]);
    expectAccepted(keyed, { compacted: true });
    const mixed = batchFrom([{ key }, {}, { key }, {}]);
    expectAccepted(mixed);
    const verdict = expectRefused(mixed, 87, "2 records were refused: record 1 has no key", {
      compacted: true,
    });
    expect(verdict.recordErrors).toEqual([
      { batchIndex: 1, batchIndexErrorMessage: expect.stringContaining("record 1 has no key") },
      { batchIndex: 3, batchIndexErrorMessage: expect.stringContaining("record 3 has no key") },
    ]);
  });
});

describe("bombs", () => {
  const zeros = new Uint8Array(DECOMPRESSED_BYTES_MAX + 1);
  const packers: [string, number, (bytes: Uint8Array) => Uint8Array][] = [
    ["gzip", 1, (bytes) => zlib.gzipSync(bytes, { level: 1 })],
    ["snappy", 2, (bytes) => snappy(Buffer.from(bytes.buffer, 0, bytes.byteLength))],
    ["lz4", 3, (bytes) => compressFrameSync(Buffer.from(bytes.buffer, 0, bytes.byteLength))],
    ["zstd", 4, (bytes) => zlib.zstdCompressSync(bytes)],
  ];

  test.each(packers)("LOG61: %s that unpacks to more than 64 MiB", (_, codec, pack) => {
    const bomb = withPayload(new Uint8Array(pack(zeros)), codec);
    const rules = { maxMessageBytes: 8 << 20 };
    expectRefused(bomb, 87, `${DECOMPRESSED_BYTES_MAX}`, rules);
  });

  test("LOG61: one record of 64 MiB in all is looked into", () => {
    const valueBytes = DECOMPRESSED_BYTES_MAX - 20;
    const plain = batchPayload(batchOf({ valueBytes }), 0);
    expect(plain.byteLength).toBeLessThanOrEqual(DECOMPRESSED_BYTES_MAX);
    const batch = withPayload(new Uint8Array(zlib.gzipSync(plain, { level: 1 })), 1);
    expect(batch.byteLength).toBeLessThan(RULES.maxMessageBytes);
    expect(batchBaseOffset(expectAccepted(batch), 0)).toBe(0);
  });
});
