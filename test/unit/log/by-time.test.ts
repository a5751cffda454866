/**
 * LOG33 and LOG34 against a slow version that looks at every record, on logs with many segments,
 * rows that hold several batches, deletes, and times in any order.
 */
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { findOffset, MAX_TIMESTAMP } from "../../../src/log/read.ts";
import { decompress } from "../../../src/protocol/compression/mod.ts";
import { decodeRecordBatch, iterateBatches } from "../../../src/protocol/record-batch.ts";
import { batchOf, type HarnessInput, LogHarness, storedBytes } from "./harness.ts";

// Small segments and rows, so that a few batches make many.
vi.mock("../../../src/constants.ts", async (original) => ({
  ...(await original<object>()),
  SEGMENT_BYTES_DEFAULT: 600,
  CHUNK_BYTES_MAX: 250,
  TRIM_ROWS_PER_TURN: 2,
}));

interface TimedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

/** Every record that the log was given, in order; deletes do not touch it. */
class EveryRecord {
  records: TimedRecord[] = [];

  take(log: LogHarness, seen: number): void {
    const bytes = storedBytes(log.store);
    for (const at of iterateBatches(bytes)) {
      const leaderEpoch = new DataView(bytes.buffer, at).getInt32(12);
      for (const { offset, timestamp } of decodeRecordBatch(bytes, at, (codec, payload) =>
        decompress(codec, payload, 1 << 20),
      )) {
        if (offset >= seen) this.records.push({ offset, timestamp, leaderEpoch });
      }
    }
  }

  first(timestamp: number, from: number, until: number): TimedRecord | undefined {
    const found = this.records.find((r) => r.offset >= from && r.timestamp >= timestamp);
    return found !== undefined && found.offset < until ? found : undefined;
  }

  newest(from: number, until: number): TimedRecord | undefined {
    const visible = this.records.filter((r) => r.offset >= from && r.offset < until);
    const largest = Math.max(...visible.map((r) => r.timestamp));
    return largest < 0 ? undefined : visible.find((r) => r.timestamp === largest);
  }
}

/** -1 is Kafka's "no timestamp". */
const timestamps = fc.array(fc.integer({ min: -1, max: 30 }), { minLength: 1, maxLength: 4 });
const append: fc.Arbitrary<Append> = fc.record({
  records: timestamps,
  compression: fc.constantFrom(0, 0, 1, 3),
  logAppendTime: fc.boolean(),
});
interface Append {
  readonly records: readonly number[];
  readonly compression: number;
  readonly logAppendTime: boolean;
}
type Step =
  | { readonly appends: readonly Append[] }
  | { readonly deleteTo: number }
  | "tick"
  | "restart"
  | "new leader";
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(append, { minLength: 1, maxLength: 4 }).map((appends) => ({ appends })),
  },
  {
    weight: 2,
    arbitrary: fc.nat(100).map((percent) => ({ deleteTo: percent / 100 })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom("tick" as const, "restart" as const, "new leader" as const),
  },
);

function run(steps: readonly Step[]): { log: LogHarness; every: EveryRecord } {
  let log = new LogHarness();
  const every = new EveryRecord();
  let now = 0;
  for (const one of steps) {
    now += 3;
    if (one === "tick") log.tick(now);
    else if (one === "restart") log = log.restart();
    else if (one === "new leader") log.becomeLeader(log.leaderEpoch + 1);
    else if ("deleteTo" in one) {
      const { logStartOffset, highWatermark } = log.log;
      const span = highWatermark - logStartOffset;
      log.deleteRecords(logStartOffset + Math.floor(one.deleteTo * one.deleteTo * span), now);
    } else {
      const seen = log.log.logEndOffset;
      const inputs = one.appends.map(
        ({ records, compression, logAppendTime }): HarnessInput => ({
          append: batchOf({ records, compression, valueBytes: 20 }),
          logAppendTime,
        }),
      );
      log.turn(now, inputs);
      every.take(log, seen);
    }
  }
  return { log, every };
}

test("LOG33 LOG34: a look-up finds what a look at every record finds", () => {
  let segments = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 4, maxLength: 30 }), fc.nat(100), (steps, below) => {
      const { log, every } = run(steps);
      segments = Math.max(segments, log.log.segments.length);
      const { logStartOffset, highWatermark } = log.log;
      // Below the high watermark too: that is where a read_committed reader may stand.
      const bounds = [highWatermark, Math.max(logStartOffset, highWatermark - (below % 9))];
      const missing = { offset: -1, timestamp: -1, leaderEpoch: -1 };
      for (const bound of bounds) {
        for (let timestamp = 0; timestamp <= 95; timestamp++) {
          const found = findOffset(log.log, log.store, timestamp, bound);
          const expected = every.first(timestamp, logStartOffset, bound) ?? missing;
          expect(found, `time ${timestamp} below ${bound}`).toEqual({ errorCode: 0, ...expected });
        }
        const newest = findOffset(log.log, log.store, MAX_TIMESTAMP, bound);
        const expected = every.newest(logStartOffset, bound) ?? missing;
        expect(newest, `the newest below ${bound}`).toEqual({ errorCode: 0, ...expected });
      }
    }),
    { numRuns: 250 },
  );
  expect(segments).toBeGreaterThan(3);
});
