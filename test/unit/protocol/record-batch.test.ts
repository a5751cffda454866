import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../../src/lib/crc32c.ts";
import {
  batchAttributes,
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCompression,
  batchCrc,
  batchHasDeleteHorizon,
  batchIsControl,
  batchIsLogAppendTime,
  batchIsTransactional,
  batchLastOffset,
  batchLastOffsetDelta,
  batchLastSequence,
  batchLength,
  batchMagic,
  batchMaxTimestamp,
  batchPartitionLeaderEpoch,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSizeInBytes,
  computeBatchCrc,
  decodeRecordBatch,
  encodeRecordBatch,
  incrementSequence,
  iterateBatches,
  RECORD_BATCH_HEADER_BYTES,
  setBaseOffset,
  setLogAppendTime,
  setMaxTimestamp,
  setPartitionLeaderEpoch,
} from "../../../src/protocol/record-batch.ts";

const bytes = fc.option(fc.uint8Array({ maxLength: 300, size: "max" }), { nil: null });
const header = fc.record({ key: fc.string({ unit: "binary", maxLength: 20 }), value: bytes });
const record = fc.record({
  timestamp: fc.integer({ min: -1, max: 2 ** 45 }),
  key: bytes,
  value: bytes,
  headers: fc.array(header, { maxLength: 4 }),
});
const records = fc.array(record, { minLength: 1, maxLength: 30 });
const offset = fc.integer({ min: 0, max: 2 ** 50 });

const one = { timestamp: 1_000, key: null, value: Uint8Array.of(7) };

/** Stands in for a codec: what it makes is not what went in, and has another length. */
const compress = (codec: number, raw: Uint8Array): Uint8Array =>
  Uint8Array.of(codec, ...raw.toReversed());
const decompress = (codec: number, packed: Uint8Array): Uint8Array => {
  expect(packed[0]).toBe(codec);
  return packed.slice(1).toReversed();
};

test("records come back with offsets and timestamps, compressed or not", () => {
  fc.assert(
    fc.property(records, offset, fc.nat(4), (given, baseOffset, compression) => {
      const batch = encodeRecordBatch({ records: given, baseOffset, compression, compress });
      const expected = given.map((item, i) => ({ ...item, offset: baseOffset + i }));
      expect(decodeRecordBatch(batch, 0, decompress)).toEqual(expected);
      expect(batchCompression(batch, 0)).toBe(compression);
      expect(batchCrc(batch, 0)).toBe(computeBatchCrc(batch, 0));
    }),
  );
});

test("the header has every field where Kafka has it", () => {
  const batch = encodeRecordBatch({
    records: [one, { ...one, timestamp: 4_000 }, { ...one, timestamp: 2_000 }],
    baseOffset: 2 ** 40 + 5,
    producerId: 2 ** 35 + 1,
    producerEpoch: 3,
    baseSequence: 2 ** 31 - 2,
    partitionLeaderEpoch: 9,
    transactional: true,
    control: true,
    timestampType: "LogAppendTime",
  });
  const view = new DataView(batch.buffer);
  expect(view.getBigInt64(0)).toBe(2n ** 40n + 5n);
  expect(view.getInt32(8)).toBe(batch.length - 12);
  expect(view.getInt32(12)).toBe(9);
  expect(view.getInt8(16)).toBe(2);
  expect(view.getUint32(17)).toBe(crc32c(batch, 21));
  expect(view.getInt16(21)).toBe(0x38);
  expect(view.getInt32(23)).toBe(2);
  expect(view.getBigInt64(27)).toBe(1_000n);
  expect(view.getBigInt64(35)).toBe(4_000n);
  expect(view.getBigInt64(43)).toBe(2n ** 35n + 1n);
  expect(view.getInt16(51)).toBe(3);
  expect(view.getInt32(53)).toBe(2 ** 31 - 2);
  expect(view.getInt32(57)).toBe(3);

  const shifted = new Uint8Array(batch.length + 7);
  shifted.set(batch, 7);
  expect(batchBaseOffset(shifted, 7)).toBe(2 ** 40 + 5);
  expect(batchLength(shifted, 7)).toBe(batch.length - 12);
  expect(batchSizeInBytes(shifted, 7)).toBe(batch.length);
  expect(batchPartitionLeaderEpoch(shifted, 7)).toBe(9);
  expect(batchMagic(shifted, 7)).toBe(2);
  expect(batchCrc(shifted, 7)).toBe(computeBatchCrc(shifted, 7));
  expect(batchAttributes(shifted, 7)).toBe(0x38);
  expect(batchIsTransactional(shifted, 7)).toBe(true);
  expect(batchIsControl(shifted, 7)).toBe(true);
  expect(batchIsLogAppendTime(shifted, 7)).toBe(true);
  expect(batchHasDeleteHorizon(shifted, 7)).toBe(false);
  expect(batchLastOffsetDelta(shifted, 7)).toBe(2);
  expect(batchLastOffset(shifted, 7)).toBe(2 ** 40 + 7);
  expect(batchBaseTimestamp(shifted, 7)).toBe(1_000);
  expect(batchMaxTimestamp(shifted, 7)).toBe(4_000);
  expect(batchProducerId(shifted, 7)).toBe(2 ** 35 + 1);
  expect(batchProducerEpoch(shifted, 7)).toBe(3);
  expect(batchBaseSequence(shifted, 7)).toBe(2 ** 31 - 2);
  expect(batchLastSequence(shifted, 7)).toBe(0);
  expect(batchRecordCount(shifted, 7)).toBe(3);
});

test("a plain producer's batch has no producer and no leader epoch", () => {
  const batch = encodeRecordBatch({ records: [one] });
  expect(batchProducerId(batch, 0)).toBe(-1);
  expect(batchProducerEpoch(batch, 0)).toBe(-1);
  expect(batchBaseSequence(batch, 0)).toBe(-1);
  expect(batchLastSequence(batch, 0)).toBe(-1);
  expect(batchPartitionLeaderEpoch(batch, 0)).toBe(-1);
  expect(batchAttributes(batch, 0)).toBe(0);
});

test("sequences wrap to zero after 2^31 - 1", () => {
  expect(incrementSequence(2 ** 31 - 1, 1)).toBe(0);
  expect(incrementSequence(2 ** 31 - 1, 5)).toBe(4);
  expect(incrementSequence(7, 3)).toBe(10);
});

test("the broker's offset and epoch do not touch the checksum", () => {
  fc.assert(
    fc.property(records, offset, fc.nat(2 ** 31 - 1), (given, baseOffset, epoch) => {
      const batch = encodeRecordBatch({ records: given });
      const crc = batchCrc(batch, 0);
      setBaseOffset(batch, 0, baseOffset);
      setPartitionLeaderEpoch(batch, 0, epoch);
      expect(batchBaseOffset(batch, 0)).toBe(baseOffset);
      expect(batchPartitionLeaderEpoch(batch, 0)).toBe(epoch);
      expect(computeBatchCrc(batch, 0)).toBe(crc);
      expect(decodeRecordBatch(batch, 0)[0]?.offset).toBe(baseOffset);
    }),
  );
});

test("log append time is every record's time, and the checksum is made anew", () => {
  const batch = encodeRecordBatch({ records: [one, { ...one, timestamp: 5 }] });
  const before = batchCrc(batch, 0);
  setLogAppendTime(batch, 0, 123_456);
  expect(decodeRecordBatch(batch, 0).map((item) => item.timestamp)).toEqual([123_456, 123_456]);
  expect(batchCrc(batch, 0)).toBe(computeBatchCrc(batch, 0));
  expect(batchCrc(batch, 0)).not.toBe(before);
});

test("a corrected maximum timestamp leaves the records' own", () => {
  const batch = encodeRecordBatch({ records: [one] });
  setMaxTimestamp(batch, 0, 9_999);
  expect(batchMaxTimestamp(batch, 0)).toBe(9_999);
  expect(decodeRecordBatch(batch, 0)[0]?.timestamp).toBe(1_000);
  expect(batchCrc(batch, 0)).toBe(computeBatchCrc(batch, 0));
});

test("batches one after the other, the last one cut anywhere", () => {
  const batches = [1, 2, 3].map((n) => encodeRecordBatch({ records: Array(n).fill(one) }));
  const all = Uint8Array.from(batches.flatMap((batch) => [...batch]));
  const starts = [0, 1, 2].map((n) =>
    batches.slice(0, n).reduce((sum, batch) => sum + batch.length, 0),
  );
  const lastStart = starts[2] ?? 0;
  expect([...iterateBatches(all)]).toEqual(starts);
  for (let end = lastStart; end < all.length; end++) {
    expect([...iterateBatches(all, 0, end)]).toEqual(starts.slice(0, 2));
  }
  expect([...iterateBatches(all, starts[1])]).toEqual(starts.slice(1));
});

test("a length that no batch can have ends the iteration with an error", () => {
  const batch = encodeRecordBatch({ records: [one] });
  new DataView(batch.buffer).setInt32(8, 48);
  expect(() => [...iterateBatches(batch)]).toThrow("claims a length of 48, the smallest is 49");
  new DataView(batch.buffer).setInt32(8, -1);
  expect(() => [...iterateBatches(batch)]).toThrow("claims a length of -1");
});

test("decoding says what is wrong with a batch", () => {
  const batch = encodeRecordBatch({ records: [one] });
  expect(() => decodeRecordBatch(batch.subarray(0, 60), 0)).toThrow(
    `a batch header has ${RECORD_BATCH_HEADER_BYTES} bytes, 60 are left`,
  );
  expect(() => decodeRecordBatch(batch.subarray(0, batch.length - 1), 0)).toThrow("are left");
  const old = batch.slice();
  old[16] = 1;
  expect(() => decodeRecordBatch(old, 0)).toThrow("has format 1, only 2 is read");
  const packed = encodeRecordBatch({ records: [one], compression: 1, compress });
  expect(() => decodeRecordBatch(packed, 0)).toThrow("compressed with codec 1");
});

test("what cannot be encoded is refused", () => {
  expect(() => encodeRecordBatch({ records: [] })).toThrow("needs a record");
  expect(() => encodeRecordBatch({ records: [one], compression: 4 })).toThrow("codec 4");
});
