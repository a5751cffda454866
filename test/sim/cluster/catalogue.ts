/** One partition's row in D1: read, and changed by compare-and-set on its partition epoch. */
import type { PartitionInfo, PartitionState } from "../../../src/cluster/types.ts";
import type { IsrOutcome } from "../../../src/replication/messages.ts";
import type { Scheduler } from "../scheduler.ts";
import { CATALOGUE, type SimNetwork } from "./network.ts";
import type { RowAccess } from "./replica-object.ts";

export class SimCatalogue implements RowAccess {
  row: PartitionInfo;
  readonly fenced = new Set<number>();
  unreachableUntilMs = 0;
  /** Hears of members that have just come into the ISR, before whoever asked for it does. */
  onJoin: ((joining: readonly number[]) => void) | null = null;
  readonly #world: Scheduler;
  readonly #network: SimNetwork;

  constructor(world: Scheduler, network: SimNetwork, replicas: readonly number[]) {
    this.#world = world;
    this.#network = network;
    const [leader = -1] = replicas;
    const state = { leader, leaderEpoch: 0, replicas, isr: replicas };
    this.row = { partition: 0, partitionEpoch: 0, ...state };
  }

  read(from: number, result: (row: PartitionInfo | null) => void): void {
    this.#network.call<PartitionInfo>(
      from,
      CATALOGUE,
      (answer) => answer(this.#unreachable ? null : this.row),
      result,
    );
  }

  change(
    from: number,
    why: string,
    expected: number,
    next: PartitionState,
    result: (outcome: IsrOutcome) => void,
  ): void {
    this.#network.call<IsrOutcome>(
      from,
      CATALOGUE,
      (answer) => answer(this.#unreachable ? null : this.#compareAndSet(why, expected, next)),
      (outcome) => result(outcome ?? "unknown"),
    );
  }

  get #unreachable(): boolean {
    return this.#world.nowMs < this.unreachableUntilMs;
  }

  #compareAndSet(why: string, expected: number, next: PartitionState): IsrOutcome {
    const { row } = this;
    if (row.partitionEpoch !== expected || next.leaderEpoch < row.leaderEpoch) return "conflict";
    const joining = next.isr.filter((id) => !row.isr.includes(id));
    if (joining.some((id) => this.fenced.has(id))) return "ineligible";
    this.row = { ...row, ...next, partitionEpoch: expected + 1 };
    const { leader, leaderEpoch, isr, partitionEpoch } = this.row;
    this.#world.note(`row ${partitionEpoch}: ${why}: leader ${leader}@${leaderEpoch} isr ${isr}`);
    if (joining.length > 0) this.onJoin?.(joining);
    return "done";
  }
}
