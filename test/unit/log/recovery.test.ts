/**
 * Random lives of a log under small limits: after every durable turn what recovery makes of the
 * store equals what the machine holds, reads equal an array of batches, and producers are answered
 * as a slow version of the rules has it.
 */
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { PRODUCER_BATCHES_RETAINED } from "../../../src/constants.ts";
import type { PartitionLog } from "../../../src/log/partition-log.ts";
import { readBatches } from "../../../src/log/read.ts";
import { batchBaseOffset, iterateBatches } from "../../../src/protocol/record-batch.ts";
import { batchOf, type HarnessInput, LogHarness, stateOf } from "./harness.ts";
import { SlowProducers } from "./slow-producers.ts";

// Every bound within reach of a few dozen steps.
vi.mock("../../../src/constants.ts", async (original) => ({
  ...(await original<object>()),
  SEGMENT_BYTES_DEFAULT: 700,
  CHUNK_BYTES_MAX: 260,
  TRIM_ROWS_PER_TURN: 2,
  CHECKPOINT_CHUNKS: 5,
  CHECKPOINT_BYTES: 900,
  PRODUCER_ID_EXPIRATION_MS: 40,
  PRODUCER_IDS_PER_PARTITION_MAX: 3,
}));
const LIMITS = { expirationMs: 40, producersMax: 3 };
const START = 1_000;

/** Sequences start just below the wrap. */
const FIRST_SEQUENCE = 2_147_483_645;

interface Append {
  readonly producer: number;
  readonly epochBy: number;
  /** Steps from the sequence that is due: 0 is right, below 0 is a retry or worse. */
  readonly sequenceBy: number;
  readonly count: number;
  readonly valueBytes: number;
  readonly leaderEpoch: number;
}

type Input = { readonly append: Append } | { readonly deleteTo: number } | "tick";

interface Turn {
  readonly inputs: readonly Input[];
  readonly waitMs: number;
  readonly after: "go on" | "restart" | "lost" | "new leader";
}

const append: fc.Arbitrary<Input> = fc
  .record({
    producer: fc.integer({ min: -1, max: 5 }),
    epochBy: fc.constantFrom(0, 0, 0, 0, 0, 1, -1),
    sequenceBy: fc.constantFrom(0, 0, 0, 0, 0, 0, -1, -2, -3, -6, 1),
    count: fc.integer({ min: 1, max: 3 }),
    valueBytes: fc.constantFrom(0, 10, 60, 400),
    leaderEpoch: fc.constantFrom(-1, -1, -1, -1, 0, 1),
  })
  .map((one) => ({ append: one }));
const turn: fc.Arbitrary<Turn> = fc.record({
  inputs: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: append },
      {
        weight: 1,
        arbitrary: fc.nat(120).map((percent) => ({ deleteTo: percent / 100 })),
      },
      { weight: 1, arbitrary: fc.constant("tick" as const) },
    ),
    { minLength: 1, maxLength: 6 },
  ),
  waitMs: fc.constantFrom(1, 1, 1, 5, 25, 60),
  after: fc.constantFrom("go on", "go on", "go on", "restart", "lost", "new leader"),
});

interface Expected {
  readonly errorCode: number;
  readonly baseOffset?: number;
  readonly logStartOffset?: number;
  lowWatermark?: number;
}

/** Of a producer's batches what answers it: how many more are kept depends on what was committed when. */
function producersOf(log: PartitionLog) {
  return [...log.producers.entries()].map((entry) => {
    return { ...entry, batches: entry.batches.slice(-PRODUCER_BATCHES_RETAINED) };
  });
}

function comparable(log: PartitionLog): unknown {
  return { ...(stateOf(log) as object), producers: producersOf(log) };
}

/** What the test knows: every batch that was taken, and what each producer should send next. */
class World {
  log = new LogHarness();
  producers = new SlowProducers(LIMITS);
  batches: { readonly baseOffset: number; readonly lastOffset: number; readonly bytes: number }[] =
    [];
  logStart = 0;
  now = START;

  step({ inputs, waitMs, after }: Turn): void {
    this.now += waitMs;
    const durable = this.log.store.copy();
    const before = {
      producers: this.producers.copy(),
      batches: [...this.batches],
      logStart: this.logStart,
    };
    const { leaderEpoch } = this.log;
    const expected: Expected[] = [];
    const committed = this.end;
    const given = inputs.map((input) => this.#expect(input, committed, expected));
    // All deletes of a turn are answered at its end.
    for (const reply of expected) {
      if (reply.lowWatermark !== undefined) reply.lowWatermark = this.logStart;
    }
    expect(this.log.turn(this.now, given)).toMatchObject(expected);
    if (after === "lost") {
      // Nothing of the turn was stored: it is as if it had not been.
      this.log = new LogHarness(durable, leaderEpoch);
      Object.assign(this, before);
    }
    this.check();
    if (after === "restart") this.log = this.log.restart();
    if (after === "new leader") this.log.becomeLeader(leaderEpoch + 1);
  }

  get end(): number {
    return (this.batches.at(-1)?.lastOffset ?? -1) + 1;
  }

  #expect(input: Input, committed: number, expected: Expected[]): HarnessInput {
    if (input === "tick") return input;
    if ("deleteTo" in input) {
      const deleteRecords = Math.floor(input.deleteTo * this.end);
      const fits = deleteRecords <= committed;
      if (fits) this.logStart = Math.max(this.logStart, deleteRecords);
      expected.push(fits ? { errorCode: 0, lowWatermark: this.logStart } : { errorCode: 1 });
      return { deleteRecords };
    }
    return this.#expectAppend(input.append, expected);
  }

  #expectAppend(one: Append, expected: Expected[]): HarnessInput {
    const { producer, count, valueBytes, leaderEpoch } = one;
    const due = this.producers.due(producer) ?? { epoch: 1, sequence: FIRST_SEQUENCE };
    const producerEpoch = due.epoch + one.epochBy;
    const from = one.epochBy > 0 ? 0 : due.sequence;
    const baseSequence = (((from + one.sequenceBy) % 2 ** 31) + 2 ** 31) % 2 ** 31;
    const ids = producer < 0 ? {} : { producerId: producer, producerEpoch, baseSequence };
    const batch = batchOf({ records: count, valueBytes, ...ids });
    const own = this.log.leaderEpoch;
    if (leaderEpoch >= 0 && leaderEpoch !== own) {
      expected.push({ errorCode: leaderEpoch < own ? 74 : 75, baseOffset: -1 });
    } else {
      const baseOffset = this.end;
      const answer = this.producers.append(this.now, ids, count, baseOffset);
      if (answer === "taken") {
        const lastOffset = baseOffset + count - 1;
        this.batches.push({ baseOffset, lastOffset, bytes: batch.byteLength });
      }
      const errorCode = typeof answer === "object" ? answer.errorCode : 0;
      const offset = typeof answer === "number" ? answer : errorCode === 0 ? baseOffset : -1;
      expected.push({ errorCode, baseOffset: offset, logStartOffset: this.logStart });
    }
    return { append: batch, leaderEpoch };
  }

  check(): void {
    const { log } = this.log;
    expect(comparable(this.log.restart().log)).toEqual(comparable(log));
    expect(log.logStartOffset).toBe(this.logStart);
    expect(log.logEndOffset).toBe(this.end);
    expect(log.highWatermark).toBe(this.end);
    expect(producersOf(log)).toEqual(this.producers.list());
    const live = this.batches.filter(({ lastOffset }) => lastOffset >= this.logStart);
    const stored = readBatches(this.log.store, {
      fetchOffset: this.logStart,
      upperBound: this.end,
      maxBytes: 1 << 28,
      minOneBatch: false,
    });
    const read = [...iterateBatches(stored)].map((at) => batchBaseOffset(stored, at));
    expect(read).toEqual(live.map(({ baseOffset }) => baseOffset));
    // Segments: one follows the other, the first holds the log start, and only whole batches count.
    const { segments } = log;
    expect(segments.length === 0).toBe(this.logStart === this.end);
    expect((segments[0]?.baseOffset ?? 0) <= this.logStart).toBe(true);
    expect(segments.slice(1).every(({ baseOffset }) => baseOffset > this.logStart)).toBe(true);
    const first = segments[0]?.baseOffset ?? this.end;
    const kept = this.batches.filter(({ baseOffset }) => baseOffset >= first);
    expect(log.sizeInBytes).toBe(kept.reduce((sum, { bytes }) => sum + bytes, 0));
  }
}

test("LOG4 LOG16 LOG5 LOG10 LOG15: a life of random turns, recovered at every one of them", () => {
  let checkpoints = 0;
  let segments = 0;
  let trimmed = 0;
  fc.assert(
    fc.property(fc.array(turn, { minLength: 5, maxLength: 40 }), (turns) => {
      const world = new World();
      for (const one of turns) world.step(one);
      if (world.log.store.checkpoint() !== null) checkpoints++;
      segments = Math.max(segments, world.log.log.segments.length);
      if (world.log.log.firstStored > 0) trimmed++;
    }),
    { numRuns: 200 },
  );
  // The limits are small enough to be met.
  expect(checkpoints).toBeGreaterThan(50);
  expect(segments).toBeGreaterThan(3);
  expect(trimmed).toBeGreaterThan(10);
});
