/**
 * Who leads a partition next. Pure: the caller has read the row and found out who is alive, and makes
 * the change by compare-and-set on the row's partition epoch, so that of several proposers one wins.
 * Kafka: PartitionChangeBuilder; KIP-460 (ElectLeaders), KIP-497.
 *
 * "Live" is a broker that is not fenced and whose replica answers. A mistake in it costs time, never
 * records: only a member of the ISR is elected unless `unclean` is set, every new leader gets a new
 * leader epoch, and a member taken off the ISR by mistake rejoins.
 */
import { ErrorCode } from "../protocol/errors.ts";
import type { PartitionInfo, PartitionState } from "./types.ts";

export type Election =
  | { readonly next: PartitionState }
  /** Nothing to do, or nothing that may be done; an error of ElectLeaders. */
  | { readonly refused: string; readonly errorCode: number };

const NO_LEADER = -1;

/**
 * The leader is dead, or there is none. Without a candidate the partition is left without a leader
 * (its ISR kept: those may come back and have everything).
 */
export function electLeader(
  partition: PartitionInfo,
  live: ReadonlySet<number>,
  unclean: boolean,
): Election {
  const { leader, isr, replicas } = partition;
  if (leader !== NO_LEADER && live.has(leader)) {
    return notNeeded(`broker ${leader} leads partition ${partition.partition} and is alive`);
  }
  const inSync = replicas.filter((id) => isr.includes(id) && live.has(id));
  const [clean] = inSync;
  if (clean !== undefined) return change(partition, clean, inSync);
  const last = unclean ? replicas.find((id) => live.has(id)) : undefined;
  // What it lacks is lost: nobody else may call himself in sync with it.
  if (last !== undefined) return change(partition, last, [last]);
  if (leader !== NO_LEADER) return change(partition, NO_LEADER, isr);
  return {
    refused: `no live replica of partition ${partition.partition} is in sync (ISR ${isr.join(", ")})`,
    errorCode: ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
  };
}

/** The first replica of the assignment becomes leader, if it may. */
export function electPreferred(partition: PartitionInfo, live: ReadonlySet<number>): Election {
  const { leader, isr, replicas } = partition;
  const [preferred] = replicas;
  if (preferred === undefined || preferred === leader) {
    return notNeeded(`broker ${leader} leads partition ${partition.partition} already`);
  }
  if (!isr.includes(preferred) || !live.has(preferred)) {
    return {
      refused: `broker ${preferred}, preferred for partition ${partition.partition}, is not alive and in sync`,
      errorCode: ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
    };
  }
  return change(partition, preferred, isr);
}

/**
 * ElectLeaders of type UNCLEAN: an operator takes the loss for a partition that has no leader.
 * Kafka refuses it while there is one.
 */
export function electUnclean(partition: PartitionInfo, live: ReadonlySet<number>): Election {
  return electLeader(partition, live, true);
}

/**
 * A broker is being taken out: what it leads gets another leader, and it leaves the ISR wherever
 * another member remains. `live` does not hold it any more.
 */
export function withoutBroker(
  partition: PartitionInfo,
  brokerId: number,
  live: ReadonlySet<number>,
  unclean: boolean,
): Election {
  if (partition.leader === brokerId) return electLeader(partition, live, unclean);
  const isr = partition.isr.filter((id) => id !== brokerId);
  if (isr.length === partition.isr.length || isr.length === 0) {
    return notNeeded(
      `broker ${brokerId} is no member to remove of partition ${partition.partition}`,
    );
  }
  // The leader stays and need not know: it waits for more replicas than it must (REP44).
  const { leader, leaderEpoch, replicas } = partition;
  return { next: { leader, leaderEpoch, replicas, isr } };
}

function change(partition: PartitionInfo, leader: number, isr: readonly number[]): Election {
  const { leaderEpoch, replicas } = partition;
  return { next: { leader, leaderEpoch: leaderEpoch + 1, replicas, isr } };
}

function notNeeded(refused: string): Election {
  return { refused, errorCode: ErrorCode.ELECTION_NOT_NEEDED };
}

/**
 * What a sweep does about brokers that are out: a partition without a live leader gets one, or none
 * when nobody may lead; under a live leader the others leave the ISR.
 */
export function repaired(
  partition: PartitionInfo,
  live: ReadonlySet<number>,
  unclean: boolean,
): Election {
  const { leader, leaderEpoch, replicas } = partition;
  if (!live.has(leader)) return electLeader(partition, live, unclean);
  const isr = partition.isr.filter((id) => live.has(id));
  if (isr.length === partition.isr.length) {
    return notNeeded(`partition ${partition.partition} is led, and its ISR is alive`);
  }
  return { next: { leader, leaderEpoch, replicas, isr } };
}
