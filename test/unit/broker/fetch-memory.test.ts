/** How much a fetch asks for and holds, alone and among others. */
import { describe, expect, test } from "vitest";
import { FetchBudget, type Lease } from "../../../src/broker/fetch-budget.ts";
import { FETCH_BYTES_MAX, FETCH_SHARE_BYTES_MIN } from "../../../src/constants.ts";
import { batchOfBytes } from "../../support/replica-ports.ts";
import { FetchWorld } from "./fetch-world.ts";

const MIB = 1 << 20;
const QUARTER = batchOfBytes(MIB / 4 - 100);

/** A budget of the isolate, and how far it was ever overdrawn. */
function budgetOf(world: FetchWorld, bytes: number) {
  const budget = new FetchBudget(bytes, Number.POSITIVE_INFINITY, () => world.clock.now());
  const lease = (): Lease => {
    const answerBytes = budget.lease();
    world.more = { ...world.more, answerBytes };
    return answerBytes;
  };
  return { budget, lease };
}

const sizes = (answers: Awaited<ReturnType<FetchWorld["read"]>>) =>
  answers.map(({ records }) => records?.byteLength ?? 0);
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
const asked = (world: FetchWorld, partition: number) =>
  world.replicas.of(partition, 1).reads.map(({ maxBytes }) => maxBytes);

describe("a fetch of many partitions", () => {
  test("asks them side by side for their shares, never for more than it may hold", async () => {
    const world = await FetchWorld.create(1_000);
    await world.read({ offsets: Array.from({ length: 1_000 }, () => 0) });
    const shares = Array.from({ length: 1_000 }, (_, partition) => asked(world, partition));
    expect(
      shares.every(([bytes, ...more]) => bytes === FETCH_SHARE_BYTES_MIN && !more.length),
    ).toBe(true);
  });

  test("gives what the quiet ones left over to those that have more", async () => {
    const world = await FetchWorld.create(10);
    world.append(3, ...Array.from({ length: 20 }, () => batchOfBytes(50_000)));
    const answers = await world.read({ offsets: Array.from({ length: 10 }, () => 0) });
    expect(sizes(answers)[3]).toBeGreaterThan(MIB - 60_000);
    expect(asked(world, 3)).toEqual([Math.floor(FETCH_BYTES_MAX / 10), expect.any(Number)]);
    expect(answers[3]?.highWatermark).toBe(20);
  });

  test("returns nothing twice and nothing with a gap when a partition is read on", async () => {
    const world = await FetchWorld.create(6);
    const batches = Array.from({ length: 30 }, (_, i) => batchOfBytes(20_000 + 997 * i));
    world.append(5, ...batches);
    const [last] = (
      await world.read({ offsets: [0, 0, 0, 0, 0, 0], partitionMaxBytes: 4 * MIB })
    ).slice(-1);
    const stored = Buffer.concat(world.replicas.of(5, 1).batches);
    expect(Buffer.from(last?.records ?? []).equals(stored.subarray(0, last?.records?.length))).toBe(
      true,
    );
    expect(last?.records).toHaveLength(stored.length);
  });

  test("KIP-74: gets one batch that is larger than any limit, of the first that has one", async () => {
    const world = await FetchWorld.create(3);
    world.append(1, batchOfBytes(900_000));
    world.append(2, batchOfBytes(900_000));
    for (const limits of [{ partitionMaxBytes: 1 }, { maxBytes: 1 }, { maxBytes: 0 }]) {
      const bytes = sizes(await world.read({ offsets: [0, 0, 0], ...limits }));
      expect([bytes[0], bytes[2]]).toEqual([0, 0]);
      expect(bytes[1]).toBeGreaterThan(900_000);
    }
  });
});

describe("fetches among others", () => {
  test("hold what they answer until it is given back", async () => {
    const world = await FetchWorld.create();
    world.append(0, QUARTER, QUARTER);
    const { budget, lease } = budgetOf(world, 32 * MIB);
    const held = lease();
    const [bytes] = sizes(await world.read());
    expect([held.bytes, budget.freeBytes]).toEqual([bytes, 32 * MIB - (bytes ?? 0)]);
    held.keep(0);
    expect(budget.freeBytes).toBe(32 * MIB);
  });

  test("a quiet one holds nothing while it is parked", async () => {
    const world = await FetchWorld.create();
    const { budget, lease } = budgetOf(world, 4 * MIB);
    lease();
    const waiting = world.waiting({ maxWaitMs: 10_000 });
    await world.clock.advance(1_000);
    expect(budget.freeBytes).toBe(4 * MIB);
    world.append(0, QUARTER);
    await world.clock.advance(0);
    expect(sizes(await waiting)).toEqual([QUARTER.length]);
  });

  test("one that waits for more than there is holds nothing, and reads again at the end", async () => {
    const world = await FetchWorld.create(2);
    world.append(0, QUARTER);
    const { budget, lease } = budgetOf(world, 8 * MIB);
    const held = lease();
    const options = { offsets: [0, 0], minBytes: 3 * QUARTER.length, maxWaitMs: 5_000 };
    const waiting = world.waiting(options);
    await world.clock.advance(1_000);
    expect(budget.freeBytes).toBe(8 * MIB);
    world.append(1, QUARTER, QUARTER);
    await world.clock.advance(10);
    expect(sizes(await waiting)).toEqual([QUARTER.length, 2 * QUARTER.length]);
    expect(held.bytes).toBe(3 * QUARTER.length);
    lease();
    const before = world.clock.now();
    const late = world.read({ offsets: [0, 2], minBytes: 3 * QUARTER.length, maxWaitMs: 5_000 });
    expect(sizes(await late)).toEqual([QUARTER.length, 0]);
    expect(world.clock.now() - before).toBe(5_000);
  });

  test("read less when much is out already, and answer at once", async () => {
    const world = await FetchWorld.create();
    world.append(0, ...Array.from({ length: 40 }, () => batchOfBytes(20_000)));
    const { budget, lease } = budgetOf(world, MIB);
    const before = world.clock.now();
    const came: number[] = [];
    for (let i = 0; i < 4; i++) {
      lease();
      came.push(...sizes(await world.read({ maxWaitMs: 10_000, minBytes: MIB })));
    }
    expect(came[0]).toBeGreaterThan(came[1] ?? 0);
    expect(came[1]).toBeGreaterThan(came[2] ?? 0);
    expect(came[3]).toBeGreaterThan(0);
    expect(budget.freeBytes).toBeGreaterThanOrEqual(0);
    expect(world.clock.now()).toBe(before);
  });

  test("wait for a batch that does not fit, until there is room", async () => {
    const world = await FetchWorld.create();
    world.append(0, batchOfBytes(900_000));
    const { budget, lease } = budgetOf(world, 2 * MIB);
    const other = budget.lease();
    other.keep(1_500_000);
    lease();
    const waiting = world.waiting({ maxWaitMs: 10_000 });
    await world.clock.advance(3_000);
    expect(budget.waiting).toBe(1);
    const before = world.clock.now();
    other.keep(0);
    expect(sizes(await world.clock.run(waiting))[0]).toBeGreaterThan(900_000);
    expect(world.clock.now()).toBe(before);
  });

  test("answer with nothing when there was no room in time, and say how the partition is", async () => {
    const world = await FetchWorld.create(2);
    world.append(0, QUARTER);
    world.append(1, QUARTER);
    const { budget, lease } = budgetOf(world, MIB);
    budget.lease().keep(MIB);
    const held = lease();
    const before = world.clock.now();
    const answers = await world.read({ offsets: [0, 1], maxWaitMs: 400 });
    expect(world.clock.now() - before).toBe(400);
    expect(answers).toMatchObject([
      { errorCode: 0, highWatermark: 1, logStartOffset: 0 },
      { errorCode: 0, highWatermark: 1, logStartOffset: 0 },
    ]);
    expect([sum(sizes(answers)), held.bytes]).toEqual([0, 0]);
    // An error needs no room.
    lease();
    const [wrong] = await world.read({ offsets: [7], maxWaitMs: 0 });
    expect(wrong?.errorCode).toBe(1);
  });

  test("eight large readers and a hundred small ones stay within the budget, and all are served", async () => {
    const world = await FetchWorld.create();
    world.append(0, ...Array.from({ length: 64 }, () => QUARTER));
    const total = 8 * MIB;
    const { budget, lease } = budgetOf(world, total);
    let least = total;
    const reader = async (partitionMaxBytes: number): Promise<number> => {
      let offset = 0;
      while (offset < 16) {
        const held = lease();
        const [answer] = (
          await world.fetch({ offsets: [offset], partitionMaxBytes, maxWaitMs: 500 })
        ).responses.flatMap(({ partitions }) => partitions);
        least = Math.min(least, budget.freeBytes);
        offset += Math.round((answer?.records?.byteLength ?? 0) / QUARTER.length);
        await world.clock.sleep(10);
        held.keep(0);
      }
      return offset;
    };
    const readers = [
      ...Array.from({ length: 8 }, () => reader(16 * MIB)),
      ...Array.from({ length: 100 }, () => reader(1)),
    ];
    const offsets = await world.clock.run(Promise.all(readers));
    expect(offsets.every((offset) => offset >= 16)).toBe(true);
    expect(least).toBeGreaterThanOrEqual(0);
    expect(budget.freeBytes).toBe(total);
  });
});
