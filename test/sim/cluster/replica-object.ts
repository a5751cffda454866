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
  isReplicaMessage,
  noTurnEffects,
  type ReplicaFact,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicaPosition,
  type ReplicaReply,
  type ReplicateReply,
  type ReplicateRequest,
  type TurnEffects,
  type TurnMachine,
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
  readonly replicas: Map<number, ReplicaNode>;
}

/** A replica as the others and the router know it, whatever stands on it. */
export type ReplicaNode = Pick<
  SimReplica,
  "brokerId" | "fenced" | "crashes" | "replica" | "store" | "crash" | "tell" | "read" | "receive"
> & {
  askReplica(
    make: (to: ReplyTo) => ReplicaInput,
    answer: (reply: ReplicaReply | null) => void,
  ): void;
};

export interface ReadAnswer {
  readonly bytes: Uint8Array;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly isLeader: boolean;
}

interface OfSomeKind {
  readonly kind: string;
}

export interface ReplicaLife<Input = never, Message = never, Reply = never> {
  readonly store: MemoryReplicaStore;
  readonly replica: Replica;
  readonly writer: LogWriter;
  /** What the shell drives: the replica itself, or what stands on it. */
  readonly machine: TurnMachine<Input, Message, Reply>;
}

export interface ReplicaTurn<Input = never, Message = never, Reply = never>
  extends Turn<Input | ReplicaInput, ReplicaFact, Message | ReplicaMessage, Reply | ReplicaReply> {
  readonly out: TurnEffects<Message | ReplicaMessage, Reply | ReplicaReply>;
  readonly position: ReplicaPosition;
}

/** Also of a machine on top of the replica, with inputs, messages and replies of its own. */
export class SimReplica<
  Input extends OfSomeKind = never,
  Message extends OfSomeKind = never,
  Reply extends OfSomeKind = never,
> extends SimObject<
  ReplicaLife<Input, Message, Reply>,
  Input | ReplicaInput,
  ReplicaFact,
  Message | ReplicaMessage,
  Reply | ReplicaReply
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
    make: (to: ReplyTo) => Input | ReplicaInput,
    answer: (reply: Reply | ReplicaReply | null) => void,
  ): void {
    if (this.fenced) answer(null);
    else super.ask(make, answer);
  }

  /** As `ask`, of what a replica without anything on it is asked. */
  askReplica(
    make: (to: ReplyTo) => ReplicaInput,
    answer: (reply: ReplicaReply | null) => void,
  ): void {
    this.ask(make, (reply) => answer(reply !== null && isReplicaReply(reply) ? reply : null));
  }

  /** All that it ever kept is gone; to be called of an object that is not alive. */
  protected dropStorage(): void {
    this.#durable = new MemoryReplicaStore();
  }

  /** A message from the leader. */
  receive(request: ReplicateRequest, answer: (reply: ReplicateReply | null) => void): void {
    this.askReplica(
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

  /** What is driven in the place of the replica alone. */
  protected machineOn(
    replica: Replica,
    _store: MemoryReplicaStore,
  ): TurnMachine<Input, Message, Reply> {
    return replica;
  }

  protected override load(): ReplicaLife<Input, Message, Reply> {
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
    const machine = this.machineOn(replica, store);
    return { store, replica, machine, writer: new LogWriter(store, log, replayed) };
  }

  protected override deadlineOf({ machine }: ReplicaLife<Input, Message, Reply>): number {
    return machine.deadline();
  }

  protected override tick(): ReplicaInput {
    return { kind: "tick" };
  }

  protected override decide(
    life: ReplicaLife<Input, Message, Reply>,
    nowMs: number,
    inputs: readonly (Input | ReplicaInput)[],
  ): ReplicaTurn<Input, Message, Reply> {
    const { replica, machine, store, writer } = life;
    const { checker, bug } = this.around;
    const out = noTurnEffects<Message | ReplicaMessage, Reply | ReplicaReply>();
    const before = replica.log.highWatermark;
    const led = replica.isLeader;
    for (const input of inputs) {
      machine.step(nowMs, input, out);
      // What is committed with the last write may be deleted in this turn.
      if (input.kind === "durable") this.#noteCommitted(life);
    }
    machine.endTurn(nowMs, out);
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
    const position = machine.position();
    const keep = (): ReplicaInput => {
      this.#durable = store.copy();
      return { kind: "durable", ...position };
    };
    return { out, position, keep };
  }

  #noteCommitted({ replica: { log }, store }: ReplicaLife<Input, Message, Reply>): void {
    if (log.highWatermark <= this.#checkedTo) return;
    this.around.checker.committedOn(this.brokerId, log, store, this.#checkedTo);
    this.#checkedTo = log.highWatermark;
  }

  protected override decided(
    { replica }: ReplicaLife<Input, Message, Reply>,
    { out, position }: ReplicaTurn<Input, Message, Reply>,
  ): void {
    const { bug, checker } = this.around;
    // What nobody was sent and is then lost was never written.
    if (replica.isLeader && out.early.length > 0) {
      checker.appended(this.brokerId, position, out.facts);
    }
    if (bug?.everythingEarly === true) out.early.push(...out.messages.splice(0));
    if (bug?.repliesEarly === true) out.ready.push(...out.replies.splice(0));
  }

  protected override stored(
    { replica }: ReplicaLife<Input, Message, Reply>,
    { out, position }: ReplicaTurn<Input, Message, Reply>,
  ): void {
    if (replica.isLeader) this.around.checker.appended(this.brokerId, position, out.facts);
  }

  #noteFacts({ facts }: { readonly facts: readonly ReplicaFact[] }): void {
    for (const fact of facts) {
      if (fact.kind === "batch" || fact.kind === "state") continue;
      this.around.world.note(`${this.name} ${fact.kind} ${fact.offset}`);
    }
  }

  protected override sendOne(
    message: Message | ReplicaMessage,
    back: (input: Input | ReplicaInput) => void,
  ): void {
    if (isReplicaMessage(message)) this.#sendReplicas(message, back);
  }

  #sendReplicas(message: ReplicaMessage, back: (input: ReplicaInput) => void): void {
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

/** What stands on a replica answers with kinds of its own. */
function isReplicaReply(reply: OfSomeKind): reply is ReplicaReply {
  const { kind } = reply;
  return kind === "append" || kind === "deleteRecords" || kind === "replicate";
}
