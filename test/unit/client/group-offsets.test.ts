import { beforeEach, describe, expect, it } from "vitest";
import { ErrorCode } from "../../../src/client/errors.ts";
import { offsetCommitApi } from "../../../src/protocol/api/08-offset-commit.ts";
import { offsetFetchApi } from "../../../src/protocol/api/09-offset-fetch.ts";
import { joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { heartbeatApi } from "../../../src/protocol/api/12-heartbeat.ts";
import { GroupWorld } from "./group-world.ts";

let world: GroupWorld;

beforeEach(() => {
  world = new GroupWorld();
  world.broker.createTopic("t", 3);
});

const sorted = (values: readonly (string | null)[]) => [...values].sort();

describe("offsets", () => {
  it("a second group reads everything for itself", async () => {
    const values = world.append("t", 9);
    const [a, b] = [world.reader(), world.reader({ "group.id": "h" })];
    a.subscribe().start();
    b.subscribe().start();
    await world.clock.advance(3000);
    expect(sorted(a.values)).toEqual(sorted(values));
    expect(sorted(b.values)).toEqual(sorted(values));
    await world.stopAll();
  });

  it("CONS12 what poll gave is committed by the next, every auto.commit.interval.ms", async () => {
    world.append("t", 3);
    const reader = world.reader().subscribe();
    while (reader.records.length < 3) {
      reader.records.push(...(await world.clock.run(reader.consumer.poll(1000))));
    }
    await world.clock.advance(20_000);
    expect(world.groups.commits).toEqual([]);
    await world.clock.run(reader.consumer.poll(0));
    await world.clock.advance(100);
    expect(world.groups.commits.length).toBe(3);
    world.append("t", 1);
    await world.clock.run(reader.consumer.poll(20_000));
    await world.clock.run(reader.consumer.poll(20_000));
    // Once more for what changed, and never for what did not.
    expect(world.groups.commits.length).toBe(4);
  });

  it("begin where the group is", async () => {
    world.append("t", 30);
    for (const partition of [0, 1, 2]) {
      const key = `g/t/${partition}`;
      world.groups.offsets.set(key, { offset: 8, leaderEpoch: 0, metadata: "" });
    }
    const reader = world.reader().subscribe().start();
    await world.clock.advance(3000);
    expect(reader.records.map(({ offset }) => offset).sort()).toEqual([8, 8, 8, 9, 9, 9]);
    await world.stopAll();
  });

  it("auto.offset.reset=none throws where the group never was", async () => {
    const reader = world.reader({ "auto.offset.reset": "none" }).subscribe();
    await expect(world.clock.run(reader.consumer.poll(3000))).rejects.toThrow(
      /no position and auto.offset.reset is none/,
    );
  });

  it("auto.offset.reset=by_duration begins at a time", async () => {
    world.append("t", 30);
    // A record a second from 1970 on; the clock is far later.
    const since = world.clock.now() / 1000 - 15.5;
    const config = { "auto.offset.reset": `by_duration:PT${since}S` } as const;
    const reader = world.reader(config).subscribe().start();
    await world.clock.advance(500);
    expect(reader.records.length).toBe(14);
    await world.stopAll();
  });

  it("committed() tells what the group committed, with metadata", async () => {
    const reader = world.reader().subscribe();
    await world.clock.run(reader.consumer.poll(3000));
    const offsets = [{ topic: "t", partition: 1, offset: 5, metadata: "m", leaderEpoch: 3 }];
    await world.clock.run(reader.consumer.commitSync(offsets));
    const places = [
      { topic: "t", partition: 0 },
      { topic: "t", partition: 1 },
    ];
    expect(await world.clock.run(reader.consumer.committed(places))).toEqual([null, offsets[0]]);
    await expect(
      reader.consumer.commitSync([{ topic: "t", partition: 0, offset: 1.5 }]),
    ).rejects.toThrow(/invalid offset 1.5 for t-0/);
  });

  it("CONS13 commits go one at a time, in order", async () => {
    const reader = world.reader().subscribe();
    await world.clock.run(reader.consumer.poll(3000));
    world.broker.meddle = ({ api, nth }) =>
      api === offsetCommitApi && nth === 1 ? { delayMs: 500 } : undefined;
    const done: number[] = [];
    for (const offset of [1, 2, 3]) {
      reader.consumer.commitAsync([{ topic: "t", partition: 0, offset }], (error, offsets) => {
        expect(error).toBeNull();
        done.push(offsets[0]?.offset as number);
      });
    }
    await world.clock.run(reader.consumer.commitSync([{ topic: "t", partition: 0, offset: 4 }]));
    expect(done).toEqual([1, 2, 3]);
    expect(world.groups.commits.map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
  });

  it("CONS13 a commit that waited for its turn does not outlive its generation", async () => {
    const reader = world.reader({ "enable.auto.commit": false }).subscribe().start();
    await world.clock.advance(3000);
    world.broker.meddle = ({ api, nth }) =>
      api === offsetCommitApi && nth === 1 ? { delayMs: 20_000 } : undefined;
    const errors: (Error | null)[] = [];
    for (const offset of [1, 2]) {
      const offsets = [{ topic: "t", partition: 0, offset }];
      reader.consumer.commitAsync(offsets, (error) => errors.push(error));
    }
    reader.consumer.enforceRebalance();
    await world.clock.advance(60_000);
    expect(errors.map((error) => error?.name)).toEqual(["CommitFailedError", "CommitFailedError"]);
    expect(world.groups.commits).toEqual([]);
    await world.stopAll();
  });

  it("commitSync() asks again while the coordinator is away", async () => {
    const reader = world.reader().subscribe();
    await world.clock.run(reader.consumer.poll(3000));
    const { other } = world.broker;
    let away = 3;
    world.broker.other = (api, body, version) => {
      if (api !== offsetCommitApi || away-- <= 0) return other(api, body, version);
      const partitions = [{ partitionIndex: 0, errorCode: ErrorCode.NOT_COORDINATOR }];
      return { topics: [{ name: "t", partitions }] };
    };
    await world.clock.run(reader.consumer.commitSync([{ topic: "t", partition: 0, offset: 1 }]));
    expect(world.groups.committed("g", "t", 0)).toBe(1);
  });

  it("assign() with a group.id begins at committed offsets and commits as nobody", async () => {
    world.append("t", 9);
    world.groups.offsets.set("g/t/0", { offset: 2, leaderEpoch: 0, metadata: "" });
    const reader = world.reader();
    reader.consumer.assign([{ topic: "t", partition: 0 }]);
    const records = await world.clock.run(reader.consumer.poll(1000));
    expect(records.map(({ offset }) => offset)).toEqual([2]);
    await world.clock.run(reader.consumer.close());
    expect(world.groups.commits).toMatchObject([{ memberId: "", epoch: -1, offset: 3 }]);
    expect(world.broker.count(joinGroupApi)).toBe(0);
    expect(world.broker.count(heartbeatApi)).toBe(0);
  });

  it("a seek before the committed offset is known wins", async () => {
    world.append("t", 30);
    world.broker.meddle = ({ api }) => (api === offsetFetchApi ? { delayMs: 2000 } : undefined);
    const reader = world.reader();
    reader.consumer.subscribe(["t"], {
      onPartitionsAssigned: (places) => {
        for (const place of places) reader.consumer.seek(place, 7);
      },
    });
    const records = await world.clock.run(reader.consumer.poll(10_000));
    expect(records[0]?.offset).toBe(7);
  });
});

describe("calls that make no sense", () => {
  it("are refused with what to do", async () => {
    const reader = world.reader().subscribe();
    expect(() => reader.consumer.assign([{ topic: "t", partition: 0 }])).toThrow(
      /assign\(\) after subscribe\(\).*call unsubscribe\(\) first/,
    );
    expect(() => reader.consumer.subscribe([""])).toThrow('invalid topic ""');
    const alone = world.reader({ "group.id": undefined as unknown as string });
    expect(() => alone.consumer.subscribe(["t"])).toThrow(/need a group.id/);
    expect(() => alone.consumer.groupMetadata()).toThrow(/need a group.id/);
  });

  it("wakeup() ends the poll that waits, or the next", async () => {
    const reader = world.reader().subscribe();
    const waiting = reader.consumer.poll(60_000).catch((error: unknown) => error);
    await world.clock.advance(1000);
    reader.consumer.wakeup();
    expect(await world.clock.run(waiting)).toMatchObject({ name: "WakeupError" });
    reader.consumer.wakeup();
    await expect(reader.consumer.poll(0)).rejects.toThrow("wakeup() was called");
    await world.clock.run(reader.consumer.poll(3000));
    expect(reader.owned.length).toBe(3);
  });
});

it("an iteration reads in a group, and commits what was iterated over", async () => {
  world.append("t", 6);
  const reader = world.reader().subscribe();
  const values: (string | null)[] = [];
  const iterate = async () => {
    for await (const { value } of reader.consumer) {
      values.push(value);
      if (values.length === 5) break;
    }
  };
  await world.clock.run(iterate());
  await world.clock.run(reader.consumer.close());
  const committed = [0, 1, 2].map((p) => world.groups.committed("g", "t", p) ?? 0);
  expect(committed.reduce((a, b) => a + b)).toBe(5);
});
