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
      expect(await change(1)).toBe(false);
      expect(await change(0)).toBe(true);
      expect(await change(0)).toBe(false);
      expect((await it.topics(cluster, [topic.name])).get(topic.name)?.partitions).toEqual([
        { partition: 0, partitionEpoch: 1, ...next },
        topic.partitions[1],
      ]);
      expect(await change(1, { ...next, leader: -1, leaderEpoch: 2, isr: [] })).toBe(true);
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
      expect(await change(0, 5)).toBe(true);
      expect(await change(1, 4)).toBe(false);
      expect(await change(1, 5)).toBe(true);
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
      expect(results.filter(Boolean)).toHaveLength(1);
      const winner = results.indexOf(true);
      const now = (await read(topic.name))?.partitions[0];
      expect([now?.leaderEpoch, now?.partitionEpoch]).toEqual([winner + 1, 1]);
    });

    test("a partition that is not there does not change", async () => {
      const topic = newTopic(1);
      await it.createTopic(cluster, topic);
      const state = { leader: 1, leaderEpoch: 1, replicas: [1], isr: [1] };
      expect(await it.changePartition(cluster, topic.topicId, 1, 0, state)).toBe(false);
      await it.deleteTopic(cluster, topic.name, topic.topicId);
      expect(await it.changePartition(cluster, topic.topicId, 0, 0, state)).toBe(false);
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
  });
}
