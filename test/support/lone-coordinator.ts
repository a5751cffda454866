/**
 * A coordinator, turn by turn, on any store: what lone-replica.ts is to a replica. With one replica
 * nothing is late and nothing is lost; with more a test carries the messages.
 */
import type { PartitionInfo } from "../../src/cluster/types.ts";
import {
  Coordinator,
  type CoordinatorEffects,
  type CoordinatorInput,
  type CoordinatorOptions,
  type GroupRules,
} from "../../src/group/coordinator.ts";
import type { GroupMessage, GroupReply } from "../../src/group/messages.ts";
import { LogWriter } from "../../src/log/log-writer.ts";
import { PartitionLog } from "../../src/log/partition-log.ts";
import type { ReplyTo } from "../../src/machine/machine.ts";
import { REPLICA_CONFIG_DEFAULT, type ReplicaConfig } from "../../src/replication/config.ts";
import {
  isReplicaMessage,
  noTurnEffects,
  type ReplicaInput,
} from "../../src/replication/messages.ts";
import { Replica } from "../../src/replication/replica.ts";
import {
  decodeReplicaState,
  encodeReplicaState,
  type ReplicaStore,
} from "../../src/replication/replica-state.ts";
import { loneRow } from "./lone-replica.ts";

export interface LoneCoordinatorOptions extends Partial<Omit<CoordinatorOptions, "replica">> {
  readonly brokerId?: number;
  readonly config?: Partial<ReplicaConfig>;
}

type Input = CoordinatorInput | ReplicaInput;

export class LoneCoordinator {
  readonly coordinator: Coordinator;
  readonly store: ReplicaStore;
  /** Group messages that nobody has taken yet. */
  readonly messages: GroupMessage[] = [];
  readonly #writer: LogWriter;

  constructor(
    store: ReplicaStore,
    newMachine: () => GroupRules,
    { brokerId = 1, config = {}, ...options }: LoneCoordinatorOptions = {},
  ) {
    this.store = store;
    const { log, replayed } = PartitionLog.recover(store);
    const stored = store.replicaState();
    const state = stored === null ? null : decodeReplicaState(stored);
    const whole = { ...REPLICA_CONFIG_DEFAULT, ...config };
    const replica = new Replica({ brokerId, log, store, state, config: whole });
    this.coordinator = new Coordinator({ replica, store, newMachine, ...options });
    this.#writer = new LogWriter(store, log, replayed);
  }

  get leaderEpoch(): number {
    return this.coordinator.replica.state.leaderEpoch;
  }

  /** One turn; its facts are in the store, but nobody has said yet that they are durable. */
  step(nowMs: number, inputs: readonly Input[]): CoordinatorEffects {
    const out: CoordinatorEffects = noTurnEffects();
    for (const input of inputs) this.coordinator.step(nowMs, input, out);
    this.coordinator.endTurn(nowMs, out);
    const facts = out.facts.filter((fact) => fact.kind !== "state");
    if (facts.length > 0) this.#writer.write(facts);
    const state = out.facts.findLast((fact) => fact.kind === "state");
    if (state?.kind === "state") this.store.putReplicaState(encodeReplicaState(state.state));
    for (const message of out.messages) if (!isReplicaMessage(message)) this.messages.push(message);
    return out;
  }

  /** A turn, its write, and the turns that follow from that at the same time; the groups' replies. */
  turn(nowMs: number, inputs: readonly Input[]): Map<ReplyTo, GroupReply> {
    const replies = new Map<ReplyTo, GroupReply>();
    for (let next = inputs; ; ) {
      const out = this.step(nowMs, next);
      for (const { to, reply } of [...out.ready, ...out.replies]) {
        if (reply.kind === "group") replies.set(to, reply.reply);
      }
      const durable = { kind: "durable", ...this.coordinator.position() } as const;
      if (out.facts.length > 0) next = [durable];
      else if (this.coordinator.deadline() <= nowMs) next = [{ kind: "tick" }];
      else return replies;
    }
  }

  learn(nowMs: number, partition: PartitionInfo): Map<ReplyTo, GroupReply> {
    return this.turn(nowMs, [{ kind: "catalogue", partition }]);
  }

  becomeLeader(nowMs: number, leaderEpoch: number): void {
    this.learn(nowMs, loneRow(leaderEpoch));
  }
}
