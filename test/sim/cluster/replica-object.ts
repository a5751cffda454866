/**
 * A replica's object: the real machine, writer and recovery over a store whose last writes are not
 * durable yet, in the shell that every machine's object has here (object.ts).
 */
import type { PartitionInfo, PartitionState } from "../../../src/cluster/types.ts";
import { LogWriter } from "../../../src/log/log-writer.ts";
import { PartitionLog } from "../../../src/log/partition-log.ts";
import { ProducerStates } from "../../../src/log/producer-state.ts";
import { readBatches } from "../../../src/log/read.ts";
import type { ReplyTo } from "../../../src/machine/machine.ts";
import type { ReplicaConfig } from "../../../src/replication/config.ts";
import {
  type IsrOutcome,
  noReplicaEffects,
  type ReplicaEffects,
  type ReplicaFact,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicaPosition,
  type ReplicaReply,
  type ReplicateReply,
  type ReplicateRequest,
} from "../../../src/replication/messages.ts";
import { Replica } from "../../../src/replication/replica.ts";
import { decodeReplicaState, encodeReplicaState } from "../../../src/replication/replica-state.ts";
import { REPLICA_RULES } from "../../../src/replication/rules.ts";
import { MemoryReplicaStore } from "../../support/memory-replica-store.ts";
import { type ObjectSurroundings, SimObject, type Turn } from "../object.ts";
import type { Checker } from "./checker.ts";
import type { SimNetwork } from "./network.ts";
import type { PlantedBug } from "./planted-bugs.ts";

/** The catalogue as a replica uses it: its own partition's row. */
export interface RowAccess {
  /** Brokers that are out, which whoever reads the row learns too. */
  readonly fenced: Iterable<number>;
  read(from: number, result: (row: PartitionInfo | null) => void): void;
  change(
    from: number,
    why: string,
    expectedPartitionEpoch: number,
    next: PartitionState,
    result: (outcome: IsrOutcome) => void,
  ): void;
}

/** What the replicas of one partition share. */
export interface Surroundings extends ObjectSurroundings {
  readonly network: SimNetwork;
  readonly catalogue: RowAccess;
  readonly checker: Checker;
  readonly config: ReplicaConfig;
  readonly bug: PlantedBug | null;
  readonly replicas: Map<number, SimReplica>;
}

export interface ReadAnswer {
  readonly bytes: Uint8Array;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly isLeader: boolean;
}

export interface ReplicaLife {
  readonly store: MemoryReplicaStore;
  readonly replica: Replica;
  readonly writer: LogWriter;
}

export interface ReplicaTurn extends Turn<ReplicaInput, ReplicaFact, ReplicaMessage, ReplicaReply> {
  readonly out: ReplicaEffects;
  readonly position: ReplicaPosition;
}

export class SimReplica extends SimObject<
  ReplicaLife,
  ReplicaInput,
  ReplicaFact,
  ReplicaMessage,
  ReplicaReply
> {
  readonly brokerId: number;
  /** An operator took the broker out: it refuses everybody. */
  fenced = false;
  protected readonly around: Surroundings;
  #durable = new MemoryReplicaStore();
  #checkedTo = 0;

  constructor(brokerId: number, around: Surroundings, name = `${brokerId}`) {
    super(name, around);
    this.brokerId = brokerId;
    this.around = around;
  }

  get replica(): Replica {
    return this.live.replica;
  }

  get store(): MemoryReplicaStore {
    return this.live.store;
  }

  override ask(
    make: (to: ReplyTo) => ReplicaInput,
    answer: (reply: ReplicaReply | null) => void,
  ): void {
    if (this.fenced) answer(null);
    else super.ask(make, answer);
  }

  /** All that it ever kept is gone; to be called of an object that is not alive. */
  protected dropStorage(): void {
    this.#durable = new MemoryReplicaStore();
  }

  /** A message from the leader. */
  receive(request: ReplicateRequest, answer: (reply: ReplicateReply | null) => void): void {
    this.ask(
      (to) => ({ kind: "replicate", to, request }),
      (reply) => answer(reply?.kind === "replicate" ? reply.reply : null),
    );
  }

  read(fetchOffset: number, answer: (value: ReadAnswer | null) => void): void {
    if (this.fenced) {
      answer(null);
      return;
    }
    const { store, replica } = this.live;
    const { highWatermark, logStartOffset, logEndOffset } = replica.log;
    const range = { fetchOffset, upperBound: highWatermark, maxBytes: 800, minOneBatch: true };
    const isReadable = fetchOffset >= logStartOffset && fetchOffset < highWatermark;
    const bytes = isReadable ? readBatches(store, range) : new Uint8Array(0);
    const { isLeader } = replica;
    const value = { bytes, highWatermark, logStartOffset, logEndOffset, isLeader };
    this.whenDurable(() => answer(value));
  }

  protected override load(): ReplicaLife {
    const { config, bug, world, checker } = this.around;
    const store = this.#durable.copy();
    const { log, replayed } = PartitionLog.recover(store);
    if (bug?.forgetProducersOnWaking === true) log.producers = new ProducerStates();
    const stored = store.replicaState();
    const replica = new Replica({
      brokerId: this.brokerId,
      log,
      store,
      state: stored === null ? null : decodeReplicaState(stored),
      config,
      rules: { ...REPLICA_RULES, ...bug?.rules },
    });
    // What is committed may be deleted in the first turn already.
    checker.committedOn(this.brokerId, log, store, log.logStartOffset);
    this.#checkedTo = log.highWatermark;
    const { leaderEpoch, incarnation } = replica.state;
    const hw = log.highWatermark;
    world.note(
      `${this.name} wakes ${log.logStartOffset}..${hw}..${log.logEndOffset} term ${leaderEpoch}.${incarnation}`,
    );
    return { store, replica, writer: new LogWriter(store, log, replayed) };
  }

  protected override deadlineOf({ replica }: ReplicaLife): number {
    return replica.deadline();
  }

  protected override tick(): ReplicaInput {
    return { kind: "tick" };
  }

  protected override decide(
    life: ReplicaLife,
    nowMs: number,
    inputs: readonly ReplicaInput[],
  ): ReplicaTurn {
    const { replica, store, writer } = life;
    const { checker, bug } = this.around;
    const out = noReplicaEffects();
    const before = replica.log.highWatermark;
    const led = replica.isLeader;
    for (const input of inputs) {
      replica.step(nowMs, input, out);
      // What is committed with the last write may be deleted in this turn.
      if (input.kind === "durable") this.#noteCommitted(life);
    }
    replica.endTurn(nowMs, out);
    const { log } = replica;
    this.#noteFacts(out);
    if (!led && replica.isLeader && bug?.forgetProducers === true)
      log.producers = new ProducerStates();
    if (out.facts.length > 0) {
      writer.write(out.facts.filter((fact) => fact.kind !== "state"));
      const state = out.facts.findLast((fact) => fact.kind === "state");
      if (state?.kind === "state") store.putReplicaState(encodeReplicaState(state.state));
    }
    checker.highWatermarkMoved(this.brokerId, before, log.highWatermark);
    this.#noteCommitted(life);
    const position = replica.position();
    const keep = (): ReplicaInput => {
      this.#durable = store.copy();
      return { kind: "durable", ...position };
    };
    return { out, position, keep };
  }

  #noteCommitted({ replica: { log }, store }: ReplicaLife): void {
    if (log.highWatermark <= this.#checkedTo) return;
    this.around.checker.committedOn(this.brokerId, log, store, this.#checkedTo);
    this.#checkedTo = log.highWatermark;
  }

  protected override decided({ replica }: ReplicaLife, { out, position }: ReplicaTurn): void {
    const { bug, checker } = this.around;
    // What nobody was sent and is then lost was never written.
    if (replica.isLeader && out.early.length > 0) {
      checker.appended(this.brokerId, position, out.facts);
    }
    if (bug?.everythingEarly === true) out.early.push(...out.messages.splice(0));
    if (bug?.repliesEarly === true) out.ready.push(...out.replies.splice(0));
  }

  protected override stored({ replica }: ReplicaLife, { out, position }: ReplicaTurn): void {
    if (replica.isLeader) this.around.checker.appended(this.brokerId, position, out.facts);
  }

  #noteFacts({ facts }: ReplicaEffects): void {
    for (const fact of facts) {
      if (fact.kind === "batch" || fact.kind === "state") continue;
      this.around.world.note(`${this.name} ${fact.kind} ${fact.offset}`);
    }
  }

  protected override sendOne(message: ReplicaMessage, back: (input: ReplicaInput) => void): void {
    const { network, catalogue, replicas } = this.around;
    switch (message.kind) {
      case "readCatalogue":
        catalogue.read(this.brokerId, (partition) => {
          const config = { ...this.around.config, fencedBrokers: [...catalogue.fenced] };
          if (partition !== null) back({ kind: "configure", config });
          back({ kind: "catalogue", partition });
        });
        return;
      case "changeIsr": {
        const { attempt, expectedPartitionEpoch, next } = message;
        const why = `isr by ${this.brokerId}`;
        catalogue.change(this.brokerId, why, expectedPartitionEpoch, next, (outcome) =>
          back({ kind: "isrChanged", attempt, outcome }),
        );
        return;
      }
      case "replicate": {
        const { follower, sendId, request } = message;
        network.call<ReplicateReply>(
          this.brokerId,
          follower,
          (answer) => replicas.get(follower)?.receive(request, answer),
          (reply) => back({ kind: "replicated", follower, sendId, reply }),
        );
      }
    }
  }
}
