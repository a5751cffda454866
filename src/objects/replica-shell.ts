/**
 * The shell around a replica inside a Durable Object (replication/SPEC.md, "Turns"). One turn: read
 * the clock once, step every input that waits, send the copies for the followers, store the facts in
 * one transaction, and, once that is durable, send the rest and give the replies. What arrives while a
 * write is on its way waits for the next turn, so that under load many inputs share one commit.
 *
 * The platform's output gate holds back a reply that was given before a write began until that write
 * is durable as well. So what only has answers to give gets a turn of its own, and before a turn of
 * clients' requests the event loop goes round once: those answers leave, and requests that have reached
 * the object already join the turn.
 */
import type { ReplyTo } from "../machine/machine.ts";
import {
  noTurnEffects,
  type ReplicaFact,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicaReply,
  type TurnEffects,
  type TurnMachine,
} from "../replication/messages.ts";

export interface ReplicaShellHooks<Input = never, Message = never> {
  /** Inside the turn's one transaction. */
  store(facts: readonly ReplicaFact[]): void;
  /** Starts a send at once; gives its outcome, which is the next input, and never rejects. */
  send(message: Message | ReplicaMessage): Promise<Input | ReplicaInput>;
  /** The turn is durable and its replies are given. */
  afterTurn(): void;
}

/** The platform keeps an idle object for about ten seconds. */
const TIMER_MS_MAX = 1_000;

interface Caller<Reply> {
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

interface Kinded {
  readonly kind: string;
}

/** The type parameters are what a machine on top of a replica knows besides what a replica knows. */
export class ReplicaShell<Input extends Kinded = never, Message = never, Reply = never> {
  readonly #ctx: DurableObjectState;
  readonly #replica: TurnMachine<Input, Message, Reply>;
  readonly #hooks: ReplicaShellHooks<Input, Message>;
  #inputs: (Input | ReplicaInput)[] = [];
  /** Who waits, under the name that the machine was given: for one turn or for many. */
  readonly #callers = new Map<ReplyTo, Caller<Reply | ReplicaReply>>();
  #lastCaller = 0;
  #sending = 0;
  #running = false;
  #closed: Error | null = null;
  #alarmAt = Infinity;
  #alarmsSet = 0;
  /** The object's alarm is `#alarmAt`, not what an earlier life may have left. */
  #knowsAlarm = false;
  #timer: { readonly at: number; readonly id: ReturnType<typeof setTimeout> } | null = null;

  constructor(
    ctx: DurableObjectState,
    replica: TurnMachine<Input, Message, Reply>,
    hooks: ReplicaShellHooks<Input, Message>,
  ) {
    this.#ctx = ctx;
    this.#replica = replica;
    this.#hooks = hooks;
  }

  get alarmsSet(): number {
    return this.#alarmsSet;
  }

  /** Hands an input to the machine; `make` gets the name under which its reply comes back. */
  ask(make: (to: ReplyTo) => Input | ReplicaInput): Promise<Reply | ReplicaReply> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) {
        reject(this.#closed);
        return;
      }
      const to = ++this.#lastCaller;
      this.#callers.set(to, { resolve, reject });
      this.tell(make(to));
    });
  }

  /** Hands over an input that nobody waits for. */
  tell(input: Input | ReplicaInput): void {
    if (this.#closed !== null) return;
    this.#inputs.push(input);
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  /** The storage is dropped for good: who waits is refused, and no other turn begins. */
  close(why: string): void {
    this.#closed = new Error(why);
    this.#inputs = [];
    this.#stopTimer();
    this.#refuseAll(this.#closed);
  }

  /** The object's alarm went off. */
  alarm(): void {
    this.#alarmAt = Infinity;
    this.tell({ kind: "tick" });
  }

  async #run(): Promise<void> {
    try {
      while (this.#inputs.length > 0) {
        let inputs = this.#takeNews();
        if (inputs.length === 0 && this.#inputs.some(isFromClient)) {
          await this.#goRound();
          inputs = this.#takeNews();
        }
        if (inputs.length === 0) inputs = this.#inputs.splice(0);
        if (inputs.length > 0) await this.#turn(inputs);
      }
    } catch (error) {
      // Memory and storage may disagree now: drop memory, and let the next call rebuild it.
      const wasClosed = this.#closed !== null;
      this.close(error instanceof Error ? error.message : String(error));
      if (!wasClosed) this.#ctx.abort(this.#closed?.message);
    }
    this.#running = false;
  }

  /** What ends somebody's wait and seldom makes a write. */
  #takeNews(): (Input | ReplicaInput)[] {
    const news = this.#inputs.filter(isNews);
    if (news.length > 0) this.#inputs = this.#inputs.filter((input) => !isNews(input));
    return news;
  }

  /** Without a write on its way this takes the event loop once round, and no longer. */
  #goRound(): Promise<void> {
    return this.#ctx.storage.sync();
  }

  /** Nothing else runs in the object up to the await, and no other turn before its end. */
  async #turn(inputs: readonly (Input | ReplicaInput)[]): Promise<void> {
    const now = Date.now();
    const out: TurnEffects<Message | ReplicaMessage, Reply | ReplicaReply> = noTurnEffects();
    for (const input of inputs) this.#replica.step(now, input, out);
    this.#replica.endTurn(now, out);
    const position = this.#replica.position();
    for (const message of out.early) this.#send(message);
    this.#give(out.ready);
    if (out.facts.length > 0) {
      this.#ctx.storage.transactionSync(() => this.#hooks.store(out.facts));
      await this.#ctx.storage.sync();
      if (this.#closed !== null) return;
      // First in the next turn: who waits for the high watermark waits for this.
      this.#inputs.unshift({ kind: "durable", ...position });
    }
    for (const message of out.messages) this.#send(message);
    this.#give(out.replies);
    this.#wakeUpAt(this.#replica.deadline(), now);
    this.#hooks.afterTurn();
  }

  #send(message: Message | ReplicaMessage): void {
    this.#sending++;
    void this.#hooks.send(message).then((outcome) => {
      this.#sending--;
      this.tell(outcome);
    });
  }

  #give(replies: TurnEffects<never, Reply | ReplicaReply>["replies"]): void {
    for (const { to, reply } of replies) {
      const caller = this.#callers.get(to);
      this.#callers.delete(to);
      caller?.resolve(reply);
    }
  }

  #refuseAll(error: Error): void {
    for (const { reject } of this.#callers.values()) reject(error);
    this.#callers.clear();
  }

  /**
   * While somebody waits, or a send is under way, or only a moment passes, the object is awake anyhow
   * and a timer is free; an alarm is a row written, and outlives the object.
   */
  #wakeUpAt(deadline: number, now: number): void {
    if (deadline === Infinity) {
      this.#stopTimer();
      return;
    }
    const at = Math.max(deadline, now);
    if (this.#callers.size > 0 || this.#sending > 0 || at - now <= TIMER_MS_MAX) {
      if (this.#timer !== null && this.#timer.at <= at) return;
      this.#stopTimer();
      const id = setTimeout(() => {
        this.#timer = null;
        this.tell({ kind: "tick" });
      }, at - now);
      this.#timer = { at, id };
      return;
    }
    this.#stopTimer();
    this.#moveAlarm(at);
  }

  #moveAlarm(at: number): void {
    if (this.#alarmAt <= at) return;
    this.#alarmAt = at;
    if (this.#knowsAlarm) this.#setAlarm(at);
    else void this.#setFirstAlarm(at);
  }

  #setAlarm(at: number): void {
    this.#alarmsSet++;
    void this.#ctx.storage.setAlarm(at);
  }

  /** A life may find the alarm that an earlier one has set: to look costs less than a row. */
  async #setFirstAlarm(at: number): Promise<void> {
    this.#knowsAlarm = true;
    const found = await this.#ctx.storage.getAlarm();
    // An earlier one was wanted meanwhile, or the one that was there has gone off.
    if (this.#alarmAt !== at) return;
    if (found !== null && found <= at) this.#alarmAt = found;
    else this.#setAlarm(at);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer.id);
    this.#timer = null;
  }
}

function isNews({ kind }: Kinded): boolean {
  return kind === "durable" || kind === "replicated";
}

const FROM_CLIENTS: ReadonlySet<string> = new Set(["append", "deleteRecords", "group"]);

function isFromClient({ kind }: Kinded): boolean {
  return FROM_CLIENTS.has(kind);
}
