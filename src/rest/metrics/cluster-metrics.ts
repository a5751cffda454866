/**
 * What the catalogue knows, and no object needs to be woken for: brokers, leaders, ISRs. Names are those
 * that Kafka's JMX names get from the JMX exporter's example: kafka.cluster:type=Partition,
 * name=UnderReplicated is kafka_cluster_partition_underreplicated.
 */
import type { RequestContextBase } from "../../broker/context.ts";
import { call } from "../../broker/dispatch.ts";
import { describeClusterApi } from "../../protocol/api/60-describe-cluster.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { describeEach, topicResource } from "../configs.ts";
import { METRICS_PARTITIONS_MAX } from "../limits.ts";
import type { PartitionView, TopicView } from "../topics.ts";
import type { Exposition, Sample } from "./exposition.ts";

interface Row extends PartitionView {
  readonly topic: string;
  readonly minIsr: number;
}

export async function addClusterMetrics(
  out: Exposition,
  ctx: RequestContextBase,
  topics: readonly TopicView[],
): Promise<void> {
  const all = topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({ ...partition, topic: name })),
  );
  const shown = all.slice(0, METRICS_PARTITIONS_MAX);
  const minimums = await minimumIsrs(ctx, [...new Set(shown.map(({ topic }) => topic))]);
  const rows = shown.map((row) => ({ ...row, minIsr: minimums.get(row.topic) ?? 1 }));
  out.add("kafka_controller_kafkacontroller_globaltopiccount", "gauge", "Topics.", [
    { value: topics.length },
  ]);
  out.add("kafka_controller_kafkacontroller_globalpartitioncount", "gauge", "Partitions.", [
    { value: all.length },
  ]);
  const leaderless = all.filter(({ leader }) => leader < 0).length;
  out.add(
    "kafka_controller_kafkacontroller_offlinepartitionscount",
    "gauge",
    "Partitions without a leader.",
    [{ value: leaderless }],
  );
  await addBrokers(out, ctx, all);
  addPartitions(out, rows);
  out.add(
    "kedge_metrics_partitions_left_out",
    "gauge",
    `Partitions that this scrape says nothing of by themselves: it shows ${METRICS_PARTITIONS_MAX}.`,
    [{ value: all.length - shown.length }],
  );
}

/** min.insync.replicas by topic; a topic whose configs the caller may not see has none. */
async function minimumIsrs(
  ctx: RequestContextBase,
  topics: readonly string[],
): Promise<Map<string, number>> {
  const results = await describeEach(ctx, topics.map(topicResource), ["min.insync.replicas"]);
  return new Map(
    topics.flatMap((topic, at) => {
      const value = results[at]?.configs[0]?.value ?? null;
      return value === null ? [] : [[topic, Number(value)] as const];
    }),
  );
}

async function addBrokers(
  out: Exposition,
  ctx: RequestContextBase,
  partitions: readonly PartitionView[],
): Promise<void> {
  const { errorCode, errorMessage, brokers } = await call(ctx, describeClusterApi, {
    includeClusterAuthorizedOperations: false,
    includeFencedBrokers: true,
  });
  if (errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode, errorMessage ?? undefined);
  const fenced = brokers.filter(({ isFenced }) => isFenced).length;
  out.add("kafka_controller_kafkacontroller_activebrokercount", "gauge", "Brokers, not fenced.", [
    { value: brokers.length - fenced },
  ]);
  out.add("kafka_controller_kafkacontroller_fencedbrokercount", "gauge", "Brokers, fenced.", [
    { value: fenced },
  ]);
  const perBroker = (
    name: string,
    help: string,
    isCounted: (partition: PartitionView, brokerId: number) => boolean,
  ): void => {
    const samples = brokers.map(({ brokerId }) => ({
      labels: { broker: brokerId },
      value: partitions.filter((partition) => isCounted(partition, brokerId)).length,
    }));
    out.add(`kafka_server_replicamanager_${name}`, "gauge", help, samples);
  };
  perBroker("leadercount", "Partitions that the broker leads.", (p, id) => p.leader === id);
  perBroker("partitioncount", "Replicas that it holds.", (p, id) => p.replicas.includes(id));
  perBroker(
    "underreplicatedpartitions",
    "Partitions that it leads and that lack a replica in the ISR.",
    (p, id) => p.leader === id && isUnderReplicated(p),
  );
}

function addPartitions(out: Exposition, rows: readonly Row[]): void {
  const perPartition = (name: string, help: string, value: (row: Row) => number): void => {
    const samples = rows.map((row): Sample => {
      return { labels: { topic: row.topic, partition: row.partition }, value: value(row) };
    });
    out.add(name, "gauge", help, samples);
  };
  const ofPartition = "kafka_cluster_partition_";
  perPartition(`${ofPartition}replicascount`, "Replicas.", ({ replicas }) => replicas.length);
  perPartition(`${ofPartition}insyncreplicascount`, "Replicas in sync.", ({ isr }) => isr.length);
  perPartition(`${ofPartition}underreplicated`, "1: the ISR lacks a replica.", (row) =>
    Number(isUnderReplicated(row)),
  );
  perPartition(`${ofPartition}underminisr`, "1: acks=all is refused.", ({ isr, minIsr }) =>
    Number(isr.length < minIsr),
  );
  perPartition(`${ofPartition}atminisr`, "1: no replica may be lost.", ({ isr, minIsr }) =>
    Number(isr.length === minIsr),
  );
  perPartition("kedge_partition_leader", "The leader's broker id, -1: none.", (row) => row.leader);
}

function isUnderReplicated({ replicas, isr }: PartitionView): boolean {
  return isr.length < replicas.length;
}
