/**
 * What the catalogue knows about a cluster. Names are Kafka's: a broker is a region, a replica one
 * Durable Object.
 */

/** Configs by name, as texts. */
export type ConfigMap = Readonly<Record<string, string>>;

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
  /** What was changed at run time: of one broker under its id, of all of them under EVERY_BROKER. */
  readonly configs: Readonly<Record<number, ConfigMap>>;
}

export const EVERY_BROKER = -1;

/** What an election, an ISR change or a reassignment changes in a partition. */
export interface PartitionState {
  /** Broker id of the leader, -1 when there is none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  /** Broker ids, the preferred leader first. */
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** A move of replicas that is under way (KIP-455). `replicas` holds the old and the new ones. */
export interface Reassignment {
  /** To be in the ISR before the move is complete; empty when replicas are only taken away. */
  readonly adding: readonly number[];
  /** To go when it is complete. */
  readonly removing: readonly number[];
}

export interface PartitionInfo extends PartitionState {
  readonly partition: number;
  /** Bumped by every change of the row; compare-and-set goes by it (KIP-497). */
  readonly partitionEpoch: number;
  /** Absent when none is under way. Who changes only the ISR or the leader leaves it as it is. */
  readonly reassignment?: Reassignment;
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
