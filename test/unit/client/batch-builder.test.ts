import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchBuilder, NO_IDENTITY, soloBatchBytes } from "../../../src/client/batch-builder.ts";
import { ProducerBatch } from "../../../src/client/producer-batch.ts";
import { compress } from "../../../src/protocol/compression/compress.ts";
import { decompress } from "../../../src/protocol/compression/decompress.ts";
import { decodeRecordBatch, encodeRecordBatch } from "../../../src/protocol/record-batch.ts";

const bytes = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: null });
const record = fc.record({
  timestamp: fc.oneof(fc.integer({ min: 0 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ key: fc.string({ unit: "grapheme" }), value: bytes }), {
    maxLength: 3,
  }),
});
const records = fc.array(record, { minLength: 1, maxLength: 30 });
const plain = { codec: 0, compress };

describe("a batch built record by record", () => {
  it("is the batch that the protocol's encoder makes at once, to the byte", () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 0, max: 4 }), (list, codec) => {
        const builder = new BatchBuilder(0);
        for (const item of list) builder.append(item);
        const identity = { producerId: 7, producerEpoch: 2, baseSequence: 99 };
        const whole = encodeRecordBatch({
          records: list,
          compression: codec,
          compress,
          ...identity,
        });
        expect(Buffer.compare(builder.build(identity, { codec, compress }), whole)).toBe(0);
      }),
    );
  });

  it("knows its size before and after each record", () => {
    fc.assert(
      fc.property(records, (list) => {
        const builder = new BatchBuilder(10);
        for (const item of list) {
          const expected = builder.sizeInBytes + builder.recordBytes(item);
          builder.append(item);
          expect(builder.sizeInBytes).toBe(expected);
        }
        expect(builder.build(NO_IDENTITY, plain).length).toBe(builder.sizeInBytes);
        const [first] = list;
        if (first !== undefined && list.length === 1) {
          expect(soloBatchBytes(first)).toBe(builder.sizeInBytes);
        }
      }),
    );
  });

  it("may get another identity for a retry", () => {
    const builder = new BatchBuilder(100);
    builder.append({ timestamp: 1, key: null, value: Uint8Array.of(1), headers: [] });
    const first = builder
      .build({ producerId: 1, producerEpoch: 0, baseSequence: 5 }, plain)
      .slice();
    builder.build({ producerId: 1, producerEpoch: 1, baseSequence: 0 }, plain);
    const again = builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 5 }, plain);
    expect(again).toEqual(first);
  });
});

describe("splitting", () => {
  it("keeps the records, their order, and who waits for them", () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 70, max: 400 }), (list, limit) => {
        const batch = new ProducerBatch("t", 3, 1000, 64);
        const offsets: number[] = [];
        list.forEach((item, i) => {
          const delivery = {
            delivered: ({ offset }: { offset: number }) => {
              offsets[i] = offset;
            },
            failed: () => {},
          };
          expect(batch.tryAppend(item, delivery, Number.POSITIVE_INFINITY)).toBe(true);
        });
        const parts = batch.splitInto(limit);
        let base = 0;
        const back = parts.flatMap((part) => {
          expect(part.count === 1 || part.sizeInBytes <= limit).toBe(true);
          part.succeed(base, -1);
          base += part.count;
          return decodeRecordBatch(part.encode(plain), 0, (codec, data) =>
            decompress(codec, data, 1e6),
          );
        });
        expect(offsets).toEqual(list.map((_, i) => i));
        expect(back.map(({ offset: _, ...rest }) => rest)).toEqual(list);
      }),
    );
  });
});
