/** Table `topics`, and a topic as a whole: with its partitions and configs. */
import type { NewTopic } from "../broker/ports.ts";
import type { ConfigMap, TopicInfo } from "../cluster/types.ts";
import type { BrokerLists } from "./partitions.ts";
import { insertNewPartitions, PARTITIONS_OF_T, unpack } from "./partitions.ts";
import { changes } from "./session.ts";

interface Row {
  readonly name: string;
  readonly topic_id: string;
  readonly internal: number;
  readonly configs: string;
  readonly partitions: string;
}

/**
 * One row a topic, whatever its partitions: they come as one text, since D1 answers in JSON and a
 * thousand rows of six columns cost several times as much to make and to read.
 */
const WHOLE_TOPIC = `t.name, t.topic_id, t.internal, t.configs, ${PARTITIONS_OF_T} AS partitions`;

function topicOf(row: Row, lists: BrokerLists): TopicInfo {
  return {
    name: row.name,
    topicId: row.topic_id,
    internal: row.internal === 1,
    partitions: unpack(row.partitions, lists),
    configs: JSON.parse(row.configs) as Record<string, string>,
  };
}

/** One topic by name and id at once, as a statement to put into a batch, and how to read its result. */
export function selectTopicStatement(
  session: D1DatabaseSession,
  clusterId: string,
  name: string,
  topicId: string,
): {
  readonly statement: D1PreparedStatement;
  parse(results: readonly unknown[], lists: BrokerLists): TopicInfo | null;
} {
  return {
    statement: session
      .prepare(`SELECT ${WHOLE_TOPIC} FROM topics t
         WHERE t.cluster_id = ?1 AND t.name = ?2 AND t.topic_id = ?3`)
      .bind(clusterId, name, topicId),
    parse: (results, lists) => {
      const [row] = results as Row[];
      return row === undefined ? null : topicOf(row, lists);
    },
  };
}

export async function selectAllTopics(
  session: D1DatabaseSession,
  clusterId: string,
  lists: BrokerLists,
): Promise<TopicInfo[]> {
  const statement = session
    .prepare(`SELECT ${WHOLE_TOPIC} FROM topics t WHERE t.cluster_id = ?1 ORDER BY t.name`)
    .bind(clusterId);
  return (await statement.all<Row>()).results.map((row) => topicOf(row, lists));
}

/** What topics are looked up by. */
export type TopicKey = "name" | "topicId";
const COLUMN: Readonly<Record<TopicKey, string>> = { name: "name", topicId: "topic_id" };

/**
 * Lists go in as one JSON parameter: D1 binds at most 100. CROSS JOIN keeps the order of the tables,
 * so that each key is looked up; with IN, SQLite would rather walk through the cluster's topics.
 */
export async function selectTopics(
  session: D1DatabaseSession,
  clusterId: string,
  by: TopicKey,
  keys: readonly string[],
  lists: BrokerLists,
): Promise<TopicInfo[]> {
  const statement = session
    .prepare(
      `SELECT ${WHOLE_TOPIC} FROM json_each(?2) k CROSS JOIN topics t
       WHERE t.cluster_id = ?1 AND t.${COLUMN[by]} = k.value`,
    )
    .bind(clusterId, JSON.stringify(keys));
  return (await statement.all<Row>()).results.map((row) => topicOf(row, lists));
}

export interface ListedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly internal: boolean;
}

export async function listTopics(
  session: D1DatabaseSession,
  clusterId: string,
): Promise<ListedTopic[]> {
  const { results } = await session
    .prepare("SELECT name, topic_id, internal FROM topics WHERE cluster_id = ?1 ORDER BY name")
    .bind(clusterId)
    .all<Pick<Row, "name" | "topic_id" | "internal">>();
  return results.map((row) => ({
    name: row.name,
    topicId: row.topic_id,
    internal: row.internal === 1,
  }));
}

/** False when the topic sets something else by now, or is gone. Writes one row. */
export async function compareTopicConfigsAndSet(
  session: D1DatabaseSession,
  clusterId: string,
  topicId: string,
  expected: ConfigMap,
  next: ConfigMap,
): Promise<boolean> {
  const result = await session
    .prepare(
      `UPDATE topics SET configs = ?4
       WHERE cluster_id = ?1 AND topic_id = ?2 AND json(configs) = json(?3)`,
    )
    .bind(clusterId, topicId, JSON.stringify(expected), JSON.stringify(next))
    .run();
  return changes(result) === 1;
}

/**
 * One transaction. A name that exists leaves the first statement without effect, and then the
 * second finds no topic of the new id: there is no error to tell from other errors.
 */
export async function insertTopic(
  session: D1DatabaseSession,
  clusterId: string,
  topic: NewTopic,
): Promise<boolean> {
  const insert = session
    .prepare(
      `INSERT INTO topics (cluster_id, name, topic_id, internal, configs)
       VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING`,
    )
    .bind(
      clusterId,
      topic.name,
      topic.topicId,
      topic.internal ? 1 : 0,
      JSON.stringify(topic.configs),
    );
  const [inserted] = await session.batch([
    insert,
    insertNewPartitions(session, clusterId, topic.topicId, topic.partitions),
  ]);
  return changes(inserted) === 1;
}
