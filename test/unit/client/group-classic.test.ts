import { beforeEach, describe, expect, it } from "vitest";
import { CommitFailedError, ErrorCode, KafkaError } from "../../../src/client/errors.ts";
import { offsetCommitApi } from "../../../src/protocol/api/08-offset-commit.ts";
import { type JoinGroupRequest, joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import {
  decodeConsumerSubscription,
  decodeStickyUserData,
} from "../../../src/protocol/consumer-protocol.ts";
import { GroupWorld } from "./group-world.ts";

let world: GroupWorld;

beforeEach(() => {
  world = new GroupWorld();
  world.broker.createTopic("t", 3);
});

const sorted = (values: readonly (string | null)[]) => [...values].sort();

describe("joining", () => {
  it("CONS6 the first poll joins, finds its place and gives records", async () => {
    const values = world.append("t", 6);
    const reader = world.reader().subscribe();
    const records = await world.clock.run(reader.consumer.poll(10_000));
    expect(records.length).toBeGreaterThan(0);
    reader.records.push(...records);
    while (reader.records.length < 6) {
      reader.records.push(...(await world.clock.run(reader.consumer.poll(1000))));
    }
    expect(sorted(reader.values)).toEqual(sorted(values));
    expect(reader.events).toEqual(["assigned t-0 t-1 t-2"]);
    expect(reader.consumer.groupMetadata()).toEqual({
      groupId: "g",
      generationId: 1,
      memberId: "member-1",
      groupInstanceId: null,
    });
  });

  it("tells the leader topics, rack and what it had", async () => {
    const config = { "partition.assignment.strategy": "sticky", "client.rack": "weur" };
    const reader = world.reader(config).subscribe();
    await world.clock.run(reader.consumer.poll(3000));
    reader.consumer.enforceRebalance();
    await world.clock.run(reader.consumer.poll(3000));
    const joins = world.broker.requests.filter(({ api }) => api === joinGroupApi);
    const request = joins.at(-1)?.body as JoinGroupRequest;
    const [protocol] = request.protocols;
    const subscription = decodeConsumerSubscription(protocol?.metadata ?? new Uint8Array(0));
    expect(protocol?.name).toBe("sticky");
    expect(subscription).toMatchObject({
      topics: ["t"],
      // An eager member has given everything up by then; what it had is the assignor's to know.
      ownedPartitions: [],
      generationId: 1,
      rackId: "weur",
    });
    expect(decodeStickyUserData(subscription.userData ?? new Uint8Array(0))).toEqual({
      previousAssignment: [{ topic: "t", partitions: [0, 1, 2] }],
      generation: 1,
    });
  });

  it("poll(0) joins by and by", async () => {
    world.append("t", 3);
    const reader = world.reader().subscribe();
    for (let i = 0; i < 100 && reader.records.length < 3; i++) {
      reader.records.push(...(await world.clock.run(reader.consumer.poll(0))));
      await world.clock.advance(50);
    }
    expect(reader.records.length).toBe(3);
  });

  it.each([
    ["range", ["range"]],
    ["roundrobin", ["roundrobin"]],
    ["sticky", ["sticky"]],
    ["cooperative-sticky", ["cooperative-sticky"]],
    ["Kafka's default", undefined],
  ])("1, 2, 3 and 4 members share 3 partitions by %s", async (_, strategy) => {
    const config = strategy && { "partition.assignment.strategy": strategy };
    const expected = [[3], [2, 1], [1, 1, 1], [1, 1, 1, 0]];
    for (const shares of expected) {
      world.reader(config).subscribe().start();
      await world.clock.advance(20_000);
      expect(world.shares()).toEqual(shares);
    }
    const all = world.readers.flatMap(({ owned }) => owned);
    expect(sorted(all)).toEqual(["t-0", "t-1", "t-2"]);
    for (const left of [3, 2, 1]) {
      await world.clock.run((world.readers.shift() as (typeof world.readers)[0]).close());
      await world.clock.advance(20_000);
      expect(world.shares()).toEqual(expected[left - 1]);
    }
    expect(world.readers.flatMap(({ errors }) => errors)).toEqual([]);
    await world.stopAll();
  });

  it("one killed without a word is replaced after its session timeout", async () => {
    const [a, b] = [world.reader(), world.reader()];
    a.subscribe().start();
    b.subscribe().start();
    await world.clock.advance(10_000);
    expect(world.shares()).toEqual([2, 1]);
    a.kill();
    await world.clock.advance(40_000);
    expect(b.owned.length).toBeLessThan(3);
    await world.clock.advance(15_000);
    expect(b.owned).toEqual(["t-0", "t-1", "t-2"]);
    await world.stopAll();
  });

  it("a rebalance that begins while another ends is joined too", async () => {
    const readers = Array.from({ length: 5 }, () => world.reader());
    for (const reader of readers) {
      reader.subscribe().start();
      await world.clock.advance(103);
    }
    await world.clock.advance(20_000);
    expect(world.shares()).toEqual([1, 1, 1, 0, 0]);
    await world.stopAll();
  });

  it("lost answers to JoinGroup and SyncGroup are asked for again", async () => {
    let lost = 0;
    world.broker.meddle = ({ api, nth }) => {
      if (![11, 14].includes(api.key) || nth > 4) return undefined;
      lost++;
      return nth % 2 === 0 ? { lost: true } : { replyLost: true };
    };
    const reader = world.reader().subscribe().start();
    await world.clock.advance(400_000);
    expect(lost).toBeGreaterThan(4);
    expect(reader.owned.length).toBe(3);
    expect(reader.errors).toEqual([]);
    await world.stopAll();
  });

  it("what asking again does not help is thrown, and the next poll asks again", async () => {
    const { other } = world.broker;
    let refused = 0;
    world.broker.other = (api, body, version) => {
      if (api !== joinGroupApi || refused++ > 0) return other(api, body, version);
      return { errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED, memberId: "" };
    };
    const reader = world.reader().subscribe();
    const error = await world.clock.run(reader.consumer.poll(5000)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(KafkaError);
    expect((error as KafkaError).code).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect((error as KafkaError).message).toMatch(/^group g: /);
    await world.clock.run(reader.consumer.poll(5000));
    expect(reader.owned.length).toBe(3);
  });
});

describe("rebalancing", () => {
  it("CONS7 eager members give everything up first", async () => {
    const a = world.reader({ "partition.assignment.strategy": "range" }).subscribe().start();
    await world.clock.advance(5000);
    world.reader({ "partition.assignment.strategy": "range" }).subscribe().start();
    await world.clock.advance(10_000);
    expect(a.events).toEqual([
      "assigned t-0 t-1 t-2",
      "revoked t-0 t-1 t-2",
      expect.stringMatching(/^assigned t-\d( t-\d)?$/),
    ]);
    await world.stopAll();
  });

  it("CONS7 cooperative members give up what moves, and read on meanwhile", async () => {
    const config = { "partition.assignment.strategy": "cooperative-sticky" };
    const a = world.reader(config).subscribe().start();
    await world.clock.advance(5000);
    const b = world.reader(config).subscribe().start();
    await world.clock.advance(10_000);
    const [first, second, ...rest] = a.events;
    expect(first).toBe("assigned t-0 t-1 t-2");
    expect(second).toMatch(/^revoked t-\d$/);
    expect(rest.every((event) => event === "assigned")).toBe(true);
    const moved = second?.slice("revoked ".length);
    expect(b.events.filter((event) => event !== "assigned")).toEqual([`assigned ${moved}`]);
    await world.stopAll();
  });

  it("CONS8 what poll gave is committed before partitions move; none is read twice or skipped", async () => {
    const values = world.append("t", 30);
    const a = world.reader({ "max.poll.records": 7 }).subscribe().start();
    await world.clock.advance(3000);
    world.reader().subscribe().start();
    values.push(...world.append("t", 30));
    await world.clock.advance(10_000);
    world.reader().subscribe().start();
    values.push(...world.append("t", 30));
    await world.clock.advance(10_000);
    await world.clock.run(a.close());
    values.push(...world.append("t", 30));
    await world.clock.advance(10_000);
    const all = world.readers.flatMap((reader) => reader.values);
    expect(sorted(all)).toEqual(sorted(values));
    await world.stopAll();
  });

  it.each(["range", "cooperative-sticky"])(
    "CONS8 by %s, nothing is given while what is to be given up is being committed",
    async (strategy) => {
      const config = { "partition.assignment.strategy": strategy };
      world.broker.meddle = ({ api }) => (api === offsetCommitApi ? { delayMs: 700 } : undefined);
      const a = world.reader(config).subscribe().start();
      const values = await world.appendFor("t", 3000);
      world.reader(config).subscribe().start();
      values.push(...(await world.appendFor("t", 12_000)));
      world.reader(config).subscribe().start();
      values.push(...(await world.appendFor("t", 12_000)));
      await world.clock.run(a.close());
      values.push(...(await world.appendFor("t", 12_000)));
      await world.clock.advance(10_000);
      expect(sorted(world.readers.flatMap((one) => one.values))).toEqual(sorted(values));
      await world.stopAll();
    },
  );

  it("a listener that commits is in the old generation still", async () => {
    world.append("t", 9);
    const reader = world.reader({ "enable.auto.commit": false, "auto.offset.reset": "earliest" });
    const committed: number[] = [];
    reader.consumer.subscribe(["t"], {
      onPartitionsRevoked: async () => {
        await reader.consumer.commitSync();
        committed.push(world.groups.commits.length);
      },
    });
    reader.start();
    await world.clock.advance(3000);
    world.reader().subscribe().start();
    await world.clock.advance(10_000);
    expect(committed).toEqual([3]);
    expect([0, 1, 2].map((p) => world.groups.committed("g", "t", p))).toEqual([3, 3, 3]);
    await world.stopAll();
  });

  it("a listener that throws is told of by poll, and the rebalance goes on", async () => {
    const reader = world.reader();
    reader.consumer.subscribe(["t"], {
      onPartitionsAssigned: () => {
        throw new Error("no");
      },
    });
    await expect(world.clock.run(reader.consumer.poll(5000))).rejects.toThrow(
      "the rebalance listener threw: no",
    );
    world.append("t", 1);
    expect((await world.clock.run(reader.consumer.poll(5000))).length).toBe(1);
  });

  it("another subscription is joined with", async () => {
    world.broker.createTopic("u", 2);
    const reader = world.reader().subscribe().start();
    await world.clock.advance(5000);
    reader.subscribe(["u"]);
    await world.clock.advance(5000);
    expect(reader.owned).toEqual(["u-0", "u-1"]);
    expect(reader.events).toEqual([
      "assigned t-0 t-1 t-2",
      "revoked t-0 t-1 t-2",
      "assigned u-0 u-1",
    ]);
    await world.stopAll();
  });

  it("CONS9 more partitions, and topics that a pattern finds, are noticed", async () => {
    const config = { "metadata.max.age.ms": 1000 };
    const [a, b] = [world.reader(config), world.reader({ ...config, "group.id": "h" })];
    a.subscribe().start();
    b.subscribe(/^t|u$/).start();
    await world.clock.advance(5000);
    expect(b.owned).toEqual(["t-0", "t-1", "t-2"]);
    world.broker.createTopic("vu", 1);
    world.broker.createTopic("__consumer_offsets_t", 1);
    world.broker.createTopic("uv", 1);
    const { partitions } = world.broker.createTopic("t", 4);
    expect(partitions.length).toBe(4);
    await world.clock.advance(5000);
    expect(a.owned).toEqual(["t-0", "t-1", "t-2", "t-3"]);
    expect(b.owned).toEqual(["t-0", "t-1", "t-2", "t-3", "vu-0"]);
    expect(b.consumer.subscription()).toEqual(["t", "vu"]);
    await world.stopAll();
  });

  it("a topic that does not exist yet is waited for", async () => {
    const reader = world.reader().subscribe(["later"]).start();
    await world.clock.advance(5000);
    expect(reader.owned).toEqual([]);
    world.broker.createTopic("later", 1);
    await world.clock.advance(5000);
    expect(reader.owned).toEqual(["later-0"]);
    await world.stopAll();
  });

  it("enforceRebalance() has all join anew", async () => {
    const reader = world.reader().subscribe().start();
    await world.clock.advance(5000);
    reader.consumer.enforceRebalance("because");
    await world.clock.advance(5000);
    expect(world.groups.group("g").generation).toBe(2);
    const joins = world.broker.requests.filter(({ api }) => api === joinGroupApi);
    expect(joins.at(-1)?.body).toMatchObject({ reason: "because" });
    await world.stopAll();
  });
});

describe("members that are forgotten", () => {
  it("CONS10 lose what they had, and join anew", async () => {
    const reader = world.reader().subscribe().start();
    await world.clock.advance(5000);
    world.groups.group("g").remove("member-1");
    await world.clock.advance(10_000);
    expect(reader.events).toEqual([
      "assigned t-0 t-1 t-2",
      "lost t-0 t-1 t-2",
      "assigned t-0 t-1 t-2",
    ]);
    expect(reader.errors).toEqual([]);
    await world.stopAll();
  });

  it("cannot commit", async () => {
    world.append("t", 3);
    const reader = world.reader({ "enable.auto.commit": false }).subscribe().start();
    await world.clock.advance(5000);
    await world.clock.run(reader.stop());
    world.groups.group("g").remove("member-1");
    const error = await world.clock.run(reader.consumer.commitSync()).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CommitFailedError);
    expect((error as CommitFailedError).code).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(world.groups.commits).toEqual([]);
  });

  it("CONS11 who does not poll for max.poll.interval.ms leaves", async () => {
    const reader = world.reader({ "max.poll.interval.ms": 20_000 }).subscribe().start();
    await world.clock.advance(5000);
    await world.clock.run(reader.stop());
    await world.clock.advance(15_000);
    expect(world.groups.group("g").members.size).toBe(1);
    await world.clock.advance(10_000);
    expect(world.groups.group("g").members.size).toBe(0);
    expect(world.groups.group("g").left[0]?.reason).toMatch(/poll timeout/);
    reader.start();
    await world.clock.advance(5000);
    expect(reader.events.slice(1)).toEqual(["lost t-0 t-1 t-2", "assigned t-0 t-1 t-2"]);
    await world.stopAll();
  });

  it("CONS11 waiting in one poll is polling", async () => {
    const reader = world.reader({ "max.poll.interval.ms": 20_000 }).subscribe();
    expect(await world.clock.run(reader.consumer.poll(100_000))).toEqual([]);
    expect(world.groups.group("g").members.size).toBe(1);
    expect(reader.events.length).toBe(1);
  });
});

describe("static members", () => {
  it("keep their place at close(), and come back to it", async () => {
    const config = { "group.instance.id": "i", "session.timeout.ms": 10_000 };
    const first = world.reader(config).subscribe().start();
    await world.clock.advance(5000);
    await world.clock.run(first.close());
    expect(world.groups.group("g").members.size).toBe(1);
    expect(world.groups.group("g").left).toEqual([]);
    const second = world.reader(config).subscribe().start();
    await world.clock.advance(5000);
    expect(second.owned.length).toBe(3);
    await world.clock.run(second.stop());
    await world.clock.run(second.consumer.close({ membership: "leave" }));
    expect(world.groups.group("g").members.size).toBe(0);
  });

  it("are fenced by another of the same name", async () => {
    const config = { "group.instance.id": "i" };
    const first = world.reader(config).subscribe().start();
    await world.clock.advance(5000);
    const second = world.reader(config).subscribe().start();
    await world.clock.advance(10_000);
    expect(second.owned.length).toBe(3);
    expect(first.errors[0]).toMatchObject({ code: ErrorCode.FENCED_INSTANCE_ID });
    expect(String(first.errors[0])).toMatch(/another consumer has joined as i/);
    await expect(world.clock.run(first.consumer.poll(0))).rejects.toThrow(/another consumer/);
    await world.stopAll();
  });
});

describe("close and unsubscribe", () => {
  it("commit, revoke and leave", async () => {
    world.append("t", 6);
    const reader = world.reader().subscribe().start();
    await world.clock.advance(1000);
    await world.clock.run(reader.close());
    expect(reader.events).toEqual(["assigned t-0 t-1 t-2", "revoked t-0 t-1 t-2"]);
    expect([0, 1, 2].map((p) => world.groups.committed("g", "t", p))).toEqual([2, 2, 2]);
    expect(world.groups.group("g").left).toEqual([
      { memberId: "member-1", reason: "the consumer is being closed" },
    ]);
    await world.clock.advance(10_000);
    expect(world.clock.timers).toBe(0);
    await expect(reader.consumer.poll(0)).rejects.toThrow("the consumer is closed");
  });

  it("end a poll that waits", async () => {
    const reader = world.reader().subscribe();
    const waiting = reader.consumer.poll(60_000).catch((error: unknown) => error);
    await world.clock.advance(5000);
    await world.clock.run(reader.consumer.close());
    expect(String(await waiting)).toMatch(/the consumer is closed/);
    expect(world.groups.group("g").members.size).toBe(0);
  });

  it("unsubscribe() leaves, and another subscription joins", async () => {
    const reader = world.reader().subscribe();
    await world.clock.run(reader.consumer.poll(3000));
    await world.clock.run(reader.consumer.unsubscribe());
    expect(reader.owned).toEqual([]);
    expect(reader.consumer.subscription()).toEqual([]);
    expect(world.groups.group("g").members.size).toBe(0);
    await expect(reader.consumer.poll(0)).rejects.toThrow(/no topics subscribed/);
    reader.consumer.assign([{ topic: "t", partition: 0 }]);
    await world.clock.run(reader.consumer.unsubscribe());
    reader.subscribe();
    await world.clock.run(reader.consumer.poll(3000));
    expect(reader.owned.length).toBe(3);
  });

  it("close() gives up after its timeout", async () => {
    const reader = world.reader().subscribe();
    world.append("t", 1);
    await world.clock.run(reader.consumer.poll(3000));
    reader.kill();
    const before = world.clock.now();
    await world.clock.run(reader.consumer.close({ timeoutMs: 500 }));
    expect(world.clock.now() - before).toBeLessThanOrEqual(1000);
  });
});
