/** LOG4: what a checkpoint is as bytes. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  OFFSET_MAX,
  PRODUCER_BATCHES_RETAINED,
  PRODUCER_IDS_PER_PARTITION_MAX,
} from "../../../src/constants.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
} from "../../../src/log/checkpoint.ts";

const offset = fc.integer({ min: 0, max: OFFSET_MAX });
const sequence = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const epoch = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const time = fc.integer({ min: 0, max: 2 ** 45 });

const checkpoint = fc.record({
  logStartOffset: offset,
  logEndOffset: offset,
  epochs: fc.array(fc.record({ epoch, startOffset: offset }), { maxLength: 4 }),
  segments: fc.array(
    fc.record({
      baseOffset: offset,
      bytes: fc.nat(2 ** 31 - 1),
      maxTimestamp: fc.integer({ min: -1, max: 2 ** 53 }),
      firstAppendedAtMs: time,
      lastAppendedAtMs: time,
    }),
    { maxLength: 4 },
  ),
  producers: fc.array(
    fc.record({
      producerId: fc.maxSafeNat(),
      epoch: fc.integer({ min: -1, max: 32_767 }),
      lastAppendMs: time,
      batches: fc.array(
        fc.record({
          firstSequence: sequence,
          lastSequence: sequence,
          baseOffset: offset,
          lastOffset: offset,
        }),
        { maxLength: PRODUCER_BATCHES_RETAINED },
      ),
    }),
    { maxLength: 4 },
  ),
});

const EMPTY: Checkpoint = {
  logStartOffset: 0,
  logEndOffset: 0,
  epochs: [],
  segments: [],
  producers: [],
};

describe("checkpoints", () => {
  test("LOG4: what was encoded is decoded, wherever the bytes lie in their buffer", () => {
    fc.assert(
      fc.property(checkpoint, fc.nat(9), (state, shift) => {
        const bytes = encodeCheckpoint(state);
        const moved = new Uint8Array(bytes.byteLength + 10).subarray(
          shift,
          shift + bytes.byteLength,
        );
        moved.set(bytes);
        expect(decodeCheckpoint(moved)).toEqual(state);
      }),
    );
  });

  test("LOG4: a timestamp up to 2^63, as a client may send it", () => {
    const times = { maxTimestamp: 2 ** 63, firstAppendedAtMs: 0, lastAppendedAtMs: 0 };
    const segment = { baseOffset: 0, bytes: 1, ...times };
    const state = { ...EMPTY, segments: [segment] };
    expect(decodeCheckpoint(encodeCheckpoint(state))).toEqual(state);
  });

  test("LOG4: bytes that are no checkpoint are refused, not taken for an empty log", () => {
    const bytes = encodeCheckpoint({ ...EMPTY, epochs: [{ epoch: 1, startOffset: 0 }] });
    expect(() => decodeCheckpoint(bytes.subarray(0, bytes.byteLength - 1))).toThrow("float64");
    expect(() => decodeCheckpoint(bytes.subarray(0, bytes.byteLength - 8))).toThrow("ended early");
    const longer = new Uint8Array(bytes.byteLength + 8);
    longer.set(bytes);
    expect(() => decodeCheckpoint(longer)).toThrow("left over");
    const other = new Float64Array(bytes.slice().buffer);
    other[0] = 1;
    expect(() => decodeCheckpoint(new Uint8Array(other.buffer))).toThrow("version 1 is not known");
    expect(() => decodeCheckpoint(new Uint8Array(0))).toThrow("ended early");
  });

  test("LOG15: with every producer that a partition remembers it takes 1.9 MB", () => {
    const batch = { firstSequence: 1, lastSequence: 1, baseOffset: 1, lastOffset: 1 };
    const producers = Array.from({ length: PRODUCER_IDS_PER_PARTITION_MAX }, (_, producerId) => ({
      producerId,
      epoch: 0,
      lastAppendMs: 0,
      batches: Array(PRODUCER_BATCHES_RETAINED).fill(batch),
    }));
    const bytes = encodeCheckpoint({ ...EMPTY, producers });
    expect(bytes.byteLength).toBeLessThan(2_000_000);
    expect([...decodeCheckpoint(bytes).producers]).toEqual(producers);
  });
});
