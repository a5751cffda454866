/** Who leads: ElectLeaders, proposals of who found a leader dead, and repairs by the sweep. */
import type { Election } from "../cluster/election.ts";
import { electLeader, electPreferred, electUnclean, repaired } from "../cluster/election.ts";
import type { PartitionInfo, TopicInfo } from "../cluster/types.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ControlScope, Moves, Plan } from "./moves.ts";
import { liveBrokers, mayElectUnclean, movePartitions } from "./moves.ts";
import type { Ports } from "./ports.ts";

export interface Proposal {
  /** The row as it is now; null when there is no such partition any more. */
  readonly partition: PartitionInfo | null;
  /** This proposal made it so. False: somebody else had moved it, or nobody else may lead. */
  readonly changed: boolean;
}

/**
 * The leader's object does not answer: another member of the ISR takes over, unless the row names
 * another leader or epoch than `known`, the row as it was when its leader was found dead. Whoever asks may be wrong about the death,
 * so nothing is risked for it: no unclean election, and without a candidate the leader stays.
 * Throws KafkaError REQUEST_TIMED_OUT when the catalogue does not answer.
 */
export async function proposeElection(
  ports: Pick<Ports, "catalogue">,
  clusterId: string,
  { topicId }: Pick<TopicInfo, "topicId">,
  known: Pick<PartitionInfo, "partition" | "leader" | "leaderEpoch">,
): Promise<Proposal> {
  const { partition } = known;
  const read = async () => {
    const found = await ports.catalogue.topicsById(clusterId, [topicId], { fresh: true });
    return found.get(topicId)?.partitions[partition] ?? null;
  };
  const [row, brokers] = await Promise.all([read(), liveBrokers({ clusterId, ports })]);
  if (row?.leader !== known.leader || row.leaderEpoch !== known.leaderEpoch) {
    return { partition: row, changed: false };
  }
  const live = new Set(brokers);
  live.delete(known.leader);
  const election = electLeader(row, live, false);
  if (!("next" in election) || election.next.leader < 0) return { partition: row, changed: false };
  const { partitionEpoch: epoch } = row;
  const { next } = election;
  const { catalogue } = ports;
  const outcome = await catalogue.changePartition(clusterId, topicId, partition, epoch, next);
  if (outcome !== "done") return { partition: await read(), changed: false };
  return { partition: { ...row, ...next, partitionEpoch: epoch + 1 }, changed: true };
}

/** Brokers that are out lead nothing and leave the ISRs; those that are back lead what waits for them. */
export function repairElections(
  scope: ControlScope,
  topicIds: readonly string[] | null = null,
): Promise<Moves> {
  return movePartitions(scope, topicIds, (topic, partition, live, cluster) =>
    planOf(repaired(partition, live, mayElectUnclean(scope, cluster, topic))),
  );
}

/** Every partition whose preferred leader is alive and in sync gets it (auto.leader.rebalance.enable). */
export function electPreferredLeaders(scope: ControlScope): Promise<Moves> {
  return movePartitions(scope, null, (_, partition, live) =>
    planOf(electPreferred(partition, live)),
  );
}

function planOf(election: Election): Plan | null {
  return "next" in election ? election : null;
}

export interface ElectionTarget {
  readonly topic: string;
  readonly partition: number;
}

export interface ElectionResult extends ElectionTarget {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

export type ElectionType = "preferred" | "unclean";

/**
 * ElectLeaders. Null means every partition; then those that need no election are left out of the
 * results, as in Kafka.
 */
export async function electLeaders(
  scope: ControlScope,
  type: ElectionType,
  targets: readonly ElectionTarget[] | null,
): Promise<{ readonly results: readonly ElectionResult[]; readonly moves: Moves }> {
  const verdicts = new Map<string, ElectionResult>();
  const wanted = targets === null ? null : new Set(targets.map(keyOf));
  const topics = targets === null ? null : await namedTopics(scope, targets);
  const ids = topics === null ? null : [...topics.values()].map(({ topicId }) => topicId);
  const moves = await movePartitions(scope, ids, (topic, row, live) => {
    const target = { topic: topic.name, partition: row.partition };
    if (wanted !== null && !wanted.has(keyOf(target))) return null;
    const election = type === "preferred" ? electPreferred(row, live) : electUnclean(row, live);
    const refused = "next" in election ? null : election;
    verdicts.set(keyOf(target), {
      ...target,
      errorCode: refused?.errorCode ?? ErrorCode.NONE,
      errorMessage: refused?.refused ?? null,
    });
    // Left without a leader is no answer to who asked for one.
    if ("next" in election && election.next.leader < 0) {
      verdicts.set(keyOf(target), nobodyEligible(target, row));
    }
    return planOf(election);
  });
  // A plan that never got through is the last verdict about its partition, and was not carried out.
  const made = new Set(moves.made.map(({ topic, before }) => `${before.partition}/${topic.name}`));
  const results = Array.from(verdicts, ([key, verdict]) =>
    verdict.errorCode === ErrorCode.NONE && !made.has(key) ? outrun(verdict) : verdict,
  );
  if (targets === null) {
    return { results: results.filter((r) => r.errorCode !== ErrorCode.ELECTION_NOT_NEEDED), moves };
  }
  const unknown = targets.filter((target) => !verdicts.has(keyOf(target)));
  return { results: [...results, ...unknown.map((target) => notFound(target, topics))], moves };
}

function keyOf({ topic, partition }: ElectionTarget): string {
  return `${partition}/${topic}`;
}

function namedTopics(
  { clusterId, ports }: ControlScope,
  targets: readonly ElectionTarget[],
): Promise<Map<string, TopicInfo>> {
  const names = [...new Set(targets.map(({ topic }) => topic))];
  return ports.catalogue.topics(clusterId, names, { fresh: true });
}

function nobodyEligible(target: ElectionTarget, { isr }: PartitionInfo): ElectionResult {
  return {
    ...target,
    errorCode: ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    errorMessage: `no live replica is in sync (ISR ${isr.join(", ")})`,
  };
}

function outrun(verdict: ElectionResult): ElectionResult {
  return {
    ...verdict,
    errorCode: ErrorCode.REQUEST_TIMED_OUT,
    errorMessage: "The partition was changed by others again and again. Try again.",
  };
}

function notFound(
  target: ElectionTarget,
  topics: ReadonlyMap<string, TopicInfo> | null,
): ElectionResult {
  const what = topics?.has(target.topic)
    ? `partition ${target.partition} of topic '${target.topic}'`
    : `topic '${target.topic}'`;
  return {
    ...target,
    errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    errorMessage: `There is no ${what}.`,
  };
}
