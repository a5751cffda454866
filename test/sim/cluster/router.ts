/**
 * What a Worker does for its clients: find the leader, try again elsewhere, and propose an election
 * when the leader does not answer.
 */
import { type Election, electLeader } from "../../../src/cluster/election.ts";
import type { PartitionInfo } from "../../../src/cluster/types.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import type { ReplicaReply } from "../../../src/replication/messages.ts";
import { EDGE } from "./network.ts";
import type { ReplicaNode } from "./replica-object.ts";
import type { ClusterSurroundings } from "./surroundings.ts";

const CALL_TIMEOUT_MS = 400;
const PING_TIMEOUT_MS = 150;
const ELECTION_PAUSE_MS = 200;

export interface ProduceOptions {
  readonly acks: number;
  readonly timeoutMs: number;
}

/** null: nothing came back, anything may have happened. */
export type ProduceResult = (ReplicaReply & { readonly kind: "append" }) | null;

export class SimRouter {
  row: PartitionInfo;
  readonly #around: ClusterSurroundings;
  readonly #unclean: boolean;
  #electing = false;
  #refreshing = false;

  constructor(around: ClusterSurroundings, unclean: boolean) {
    this.#around = around;
    this.#unclean = unclean;
    this.row = around.catalogue.row;
  }

  produce(
    makeBatch: () => Uint8Array,
    { acks, timeoutMs }: ProduceOptions,
    result: (reply: ProduceResult) => void,
  ): void {
    const { leader, leaderEpoch } = this.row;
    if (leader < 0) {
      this.#leaderIsDead();
      this.#around.world.after(20, () => result(null));
      return;
    }
    this.call(
      leader,
      (to) => ({
        kind: "append",
        to,
        batch: makeBatch(),
        acks,
        timeoutMs,
        leaderEpoch,
        logAppendTime: false,
      }),
      (reply) => {
        const append = reply?.kind === "append" ? reply : null;
        if (append === null) this.#leaderIsDead();
        else if (append.errorCode !== ErrorCode.NONE) this.refresh();
        result(append);
      },
    );
  }

  /** One call of one replica, given up after a while. */
  call(
    brokerId: number,
    make: Parameters<ReplicaNode["askReplica"]>[0],
    result: (reply: ReplicaReply | null) => void,
  ): void {
    const { world, network, replicas } = this.#around;
    let settled = false;
    const settle = (reply: ReplicaReply | null): void => {
      if (settled) return;
      settled = true;
      result(reply);
    };
    network.call<ReplicaReply>(
      EDGE,
      brokerId,
      (answer) => replicas.get(brokerId)?.askReplica(make, answer),
      settle,
    );
    world.after(CALL_TIMEOUT_MS, () => settle(null));
  }

  refresh(): void {
    if (this.#refreshing) return;
    this.#refreshing = true;
    let settled = false;
    const settle = (row: PartitionInfo | null): void => {
      if (settled) return;
      settled = true;
      this.#refreshing = false;
      if (row !== null && row.partitionEpoch >= this.row.partitionEpoch) this.row = row;
    };
    this.#around.catalogue.read(EDGE, settle);
    this.#around.world.after(CALL_TIMEOUT_MS, () => settle(null));
  }

  /** The sweep's part: a partition whose leader is gone gets another. */
  repair(): void {
    this.#leaderIsDead();
  }

  /** Reads the row afresh, asks who is alive, and proposes the change. */
  #leaderIsDead(): void {
    if (this.#electing) return;
    this.#electing = true;
    const { world } = this.#around;
    world.after(ELECTION_PAUSE_MS + world.random.int(100), () => {
      this.#electing = false;
    });
    this.#around.catalogue.read(EDGE, (row) => {
      if (row === null) return;
      if (row.partitionEpoch >= this.row.partitionEpoch) this.row = row;
      this.ping(row.replicas, (live) => this.#propose(row, live));
    });
  }

  ping(brokers: readonly number[], result: (live: Set<number>) => void): void {
    const { world, network, replicas } = this.#around;
    const live = new Set<number>();
    for (const brokerId of brokers) {
      network.call<true>(
        EDGE,
        brokerId,
        (answer) =>
          replicas.get(brokerId)?.read(0, (value) => answer(value === null ? null : true)),
        (alive) => {
          if (alive === true) live.add(brokerId);
        },
      );
    }
    world.after(PING_TIMEOUT_MS, () => result(live));
  }

  #propose(row: PartitionInfo, live: ReadonlySet<number>): void {
    const { bug, catalogue } = this.#around;
    const election =
      bug?.electAnybody === true ? electAnybody(row, live) : electLeader(row, live, this.#unclean);
    if (!("next" in election)) return;
    catalogue.change(EDGE, "election", row.partitionEpoch, election.next, () => this.refresh());
  }
}

/** A planted bug. */
function electAnybody(row: PartitionInfo, live: ReadonlySet<number>): Election {
  return electLeader({ ...row, isr: row.replicas }, live, true);
}
