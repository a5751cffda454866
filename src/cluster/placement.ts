/**
 * Where the replicas of new partitions go. The aims are Kafka's (StripedReplicaPlacer), in this
 * order: a partition's replicas on as many racks as there are, leaders spread evenly, and no set of
 * replicas repeated more than need be, so that the partitions of a broker that dies are taken over
 * by all the others. Unlike Kafka, a fenced broker is never chosen: its objects would have to be
 * created in a region that an operator has just taken out.
 *
 * Randomness comes in as a function, uniform in [0, 1).
 */
import { assert } from "../lib/assert.ts";
import type { BrokerInfo, PartitionInfo } from "./types.ts";

export type Random = () => number;

/** Replica lists in partition order, the preferred leader first; or a sentence that says why not. */
export type Placement =
  | { readonly replicas: readonly (readonly number[])[] }
  | { readonly refused: string };

/** Refused (INVALID_REPLICATION_FACTOR) when there are fewer unfenced brokers than replicas. */
export function placeReplicas(
  brokers: readonly BrokerInfo[],
  partitions: number,
  replicationFactor: number,
  random: Random,
): Placement {
  assert(partitions > 0 && replicationFactor > 0, "placement needs partitions and replicas");
  const live = brokers.filter((broker) => !broker.fenced);
  if (replicationFactor > live.length) return { refused: tooFew(brokers, live, replicationFactor) };
  const stripes = new Stripes(live, random);
  return { replicas: Array.from({ length: partitions }, () => stripes.next(replicationFactor)) };
}

function tooFew(all: readonly BrokerInfo[], live: readonly BrokerInfo[], wanted: number): string {
  if (live.length === 0) return "All brokers are currently fenced.";
  const fenced = all.length - live.length;
  const but = fenced === 0 ? "" : ` (${fenced} more fenced)`;
  return (
    `The target replication factor of ${wanted} cannot be reached because only ` +
    `${live.length} broker(s) are available${but}.`
  );
}

/** Brokers dealt like cards: all of them once, in a drawn order, before any of them again. */
class Deck {
  readonly #brokers: readonly number[];
  readonly #random: Random;
  #left: number[] = [];

  constructor(brokers: readonly number[], random: Random) {
    this.#brokers = brokers;
    this.#random = random;
  }

  /** The next broker that is not in `taken`; -1 when there is none at all. */
  next(taken: readonly number[]): number {
    if (this.#brokers.every((broker) => taken.includes(broker))) return -1;
    let at = this.#left.findIndex((broker) => !taken.includes(broker));
    if (at < 0) {
      this.#left.push(...shuffled(this.#brokers, this.#random));
      at = this.#left.findIndex((broker) => !taken.includes(broker));
    }
    const [broker] = this.#left.splice(at, 1);
    assert(broker !== undefined, "a fresh deck holds a broker that is not taken");
    return broker;
  }
}

/** Leaders and followers are dealt apart, so that each of the two is even within the rack. */
interface Rack {
  readonly leaders: Deck;
  readonly followers: Deck;
}

/**
 * Stripes of racks: A B C, B C A, C A B. After as many partitions as there are racks, the order of
 * the racks is drawn anew, so that B does not always follow A; within such a round every rack leads
 * exactly once, which keeps the leaders even whatever is drawn.
 */
class Stripes {
  readonly #random: Random;
  #racks: readonly Rack[];
  #start = 0;

  constructor(live: readonly BrokerInfo[], random: Random) {
    const byRack = new Map<string, number[]>();
    for (const { rack, brokerId } of live) {
      const brokers = byRack.get(rack);
      if (brokers === undefined) byRack.set(rack, [brokerId]);
      else brokers.push(brokerId);
    }
    const racks = Array.from(byRack.values(), (brokers) => ({
      leaders: new Deck(brokers, random),
      followers: new Deck(brokers, random),
    }));
    this.#random = random;
    this.#racks = shuffled(racks, random);
  }

  next(replicationFactor: number): number[] {
    if (this.#start === this.#racks.length) {
      this.#racks = shuffled(this.#racks, this.#random);
      this.#start = 0;
    }
    const chosen: number[] = [];
    for (let at = this.#start; chosen.length < replicationFactor; at++) {
      const rack = this.#racks[at % this.#racks.length];
      assert(rack !== undefined, "a cluster with a live broker has a rack");
      const broker = (chosen.length === 0 ? rack.leaders : rack.followers).next(chosen);
      if (broker >= 0) chosen.push(broker);
    }
    this.#start++;
    return chosen;
  }
}

/** Each item goes to a drawn place among those before it, which makes every order as likely. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const out: T[] = [];
  for (const item of items) {
    const at = below(out.length + 1, random);
    out.splice(at, 0, item);
  }
  return out;
}

function below(bound: number, random: Random): number {
  return Math.min(Math.floor(random() * bound), bound - 1);
}

/**
 * What is wrong with replica lists that a user wrote (INVALID_REPLICA_ASSIGNMENT), or null. All of
 * them must be as long as `replicationFactor`, or as the first when that is null.
 */
export function manualPlacementProblem(
  brokers: readonly BrokerInfo[],
  lists: readonly (readonly number[])[],
  firstPartition: number,
  replicationFactor: number | null,
): string | null {
  const byId = new Map(brokers.map((broker) => [broker.brokerId, broker]));
  let expected = replicationFactor;
  for (const [index, list] of lists.entries()) {
    const partition = firstPartition + index;
    const problem = replicaListProblem(byId, list, partition);
    if (problem !== null) return problem;
    expected ??= list.length;
    if (list.length !== expected) {
      return (
        `The manual partition assignment includes a partition with ${list.length} replica(s), but ` +
        `this is not consistent with previous partitions, which have ${expected} replica(s).`
      );
    }
  }
  return null;
}

/** What is wrong with one list of replicas, or null. */
export function replicaListProblem(
  brokers: ReadonlyMap<number, BrokerInfo>,
  list: readonly number[],
  partition: number,
): string | null {
  if (list.length === 0) {
    return "The manual partition assignment includes an empty replica list.";
  }
  const unknown = list.find((id) => !brokers.has(id));
  if (unknown !== undefined) {
    return (
      `The manual partition assignment includes broker ${unknown}, but no such broker is ` +
      `registered. The brokers are ${[...brokers.keys()].join(", ")}.`
    );
  }
  const twice = list.find((id, index) => list.indexOf(id) !== index);
  if (twice !== undefined) {
    return `The manual partition assignment includes the broker ${twice} more than once.`;
  }
  if (list.every((id) => brokers.get(id)?.fenced)) {
    return `All brokers specified in the manual partition assignment for partition ${partition} are fenced.`;
  }
  return null;
}

/** The state a partition starts in: every unfenced replica in sync, the first of them leading. */
export function newPartition(
  brokers: readonly BrokerInfo[],
  partition: number,
  replicas: readonly number[],
): PartitionInfo {
  const fenced = new Set(brokers.filter((b) => b.fenced).map((b) => b.brokerId));
  const isr = replicas.filter((id) => !fenced.has(id));
  const [leader] = isr;
  assert(leader !== undefined, `partition ${partition} has no unfenced replica to lead it`);
  return { partition, leader, leaderEpoch: 0, partitionEpoch: 0, replicas, isr };
}
