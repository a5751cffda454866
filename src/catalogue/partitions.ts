/** Table `partitions`: how its rows look as text, and the statements that change them. */
import type { PartitionInfo, PartitionState } from "../cluster/types.ts";
import { assert } from "../lib/assert.ts";
import { changes } from "./session.ts";

/** A row as the statements below exchange it, packed in JSON. */
type PackedPartition = readonly [
  partition: number,
  leader: number,
  leaderEpoch: number,
  partitionEpoch: number,
  replicas: string,
  isr: string,
];

/** SQL: all partitions of the topic `t` as one text, an array of PackedPartition. */
export const PARTITIONS_OF_T = `(
  SELECT json_group_array(
    json_array(p.partition, p.leader, p.leader_epoch, p.partition_epoch, p.replicas, p.isr))
  FROM partitions p WHERE p.cluster_id = t.cluster_id AND p.topic_id = t.topic_id)`;

/** Broker ids as text. The same few lists come again and again, so they are shared. */
export class BrokerLists {
  readonly #byText = new Map<string, readonly number[]>();

  parse(text: string): readonly number[] {
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const list = text === "" ? [] : text.split(",").map(Number);
    this.#byText.set(text, list);
    return list;
  }
}

const textOf = (brokers: readonly number[]): string => brokers.join(",");

export function pack(partitions: readonly PartitionInfo[]): string {
  const rows = partitions.map(
    (p): PackedPartition => [
      p.partition,
      p.leader,
      p.leaderEpoch,
      p.partitionEpoch,
      textOf(p.replicas),
      textOf(p.isr),
    ],
  );
  return JSON.stringify(rows);
}

/** Ordered by number; throws when there is a gap, which the statements below never leave. */
export function unpack(text: string, lists: BrokerLists): PartitionInfo[] {
  const rows = JSON.parse(text) as PackedPartition[];
  rows.sort((a, b) => a[0] - b[0]);
  return rows.map(([partition, leader, leaderEpoch, partitionEpoch, replicas, isr], index) => {
    assert(partition === index, `the catalogue has partition ${partition} where ${index} must be`);
    return {
      partition,
      leader,
      leaderEpoch,
      partitionEpoch,
      replicas: lists.parse(replicas),
      isr: lists.parse(isr),
    };
  });
}

const INSERT_PACKED = `
  INSERT INTO partitions
    (cluster_id, topic_id, partition, leader, leader_epoch, partition_epoch, replicas, isr)
  SELECT ?1, ?2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
  FROM json_each(?3)`;

/** The rows of a new topic, if the topic's own row is there. */
export function insertNewPartitions(
  session: D1DatabaseSession,
  clusterId: string,
  topicId: string,
  partitions: readonly PartitionInfo[],
): D1PreparedStatement {
  const condition = "WHERE EXISTS (SELECT 1 FROM topics WHERE cluster_id = ?1 AND topic_id = ?2)";
  return session
    .prepare(`${INSERT_PACKED} ${condition}`)
    .bind(clusterId, topicId, pack(partitions));
}

/** Adds partitions after the last, which must have the number `expected - 1`; all or none. */
export async function addPartitions(
  session: D1DatabaseSession,
  clusterId: string,
  topicId: string,
  expected: number,
  added: readonly PartitionInfo[],
): Promise<boolean> {
  const existing =
    "SELECT 1 FROM partitions WHERE cluster_id = ?1 AND topic_id = ?2 AND partition =";
  const condition = `WHERE EXISTS (${existing} ?4 - 1) AND NOT EXISTS (${existing} ?4)`;
  const result = await session
    .prepare(`${INSERT_PACKED} ${condition}`)
    .bind(clusterId, topicId, pack(added), expected)
    .run();
  return changes(result) === added.length;
}

const COMPARE_AND_SET = `
  UPDATE partitions
  SET leader = ?5, leader_epoch = ?6, partition_epoch = ?4 + 1, replicas = ?7, isr = ?8
  WHERE cluster_id = ?1 AND topic_id = ?2 AND partition = ?3
    AND partition_epoch = ?4 AND leader_epoch <= ?6`;

export async function comparePartitionAndSet(
  session: D1DatabaseSession,
  clusterId: string,
  topicId: string,
  partition: number,
  expectedPartitionEpoch: number,
  next: PartitionState,
): Promise<boolean> {
  const { leader, leaderEpoch, replicas, isr } = next;
  const result = await session
    .prepare(COMPARE_AND_SET)
    .bind(
      clusterId,
      topicId,
      partition,
      expectedPartitionEpoch,
      leader,
      leaderEpoch,
      textOf(replicas),
      textOf(isr),
    )
    .run();
  return changes(result) === 1;
}
