/** The HATEOAS bodies of v3: kind, self, resource name and related links. */
import type { ConfigView } from "../configs.ts";
import type { PartitionView } from "../topics.ts";

export interface BrokerView {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
  readonly isFenced: boolean;
}

/** What has configs: a topic, a broker, or all brokers. */
export interface ConfigOwner {
  /** "KafkaTopicConfig". */
  readonly kind: string;
  /** Where its configs are, below the cluster: ["topics", "orders", "configs"]. */
  readonly segments: readonly (string | number)[];
  /** Its part of a config's resource name: "/topic=orders/config". */
  readonly resourceName: string;
  /** What names it in a body: {topic_name: "orders"}. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Links of one cluster as the caller reached it: origin and prefix are the request's own. */
export class Resources {
  private readonly clusterId: string;
  private readonly clusterUrl: string;
  private readonly clustersUrl: string;

  constructor(requestUrl: string, clusterId: string) {
    const { origin, pathname } = new URL(requestUrl);
    const prefix = pathname.startsWith("/kafka/v3") ? "/kafka/v3" : "/v3";
    this.clusterId = clusterId;
    this.clustersUrl = `${origin}${prefix}/clusters`;
    this.clusterUrl = this.clustersUrl + path(clusterId);
  }

  url(...segments: (string | number)[]): string {
    return this.clusterUrl + path(...segments);
  }

  related(...segments: (string | number)[]): { related: string } {
    return { related: this.url(...segments) };
  }

  resource(kind: string, segments: (string | number)[], name: string) {
    const resource_name = `crn:///kafka=${this.clusterId}${name}`;
    return {
      kind,
      metadata: { self: this.url(...segments), resource_name },
      cluster_id: this.clusterId,
    };
  }

  list<T>(kind: string, segments: (string | number)[] | null, data: T[]) {
    const self = segments === null ? this.clustersUrl : this.url(...segments);
    return { kind, metadata: { self, next: null }, data };
  }

  cluster(controllerId: number) {
    return {
      ...this.resource("KafkaCluster", [], ""),
      controller: this.related("brokers", controllerId),
      acls: this.related("acls"),
      brokers: this.related("brokers"),
      broker_configs: this.related("broker-configs"),
      consumer_groups: this.related("consumer-groups"),
      topics: this.related("topics"),
      partition_reassignments: this.related("topics", "-", "partitions", "-", "reassignment"),
    };
  }

  broker({ brokerId: id, host, port, rack, isFenced }: BrokerView) {
    return {
      ...this.resource("KafkaBroker", ["brokers", id], `/broker=${id}`),
      broker_id: id,
      host,
      port,
      rack,
      is_fenced: isFenced,
      configs: this.related("brokers", id, "configs"),
      partition_replicas: this.related("brokers", id, "partition-replicas"),
    };
  }

  topic(name: string, internal: boolean, partitionsCount: number, replicationFactor: number) {
    return {
      ...this.resource("KafkaTopic", ["topics", name], `/topic=${name}`),
      topic_name: name,
      is_internal: internal,
      replication_factor: replicationFactor,
      partitions_count: partitionsCount,
      partitions: this.related("topics", name, "partitions"),
      configs: this.related("topics", name, "configs"),
      partition_reassignments: this.related("topics", name, "partitions", "-", "reassignment"),
    };
  }

  config(owner: ConfigOwner, entry: ConfigView) {
    const { name, source } = entry;
    return {
      ...this.resource(owner.kind, [...owner.segments, name], `${owner.resourceName}=${name}`),
      ...owner.fields,
      name,
      value: entry.value,
      is_default: source === "DEFAULT_CONFIG",
      is_read_only: entry.isReadOnly,
      is_sensitive: entry.isSensitive,
      source,
      synonyms: entry.synonyms,
    };
  }

  configList(owner: ConfigOwner, entries: readonly ConfigView[]) {
    const data = entries.map((entry) => this.config(owner, entry));
    return this.list(`${owner.kind}List`, [...owner.segments], data);
  }

  partition(topic: string, { partition, leader }: PartitionView) {
    const segments = ["topics", topic, "partitions", partition];
    return {
      ...this.resource("KafkaPartition", segments, `/topic=${topic}/partition=${partition}`),
      topic_name: topic,
      partition_id: partition,
      ...(leader < 0 ? {} : { leader: this.related(...segments, "replicas", leader) }),
      replicas: this.related(...segments, "replicas"),
      reassignment: this.related(...segments, "reassignment"),
    };
  }

  partitionWithOffsets(topic: string, partition: number, earliest: number, latest: number) {
    const segments = ["topics", topic, "partitions", partition, "offset"];
    const name = `/topic=${topic}/partition=${partition}/offset_type=earliest_and_latest`;
    return {
      ...this.resource("KafkaPartitionWithOffsets", segments, name),
      topic_name: topic,
      partition_id: partition,
      earliest_offset: earliest,
      latest_offset: latest,
    };
  }

  reassignment(
    topic: string,
    partition: number,
    adding: readonly number[],
    removing: readonly number[],
  ) {
    const segments = ["topics", topic, "partitions", partition];
    const name = `/topic=${topic}/partition=${partition}/reassignment`;
    return {
      ...this.resource("KafkaReassignment", [...segments, "reassignment"], name),
      topic_name: topic,
      partition_id: partition,
      adding_replicas: adding,
      removing_replicas: removing,
      replicas: this.related(...segments, "replicas"),
    };
  }

  replica(topic: string, { partition, leader, isr }: PartitionView, brokerId: number) {
    const name = `/topic=${topic}/partition=${partition}/replica=${brokerId}`;
    const segments = ["topics", topic, "partitions", partition, "replicas", brokerId];
    return {
      ...this.resource("KafkaReplica", segments, name),
      topic_name: topic,
      partition_id: partition,
      broker_id: brokerId,
      is_leader: brokerId === leader,
      is_in_sync: isr.includes(brokerId),
      broker: this.related("brokers", brokerId),
    };
  }
}

function path(...segments: (string | number)[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
}
