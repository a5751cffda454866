/** What every catalogue keeps to. Each test works in a cluster of its own, on names of its own. */
import { beforeAll, describe, expect, test } from "vitest";
import type { CataloguePort, NewTopic } from "../../src/broker/ports.ts";
import { newTopicId } from "../../src/cluster/topic-id.ts";
import type { PartitionInfo } from "../../src/cluster/types.ts";

export interface CatalogueUnderTest {
  readonly catalogue: CataloguePort;
  /** A cluster with brokers 1, 2 and 3, none of them fenced. */
  readonly clusterId: string;
  /** Another one of the same kind. */
  readonly otherClusterId: string;
}

function partition(number: number, leader = 1 + (number % 3)): PartitionInfo {
  const replicas = [leader];
  return { partition: number, leader, leaderEpoch: 0, partitionEpoch: 0, replicas, isr: replicas };
}

let names = 0;
function newTopic(count = 3, more: Partial<NewTopic> = {}): NewTopic {
  return {
    name: `topic-${names++}`,
    topicId: newTopicId(Math.random),
    internal: false,
    partitions: Array.from({ length: count }, (_, number) => partition(number)),
    configs: {},
    ...more,
  };
}

export function catalogueContract(
  name: string,
  make: () => CatalogueUnderTest | Promise<CatalogueUnderTest>,
): void {
  describe(`${name} keeps the catalogue's contract`, () => {
    let it: CataloguePort;
    let cluster: string;
    let other: string;
    beforeAll(async () => {
      const { catalogue, clusterId, otherClusterId } = await make();
      it = catalogue;
      cluster = clusterId;
      other = otherClusterId;
    });

    const read = async (topicName: string) =>
      (await it.topics(cluster, [topicName], { fresh: true })).get(topicName);

    test("a cluster has its brokers in order, and the first of them as controller", async () => {
      const found = await it.cluster(cluster);
      expect(found?.clusterId).toBe(cluster);
      expect(found?.brokers.map((b) => [b.brokerId, b.rack, b.hint, b.fenced])).toEqual([
        [1, "wnam", "wnam", false],
        [2, "weur", "weur", false],
        [3, "apac", "apac", false],
      ]);
      expect(found?.controllerId).toBe(1);
    });

    test("an unknown cluster is null", async () => {
      expect(await it.cluster("nowhere")).toBeNull();
      expect(await it.cluster("nowhere", { fresh: true })).toBeNull();
    });

    test("CAT1: a created topic is read back by name and by id, as it was made", async () => {
      const topic = newTopic(5, {
        configs: { "retention.ms": "1000", "cleanup.policy": "compact,delete" },
        partitions: [
          { ...partition(0), leader: 2, leaderEpoch: 7, replicas: [2, 3, 1], isr: [2, 1] },
          { ...partition(1), leader: -1, leaderEpoch: 1, replicas: [1], isr: [] },
        ],
      });
      expect(await it.createTopic(cluster, topic)).toBe(true);
      expect(await read(topic.name)).toEqual(topic);
      const byId = await it.topicsById(cluster, [topic.topicId]);
      expect(byId.get(topic.topicId)).toEqual(topic);
    });

    test("names and configs may hold anything, and nothing is taken for SQL or JSON", async () => {
      const odd = `o'dd "name" \\ , ü`;
      const topic = newTopic(1, { name: odd, configs: { "odd name": `'"\\`, "": "" } });
      expect(await it.createTopic(cluster, topic)).toBe(true);
      expect(await read(odd)).toEqual(topic);
    });

    test("unknown names and ids are absent, the known ones beside them are not", async () => {
      const topic = newTopic();
      await it.createTopic(cluster, topic);
      const byName = await it.topics(cluster, ["no-such", topic.name, topic.name]);
      expect([...byName.keys()]).toEqual([topic.name]);
      const byId = await it.topicsById(cluster, [newTopicId(Math.random), topic.topicId]);
      expect([...byId.keys()]).toEqual([topic.topicId]);
      expect((await it.topics(cluster, [])).size).toBe(0);
    });

    test("more names than D1 binds parameters are read in one go", async () => {
      const topics = Array.from({ length: 3 }, () => newTopic(1));
      await Promise.all(topics.map((topic) => it.createTopic(cluster, topic)));
      const padding = Array.from({ length: 2_500 }, (_, n) => `no-such-${n}`);
      const long = Array.from({ length: 100 }, (_, n) => `${n}${"x".repeat(32_000)}`);
      const wanted = [...padding, ...long, ...topics.map((topic) => topic.name)];
      expect((await it.topics(cluster, wanted)).size).toBe(3);
    });

    test("all topics, and the list of names, are in the order of names", async () => {
      await it.createTopic(other, newTopic(1, { name: "b" }));
      await it.createTopic(other, newTopic(2, { name: "a", internal: true }));
      await it.createTopic(other, newTopic(1, { name: "B" }));
      const all = await it.topics(other, null);
      expect([...all.keys()]).toEqual(["B", "a", "b"]);
      expect(all.get("a")?.partitions).toHaveLength(2);
      const list = await it.listTopics(other);
      expect(list.map((topic) => [topic.name, topic.internal])).toEqual([
        ["B", false],
        ["a", true],
        ["b", false],
      ]);
      expect(list[1]?.topicId).toBe(all.get("a")?.topicId);
    });

    test("CAT6: a cluster knows nothing of another's topics", async () => {
      const topic = newTopic();
      await it.createTopic(cluster, topic);
      expect((await it.topics(other, [topic.name])).size).toBe(0);
      expect((await it.topicsById(other, [topic.topicId])).size).toBe(0);
      expect(await it.deleteTopic(other, topic.name, topic.topicId)).toBeNull();
      expect(await read(topic.name)).toEqual(topic);
    });

    test("CAT1: a name that exists is not created again, and nothing of the second is left", async () => {
      const first = newTopic(2);
      const second = newTopic(4, { name: first.name, configs: { "retention.ms": "1" } });
      expect(await it.createTopic(cluster, first)).toBe(true);
      expect(await it.createTopic(cluster, second)).toBe(false);
      expect(await read(first.name)).toEqual(first);
      expect((await it.topicsById(cluster, [second.topicId], { fresh: true })).size).toBe(0);
    });

    test("CAT1: of ten who create one name at the same time, one succeeds", async () => {
      const name = newTopic().name;
      const candidates = Array.from({ length: 10 }, (_, n) => newTopic(n + 1, { name }));
      const results = await Promise.all(candidates.map((topic) => it.createTopic(cluster, topic)));
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await read(name)).toEqual(candidates[results.indexOf(true)]);
    });

    test("CAT2: a deleted topic is gone, and its partitions are kept for the sweep", async () => {
      const topic = newTopic(3, { configs: { "retention.ms": "5" } });
      await it.createTopic(cluster, topic);
      expect(await it.deleteTopic(cluster, topic.name, topic.topicId)).toEqual(topic);
      expect(await read(topic.name)).toBeUndefined();
      expect((await it.topics(cluster, [topic.name])).size).toBe(0);
      expect((await it.topicsById(cluster, [topic.topicId])).size).toBe(0);
      const isIt = (candidate: { topicId: string }) => candidate.topicId === topic.topicId;
      const noted = (await it.deletedTopics(cluster)).find(isIt);
      expect(noted?.name).toBe(topic.name);
      expect(noted?.partitions).toEqual(topic.partitions);
      await it.forgetDeletedTopic(cluster, topic.topicId);
      expect((await it.deletedTopics(cluster)).find(isIt)).toBeUndefined();
    });

    test("CAT2: deleting needs the name and the id; the second time it is null", async () => {
      const topic = newTopic();
      await it.createTopic(cluster, topic);
      expect(await it.deleteTopic(cluster, topic.name, newTopicId(Math.random))).toBeNull();
      expect(await it.deleteTopic(cluster, "no-such", topic.topicId)).toBeNull();
      expect(await read(topic.name)).toEqual(topic);
      expect(await it.deleteTopic(cluster, topic.name, topic.topicId)).toEqual(topic);
      expect(await it.deleteTopic(cluster, topic.name, topic.topicId)).toBeNull();
    });

    test("a name may be used again after its topic was deleted, under another id", async () => {
      const first = newTopic(2);
      const second = newTopic(1, { name: first.name });
      await it.createTopic(cluster, first);
      await it.deleteTopic(cluster, first.name, first.topicId);
      expect(await it.createTopic(cluster, second)).toBe(true);
      expect(await read(first.name)).toEqual(second);
      expect(await it.deleteTopic(cluster, first.name, first.topicId)).toBeNull();
    });

    test("CAT3: partitions are added after the last, if the count is the one expected", async () => {
      const topic = newTopic(2);
      await it.createTopic(cluster, topic);
      const added = [partition(2), partition(3)];
      expect(await it.addPartitions(cluster, topic.topicId, 1, [partition(1)])).toBe(false);
      expect(await it.addPartitions(cluster, topic.topicId, 3, [partition(3)])).toBe(false);
      expect(await it.addPartitions(cluster, topic.topicId, 2, added)).toBe(true);
      expect(await it.addPartitions(cluster, topic.topicId, 2, added)).toBe(false);
      const expected = [...topic.partitions, ...added];
      expect((await it.topics(cluster, [topic.name])).get(topic.name)?.partitions).toEqual(
        expected,
      );
      expect((await read(topic.name))?.partitions).toEqual(expected);
    });

    test("CAT3: of many who add partitions at the same time, one succeeds", async () => {
      const topic = newTopic(1);
      await it.createTopic(cluster, topic);
      const results = await Promise.all(
        [1, 2, 3, 4].map((leader) =>
          it.addPartitions(cluster, topic.topicId, 1, [partition(1, leader), partition(2, leader)]),
        ),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect((await read(topic.name))?.partitions).toHaveLength(3);
    });

    test("CAT3: no partitions are added to a topic that is not there", async () => {
      const unknown = newTopicId(Math.random);
      expect(await it.addPartitions(cluster, unknown, 0, [partition(0)])).toBe(false);
      expect(await it.addPartitions(cluster, unknown, 1, [partition(1)])).toBe(false);
    });

    test("CAT4: a partition changes by compare-and-set on its epoch", async () => {
      const topic = newTopic(2);
      await it.createTopic(cluster, topic);
      const next = { leader: 2, leaderEpoch: 1, replicas: [1, 2, 3], isr: [2, 3] };
      const change = (epoch: number, state = next) =>
        it.changePartition(cluster, topic.topicId, 0, epoch, state);
      expect(await change(1)).toBe("conflict");
      expect(await change(0)).toBe("done");
      expect(await change(0)).toBe("conflict");
      expect((await it.topics(cluster, [topic.name])).get(topic.name)?.partitions).toEqual([
        { partition: 0, partitionEpoch: 1, ...next },
        topic.partitions[1],
      ]);
      expect(await change(1, { ...next, leader: -1, leaderEpoch: 2, isr: [] })).toBe("done");
      const now = (await read(topic.name))?.partitions[0];
      expect(now).toEqual({
        partition: 0,
        leader: -1,
        leaderEpoch: 2,
        partitionEpoch: 2,
        replicas: [1, 2, 3],
        isr: [],
      });
    });

    test("CAT4: a leader epoch never goes back", async () => {
      const topic = newTopic(1);
      await it.createTopic(cluster, topic);
      const change = (epoch: number, leaderEpoch: number) =>
        it.changePartition(cluster, topic.topicId, 0, epoch, {
          leader: 1,
          leaderEpoch,
          replicas: [1],
          isr: [1],
        });
      expect(await change(0, 5)).toBe("done");
      expect(await change(1, 4)).toBe("conflict");
      expect(await change(1, 5)).toBe("done");
      expect((await read(topic.name))?.partitions[0]?.partitionEpoch).toBe(2);
    });

    test("CAT4: of many changes from the same epoch, one is made", async () => {
      const topic = newTopic(1);
      await it.createTopic(cluster, topic);
      const results = await Promise.all(
        [1, 2, 3, 1, 2, 3].map((leader, index) =>
          it.changePartition(cluster, topic.topicId, 0, 0, {
            leader,
            leaderEpoch: index + 1,
            replicas: [1, 2, 3],
            isr: [leader],
          }),
        ),
      );
      expect(results.filter((outcome) => outcome === "done")).toHaveLength(1);
      const winner = results.indexOf("done");
      const now = (await read(topic.name))?.partitions[0];
      expect([now?.leaderEpoch, now?.partitionEpoch]).toEqual([winner + 1, 1]);
    });

    test("a partition that is not there does not change", async () => {
      const topic = newTopic(1);
      await it.createTopic(cluster, topic);
      const state = { leader: 1, leaderEpoch: 1, replicas: [1], isr: [1] };
      expect(await it.changePartition(cluster, topic.topicId, 1, 0, state)).toBe("conflict");
      await it.deleteTopic(cluster, topic.name, topic.topicId);
      expect(await it.changePartition(cluster, topic.topicId, 0, 0, state)).toBe("conflict");
    });

    test("CAT12: of many changes at once each is made or not by itself, and says so", async () => {
      const [one, two] = [newTopic(3), newTopic(2)];
      await it.createTopic(cluster, one);
      await it.createTopic(cluster, two);
      const next = (leader: number, leaderEpoch = 1) => ({
        ...{ leader, leaderEpoch, replicas: [1, 2, 3], isr: [leader] },
      });
      const done = await it.changePartitions(cluster, [
        { topicId: one.topicId, partition: 2, expectedPartitionEpoch: 0, next: next(3) },
        { topicId: two.topicId, partition: 0, expectedPartitionEpoch: 1, next: next(3) },
        { topicId: one.topicId, partition: 9, expectedPartitionEpoch: 0, next: next(3) },
        { topicId: two.topicId, partition: 1, expectedPartitionEpoch: 0, next: next(2) },
        {
          topicId: newTopicId(Math.random),
          partition: 0,
          expectedPartitionEpoch: 0,
          next: next(1),
        },
        { topicId: one.topicId, partition: 0, expectedPartitionEpoch: 0, next: next(2, -1) },
        { topicId: one.topicId, partition: 2, expectedPartitionEpoch: 0, next: next(3) },
      ]);
      expect(done).toEqual([true, false, false, true, false, false, false]);
      expect((await it.topics(cluster, [one.name])).get(one.name)?.partitions).toEqual([
        ...one.partitions.slice(0, 2),
        { partition: 2, partitionEpoch: 1, ...next(3) },
      ]);
      expect((await read(two.name))?.partitions).toEqual([
        two.partitions[0],
        { partition: 1, partitionEpoch: 1, ...next(2) },
      ]);
      expect(await it.changePartitions(cluster, [])).toEqual([]);
      const abroad = { topicId: one.topicId, partition: 0, expectedPartitionEpoch: 0 };
      expect(await it.changePartitions(other, [{ ...abroad, next: next(1) }])).toEqual([false]);
    });

    test("CAT13: a reassignment is kept until it is ended, whatever else changes", async () => {
      const topic = newTopic(2);
      await it.createTopic(cluster, topic);
      const next = { leader: 1, leaderEpoch: 0, replicas: [2, 3, 1], isr: [1] };
      const change = { topicId: topic.topicId, partition: 0 };
      const reassignment = { adding: [2, 3], removing: [1] };
      const start = { ...change, expectedPartitionEpoch: 0, next, reassignment };
      expect(await it.changePartitions(cluster, [start])).toEqual([true]);
      const grown = { ...next, isr: [1, 2] };
      expect(await it.changePartition(cluster, topic.topicId, 0, 1, grown)).toBe("done");
      expect((await read(topic.name))?.partitions).toEqual([
        { partition: 0, partitionEpoch: 2, ...grown, reassignment },
        topic.partitions[1],
      ]);
      const end = { ...change, expectedPartitionEpoch: 2, next: grown, reassignment: null };
      expect(await it.changePartitions(cluster, [end])).toEqual([true]);
      const ended = (await read(topic.name))?.partitions[0];
      expect(ended).toEqual({ partition: 0, partitionEpoch: 3, ...grown });
      const noAdding = { adding: [], removing: [3] };
      const again = { ...change, expectedPartitionEpoch: 3, next: grown, reassignment: noAdding };
      expect(await it.changePartitions(cluster, [again])).toEqual([true]);
      const deleted = await it.deleteTopic(cluster, topic.name, topic.topicId);
      expect(deleted?.partitions[0]?.reassignment).toEqual(noAdding);
    });

    test("CAT14: a broker is fenced and unfenced, the last one only by force", async () => {
      const fencedOnes = async () =>
        (await it.cluster(cluster))?.brokers.flatMap((b) => (b.fenced ? [b.brokerId] : []));
      expect(await it.setBrokerFenced(cluster, 9, true)).toBe("unknown");
      expect(await it.setBrokerFenced("nowhere", 1, false)).toBe("unknown");
      expect(await it.setBrokerFenced(cluster, 1, true)).toBe("done");
      expect(await it.setBrokerFenced(cluster, 1, true)).toBe("done");
      expect(await fencedOnes()).toEqual([1]);
      expect((await it.cluster(cluster))?.controllerId).toBe(2);
      const race = [it.setBrokerFenced(cluster, 2, true), it.setBrokerFenced(cluster, 3, true)];
      expect((await Promise.all(race)).sort()).toEqual(["done", "last"]);
      expect(await fencedOnes()).toHaveLength(2);
      for (const id of [2, 3]) await it.setBrokerFenced(cluster, id, true, { force: true });
      expect(await fencedOnes()).toEqual([1, 2, 3]);
      expect((await it.cluster(other))?.brokers.some((broker) => broker.fenced)).toBe(false);
      for (const id of [1, 2, 3]) expect(await it.setBrokerFenced(cluster, id, false)).toBe("done");
      expect(await fencedOnes()).toEqual([]);
    });

    test("CAT14: a fenced broker does not join an ISR, and stays in one that it is in", async () => {
      const topic = newTopic(1, {
        partitions: [{ ...partition(0, 1), replicas: [1, 2, 3], isr: [1, 2] }],
      });
      await it.createTopic(cluster, topic);
      const change = (epoch: number, isr: number[]) =>
        it.changePartition(cluster, topic.topicId, 0, epoch, {
          ...{ leader: 1, leaderEpoch: 0, replicas: [1, 2, 3], isr },
        });
      await it.setBrokerFenced(cluster, 3, true);
      await it.setBrokerFenced(cluster, 2, true);
      expect(await change(0, [1, 2, 3])).toBe("ineligible");
      expect(await change(7, [1, 2, 3])).toBe("conflict");
      expect(await change(0, [2, 1])).toBe("done");
      expect(await change(1, [1])).toBe("done");
      expect(await change(2, [1, 2])).toBe("ineligible");
      await it.setBrokerFenced(cluster, 2, false);
      expect(await change(2, [1, 2])).toBe("done");
      await it.setBrokerFenced(cluster, 3, false);
      expect(await change(3, [1, 2, 3])).toBe("done");
    });

    test("CAT5: blocks of producer ids follow each other and never overlap", async () => {
      const firsts = await Promise.all(
        [10, 1, 1000, 10].map((count) => it.allocateProducerIds(cluster, count)),
      );
      const blocks = firsts
        .map((first, index) => [first, first + ([10, 1, 1000, 10][index] ?? 0)] as const)
        .sort((a, b) => a[0] - b[0]);
      expect(blocks[0]?.[0]).toBe(0);
      for (const [index, [, end]] of blocks.slice(0, -1).entries()) {
        expect(blocks[index + 1]?.[0]).toBe(end);
      }
      expect(await it.allocateProducerIds(other, 5)).toBe(0);
    });

    test("CAT15: a topic's configs change by compare-and-set, and other topics keep theirs", async () => {
      const topic = newTopic(1, { configs: { "retention.ms": "1" } });
      await it.createTopic(cluster, topic);
      const { topicId } = topic;
      const expected = { "retention.ms": "1" };
      const next = { "cleanup.policy": "compact" };
      expect(await it.changeTopicConfigs(cluster, topicId, { "retention.ms": "2" }, next)).toBe(
        false,
      );
      expect(await it.changeTopicConfigs(other, topicId, expected, next)).toBe(false);
      expect((await read(topic.name))?.configs).toEqual(expected);
      expect(await it.changeTopicConfigs(cluster, topicId, expected, next)).toBe(true);
      expect((await read(topic.name))?.configs).toEqual(next);
      expect(await it.changeTopicConfigs(cluster, topicId, expected, {})).toBe(false);
    });

    test("CAT16: dynamic configs of one broker and of all are set, changed and taken away", async () => {
      const configs = async (of = cluster) =>
        (await it.cluster(of, { fresh: true }))?.configs ?? {};
      expect(await configs(other)).toEqual({});
      await it.changeBrokerConfigs(cluster, -1, {
        "log.retention.ms": "5",
        "min.insync.replicas": "2",
      });
      await it.changeBrokerConfigs(cluster, 2, { "log.retention.ms": "6" });
      expect(await configs()).toEqual({
        [-1]: { "log.retention.ms": "5", "min.insync.replicas": "2" },
        2: { "log.retention.ms": "6" },
      });
      await it.changeBrokerConfigs(cluster, -1, {
        "log.retention.ms": "7",
        "min.insync.replicas": null,
      });
      await it.changeBrokerConfigs(cluster, 2, { "log.retention.ms": null, "no.such": null });
      expect((await configs())[-1]).toEqual({ "log.retention.ms": "7" });
      expect((await configs())[2] ?? {}).toEqual({});
      expect(await configs(other)).toEqual({});
    });
  });
}
