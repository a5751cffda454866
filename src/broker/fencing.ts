/**
 * Taking a broker out and back: an operator's drain of a region. The mark comes first, so that no
 * ISR takes the broker in any more; then what it leads gets other leaders and it leaves the ISRs. A
 * run that breaks off in between is completed by the sweep, or by running it again.
 */
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import { repairElections } from "./elections.ts";
import type { ControlScope, Move } from "./moves.ts";
import { freshCluster, leadersOf } from "./moves.ts";
import type { PartitionAddress } from "./ports.ts";

export interface FencingReport {
  readonly brokerId: number;
  readonly fenced: boolean;
  /** Partitions that got another leader. */
  readonly leadersMoved: number;
  /** Partitions whose ISR became smaller and whose leader stayed. */
  readonly isrsShrunk: number;
  /** Partitions that have no leader now: nobody else is in sync. */
  readonly leaderless: number;
  /** Partitions that others kept changing: the sweep looks at them again. */
  readonly left: number;
  /** Replicas to be told; see PartitionsPort.refresh. Not part of an answer. */
  readonly refresh: readonly PartitionAddress[];
}

/**
 * Throws KafkaError BROKER_ID_NOT_REGISTERED for an unknown broker, INVALID_REQUEST for the last one
 * that is not fenced unless forced, REQUEST_TIMED_OUT when the catalogue does not answer.
 */
export async function fenceBroker(
  scope: ControlScope,
  brokerId: number,
  options: { readonly force?: boolean } = {},
): Promise<FencingReport> {
  const { catalogue } = scope.ports;
  const outcome = await catalogue.setBrokerFenced(scope.clusterId, brokerId, true, options);
  if (outcome === "unknown") throw await unknownBroker(scope, brokerId);
  if (outcome === "last") {
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `Broker ${brokerId} is the last one that is not fenced: without it no partition has a leader. ` +
        "Unfence another one first, or force it.",
    );
  }
  const { made, lost } = await repairElections(scope);
  return {
    ...{ brokerId, fenced: true, left: lost, ...counts(made) },
    refresh: leadersOf(scope.clusterId, made),
  };
}

/**
 * The broker leads again what waits for it. Into the other ISRs it comes back by its leaders, once
 * it has caught up. Throws as fenceBroker does, but never for the last broker.
 */
export async function unfenceBroker(scope: ControlScope, brokerId: number): Promise<FencingReport> {
  const { clusterId, ports } = scope;
  const outcome = await ports.catalogue.setBrokerFenced(clusterId, brokerId, false);
  if (outcome === "unknown") throw await unknownBroker(scope, brokerId);
  const { made, lost } = await repairElections(scope);
  const refresh = [...leadersOf(clusterId, made), ...(await leadersThatMiss(scope, brokerId))];
  return { brokerId, fenced: false, left: lost, ...counts(made), refresh };
}

function counts(moves: readonly Move[]) {
  const left = moves.filter(({ before, after }) => before.leader !== after.leader);
  const leaderless = left.filter(({ after }) => after.leader < 0).length;
  return {
    leadersMoved: left.length - leaderless,
    isrsShrunk: moves.length - left.length,
    leaderless,
  };
}

/** Leaders that had given the broker up, and may try it again at once. */
async function leadersThatMiss(
  { clusterId, ports }: ControlScope,
  brokerId: number,
): Promise<PartitionAddress[]> {
  const topics = await ports.catalogue.topics(clusterId, null, { fresh: true });
  return [...topics.values()].flatMap(({ topicId, partitions }) =>
    partitions.flatMap(({ partition, leader, replicas, isr }) =>
      leader >= 0 && replicas.includes(brokerId) && !isr.includes(brokerId)
        ? [{ clusterId, topicId, partition, brokerId: leader }]
        : [],
    ),
  );
}

async function unknownBroker(scope: ControlScope, brokerId: number): Promise<KafkaError> {
  const { brokers } = await freshCluster(scope);
  const known = brokers.map((broker) => broker.brokerId).join(", ");
  return new KafkaError(
    ErrorCode.BROKER_ID_NOT_REGISTERED,
    `There is no broker ${brokerId} in cluster '${scope.clusterId}'; the brokers are ${known}.`,
  );
}
