/**
 * What the catalogue knows about a cluster. Names are Kafka's: a broker is a region, a replica one
 * Durable Object.
 */

/** A region that holds replicas. `hint` is a Durable Object location hint such as "weur". */
export interface BrokerInfo {
  readonly brokerId: number;
  readonly rack: string;
  readonly hint: string;
  /** An operator took the broker out: it leads nothing until it is unfenced. */
  readonly fenced: boolean;
}

export interface ClusterInfo {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly brokers: readonly BrokerInfo[];
}

/** What an election, an ISR change or a reassignment changes in a partition. */
export interface PartitionState {
  /** Broker id of the leader, -1 when there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  /** Broker ids, the preferred leader first. */
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface PartitionInfo extends PartitionState {
  readonly partition: number;
  /** Bumped by every change of the row; compare-and-set goes by it (KIP-497). */
  readonly partitionEpoch: number;
}

export interface TopicInfo {
  readonly name: string;
  /** Kafka's own form: 22 characters of base64url. */
  readonly topicId: string;
  readonly internal: boolean;
  /** Ordered by partition number, without gaps. */
  readonly partitions: readonly PartitionInfo[];
  /** Only what was set on the topic itself; defaults are the registry's matter. */
  readonly configs: Readonly<Record<string, string>>;
}
