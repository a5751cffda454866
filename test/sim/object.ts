/**
 * A machine's object: what the shell of a Durable Object does, in the same order (replication/SPEC.md,
 * "Turns"), while the scheduler evicts it, loses a turn, or keeps it and loses what was to follow.
 * A world with another machine on the same contract extends this class as SimReplica does.
 */
import type { Effects, ReplyTo } from "../../src/machine/machine.ts";
import type { Scheduler } from "./scheduler.ts";

export interface TurnEffects<Fact, Message, Reply> extends Effects<Fact, Message, Reply> {
  /** Sent before the facts are stored. */
  readonly early: Message[];
  /** Given before the facts are stored. */
  readonly ready: { readonly to: ReplyTo; readonly reply: Reply }[];
}

/** What a turn has decided. Its facts are in memory, and in a store that is not durable yet. */
export interface Turn<Input, Fact, Message, Reply> {
  readonly out: TurnEffects<Fact, Message, Reply>;
  /** Keeps what the turn wrote for good; gives the input by which the machine hears of it. */
  readonly keep: () => Input;
}

/** Chances in [0, 1], and bounds. */
export interface ObjectFaults {
  dropAlarm: number;
  lateAlarmMs: number;
  loseReplies: number;
  skewMs: number;
}

export interface ObjectSurroundings {
  readonly world: Scheduler;
  readonly faults: ObjectFaults;
  violation(text: string): void;
}

type Answer<Reply> = (reply: Reply | null) => void;

const FLUSH_MS_MAX = 12;
const TICKS_AT_ONCE_MAX = 50;

export abstract class SimObject<Life, Input, Fact, Message, Reply> {
  readonly name: string;
  crashes = 0;
  readonly #at: ObjectSurroundings;
  #live: Life | null = null;
  #inputs: Input[] = [];
  /** Who waits for a reply, under the name that the machine was given: for one turn or for many. */
  readonly #callers = new Map<ReplyTo, Answer<Reply>>();
  #lastCaller = 0;
  /** Reads that must not leave before the write on its way is durable: the output gate. */
  #gated: { readonly answer: () => void; readonly lost: () => void }[] = [];
  #flushing = false;
  /** Bumped by every crash: what was scheduled by an earlier life is void. */
  #life = 0;
  #skewMs = 0;
  #alarmAtMs = Infinity;
  #lastTickMs = 0;
  #ticksNow = 0;

  constructor(name: string, at: ObjectSurroundings) {
    this.name = name;
    this.#at = at;
  }

  /** A machine as recovery makes it of what is durable. */
  protected abstract load(): Life;
  protected abstract decide(
    life: Life,
    nowMs: number,
    inputs: readonly Input[],
  ): Turn<Input, Fact, Message, Reply>;
  protected abstract deadlineOf(life: Life): number;
  /** `back` hands in an outcome, unless the object has been evicted meanwhile. */
  protected abstract sendOne(message: Message, back: (input: Input) => void): void;
  protected abstract tick(): Input;
  /** Before anything of the turn leaves. */
  protected decided(_life: Life, _turn: Turn<Input, Fact, Message, Reply>): void {}
  /** The turn's facts are durable; nothing that depends on them has left. */
  protected stored(_life: Life, _turn: Turn<Input, Fact, Message, Reply>): void {}
  /** Everything of the turn has left. */
  protected finished(_life: Life): void {}

  protected get live(): Life {
    if (this.#live === null) {
      const { faults, world } = this.#at;
      const life = this.load();
      this.#skewMs = faults.skewMs === 0 ? 0 : world.random.int(2 * faults.skewMs) - faults.skewMs;
      this.#live = life;
    }
    return this.#live;
  }

  ask(make: (to: ReplyTo) => Input, answer: Answer<Reply>): void {
    const to = ++this.#lastCaller;
    this.#callers.set(to, answer);
    this.tell(make(to));
  }

  tell(input: Input): void {
    this.#inputs.push(input);
    if (!this.#flushing) this.#turn();
  }

  /** Behind the output gate: an eviction loses the answer. */
  protected whenDurable(answer: () => void, lost: () => void = () => {}): void {
    if (this.#flushing) this.#gated.push({ answer, lost });
    else answer();
  }

  /** Memory goes; so does every write that was not durable, and all that waited for it. */
  crash(why: string): void {
    if (this.#live === null) return;
    this.crashes++;
    this.#at.world.note(`${this.name} crashes ${why}${this.#flushing ? ", turn lost" : ""}`);
    this.#life++;
    this.#live = null;
    const callers = [...this.#callers.values()];
    const gated = this.#gated;
    this.#inputs = [];
    this.#callers.clear();
    this.#gated = [];
    this.#flushing = false;
    for (const answer of callers) answer(null);
    for (const { lost } of gated) lost();
  }

  #turn(): void {
    const life = this.live;
    const inputs = this.#inputs;
    this.#inputs = [];
    let turn: Turn<Input, Fact, Message, Reply>;
    try {
      turn = this.decide(life, this.#at.world.nowMs + this.#skewMs, inputs);
    } catch (error) {
      // A broken invariant: in an object ctx.abort(), here a find.
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#at.violation(`${this.name}: ${text}`);
      this.crash("over a broken invariant");
      return;
    }
    const number = this.#life;
    const { out } = turn;
    this.decided(life, turn);
    this.#send(out.early);
    this.#reply(out.ready);
    if (number !== this.#life) return;
    this.#moveAlarm(this.deadlineOf(life));
    if (out.facts.length === 0) this.#finish(life, turn);
    else this.#flush(life, turn);
  }

  #flush(life: Life, turn: Turn<Input, Fact, Message, Reply>): void {
    const { world, faults } = this.#at;
    const number = this.#life;
    this.#flushing = true;
    world.after(1 + world.random.int(FLUSH_MS_MAX), () => {
      if (number !== this.#life) return;
      const durable = turn.keep();
      this.stored(life, turn);
      this.#flushing = false;
      if (faults.loseReplies > 0 && world.random.bool(faults.loseReplies)) {
        this.crash("after the write, replies lost");
        return;
      }
      const gated = this.#gated;
      this.#gated = [];
      for (const { answer } of gated) answer();
      this.#inputs.unshift(durable);
      this.#finish(life, turn);
    });
  }

  #finish(life: Life, { out }: Turn<Input, Fact, Message, Reply>): void {
    const number = this.#life;
    this.#send(out.messages);
    this.#reply(out.replies);
    if (number !== this.#life) return;
    this.finished(life);
    if (this.#inputs.length > 0 && !this.#flushing) this.#turn();
  }

  #reply(replies: TurnEffects<Fact, Message, Reply>["replies"]): void {
    for (const { to, reply } of replies) {
      const answer = this.#callers.get(to);
      this.#callers.delete(to);
      answer?.(reply);
    }
  }

  #send(messages: readonly Message[]): void {
    const number = this.#life;
    const back = (input: Input): void => {
      if (number === this.#life) this.tell(input);
    };
    for (const message of messages) this.sendOne(message, back);
  }

  #moveAlarm(deadlineMs: number): void {
    const { world } = this.#at;
    const atMs = Math.max(deadlineMs - this.#skewMs, world.nowMs);
    if (atMs >= this.#alarmAtMs) return;
    this.#alarmAtMs = atMs;
    world.after(atMs - world.nowMs, () => {
      if (this.#alarmAtMs === atMs) this.#alarm();
    });
  }

  #alarm(): void {
    const { world, faults } = this.#at;
    this.#alarmAtMs = Infinity;
    this.#ticksNow = this.#lastTickMs === world.nowMs ? this.#ticksNow + 1 : 0;
    this.#lastTickMs = world.nowMs;
    if (this.#ticksNow > TICKS_AT_ONCE_MAX) {
      this.#at.violation(`${this.name} asks for ticks without end`);
      return;
    }
    if (faults.dropAlarm > 0 && world.random.bool(faults.dropAlarm)) return;
    if (faults.lateAlarmMs === 0) this.tell(this.tick());
    else world.after(world.random.int(faults.lateAlarmMs), () => this.tell(this.tick()));
  }
}
