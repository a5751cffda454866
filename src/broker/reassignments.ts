/**
 * Moving replicas (KIP-455): starting, cancelling, and driving moves to their end. A move ends when
 * somebody sees that all that is added is in sync: who changed the ISR, who lists the moves, the
 * sweep. The replicas that left go on being named by the row until their storage is gone.
 */
import { replicaListProblem } from "../cluster/placement.ts";
import type { ReassignmentPlan } from "../cluster/reassignment.ts";
import {
  cancelReassignment,
  completeReassignment,
  isReassigning,
  leftBehind,
  startReassignment,
  targetReplicas,
} from "../cluster/reassignment.ts";
import type { PartitionInfo, TopicInfo } from "../cluster/types.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { ControlScope, Move, Plan } from "./moves.ts";
import { freshCluster, leadersOf, mayElectUnclean, movePartitions } from "./moves.ts";

export interface ReassignmentTarget {
  readonly topic: string;
  readonly partition: number;
  /** The preferred leader first; null cancels the move under way. */
  readonly replicas: readonly number[] | null;
}

export interface ReassignmentOptions {
  /** False: a target of another length than the partition has now is refused (version 1). */
  readonly allowReplicationFactorChange: boolean;
}

/** What became of one target; null: done, or there was nothing to do. */
export interface ReassignmentResult extends ReassignmentTarget {
  readonly error: KafkaError | null;
}

/** Answers in the order of the targets, which name each partition once. */
export async function alterReassignments(
  scope: ControlScope,
  targets: readonly ReassignmentTarget[],
  options: ReassignmentOptions,
): Promise<{ readonly results: ReassignmentResult[]; readonly moved: readonly Move[] }> {
  const { clusterId, ports } = scope;
  const names = [...new Set(targets.map(({ topic }) => topic))];
  const [topics, { brokers }] = await Promise.all([
    ports.catalogue.topics(clusterId, names, { fresh: true }),
    freshCluster(scope),
  ]);
  const byId = new Map(brokers.map((broker) => [broker.brokerId, broker]));
  const errors = new Map<string, KafkaError | null>();
  const wanted = new Map<string, ReassignmentTarget>();
  for (const target of targets) {
    const { replicas, partition } = target;
    const problem = replicas === null ? null : replicaListProblem(byId, replicas, partition);
    if (topics.get(target.topic)?.partitions[partition] === undefined) {
      errors.set(keyOf(target), unknown(target));
    } else if (problem !== null) {
      errors.set(keyOf(target), new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT, problem));
    } else {
      // Stands unless the partition, or the topic, is gone when its row is read again.
      errors.set(keyOf(target), unknown(target));
      wanted.set(keyOf(target), target);
    }
  }
  const ids = [...topics.values()].map(({ topicId }) => topicId);
  const { made } = await movePartitions(scope, ids, (topic, row, live, cluster) => {
    const key = keyOf({ topic: topic.name, partition: row.partition });
    const target = wanted.get(key);
    if (target === undefined) return null;
    const unclean = mayElectUnclean(scope, cluster, topic);
    const plan = planOf(row, target, live, unclean, options);
    const refused = plan !== null && "refused" in plan ? plan : null;
    errors.set(key, refused === null ? null : new KafkaError(refused.errorCode, refused.refused));
    if (plan !== null && "next" in plan) {
      errors.set(key, OUTRUN);
      return plan;
    }
    return null;
  });
  for (const { topic, before } of made) {
    errors.set(keyOf({ topic: topic.name, partition: before.partition }), null);
  }
  const results = targets.map((target) => ({
    ...target,
    error: errors.get(keyOf(target)) ?? null,
  }));
  return { results, moved: made };
}

const OUTRUN = new KafkaError(
  ErrorCode.REQUEST_TIMED_OUT,
  "The partition was changed by others again and again. Try again.",
);

function keyOf({ topic, partition }: Pick<ReassignmentTarget, "topic" | "partition">): string {
  return `${partition}/${topic}`;
}

function unknown({ topic, partition }: ReassignmentTarget): KafkaError {
  return new KafkaError(
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    `There is no partition ${partition} of a topic '${topic}'.`,
  );
}

function planOf(
  row: PartitionInfo,
  { replicas }: ReassignmentTarget,
  live: ReadonlySet<number>,
  unclean: boolean,
  { allowReplicationFactorChange }: ReassignmentOptions,
): ReassignmentPlan | null {
  if (replicas === null) return cancelReassignment(row, live, unclean);
  // KIP-860 compares with the target of a move under way.
  const factor = targetReplicas(row).length;
  if (!allowReplicationFactorChange && replicas.length !== factor) {
    return {
      refused:
        `The replication factor is changed from ${factor} to ${replicas.length}, ` +
        "which the request does not allow.",
      errorCode: ErrorCode.INVALID_REPLICATION_FACTOR,
    };
  }
  return startReassignment(row, replicas, live, unclean);
}

export interface ReassignmentProgress {
  readonly completed: number;
  /** Moves that wait for replicas to be in sync. */
  readonly waiting: number;
  /** Replicas whose storage is gone now. */
  readonly destroyed: number;
}

export interface AdvanceOptions {
  /** Also opens the added replicas again and tells the leaders: for a start, and for a sweep. */
  readonly push: boolean;
}

/** Ends the moves that can end and tells the leaders; how many. Throws as the catalogue does. */
export async function endReassignments(
  scope: ControlScope,
  topicIds: readonly string[] | null,
): Promise<number> {
  const { made } = await movePartitions(scope, topicIds, (_, row, live) => {
    const plan = completeReassignment(row, live);
    return plan !== null && "next" in plan ? plan : null;
  });
  await scope.ports.partitions.refresh(leadersOf(scope.clusterId, made));
  return made.length;
}

/**
 * Ends the moves that can end, among the topics given by id or all, and destroys what is left behind.
 * Throws KafkaError when the catalogue does not answer, and what `destroyReplicas` throws; what was
 * not done then is done by the next call.
 */
export async function advanceReassignments(
  scope: ControlScope,
  topicIds: readonly string[] | null,
  options: AdvanceOptions = { push: false },
): Promise<ReassignmentProgress> {
  const completed = await endReassignments(scope, topicIds);
  const topics = await readTopics(scope, topicIds);
  const waiting = topics.flatMap((topic) =>
    topic.partitions.filter(isReassigning).map((row) => ({ topic, row })),
  );
  if (options.push) await push(scope, waiting);
  const destroyed = await destroyLeftBehind(scope, topics);
  return { completed, waiting: waiting.length, destroyed };
}

async function readTopics(
  { clusterId, ports: { catalogue } }: ControlScope,
  topicIds: readonly string[] | null,
): Promise<TopicInfo[]> {
  const found =
    topicIds === null
      ? await catalogue.topics(clusterId, null, { fresh: true })
      : await catalogue.topicsById(clusterId, topicIds, { fresh: true });
  return [...found.values()];
}

/** Added replicas are there and their leaders know of them; both may have failed the last time. */
async function push(
  { clusterId, ports: { partitions } }: ControlScope,
  waiting: readonly { readonly topic: TopicInfo; readonly row: PartitionInfo }[],
): Promise<void> {
  for (const [topic, rows] of Map.groupBy(waiting, (entry) => entry.topic)) {
    await partitions.open(
      clusterId,
      topic,
      rows.map(({ row }) => row),
    );
  }
  const addresses = waiting.flatMap(({ topic: { topicId }, row: { partition, leader } }) =>
    leader < 0 ? [] : [{ clusterId, topicId, partition, brokerId: leader }],
  );
  await partitions.refresh(addresses);
}

/** First the storage, then the note of it in the row. A replica that was added again stays. */
async function destroyLeftBehind(
  scope: ControlScope,
  topics: readonly TopicInfo[],
): Promise<number> {
  const { clusterId, ports } = scope;
  const gone = new Map<string, readonly number[]>();
  let destroyed = 0;
  for (const topic of topics) {
    for (const row of topic.partitions) {
      const left = leftBehind(row);
      if (left.length === 0) continue;
      await ports.partitions.destroyReplicas(clusterId, topic, row.partition, left);
      gone.set(`${row.partition}/${topic.topicId}`, left);
      destroyed += left.length;
    }
  }
  if (gone.size === 0) return 0;
  const ids = topics.map(({ topicId }) => topicId);
  await movePartitions(scope, ids, (topic, row) => {
    const left = gone.get(`${row.partition}/${topic.topicId}`);
    return left === undefined ? null : forgotten(row, left);
  });
  return destroyed;
}

function forgotten(row: PartitionInfo, gone: readonly number[]): Plan | null {
  const { leader, leaderEpoch, replicas, isr, reassignment } = row;
  const named = leftBehind(row).filter((id) => gone.includes(id));
  if (reassignment === undefined || named.length === 0) return null;
  const removing = reassignment.removing.filter((id) => !named.includes(id));
  const rest = { adding: reassignment.adding, removing };
  const none = rest.adding.length + removing.length === 0;
  return { next: { leader, leaderEpoch, replicas, isr }, reassignment: none ? null : rest };
}
