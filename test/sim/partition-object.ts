/**
 * A partition's object in the simulated world: the real log machine, writer and recovery around a
 * store whose last writes are not durable yet. Where objects/shell.ts awaits the platform, this one
 * asks the scheduler, which may evict the object, lose a turn, or keep it and lose its replies.
 */
import { type LogInput, LogMachine, type LogReply } from "../../src/log/log-machine.ts";
import { LogWriter } from "../../src/log/log-writer.ts";
import { type LogFact, PartitionLog } from "../../src/log/partition-log.ts";
import { readBatches } from "../../src/log/read.ts";
import { noEffects, type ReplyTo } from "../../src/machine/machine.ts";
import { MemoryLogStore } from "../support/memory-log-store.ts";
import type { Scheduler } from "./scheduler.ts";

export interface PlantedBugs {
  /** Replies leave before the write under them is durable. */
  readonly replyBeforeDurable?: boolean;
  /** Recovery forgets who wrote what. */
  readonly forgetProducers?: boolean;
}

interface Live {
  readonly store: MemoryLogStore;
  readonly machine: LogMachine;
  readonly writer: LogWriter;
}

type Reply = (reply: LogReply) => void;

export class SimPartition {
  readonly #world: Scheduler;
  readonly #bugs: PlantedBugs;
  #durable = new MemoryLogStore();
  #live: Live | null = null;
  #waiting: { make: (to: ReplyTo) => LogInput; reply: Reply }[] = [];
  /** Replies that must not leave before the write on its way is durable: the output gate. */
  #gated: (() => void)[] = [];
  #flushing = false;
  /** Bumped by every crash: what was scheduled by an earlier life is void. */
  #life = 0;

  constructor(world: Scheduler, bugs: PlantedBugs = {}) {
    this.#world = world;
    this.#bugs = bugs;
  }

  ask(make: (to: ReplyTo) => LogInput, reply: Reply): void {
    this.#waiting.push({ make, reply });
    if (!this.#flushing) this.#turn();
  }

  read(offset: number, maxBytes: number, reply: (bytes: Uint8Array, hw: number) => void): void {
    const { store, machine } = this.#wake();
    const upperBound = machine.log.highWatermark;
    const range = { fetchOffset: offset, upperBound, maxBytes, minOneBatch: true };
    const bytes = offset >= upperBound ? new Uint8Array(0) : readBatches(store, range).slice();
    this.#gate(() => reply(bytes, upperBound));
  }

  get log(): PartitionLog {
    return this.#wake().machine.log;
  }

  get store(): MemoryLogStore {
    return this.#wake().store;
  }

  /** Memory goes; so does every write that was not durable, and every reply that waited for it. */
  crash(why: string): void {
    this.#world.note(`crash ${why}`);
    this.#life++;
    this.#live = null;
    this.#waiting = [];
    this.#gated = [];
    this.#flushing = false;
  }

  #wake(): Live {
    if (this.#live !== null) return this.#live;
    const store = this.#durable.copy();
    const { log, replayed } = PartitionLog.recover(store);
    if (this.#bugs.forgetProducers === true) {
      for (const entry of log.producers.entries()) entry.batches = [];
    }
    const machine = new LogMachine(log, store, 0);
    const writer = new LogWriter(store, log, replayed);
    this.#world.note(`woke at ${log.logStartOffset}..${log.logEndOffset}`);
    this.#live = { store, machine, writer };
    return this.#live;
  }

  #turn(): void {
    const { machine, writer } = this.#wake();
    const inputs = this.#waiting;
    this.#waiting = [];
    const effects = noEffects<LogFact, never, LogReply>();
    inputs.forEach(({ make }, to) => {
      machine.step(this.#world.nowMs, make(to), effects);
    });
    while (machine.deadline() <= this.#world.nowMs) {
      machine.step(this.#world.nowMs, { kind: "tick" }, effects);
    }
    if (effects.facts.length > 0) {
      writer.write(effects.facts);
      this.#flush();
    }
    for (const { to, reply } of effects.replies) {
      const send = (): void => inputs[to]?.reply(reply);
      if (this.#bugs.replyBeforeDurable === true) send();
      else this.#gate(send);
    }
  }

  #gate(send: () => void): void {
    if (this.#flushing) this.#gated.push(send);
    else send();
  }

  #flush(): void {
    const life = this.#life;
    this.#flushing = true;
    this.#world.after(this.#world.random.int(12), () => {
      if (life !== this.#life) return;
      this.#durable = this.#wake().store.copy();
      this.#flushing = false;
      const gated = this.#gated;
      this.#gated = [];
      // Kept, but nobody hears of it.
      if (this.#world.random.bool(this.lostReplies)) this.crash("after the write, replies lost");
      else for (const send of gated) send();
      if (this.#waiting.length > 0 && !this.#flushing) this.#turn();
    });
  }

  /** Chance that the object dies between the durable write and its replies. */
  lostReplies = 0;
}
