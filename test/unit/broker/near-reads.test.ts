/** Which replica a fetch reads (KIP-392), and what happens when that one is of no use. */
import { beforeEach, describe, expect, test } from "vitest";
import type { PartitionChange } from "../../../src/broker/ports.ts";
import { readerAt } from "../../../src/cluster/nearest.ts";
import { METADATA_TTL_MS, NEAR_REPLICA_PATIENCE_MS } from "../../../src/constants.ts";
import { refusedRead } from "../../../src/objects/partition-answers.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import { withMethods } from "../../support/broker-context.ts";
import { batchOfBytes } from "../../support/replica-ports.ts";
import { FetchWorld } from "./fetch-world.ts";

const EUROPE = readerAt({ continent: "EU" });
const ASIA = readerAt({ continent: "AS" });
const BATCH = batchOfBytes(100);

let world: FetchWorld;

beforeEach(async () => {
  world = await FetchWorld.create();
  world.append(0, BATCH, BATCH, BATCH);
});

/** Which broker was read, and how many bytes came. */
async function readFrom(options: Parameters<FetchWorld["read"]>[0] = {}) {
  const [answer] = await world.read(options);
  if (answer === undefined) throw new Error("there is no answer");
  const { preferredReadReplica, records, errorCode, highWatermark } = answer;
  return {
    from: preferredReadReplica,
    batches: (records?.byteLength ?? 0) / BATCH.length,
    errorCode,
    highWatermark,
  };
}

async function changeRow(next: Partial<PartitionChange["next"]>): Promise<void> {
  const topic = (await world.catalogue.topics("kedge", ["t"])).get("t");
  const row = topic?.partitions[0];
  if (topic === undefined || row === undefined) throw new Error("there is no such row");
  const state = {
    leader: row.leader,
    leaderEpoch: row.leaderEpoch,
    replicas: row.replicas,
    isr: row.isr,
  };
  const change = { ...state, ...next };
  await world.catalogue.changePartition("kedge", topic.topicId, 0, row.partitionEpoch, change);
}

describe("the nearest replica is read", () => {
  test("by where the request comes from, if the caller wants it so", async () => {
    world.more = { reader: EUROPE, readNearest: true };
    expect(await readFrom()).toEqual({ from: 2, batches: 3, errorCode: 0, highWatermark: 3 });
    world.more = { reader: ASIA, readNearest: true };
    expect((await readFrom()).from).toBe(3);
    expect(world.replicas.of(0, 1).reads).toEqual([]);
    expect(world.replicas.of(0, 3).reads).toMatchObject([{ fromFollower: true }]);
  });

  test("not without being asked for, nor for a reader who is nowhere, nor when it leads", async () => {
    for (const more of [
      { reader: EUROPE },
      { reader: EUROPE, readNearest: false },
      { reader: null, readNearest: true },
      { readNearest: true },
      { reader: readerAt({ continent: "NA" }), readNearest: true },
    ]) {
      world.more = more;
      expect((await readFrom()).from).toBe(1);
    }
    expect(world.replicas.of(0, 1).reads.every(({ fromFollower }) => !fromFollower)).toBe(true);
  });

  test("by rack: read for who addressed no broker or that one, told to who addressed another", async () => {
    expect((await readFrom({ rackId: "apac" })).from).toBe(3);
    expect((await readFrom({ rackId: "nowhere" })).from).toBe(1);
    // A rack is the reader's own word, the place only a guess.
    world.more = { reader: EUROPE, readNearest: true };
    expect((await readFrom({ rackId: "apac" })).from).toBe(3);
    world.more = { brokerId: 3 };
    expect(await readFrom({ rackId: "apac" })).toMatchObject({ from: 3, batches: 3 });
  });

  test("not one that is fenced or out of sync", async () => {
    world.more = { reader: EUROPE, readNearest: true };
    world.catalogue.setFenced("kedge", 2, true);
    // From Europe, western North America is nearer than Singapore.
    expect((await readFrom()).from).toBe(1);
    world.catalogue.setFenced("kedge", 2, false);
    await changeRow({ isr: [1, 3] });
    expect((await readFrom()).from).toBe(1);
    expect(world.replicas.of(0, 2).reads).toEqual([]);
  });

  test("the leader when the catalogue does not know the brokers now", async () => {
    const cluster = () => Promise.reject(new Error("the catalogue is away"));
    const catalogue = withMethods(world.catalogue, { cluster });
    world.more = {
      ...{ reader: EUROPE, readNearest: true },
      ports: { ...world.ports, catalogue },
    };
    expect((await readFrom()).from).toBe(1);
  });
});

describe("the leader is read instead when the near replica", () => {
  beforeEach(() => {
    world.more = { reader: EUROPE, readNearest: true };
  });

  const near = () => world.replicas.of(0, 2);

  test.each([
    ["says that it does not have the offset yet", ErrorCode.OFFSET_NOT_AVAILABLE],
    ["says that the offset is out of range", ErrorCode.OFFSET_OUT_OF_RANGE],
    ["has another opinion about the epoch", ErrorCode.UNKNOWN_LEADER_EPOCH],
    ["is gone", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
  ])("%s", async (_, code) => {
    near().instead = async () => refusedRead(code);
    expect(await readFrom()).toMatchObject({ from: 1, batches: 3, errorCode: 0 });
  });

  test("cannot be reached, without any thought of an election", async () => {
    near().instead = () => Promise.reject(new Error("Network connection lost."));
    expect(await readFrom()).toMatchObject({ from: 1, batches: 3, errorCode: 0 });
    expect(near().reads).toHaveLength(1);
    const row = (await world.catalogue.topics("kedge", ["t"])).get("t")?.partitions[0];
    expect(row).toMatchObject({ leader: 1, partitionEpoch: 0 });
  });

  test("does not answer in time", async () => {
    near().instead = () => new Promise(() => {});
    const before = world.clock.now();
    expect(await readFrom()).toMatchObject({ from: 1, batches: 3 });
    expect(world.clock.now() - before).toBe(NEAR_REPLICA_PATIENCE_MS);
  });

  test("knows less to be committed than the reader has seen", async () => {
    near().highWatermark = 1;
    expect(await readFrom({ offsets: [2] })).toMatchObject({ from: 1, batches: 1 });
    expect(await readFrom({ offsets: [1] })).toMatchObject({ from: 2, batches: 0 });
  });

  test("sees the reader's log diverge: only the leader may say so", async () => {
    const { highWatermark } = near();
    const divergingEpoch = { epoch: 0, endOffset: 1 };
    near().instead = async () => ({ ...refusedRead(0), highWatermark, divergingEpoch });
    expect(await readFrom()).toMatchObject({ from: 1, batches: 3 });
  });

  test("and the leader's word is the last", async () => {
    expect(await readFrom({ offsets: [9] })).toMatchObject({
      ...{ from: 1, batches: 0, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE },
    });
  });
});

describe("a follower's high watermark", () => {
  test("ends what is read there, and the wait there ends when it moves", async () => {
    world.more = { reader: EUROPE, readNearest: true };
    const near = world.replicas.of(0, 2);
    for (const replica of world.all()) replica.append(BATCH);
    world.replicas.of(0, 1).commit();
    expect(await readFrom()).toMatchObject({ from: 2, batches: 3, highWatermark: 3 });
    const waiting = world.waiting({ offsets: [3], maxWaitMs: 60_000 });
    await world.clock.advance(3_000);
    expect([near.waiters, world.replicas.of(0, 1).waiters]).toEqual([1, 0]);
    near.commit();
    const [answer] = await waiting;
    expect(answer).toMatchObject({ preferredReadReplica: 2, highWatermark: 4 });
    expect(answer?.records).toHaveLength(BATCH.length);
  });

  test("a reader that goes on where the last page ended sees every record once, whoever answers", async () => {
    const seen: number[] = [];
    for (let offset = 0, turn = 0; seen.length < 40; turn++) {
      const leader = world.replicas.of(0, 1);
      if (leader.batches.length < 40) for (const replica of world.all()) replica.append(BATCH);
      // The replicas commit one after the other, some turns later.
      world.all()[turn % 3]?.commit();
      const reader = turn % 2 === 0 ? EUROPE : ASIA;
      world.more = { reader, readNearest: turn % 5 !== 0 };
      const [answer] = await world.read({ offsets: [offset], partitionMaxBytes: 2 * BATCH.length });
      expect(answer?.errorCode).toBe(0);
      const count = (answer?.records?.byteLength ?? 0) / BATCH.length;
      for (let i = 0; i < count; i++) seen.push(offset++);
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });
});

describe("who waits at a replica that hears of nothing any more", () => {
  test.each([
    ["because it was fenced", () => world.catalogue.setFenced("kedge", 2, true)],
    ["because it left the ISR", () => changeRow({ isr: [1, 3] })],
  ])("looks elsewhere, %s", async (_, happens) => {
    world.more = { reader: EUROPE, readNearest: true };
    const waiting = world.waiting({ offsets: [3], maxWaitMs: 60_000 });
    await world.clock.advance(1_000);
    expect(world.replicas.of(0, 2).waiters).toBe(1);
    await happens();
    const leader = world.replicas.of(0, 1);
    leader.append(BATCH);
    leader.commit();
    await world.clock.advance(METADATA_TTL_MS);
    const [answer] = await waiting;
    expect(answer).toMatchObject({ preferredReadReplica: 1, highWatermark: 4, errorCode: 0 });
  });

  test("and stays while nothing has changed", async () => {
    world.more = { reader: EUROPE, readNearest: true };
    const before = world.clock.now();
    expect(await readFrom({ offsets: [3], maxWaitMs: 60_000 })).toMatchObject({
      from: 2,
      batches: 0,
    });
    expect(world.clock.now() - before).toBe(60_000);
    expect(world.replicas.of(0, 2).reads).toHaveLength(1);
  });
});
