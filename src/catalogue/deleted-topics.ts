/**
 * Table `deleted_topics`. Deleting a topic takes its rows away at once; its objects go after that,
 * and may fail to. The note left here is what a sweep goes by, so that no storage is forgotten.
 */
import type { TopicInfo } from "../cluster/types.ts";
import type { BrokerLists } from "./partitions.ts";
import { PARTITIONS_OF_T, unpack } from "./partitions.ts";
import { selectTopicStatement } from "./topics.ts";

/** One transaction: read the topic, note it, drop its partitions, drop it. Null: there was none. */
export async function deleteTopic(
  session: D1DatabaseSession,
  clusterId: string,
  name: string,
  topicId: string,
  nowMs: number,
  lists: BrokerLists,
): Promise<TopicInfo | null> {
  const is = "t.cluster_id = ?1 AND t.name = ?2 AND t.topic_id = ?3";
  const bound = (sql: string): D1PreparedStatement =>
    session.prepare(sql).bind(clusterId, name, topicId);
  const topic = selectTopicStatement(session, clusterId, name, topicId);
  const note = session
    .prepare(
      `INSERT INTO deleted_topics (cluster_id, topic_id, name, partitions, deleted_at_ms)
       SELECT t.cluster_id, t.topic_id, t.name, ${PARTITIONS_OF_T}, ?4 FROM topics t WHERE ${is}`,
    )
    .bind(clusterId, name, topicId, nowMs);
  const partitions = bound(
    `DELETE FROM partitions WHERE cluster_id = ?1 AND topic_id = ?3
     AND EXISTS (SELECT 1 FROM topics t WHERE ${is})`,
  );
  const row = bound("DELETE FROM topics WHERE cluster_id = ?1 AND name = ?2 AND topic_id = ?3");
  const [read] = await session.batch([topic.statement, note, partitions, row]);
  return topic.parse(read?.results ?? [], lists);
}

interface Note {
  readonly topic_id: string;
  readonly name: string;
  readonly partitions: string;
}

export async function selectDeletedTopics(
  session: D1DatabaseSession,
  clusterId: string,
  lists: BrokerLists,
): Promise<TopicInfo[]> {
  const { results } = await session
    .prepare(
      `SELECT topic_id, name, partitions FROM deleted_topics
       WHERE cluster_id = ?1 ORDER BY deleted_at_ms`,
    )
    .bind(clusterId)
    .all<Note>();
  return results.map((row) => ({
    name: row.name,
    topicId: row.topic_id,
    internal: false,
    partitions: unpack(row.partitions, lists),
    configs: {},
  }));
}

export async function forgetDeletedTopic(
  session: D1DatabaseSession,
  clusterId: string,
  topicId: string,
): Promise<void> {
  await session
    .prepare("DELETE FROM deleted_topics WHERE cluster_id = ?1 AND topic_id = ?2")
    .bind(clusterId, topicId)
    .run();
}
