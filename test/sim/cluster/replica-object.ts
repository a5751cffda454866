/**
 * A replica's object: the real machine, writer and recovery over a store whose last writes are not
 * durable yet. Does what the shell of a Durable Object does, in the same order, while the scheduler
 * evicts it, loses a turn, or keeps it and loses what was to follow.
 */
import { LogWriter } from "../../../src/log/log-writer.ts";
import { PartitionLog } from "../../../src/log/partition-log.ts";
import { ProducerStates } from "../../../src/log/producer-state.ts";
import { readBatches } from "../../../src/log/read.ts";
import type { ReplyTo } from "../../../src/machine/machine.ts";
import type { ReplicaConfig } from "../../../src/replication/config.ts";
import {
  noReplicaEffects,
  type ReplicaEffects,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicaPosition,
  type ReplicaReply,
  type ReplicateReply,
} from "../../../src/replication/messages.ts";
import { Replica } from "../../../src/replication/replica.ts";
import { decodeReplicaState, encodeReplicaState } from "../../../src/replication/replica-state.ts";
import { REPLICA_RULES } from "../../../src/replication/rules.ts";
import { MemoryReplicaStore } from "../../support/memory-replica-store.ts";
import type { Scheduler } from "../scheduler.ts";
import type { SimCatalogue } from "./catalogue.ts";
import type { Checker } from "./checker.ts";
import type { SimNetwork } from "./network.ts";
import type { PlantedBug } from "./planted-bugs.ts";

export interface Surroundings {
  readonly world: Scheduler;
  readonly network: SimNetwork;
  readonly catalogue: SimCatalogue;
  readonly checker: Checker;
  readonly config: ReplicaConfig;
  readonly bug: PlantedBug | null;
  readonly replicas: Map<number, SimReplica>;
  /** Chances in [0, 1], and bounds. */
  readonly faults: { dropAlarm: number; lateAlarmMs: number; loseReplies: number; skewMs: number };
}

export interface ReadAnswer {
  readonly bytes: Uint8Array;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly isLeader: boolean;
}

interface Live {
  readonly store: MemoryReplicaStore;
  readonly replica: Replica;
  readonly writer: LogWriter;
}

type Answer = (reply: ReplicaReply | null) => void;

const FLUSH_MS_MAX = 12;
const TICKS_AT_ONCE_MAX = 50;

export class SimReplica {
  readonly brokerId: number;
  /** An operator took the broker out: it refuses everybody. */
  fenced = false;
  crashes = 0;
  readonly #around: Surroundings;
  #durable = new MemoryReplicaStore();
  #live: Live | null = null;
  #inputs: ReplicaInput[] = [];
  /** Who waits for a reply, under the name that the machine was given: for one turn or for many. */
  readonly #callers = new Map<ReplyTo, Answer>();
  #lastCaller = 0;
  /** Reads that must not leave before the write on its way is durable: the output gate. */
  #gated: (() => void)[] = [];
  #flushing = false;
  /** Bumped by every crash: what was scheduled by an earlier life is void. */
  #life = 0;
  #skewMs = 0;
  #alarmAtMs = Infinity;
  #checkedTo = 0;
  #lastTickMs = 0;
  #ticksNow = 0;

  constructor(brokerId: number, around: Surroundings) {
    this.brokerId = brokerId;
    this.#around = around;
  }

  get replica(): Replica {
    return this.#wake().replica;
  }

  get store(): MemoryReplicaStore {
    return this.#wake().store;
  }

  ask(make: (to: ReplyTo) => ReplicaInput, answer: (reply: ReplicaReply | null) => void): void {
    if (this.fenced) {
      answer(null);
      return;
    }
    const to = ++this.#lastCaller;
    this.#callers.set(to, answer);
    this.tell(make(to));
  }

  tell(input: ReplicaInput): void {
    this.#inputs.push(input);
    if (!this.#flushing) this.#turn();
  }

  read(fetchOffset: number, answer: (value: ReadAnswer | null) => void): void {
    if (this.fenced) {
      answer(null);
      return;
    }
    const { store, replica } = this.#wake();
    const { highWatermark, logStartOffset, logEndOffset } = replica.log;
    const range = { fetchOffset, upperBound: highWatermark, maxBytes: 800, minOneBatch: true };
    const isReadable = fetchOffset >= logStartOffset && fetchOffset < highWatermark;
    const bytes = isReadable ? readBatches(store, range) : new Uint8Array(0);
    const value = {
      bytes,
      highWatermark,
      logStartOffset,
      logEndOffset,
      isLeader: replica.isLeader,
    };
    if (this.#flushing) this.#gated.push(() => answer(value));
    else answer(value);
  }

  /** Memory goes; so does every write that was not durable, and all that waited for it. */
  crash(why: string): void {
    if (this.#live === null) return;
    this.crashes++;
    this.#around.world.note(
      `${this.brokerId} crashes ${why}${this.#flushing ? ", turn lost" : ""}`,
    );
    this.#life++;
    this.#live = null;
    const callers = [...this.#callers.values()];
    this.#inputs = [];
    this.#callers.clear();
    this.#gated = [];
    this.#flushing = false;
    for (const answer of callers) answer(null);
  }

  #wake(): Live {
    if (this.#live !== null) return this.#live;
    const { config, bug, faults, world } = this.#around;
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
    this.#skewMs = faults.skewMs === 0 ? 0 : world.random.int(2 * faults.skewMs) - faults.skewMs;
    // What is committed may be deleted in the first turn already.
    this.#around.checker.committedOn(this.brokerId, log, store, log.logStartOffset);
    this.#checkedTo = log.highWatermark;
    this.#live = { store, replica, writer: new LogWriter(store, log, replayed) };
    const { leaderEpoch, incarnation } = replica.state;
    const hw = log.highWatermark;
    world.note(
      `${this.brokerId} wakes ${log.logStartOffset}..${hw}..${log.logEndOffset} term ${leaderEpoch}.${incarnation}`,
    );
    return this.#live;
  }

  #turn(): void {
    const live = this.#wake();
    const inputs = this.#inputs;
    this.#inputs = [];
    const out = noReplicaEffects();
    let position: ReplicaPosition;
    try {
      position = this.#decide(live, inputs, out);
    } catch (error) {
      // A broken invariant: in an object ctx.abort(), here a find.
      this.#around.checker.violation(
        `broker ${this.brokerId}: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
      );
      this.crash("over a broken invariant");
      return;
    }
    const life = this.#life;
    const { checker } = this.#around;
    // What nobody was sent and is then lost was never written.
    if (live.replica.isLeader && out.early.length > 0) {
      checker.appended(this.brokerId, position, out.facts);
    }
    this.#send(out.early);
    if (this.#around.bug?.everythingEarly === true) this.#send(out.messages.splice(0));
    this.#reply(out.ready);
    if (this.#around.bug?.repliesEarly === true) this.#reply(out.replies.splice(0));
    if (life !== this.#life) return;
    this.#moveAlarm(live.replica.deadline());
    if (out.facts.length === 0) this.#finish(out);
    else this.#flush(live, out, position);
  }

  #decide(live: Live, inputs: readonly ReplicaInput[], out: ReplicaEffects): ReplicaPosition {
    const { replica, store, writer } = live;
    const { checker, bug, world } = this.#around;
    const now = world.nowMs + this.#skewMs;
    const before = replica.log.highWatermark;
    const led = replica.isLeader;
    for (const input of inputs) {
      replica.step(now, input, out);
      // What is committed with the last write may be deleted in this turn.
      if (input.kind === "durable") this.#noteCommitted(live);
    }
    replica.endTurn(now, out);
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
    this.#noteCommitted(live);
    return replica.position();
  }

  #noteCommitted({ replica: { log }, store }: Live): void {
    if (log.highWatermark <= this.#checkedTo) return;
    this.#around.checker.committedOn(this.brokerId, log, store, this.#checkedTo);
    this.#checkedTo = log.highWatermark;
  }

  #noteFacts({ facts }: ReplicaEffects): void {
    for (const fact of facts) {
      if (fact.kind === "batch" || fact.kind === "state") continue;
      this.#around.world.note(`${this.brokerId} ${fact.kind} ${fact.offset}`);
    }
  }

  #flush(live: Live, out: ReplicaEffects, position: ReplicaPosition): void {
    const { world, faults } = this.#around;
    const life = this.#life;
    const led = live.replica.isLeader;
    this.#flushing = true;
    world.after(1 + world.random.int(FLUSH_MS_MAX), () => {
      if (life !== this.#life) return;
      this.#durable = live.store.copy();
      if (led) this.#around.checker.appended(this.brokerId, position, out.facts);
      this.#flushing = false;
      if (faults.loseReplies > 0 && world.random.bool(faults.loseReplies)) {
        this.crash("after the write, replies lost");
        return;
      }
      const gated = this.#gated;
      this.#gated = [];
      for (const send of gated) send();
      this.#inputs.unshift({ kind: "durable", ...position });
      this.#finish(out);
    });
  }

  #finish(out: ReplicaEffects): void {
    const life = this.#life;
    this.#send(out.messages);
    this.#reply(out.replies);
    if (life === this.#life && this.#inputs.length > 0 && !this.#flushing) this.#turn();
  }

  #reply(replies: ReplicaEffects["replies"]): void {
    for (const { to, reply } of replies) {
      const answer = this.#callers.get(to);
      this.#callers.delete(to);
      answer?.(reply);
    }
  }

  #send(messages: readonly ReplicaMessage[]): void {
    for (const message of messages) this.#sendOne(message);
  }

  #sendOne(message: ReplicaMessage): void {
    const { network, catalogue, replicas } = this.#around;
    const life = this.#life;
    const back = (input: ReplicaInput): void => {
      if (life === this.#life) this.tell(input);
    };
    switch (message.kind) {
      case "readCatalogue":
        catalogue.read(this.brokerId, (partition) => {
          const config = { ...this.#around.config, fencedBrokers: [...catalogue.fenced] };
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
          (answer) =>
            replicas.get(follower)?.ask(
              (to) => ({ kind: "replicate", to, request }),
              (reply) => answer(reply?.kind === "replicate" ? reply.reply : null),
            ),
          (reply) => back({ kind: "replicated", follower, sendId, reply }),
        );
      }
    }
  }

  #moveAlarm(deadlineMs: number): void {
    const { world } = this.#around;
    const atMs = Math.max(deadlineMs - this.#skewMs, world.nowMs);
    if (atMs >= this.#alarmAtMs) return;
    this.#alarmAtMs = atMs;
    world.after(atMs - world.nowMs, () => {
      if (this.#alarmAtMs === atMs) this.#alarm();
    });
  }

  #alarm(): void {
    const { world, faults } = this.#around;
    this.#alarmAtMs = Infinity;
    this.#ticksNow = this.#lastTickMs === world.nowMs ? this.#ticksNow + 1 : 0;
    this.#lastTickMs = world.nowMs;
    if (this.#ticksNow > TICKS_AT_ONCE_MAX) {
      this.#around.checker.violation(`broker ${this.brokerId} asks for ticks without end`);
      return;
    }
    if (faults.dropAlarm > 0 && world.random.bool(faults.dropAlarm)) return;
    if (faults.lateAlarmMs === 0) this.tell({ kind: "tick" });
    else world.after(world.random.int(faults.lateAlarmMs), () => this.tell({ kind: "tick" }));
  }
}
