/**
 * A catalogue in memory, for the simulator and for tests of what stands on one. It keeps the same
 * contract as the one in D1 (test/contract/catalogue.ts runs on both) and caches nothing.
 */
import type {
  CataloguePort,
  FencingOutcome,
  NewTopic,
  PartitionChange,
  PartitionChangeOutcome,
} from "../../src/broker/ports.ts";
import type {
  BrokerInfo,
  ClusterInfo,
  ConfigMap,
  PartitionInfo,
  PartitionState,
  TopicInfo,
} from "../../src/cluster/types.ts";

export const THREE_REGIONS: readonly BrokerInfo[] = [
  { brokerId: 1, rack: "wnam", hint: "wnam", fenced: false },
  { brokerId: 2, rack: "weur", hint: "weur", fenced: false },
  { brokerId: 3, rack: "apac", hint: "apac", fenced: false },
];

class Cluster {
  readonly topics = new Map<string, TopicInfo>();
  readonly deleted = new Map<string, TopicInfo>();
  brokers: readonly BrokerInfo[];
  configs: Record<number, ConfigMap> = {};
  nextProducerId = 0;

  constructor(brokers: readonly BrokerInfo[]) {
    this.brokers = brokers;
  }

  byId(topicId: string): TopicInfo | undefined {
    return [...this.topics.values()].find((topic) => topic.topicId === topicId);
  }

  sorted(): TopicInfo[] {
    return [...this.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

export class MemoryCatalogue implements CataloguePort {
  readonly #clusters = new Map<string, Cluster>();

  constructor(clusterIds: readonly string[] = ["kedge"], brokers = THREE_REGIONS) {
    for (const clusterId of clusterIds) this.#clusters.set(clusterId, new Cluster(brokers));
  }

  /** What an operator does. */
  setFenced(clusterId: string, brokerId: number, fenced: boolean): void {
    const cluster = this.#of(clusterId);
    cluster.brokers = cluster.brokers.map((broker) =>
      broker.brokerId === brokerId ? { ...broker, fenced } : broker,
    );
  }

  /** What is true now, for who looks at a world from outside. */
  topicsNow(clusterId: string): readonly TopicInfo[] {
    return this.#of(clusterId).sorted();
  }

  brokersNow(clusterId: string): readonly BrokerInfo[] {
    return this.#of(clusterId).brokers;
  }

  async cluster(clusterId: string): Promise<ClusterInfo | null> {
    const cluster = this.#clusters.get(clusterId);
    if (cluster === undefined) return null;
    const { brokers } = cluster;
    const controllerId = brokers.find((broker) => !broker.fenced)?.brokerId ?? -1;
    return { clusterId, controllerId, brokers, configs: cluster.configs };
  }

  async listTopics(clusterId: string) {
    return this.#of(clusterId)
      .sorted()
      .map(({ name, topicId, internal }) => ({ name, topicId, internal }));
  }

  async topics(
    clusterId: string,
    names: readonly string[] | null,
  ): Promise<Map<string, TopicInfo>> {
    const topics = this.#of(clusterId).sorted();
    const wanted = names === null ? topics : topics.filter((topic) => names.includes(topic.name));
    return new Map(wanted.map((topic) => [topic.name, topic]));
  }

  async topicsById(clusterId: string, ids: readonly string[]): Promise<Map<string, TopicInfo>> {
    const topics = this.#of(clusterId).sorted();
    const wanted = topics.filter((topic) => ids.includes(topic.topicId));
    return new Map(wanted.map((topic) => [topic.topicId, topic]));
  }

  async createTopic(clusterId: string, topic: NewTopic): Promise<boolean> {
    const cluster = this.#of(clusterId);
    if (cluster.topics.has(topic.name) || cluster.byId(topic.topicId) !== undefined) return false;
    cluster.topics.set(topic.name, topic);
    return true;
  }

  async deleteTopic(clusterId: string, name: string, topicId: string): Promise<TopicInfo | null> {
    const cluster = this.#of(clusterId);
    const topic = cluster.topics.get(name);
    if (topic === undefined || topic.topicId !== topicId) return null;
    cluster.topics.delete(name);
    cluster.deleted.set(topicId, { ...topic, internal: false, configs: {} });
    return topic;
  }

  async addPartitions(
    clusterId: string,
    topicId: string,
    expected: number,
    added: readonly PartitionInfo[],
  ): Promise<boolean> {
    const cluster = this.#of(clusterId);
    const topic = cluster.byId(topicId);
    if (topic === undefined || topic.partitions.length !== expected) return false;
    cluster.topics.set(topic.name, { ...topic, partitions: [...topic.partitions, ...added] });
    return true;
  }

  async changeTopicConfigs(
    clusterId: string,
    topicId: string,
    expected: ConfigMap,
    next: ConfigMap,
  ): Promise<boolean> {
    const cluster = this.#of(clusterId);
    const topic = cluster.byId(topicId);
    if (topic === undefined) return false;
    if (JSON.stringify(topic.configs) !== JSON.stringify(expected)) return false;
    cluster.topics.set(topic.name, { ...topic, configs: next });
    return true;
  }

  async changeBrokerConfigs(
    clusterId: string,
    brokerId: number,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<void> {
    const cluster = this.#of(clusterId);
    const merged = Object.entries({ ...cluster.configs[brokerId], ...changes });
    const set = merged.filter((entry): entry is [string, string] => entry[1] !== null);
    cluster.configs = { ...cluster.configs, [brokerId]: Object.fromEntries(set) };
  }

  async changePartition(
    clusterId: string,
    topicId: string,
    partition: number,
    expectedPartitionEpoch: number,
    next: PartitionState,
  ): Promise<PartitionChangeOutcome> {
    return this.#change(clusterId, { topicId, partition, expectedPartitionEpoch, next });
  }

  async changePartitions(
    clusterId: string,
    changes: readonly PartitionChange[],
  ): Promise<boolean[]> {
    return changes.map((change) => this.#change(clusterId, change) === "done");
  }

  async setBrokerFenced(
    clusterId: string,
    brokerId: number,
    fenced: boolean,
    options: { force?: boolean } = {},
  ): Promise<FencingOutcome> {
    const { brokers } = this.#of(clusterId);
    const broker = brokers.find((candidate) => candidate.brokerId === brokerId);
    if (broker === undefined) return "unknown";
    const others = brokers.some((other) => other !== broker && !other.fenced);
    if (fenced && !broker.fenced && !others && options.force !== true) return "last";
    this.setFenced(clusterId, brokerId, fenced);
    return "done";
  }

  #change(clusterId: string, change: PartitionChange): PartitionChangeOutcome {
    const { topicId, partition, expectedPartitionEpoch, next } = change;
    const cluster = this.#of(clusterId);
    const topic = cluster.byId(topicId);
    const old = topic?.partitions[partition];
    if (topic === undefined || old === undefined) return "conflict";
    if (old.partitionEpoch !== expectedPartitionEpoch || next.leaderEpoch < old.leaderEpoch) {
      return "conflict";
    }
    const fenced = cluster.brokers.filter((broker) => broker.fenced);
    const joins = (id: number) => next.isr.includes(id) && !old.isr.includes(id);
    if (fenced.some(({ brokerId }) => joins(brokerId))) return "ineligible";
    const { leader, leaderEpoch, replicas, isr } = next;
    const partitionEpoch = expectedPartitionEpoch + 1;
    const reassignment =
      change.reassignment === undefined ? old.reassignment : (change.reassignment ?? undefined);
    const changed = {
      ...{ partition, leader, leaderEpoch, partitionEpoch, replicas, isr },
      ...(reassignment === undefined ? {} : { reassignment }),
    };
    cluster.topics.set(topic.name, {
      ...topic,
      partitions: topic.partitions.with(partition, changed),
    });
    return "done";
  }

  async deletedTopics(clusterId: string): Promise<TopicInfo[]> {
    return [...this.#of(clusterId).deleted.values()];
  }

  async forgetDeletedTopic(clusterId: string, topicId: string): Promise<void> {
    this.#of(clusterId).deleted.delete(topicId);
  }

  async allocateProducerIds(clusterId: string, count: number): Promise<number> {
    const cluster = this.#of(clusterId);
    const first = cluster.nextProducerId;
    cluster.nextProducerId += count;
    return first;
  }

  #of(clusterId: string): Cluster {
    const cluster = this.#clusters.get(clusterId) ?? new Cluster([]);
    this.#clusters.set(clusterId, cluster);
    return cluster;
  }
}
