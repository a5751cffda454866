/**
 * Changing many partitions by compare-and-set: read, plan, write in a few statements, and again for
 * those that somebody else changed meanwhile.
 */
import { brokerSources, topicConfigValue } from "../cluster/config-sources.ts";
import {
  type ClusterInfo,
  type ConfigMap,
  EVERY_BROKER,
  type PartitionInfo,
  type PartitionState,
  type Reassignment,
  type TopicInfo,
} from "../cluster/types.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { PartitionAddress, Ports } from "./ports.ts";

/** Which cluster, and the way to it. A RequestContext is one; the sweep has no request. */
export interface ControlScope {
  readonly clusterId: string;
  readonly ports: Pick<Ports, "catalogue" | "partitions">;
  /** The deployment's own configs; none when left out. */
  readonly config?: { readonly static: ConfigMap };
}

export interface Plan {
  readonly next: PartitionState;
  /** As in PartitionChange. */
  readonly reassignment?: Reassignment | null;
}

/** A change that was made. */
export interface Move {
  readonly topic: TopicInfo;
  readonly before: PartitionInfo;
  /** The row as it was left. */
  readonly after: PartitionInfo;
}

export interface Moves {
  readonly made: readonly Move[];
  /** Changes that others were faster than, again and again: a later sweep's matter. */
  readonly lost: number;
}

/** What is to become of a partition; null: it stays. Called again for a row that moved on. */
export type Planner = (
  topic: TopicInfo,
  partition: PartitionInfo,
  live: ReadonlySet<number>,
  cluster: ClusterInfo,
) => Plan | null;

/** How often a lost race is run again. */
const ATTEMPTS_MAX = 10;

/**
 * Plans for every partition of the topics given by id, or of all with null. Everything is read
 * fresh. Throws KafkaError when the catalogue does not answer; some changes may then have been made.
 */
export async function movePartitions(
  { clusterId, ports: { catalogue } }: ControlScope,
  topicIds: readonly string[] | null,
  planner: Planner,
): Promise<Moves> {
  const made: Move[] = [];
  let open = topicIds;
  let lost = 0;
  for (let attempt = 0; attempt < ATTEMPTS_MAX && open?.length !== 0; attempt++) {
    const [cluster, topics] = await Promise.all([
      freshCluster({ clusterId, ports: { catalogue } }),
      open === null
        ? catalogue.topics(clusterId, null, { fresh: true })
        : catalogue.topicsById(clusterId, open, { fresh: true }),
    ]);
    const live = liveOf(cluster);
    const planned = [...topics.values()].flatMap((topic) =>
      topic.partitions.flatMap((before) => {
        const plan = planner(topic, before, live, cluster);
        return plan === null ? [] : [{ topic, before, plan }];
      }),
    );
    const done = await catalogue.changePartitions(
      clusterId,
      planned.map(({ topic, before, plan }) => ({
        topicId: topic.topicId,
        partition: before.partition,
        expectedPartitionEpoch: before.partitionEpoch,
        ...plan,
      })),
    );
    const failed = planned.filter((_, index) => done[index] !== true);
    for (const [index, { topic, before, plan }] of planned.entries()) {
      if (done[index] === true) made.push({ topic, before, after: rowAfter(before, plan) });
    }
    lost = failed.length;
    if (lost === 0) break;
    open = [...new Set(failed.map(({ topic }) => topic.topicId))];
  }
  return { made, lost };
}

function rowAfter(before: PartitionInfo, { next, reassignment }: Plan): PartitionInfo {
  const { partition, partitionEpoch } = before;
  const { leader, leaderEpoch, replicas, isr } = next;
  const kept = reassignment === undefined ? before.reassignment : (reassignment ?? undefined);
  return {
    ...{ partition, leader, leaderEpoch, partitionEpoch: partitionEpoch + 1, replicas, isr },
    ...(kept === undefined ? {} : { reassignment: kept }),
  };
}

/** The brokers that are not fenced, as of now. Throws KafkaError for a cluster that is not there. */
export async function liveBrokers(scope: {
  readonly clusterId: string;
  readonly ports: Pick<Ports, "catalogue">;
}): Promise<ReadonlySet<number>> {
  return liveOf(await freshCluster(scope));
}

function liveOf({ brokers }: ClusterInfo): ReadonlySet<number> {
  return new Set(brokers.flatMap(({ brokerId, fenced }) => (fenced ? [] : [brokerId])));
}

export async function freshCluster({
  clusterId,
  ports,
}: {
  readonly clusterId: string;
  readonly ports: Pick<Ports, "catalogue">;
}): Promise<ClusterInfo> {
  const cluster = await ports.catalogue.cluster(clusterId, { fresh: true });
  if (cluster !== null) return cluster;
  throw new KafkaError(
    ErrorCode.UNKNOWN_SERVER_ERROR,
    `Cluster '${clusterId}' is not in the catalogue: apply the D1 migrations, or correct KEDGE_CLUSTER_ID.`,
  );
}

/** unclean.leader.election.enable of the topic, or of all brokers. */
export function mayElectUnclean(
  { config }: Pick<ControlScope, "config">,
  cluster: ClusterInfo,
  topic: TopicInfo,
): boolean {
  const sources = brokerSources(cluster, config?.static ?? {}, EVERY_BROKER);
  const text = topicConfigValue("unclean.leader.election.enable", topic.configs, sources);
  return text.toLowerCase() === "true";
}

/** The leaders before and after: the old one is to stop, the new one to begin. */
export function leadersOf(clusterId: string, moves: readonly Move[]): PartitionAddress[] {
  return moves.flatMap(({ topic, before, after }) =>
    [...new Set([after.leader, before.leader])].flatMap((brokerId) =>
      brokerId < 0
        ? []
        : [{ clusterId, topicId: topic.topicId, partition: before.partition, brokerId }],
    ),
  );
}
