/** LOG6 and LOG70 to LOG75: segments by time, what is too old or too much, and where appends end. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PARTITION_BYTES_MAX, RETENTION_CHECK_MS } from "../../../src/constants.ts";
import type { LogConfig } from "../../../src/log/log-config.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { REPLICA_CONFIG_DEFAULT, type ReplicaConfig } from "../../../src/replication/config.ts";
import { MemoryReplicaStore } from "../../support/memory-replica-store.ts";
import { batchOf, LogHarness, NOW, stateOf } from "./harness.ts";

const HOUR_MS = 3_600_000;
const SIZE = batchOf().byteLength;

function logWith(config: Partial<ReplicaConfig>): LogHarness {
  return new LogHarness(new MemoryReplicaStore(), 0, config);
}

function bases(log: LogHarness): number[] {
  return log.log.segments.map(({ baseOffset }) => baseOffset);
}

describe("segment.ms", () => {
  test("LOG6: an append after segment.ms starts a new segment, one at that moment does not", () => {
    const log = logWith({ segmentMs: 1_000 });
    for (const at of [0, 1_000, 1_001, 1_500, 2_002]) log.append(batchOf(), NOW + at);
    expect(bases(log)).toEqual([0, 2, 4]);
    expect(bases(log.restart())).toEqual([0, 2, 4]);
  });

  test("LOG6: a compacted log rolls by max.compaction.lag.ms if that is less", () => {
    const lag = { segmentMs: 10_000, maxCompactionLagMs: 500 };
    for (const cleanupCompact of [false, true]) {
      const log = logWith({ ...lag, cleanupCompact });
      for (const at of [0, 501]) log.append(batchOf(), NOW + at);
      expect(bases(log)).toEqual(cleanupCompact ? [0, 1] : [0]);
    }
  });
});

describe("retention.ms", () => {
  const config = { segmentMs: HOUR_MS, retentionMs: 10 * HOUR_MS };

  test("LOG70: a segment goes when its newest record is older, whole and no sooner", () => {
    const log = logWith(config);
    log.append(batchOf({ records: [NOW, NOW + 5, NOW + 2] }), NOW);
    log.append(batchOf({ records: [NOW + 2 * HOUR_MS] }), NOW + 2 * HOUR_MS);
    const dueMs = NOW + 5 + config.retentionMs + 1;
    expect(log.deadline()).toBe(dueMs);
    log.tick(dueMs - 1);
    expect(log.log.logStartOffset).toBe(0);
    log.tick(dueMs);
    expect(log.log.logStartOffset).toBe(3);
    expect(bases(log)).toEqual([3]);
    expect(log.store.firstOffset()).toBe(3);
    expect(log.deadline()).toBe(NOW + 12 * HOUR_MS + 1);
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
  });

  test("LOG71: the active segment goes too, and the next append begins another", () => {
    const log = logWith(config);
    log.append(batchOf({ records: 4 }));
    log.tick(log.deadline());
    expect(log.log.logStartOffset).toBe(4);
    expect(log.log.sizeInBytes).toBe(0);
    expect(log.store.firstOffset()).toBeNull();
    expect(log.deadline()).toBe(Infinity);
    expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
    log.append(batchOf({ records: [NOW + 20 * HOUR_MS] }), NOW + 20 * HOUR_MS);
    expect(bases(log)).toEqual([4]);
    expect(log.log.segments[0]?.firstAppendedAtMs).toBe(NOW + 20 * HOUR_MS);
  });

  test("LOG70: a record from the future keeps its segment, and all after it, until its time", () => {
    const log = logWith(config);
    const future = NOW + 100 * HOUR_MS;
    log.append(batchOf({ records: [future] }));
    log.append(batchOf(), NOW + 2 * HOUR_MS);
    log.tick(NOW + 50 * HOUR_MS);
    expect(bases(log)).toEqual([0, 1]);
    log.tick(future + config.retentionMs + 1);
    expect(bases(log)).toEqual([]);
  });

  test("LOG70: records without a time are as old as the last append of their segment", () => {
    const log = logWith({ ...config, segmentMs: 100 * HOUR_MS });
    log.append(batchOf({ records: [-1] }), NOW);
    log.append(batchOf({ records: [-1] }), NOW + 9 * HOUR_MS);
    expect(log.deadline()).toBe(NOW + 19 * HOUR_MS + 1);
  });

  test("LOG70: what is old when it comes stays until Kafka would look, or for retention.ms", () => {
    for (const [retentionCheckMs, keptMs] of [
      [300_000, 300_000],
      [20 * HOUR_MS, 10 * HOUR_MS],
    ] as const) {
      const log = logWith({ ...config, retentionCheckMs });
      log.append(batchOf({ records: [NOW - 100 * HOUR_MS] }), NOW);
      expect(log.deadline()).toBe(NOW + keptMs + 1);
      log.tick(NOW + keptMs + 1);
      expect(log.log.logStartOffset).toBe(1);
    }
  });

  test("LOG70: what is due beyond all time is never due", () => {
    const log = logWith({ ...config, retentionMs: 2 ** 63 });
    log.append(batchOf());
    expect(log.deadline()).toBe(Infinity);
  });

  test.each([
    ["retention.ms=-1", { ...config, retentionMs: -1 }],
    ["cleanup.policy=compact", { ...config, cleanupDelete: false, retentionBytes: 0 }],
  ])("LOG72: with %s nothing goes", (_, kept) => {
    const log = logWith(kept);
    for (let hour = 0; hour < 5; hour++) log.append(batchOf(), NOW + 2 * hour * HOUR_MS);
    log.tick(NOW + 1_000 * HOUR_MS);
    expect(log.log.logStartOffset).toBe(0);
  });
});

describe("retention.bytes", () => {
  test("LOG70: the log keeps at least retention.bytes, and less than a segment more", () => {
    const log = logWith({ segmentBytes: 2 * SIZE, retentionBytes: 5 * SIZE });
    const sizes: number[] = [];
    for (let i = 0; i < 12; i++) {
      log.append(batchOf(), NOW + i * RETENTION_CHECK_MS);
      sizes.push(log.log.sizeInBytes / SIZE);
    }
    // What an append makes too much is committed with its write, and gone in the turn after it.
    expect(sizes).toEqual([1, 2, 3, 4, 5, 6, 5, 6, 5, 6, 5, 6]);
  });

  test("LOG73: at most one move of the log start in so many ms, and the clock is asked for it", () => {
    const log = logWith({ segmentBytes: SIZE, retentionBytes: SIZE });
    const starts: number[] = [];
    for (let i = 0; i < 50; i++) {
      log.append(batchOf(), NOW + i * 1_000);
      starts.push(log.log.logStartOffset);
    }
    expect(new Set(starts).size).toBe(6);
    expect(log.deadline()).toBe(NOW + 41_000 + RETENTION_CHECK_MS);
    log.tick(log.deadline());
    expect(log.log.logStartOffset).toBe(49);
    expect(log.deadline()).toBe(Infinity);
  });

  test("LOG73: other configs are looked at at once", () => {
    const log = logWith({ segmentBytes: SIZE });
    for (let i = 0; i < 5; i++) log.append(batchOf());
    const { replica } = log.machine;
    const limits = [3 * SIZE, SIZE];
    for (const retentionBytes of limits) {
      const config = { ...wholeConfig(log), retentionBytes };
      log.machine.turn(NOW, [{ kind: "configure", config }]);
      expect(replica.log.sizeInBytes).toBe(retentionBytes);
    }
  });
});

function wholeConfig(log: LogHarness): ReplicaConfig {
  return { ...REPLICA_CONFIG_DEFAULT, ...log.config };
}

describe("a full object", () => {
  test("LOG75: an append that finds no room is refused, and taken once there is some", () => {
    const log = logWith({ segmentBytes: SIZE, storedBytesMax: 4 * SIZE });
    for (let i = 0; i < 4; i++) expect(log.append(batchOf()).errorCode).toBe(0);
    expect(log.machine.replica.isFull).toBe(false);
    for (let i = 0; i < 2; i++) {
      const reply = log.append(batchOf());
      expect(reply).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, baseOffset: -1 });
      expect(reply.errorMessage).toContain(`${4 * SIZE} bytes`);
      expect(reply.errorMessage).toContain("retention.bytes");
      expect(log.machine.replica.isFull).toBe(true);
    }
    log.deleteRecords(2);
    log.tick();
    expect(log.append(batchOf())).toMatchObject({ errorCode: 0, baseOffset: 4 });
    expect(log.machine.replica.isFull).toBe(false);
  });

  test("LOG75: the bound of a partition lies below that of a Durable Object", () => {
    expect(wholeConfig(logWith({})).storedBytesMax).toBe(PARTITION_BYTES_MAX);
    expect(PARTITION_BYTES_MAX).toBeLessThan(10_000_000_000);
  });
});

/** The obvious version: a list of segments, each a list of batches. */
class Model {
  segments: { base: number; bytes: number; newest: number; firstMs: number; lastMs: number }[] = [];
  start = 0;
  end = 0;
  #movedAtMs = -Infinity;

  append(nowMs: number, timestamps: readonly number[], bytes: number, config: LogConfig): void {
    let active = this.segments.at(-1);
    const isNew =
      active === undefined ||
      active.bytes + bytes > config.segmentBytes ||
      nowMs - active.firstMs > config.segmentMs;
    if (active === undefined || isNew) {
      active = { base: this.end, bytes: 0, newest: -1, firstMs: nowMs, lastMs: nowMs };
      this.segments.push(active);
    }
    active.bytes += bytes;
    active.newest = Math.max(active.newest, ...timestamps);
    active.lastMs = nowMs;
    this.end += timestamps.length;
  }

  clean(nowMs: number, config: LogConfig, uncommitted = 0): void {
    const { retentionMs, retentionBytes, retentionCheckMs } = config;
    if (nowMs < this.#movedAtMs + RETENTION_CHECK_MS) return;
    for (;;) {
      const [oldest] = this.segments;
      if (oldest === undefined || this.segments.length <= uncommitted) break;
      const age = nowMs - (oldest.newest >= 0 ? oldest.newest : oldest.lastMs);
      const size = this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
      const unseenMs = Math.min(retentionMs, retentionCheckMs);
      const isOld = retentionMs >= 0 && age > retentionMs && nowMs - oldest.lastMs > unseenMs;
      const isTooMuch = retentionBytes >= 0 && size - oldest.bytes >= retentionBytes;
      if (!isOld && !isTooMuch) break;
      this.segments.shift();
      this.start = this.segments[0]?.base ?? this.end;
      this.#movedAtMs = nowMs;
    }
  }

  /** An eviction: when it last cleaned is not stored. */
  forget(): void {
    this.#movedAtMs = -Infinity;
  }
}

describe("against a model", () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        records: fc.array(fc.integer({ min: -60_000, max: 20_000 }), {
          minLength: 1,
          maxLength: 3,
        }),
        timed: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ passMs: fc.nat(15_000) }) },
    { weight: 1, arbitrary: fc.constant("crash" as const) },
  );
  const configs = fc.record({
    segmentBytes: fc.integer({ min: 100, max: 600 }),
    segmentMs: fc.integer({ min: 1, max: 30_000 }),
    retentionMs: fc.oneof(fc.constant(-1), fc.nat(60_000)),
    retentionBytes: fc.oneof(fc.constant(-1), fc.nat(1_500)),
    retentionCheckMs: fc.nat(20_000),
  });

  test("LOG6 LOG70 to LOG73: random appends, times, configs and crashes leave the same log", () => {
    fc.assert(
      fc.property(configs, fc.array(step, { maxLength: 60 }), (config, steps) => {
        let log = logWith(config);
        const whole = wholeConfig(log);
        const model = new Model();
        let nowMs = NOW;
        for (const one of steps) {
          if (one === "crash") {
            log = log.restart();
            model.forget();
          } else if ("passMs" in one) {
            nowMs += one.passMs;
            log.tick(nowMs);
          } else {
            const times = one.records.map((delta) => (one.timed ? nowMs + delta : -1));
            const batch = batchOf({ records: times });
            const { byteLength } = batch;
            log.append(batch, nowMs);
            model.append(nowMs, times, byteLength, whole);
            // The turn of the append itself cannot delete what it has appended.
            model.clean(nowMs, whole, 1);
          }
          if (one !== "crash") model.clean(nowMs, whole);
          expect(log.log.logStartOffset).toBe(model.start);
          expect(log.log.logEndOffset).toBe(model.end);
          expect(
            log.log.segments.map(({ baseOffset, bytes }) => ({ base: baseOffset, bytes })),
          ).toEqual(model.segments.map(({ base, bytes }) => ({ base, bytes })));
          expect(stateOf(log.restart().log)).toEqual(stateOf(log.log));
        }
      }),
      { numRuns: 150 },
    );
  });
});
