/**
 * A partition with one replica, turn by turn: the real machine and writer on any store. Nothing is
 * late here and nothing is lost; the simulator has that.
 */
import type { PartitionInfo } from "../../src/cluster/types.ts";
import { LogWriter } from "../../src/log/log-writer.ts";
import { type LogFact, PartitionLog } from "../../src/log/partition-log.ts";
import { REPLICA_CONFIG_DEFAULT, type ReplicaConfig } from "../../src/replication/config.ts";
import {
  noReplicaEffects,
  type ReplicaEffects,
  type ReplicaInput,
  type ReplicaReply,
} from "../../src/replication/messages.ts";
import { Replica } from "../../src/replication/replica.ts";
import {
  decodeReplicaState,
  encodeReplicaState,
  type ReplicaStore,
} from "../../src/replication/replica-state.ts";

const BROKER = 1;

/** The row of a partition that only this replica has. */
export function loneRow(leaderEpoch: number, partitionEpoch = leaderEpoch): PartitionInfo {
  const replicas = [BROKER];
  return { partition: 0, leader: BROKER, leaderEpoch, partitionEpoch, replicas, isr: replicas };
}

export class LoneReplica {
  readonly store: ReplicaStore;
  readonly replica: Replica;
  readonly #writer: LogWriter;
  /** Of its log, what the last turn and what followed from it decided. */
  facts: readonly LogFact[] = [];

  constructor(store: ReplicaStore, config: Partial<ReplicaConfig> = {}) {
    this.store = store;
    const { log, replayed } = PartitionLog.recover(store);
    const stored = store.replicaState();
    const state = stored === null ? null : decodeReplicaState(stored);
    const whole = { ...REPLICA_CONFIG_DEFAULT, ...config };
    this.replica = new Replica({ brokerId: BROKER, log, store, state, config: whole });
    this.#writer = new LogWriter(store, log, replayed);
  }

  get log(): PartitionLog {
    return this.replica.log;
  }

  get leaderEpoch(): number {
    return this.replica.state.leaderEpoch;
  }

  /** One turn; its facts are in the store, but nobody has said yet that they are durable. */
  step(nowMs: number, inputs: readonly ReplicaInput[]): ReplicaEffects {
    const out = noReplicaEffects();
    for (const input of inputs) this.replica.step(nowMs, input, out);
    this.replica.endTurn(nowMs, out);
    this.facts = out.facts.filter((fact) => fact.kind !== "state");
    if (this.facts.length > 0) this.#writer.write(this.facts);
    const state = out.facts.findLast((fact) => fact.kind === "state");
    if (state?.kind === "state") this.store.putReplicaState(encodeReplicaState(state.state));
    return out;
  }

  /** A turn, its write, and the turns that follow from that; the replies in the callers' order. */
  turn(nowMs: number, inputs: readonly ReplicaInput[]): ReplicaReply[] {
    const replies: ReplicaEffects["replies"] = [];
    const facts: LogFact[] = [];
    for (let next = inputs; ; ) {
      const out = this.step(nowMs, next);
      replies.push(...out.ready, ...out.replies);
      facts.push(...this.facts);
      if (out.facts.length === 0) break;
      next = [{ kind: "durable", ...this.replica.position() }];
    }
    this.facts = facts;
    return replies.sort((a, b) => a.to - b.to).map(({ reply }) => reply);
  }

  /** The catalogue made it the leader of this epoch; an epoch that is known already changes nothing. */
  becomeLeader(nowMs: number, leaderEpoch: number): void {
    this.turn(nowMs, [{ kind: "catalogue", partition: loneRow(leaderEpoch) }]);
  }
}
