import { beforeEach, describe, expect, it } from "vitest";
import { ErrorCode, KafkaError } from "../../../src/client/errors.ts";
import { offsetCommitApi } from "../../../src/protocol/api/08-offset-commit.ts";
import { joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { consumerGroupHeartbeatApi } from "../../../src/protocol/api/68-consumer-group-heartbeat.ts";
import { GroupWorld, type Reader } from "./group-world.ts";

/** Members of consumer groups (KIP-848). */
let world: GroupWorld;

beforeEach(() => {
  world = new GroupWorld();
  world.broker.createTopic("t", 3);
});

const sorted = (values: readonly (string | null)[]) => [...values].sort();
const reader = (config: object = {}): Reader =>
  world.reader({ "group.protocol": "consumer", ...config });
const requests = () => world.groups.consumerGroup("g").requests;

describe("joining", () => {
  it("CONS6 the first poll joins, finds its place and gives records", async () => {
    world.append("t", 6);
    const config = { "group.remote.assignor": "range", "client.rack": "weur" };
    const one = reader(config).subscribe();
    const before = world.clock.now();
    const records = await world.clock.run(one.consumer.poll(10_000));
    expect(records.length).toBeGreaterThan(0);
    expect(world.clock.now() - before).toBeLessThan(1000);
    expect(one.events).toEqual(["assigned t-0 t-1 t-2"]);
    expect(one.consumer.groupMetadata().generationId).toBeGreaterThan(0);
    expect(requests()[0]).toMatchObject({
      groupId: "g",
      memberId: expect.stringMatching(/^[\w-]{22}$/),
      memberEpoch: 0,
      instanceId: null,
      rackId: "weur",
      rebalanceTimeoutMs: 300_000,
      subscribedTopicNames: ["t"],
      subscribedTopicRegex: null,
      serverAssignor: "range",
      topicPartitions: [],
    });
  });

  it("CONS14 a heartbeat says what is owned at once, and after that only what is new", async () => {
    const one = reader().subscribe().start();
    await world.clock.advance(60_000);
    const [, owning, ...idle] = requests();
    expect(owning).toMatchObject({
      memberEpoch: 2,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      rebalanceTimeoutMs: -1,
      topicPartitions: [{ partitions: [0, 1, 2] }],
    });
    expect(idle.length).toBeGreaterThan(9);
    expect(idle.length).toBeLessThan(13);
    for (const beat of idle) {
      expect(beat).toMatchObject({ topicPartitions: null, rackId: null });
    }
    expect(one.errors).toEqual([]);
    await world.stopAll();
  });

  it("1, 2, 3 and 4 members share 3 partitions", async () => {
    const expected = [[3], [2, 1], [1, 1, 1], [1, 1, 1, 0]];
    for (const shares of expected) {
      reader().subscribe().start();
      await world.clock.advance(20_000);
      expect(world.shares()).toEqual(shares);
    }
    expect(sorted(world.readers.flatMap(({ owned }) => owned))).toEqual(["t-0", "t-1", "t-2"]);
    for (const left of [3, 2, 1]) {
      await world.clock.run((world.readers.shift() as Reader).close());
      await world.clock.advance(20_000);
      expect(world.shares()).toEqual(expected[left - 1]);
    }
    expect(world.readers.flatMap(({ errors }) => errors)).toEqual([]);
    expect(world.broker.count(joinGroupApi)).toBe(0);
    await world.stopAll();
  });

  it("one killed without a word is replaced after its session timeout", async () => {
    const [a, b] = [reader(), reader()];
    a.subscribe().start();
    b.subscribe().start();
    await world.clock.advance(10_000);
    a.kill();
    await world.clock.advance(39_000);
    expect(b.owned.length).toBeLessThan(3);
    await world.clock.advance(15_000);
    expect(b.owned).toEqual(["t-0", "t-1", "t-2"]);
    await world.stopAll();
  });

  it("lost heartbeats and answers are made up for", async () => {
    world.broker.meddle = ({ api, nth }) => {
      if (api !== consumerGroupHeartbeatApi || nth > 6) return undefined;
      return nth % 2 === 0 ? { lost: true } : { replyLost: true };
    };
    const one = reader().subscribe().start();
    await world.clock.advance(30_000);
    expect(one.owned.length).toBe(3);
    expect(one.errors).toEqual([]);
    // All that the server may not know was said again.
    expect(requests().at(2)).toMatchObject({ subscribedTopicNames: ["t"] });
    await world.stopAll();
  });

  it("CONS14 what may have been lost is said again", async () => {
    world.broker.meddle = ({ api, nth }) =>
      api === consumerGroupHeartbeatApi && nth === 2 ? { lost: true } : undefined;
    const one = reader().subscribe().start();
    await world.clock.advance(3000);
    expect(requests()[1]).toMatchObject({
      rebalanceTimeoutMs: 300_000,
      subscribedTopicNames: ["t"],
      topicPartitions: [{ partitions: [0, 1, 2] }],
    });
    expect(one.errors).toEqual([]);
    await world.stopAll();
  });
});

describe("reconciliation", () => {
  it("CONS15 only what moves is revoked, and it is committed first", async () => {
    const values = world.append("t", 30);
    const a = reader({ "max.poll.records": 7 }).subscribe().start();
    await world.clock.advance(3000);
    const b = reader().subscribe().start();
    values.push(...world.append("t", 30));
    await world.clock.advance(20_000);
    expect(a.events[1]).toMatch(/^revoked t-\d$/);
    expect(b.events).toEqual([`assigned ${a.events[1]?.slice("revoked ".length)}`]);
    reader().subscribe().start();
    values.push(...world.append("t", 30));
    await world.clock.advance(20_000);
    await world.clock.run(a.close());
    values.push(...world.append("t", 30));
    await world.clock.advance(20_000);
    expect(sorted(world.readers.flatMap((one) => one.values))).toEqual(sorted(values));
    await world.stopAll();
  });

  it("CONS8 nothing is given while what is to be given up is being committed", async () => {
    world.broker.meddle = ({ api }) => (api === offsetCommitApi ? { delayMs: 700 } : undefined);
    const a = reader().subscribe().start();
    const values = await world.appendFor("t", 3000);
    reader().subscribe().start();
    values.push(...(await world.appendFor("t", 12_000)));
    reader().subscribe().start();
    values.push(...(await world.appendFor("t", 12_000)));
    await world.clock.run(a.close());
    values.push(...(await world.appendFor("t", 12_000)));
    await world.clock.advance(10_000);
    expect(sorted(world.readers.flatMap((one) => one.values))).toEqual(sorted(values));
    await world.stopAll();
  });

  it("no partition has two owners at any time", async () => {
    for (let i = 0; i < 4; i++) reader().subscribe().start();
    for (let i = 0; i < 200; i++) {
      await world.clock.advance(97);
      const owned = world.readers.flatMap((one) => one.owned);
      expect(new Set(owned).size).toBe(owned.length);
      if (i % 50 === 25) await world.clock.run((world.readers[(i / 50) | 0] as Reader).close());
    }
    await world.stopAll();
  });

  it("another subscription goes out at once", async () => {
    world.broker.createTopic("u", 2);
    const one = reader().subscribe().start();
    await world.clock.advance(6000);
    one.subscribe(["t", "u"]);
    await world.clock.advance(1000);
    expect(one.owned).toEqual(["t-0", "t-1", "t-2", "u-0", "u-1"]);
    one.subscribe(["u"]);
    await world.clock.advance(1000);
    expect(one.owned).toEqual(["u-0", "u-1"]);
    await world.stopAll();
  });

  it("a RegExp is the server's to match, as JavaScript would", async () => {
    world.broker.createTopic("uta", 1);
    world.broker.createTopic("U", 1);
    world.broker.createTopic("x", 1);
    const one = reader().subscribe(/^u$|t/).start();
    await world.clock.advance(6000);
    expect(one.owned).toEqual(["t-0", "t-1", "t-2", "uta-0"]);
    expect(requests()[0]).toMatchObject({
      subscribedTopicNames: [],
      subscribedTopicRegex: ".*(?:^u$|t).*",
    });
    one.subscribe(/^[^t]$/);
    await world.clock.advance(1000);
    expect(one.owned).toEqual(["U-0", "x-0"]);
    one.subscribe(["x"]);
    await world.clock.advance(1000);
    expect(one.owned).toEqual(["x-0"]);
    // JavaScript before 2025 knows no (?i:…), and the fake server's are JavaScript's.
    one.subscribe(/^U$/i);
    await world.clock.advance(1000);
    const regexes = requests().map(({ subscribedTopicRegex }) => subscribedTopicRegex);
    expect([...new Set(regexes.filter((regex) => regex !== null))]).toEqual([
      ".*(?:^u$|t).*",
      ".*(?:^[^t]$).*",
      "",
      ".*(?:(?i:^U$)).*",
    ]);
    one.kill();
  });

  it("CONS8 a listener that commits does so with the epoch it has", async () => {
    world.append("t", 9);
    const one = reader({ "enable.auto.commit": false });
    let commits = 0;
    one.consumer.subscribe(["t"], {
      onPartitionsRevoked: async () => {
        await one.consumer.commitSync();
        commits++;
      },
    });
    one.start();
    await world.clock.advance(3000);
    reader().subscribe().start();
    await world.clock.advance(20_000);
    expect(commits).toBe(1);
    expect(world.groups.commits.length).toBe(3);
    await world.stopAll();
  });
});

describe("members that the group went on without", () => {
  it("CONS10 lose what they had, and join anew", async () => {
    const one = reader().subscribe().start();
    await world.clock.advance(6000);
    const group = world.groups.consumerGroup("g");
    const [member] = group.members.values();
    if (member !== undefined) member.epoch = 99;
    await world.clock.advance(6000);
    expect(one.events).toEqual([
      "assigned t-0 t-1 t-2",
      "lost t-0 t-1 t-2",
      "assigned t-0 t-1 t-2",
    ]);
    group.remove(one.consumer.groupMetadata().memberId);
    await world.clock.advance(6000);
    expect(one.events.length).toBe(5);
    expect(one.errors).toEqual([]);
    await world.stopAll();
  });

  it("commit with the epoch that the next heartbeat brings", async () => {
    const one = reader().subscribe().start();
    await world.clock.advance(6000);
    const group = world.groups.consumerGroup("g");
    // The answer that carries the new epoch is on its way while the commit is.
    let raised = false;
    world.broker.meddle = ({ api }) => {
      if (api !== offsetCommitApi || raised) return undefined;
      raised = true;
      world.broker.createTopic("other", 1);
      group.divide();
      const [member] = group.members.values();
      if (member !== undefined) member.epoch = group.epoch;
      return undefined;
    };
    const { memberId } = one.consumer.groupMetadata();
    const heartbeat = group.heartbeat.bind(group);
    group.heartbeat = (request) => {
      const [member] = group.members.values();
      // As Kafka: the epoch before is let pass while what is owned is a part of the assignment.
      if (member !== undefined && request.memberEpoch > 0) member.epoch = request.memberEpoch;
      return heartbeat(request);
    };
    const offsets = [{ topic: "t", partition: 0, offset: 7 }];
    await world.clock.run(one.consumer.commitSync(offsets));
    expect(world.groups.commits.at(-1)).toMatchObject({ memberId, offset: 7 });
    expect(one.errors).toEqual([]);
    await world.stopAll();
  });

  it.each([
    ErrorCode.UNRELEASED_INSTANCE_ID,
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    ErrorCode.INVALID_REGULAR_EXPRESSION,
    ErrorCode.UNSUPPORTED_ASSIGNOR,
    ErrorCode.INVALID_REQUEST,
  ])("error %i is told by every poll, and no heartbeat follows", async (errorCode) => {
    const { other } = world.broker;
    world.broker.other = (api, body, version) =>
      api === consumerGroupHeartbeatApi
        ? { errorCode, errorMessage: "the reason" }
        : other(api, body, version);
    const one = reader().subscribe();
    for (let i = 0; i < 2; i++) {
      const error = await world.clock.run(one.consumer.poll(5000)).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(KafkaError);
      expect(error).toMatchObject({ code: errorCode, message: "group g: the reason" });
    }
    await world.clock.advance(60_000);
    expect(world.broker.count(consumerGroupHeartbeatApi)).toBe(1);
  });

  it("CONS11 who does not poll for max.poll.interval.ms leaves", async () => {
    const one = reader({ "max.poll.interval.ms": 20_000 }).subscribe().start();
    await world.clock.advance(5000);
    await world.clock.run(one.stop());
    await world.clock.advance(30_000);
    expect(world.groups.consumerGroup("g").left).toMatchObject([{ epoch: -1 }]);
    one.start();
    await world.clock.advance(5000);
    expect(one.events.slice(1)).toEqual(["lost t-0 t-1 t-2", "assigned t-0 t-1 t-2"]);
    await world.stopAll();
  });
});

describe("close", () => {
  it("commits, revokes and leaves with epoch -1", async () => {
    world.append("t", 6);
    const one = reader().subscribe().start();
    await world.clock.advance(3000);
    await world.clock.run(one.close());
    expect(one.events).toEqual(["assigned t-0 t-1 t-2", "revoked t-0 t-1 t-2"]);
    expect([0, 1, 2].map((p) => world.groups.committed("g", "t", p))).toEqual([2, 2, 2]);
    expect(world.groups.consumerGroup("g").left).toMatchObject([{ epoch: -1 }]);
    await world.clock.advance(50_000);
    expect(world.clock.timers).toBe(0);
  });

  it("of a static member leaves with -2, or for good when told so", async () => {
    const config = { "group.instance.id": "i" };
    const one = reader(config).subscribe();
    await world.clock.run(one.consumer.poll(3000));
    expect(requests()[0]?.instanceId).toBe("i");
    await world.clock.run(one.consumer.close());
    const two = reader(config).subscribe();
    await world.clock.run(two.consumer.poll(3000));
    await world.clock.run(two.consumer.close({ membership: "leave" }));
    const epochs = world.groups.consumerGroup("g").left.map(({ epoch }) => epoch);
    expect(epochs).toEqual([-2, -1]);
  });

  it("while the first heartbeat is on its way leaves after it", async () => {
    world.broker.meddle = ({ api, nth }) =>
      api === consumerGroupHeartbeatApi && nth === 1 ? { delayMs: 2000 } : undefined;
    const one = reader().subscribe();
    await world.clock.run(one.consumer.poll(100));
    await world.clock.run(one.consumer.close());
    expect(requests().map(({ memberEpoch }) => memberEpoch)).toEqual([0, -1]);
    expect(world.groups.consumerGroup("g").members.size).toBe(0);
  });
});
