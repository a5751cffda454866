/** Table `partitions`: how its rows look as text, and the statements that change them. */
import type { PartitionChange, PartitionChangeOutcome } from "../broker/ports.ts";
import type { PartitionInfo, Reassignment } from "../cluster/types.ts";
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
  adding?: string,
  removing?: string,
];

/** SQL: all partitions of the topic `t` as one text, an array of PackedPartition. */
export const PARTITIONS_OF_T = `(
  SELECT json_group_array(
    json_array(p.partition, p.leader, p.leader_epoch, p.partition_epoch, p.replicas, p.isr,
      p.adding, p.removing))
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
  return rows.map((row, index) => {
    const [partition, leader, leaderEpoch, partitionEpoch, replicas, isr, adding, removing] = row;
    assert(partition === index, `the catalogue has partition ${partition} where ${index} must be`);
    const reassignment = reassignmentOf(adding ?? "", removing ?? "", lists);
    return {
      partition,
      leader,
      leaderEpoch,
      partitionEpoch,
      replicas: lists.parse(replicas),
      isr: lists.parse(isr),
      ...(reassignment === null ? {} : { reassignment }),
    };
  });
}

function reassignmentOf(adding: string, removing: string, lists: BrokerLists): Reassignment | null {
  if (adding === "" && removing === "") return null;
  return { adding: lists.parse(adding), removing: lists.parse(removing) };
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

/** What of `n.value` the statement below reads, in this order. Null for a list: it stays as it is. */
type PackedChange = readonly [
  topicId: string,
  partition: number,
  expectedPartitionEpoch: number,
  leader: number,
  leaderEpoch: number,
  replicas: string,
  isr: string,
  adding: string | null,
  removing: string | null,
];

function packChange(change: PartitionChange): PackedChange {
  const { topicId, partition, expectedPartitionEpoch, next, reassignment } = change;
  return [
    topicId,
    partition,
    expectedPartitionEpoch,
    next.leader,
    next.leaderEpoch,
    textOf(next.replicas),
    textOf(next.isr),
    reassignment === undefined ? null : textOf(reassignment?.adding ?? []),
    reassignment === undefined ? null : textOf(reassignment?.removing ?? []),
  ];
}

/**
 * The changes in ?2, each by itself. An upsert of rows that are all there: only a SELECT lets CROSS
 * JOIN keep the order of the tables, and UPDATE … FROM walks through all partitions of the cluster.
 * The condition on the brokers keeps fenced ones from joining an ISR: lists are compared with
 * a comma on both sides, so that 1 is not found in 11. The last line is for two changes of one row.
 */
const COMPARE_AND_SET = `
  INSERT INTO partitions (cluster_id, topic_id, partition, leader, leader_epoch, partition_epoch,
    replicas, isr, adding, removing)
  SELECT p.cluster_id, p.topic_id, p.partition, n.value ->> 3, n.value ->> 4, p.partition_epoch + 1,
    n.value ->> 5, n.value ->> 6, coalesce(n.value ->> 7, p.adding),
    coalesce(n.value ->> 8, p.removing)
  FROM json_each(?2) n CROSS JOIN partitions p
  WHERE p.cluster_id = ?1 AND p.topic_id = n.value ->> 0 AND p.partition = n.value ->> 1
    AND p.partition_epoch = n.value ->> 2 AND p.leader_epoch <= n.value ->> 4
    AND NOT EXISTS (
      SELECT 1 FROM brokers b WHERE b.cluster_id = ?1 AND b.fenced = 1
        AND instr(',' || (n.value ->> 6) || ',', ',' || b.broker_id || ',') > 0
        AND instr(',' || p.isr || ',', ',' || b.broker_id || ',') = 0)
  ON CONFLICT (cluster_id, topic_id, partition) DO UPDATE
  SET leader = excluded.leader, leader_epoch = excluded.leader_epoch,
    partition_epoch = excluded.partition_epoch, replicas = excluded.replicas,
    isr = excluded.isr, adding = excluded.adding, removing = excluded.removing
  WHERE partitions.partition_epoch = excluded.partition_epoch - 1
  RETURNING topic_id, partition`;

/** A parameter holds 2 MB; a change is some 100 bytes. */
const CHANGES_PER_STATEMENT = 5_000;

/** True for each change that was made, in the order given. */
export async function comparePartitionsAndSet(
  session: D1DatabaseSession,
  clusterId: string,
  changes: readonly PartitionChange[],
): Promise<boolean[]> {
  const done: boolean[] = [];
  for (let from = 0; from < changes.length; from += CHANGES_PER_STATEMENT) {
    const some = changes.slice(from, from + CHANGES_PER_STATEMENT);
    const { results } = await session
      .prepare(COMPARE_AND_SET)
      .bind(clusterId, JSON.stringify(some.map(packChange)))
      .all<{ topic_id: string; partition: number }>();
    const made = new Set(results.map((row) => `${row.topic_id}/${row.partition}`));
    // Taken out when it is told, so that a second change of the same partition is not "done" too.
    for (const { topicId, partition } of some) done.push(made.delete(`${topicId}/${partition}`));
  }
  return done;
}

export async function comparePartitionAndSet(
  session: D1DatabaseSession,
  clusterId: string,
  change: PartitionChange,
): Promise<PartitionChangeOutcome> {
  const [done] = await comparePartitionsAndSet(session, clusterId, [change]);
  if (done === true) return "done";
  const { topicId, partition, expectedPartitionEpoch, next } = change;
  const row = await session
    .prepare(
      `SELECT 1 FROM partitions WHERE cluster_id = ?1 AND topic_id = ?2 AND partition = ?3
       AND partition_epoch = ?4 AND leader_epoch <= ?5`,
    )
    .bind(clusterId, topicId, partition, expectedPartitionEpoch, next.leaderEpoch)
    .first();
  // The row is as expected, so that the epochs were not what stood in the way.
  return row === null ? "conflict" : "ineligible";
}
