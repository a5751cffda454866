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
  noReplicaEffects,
  type ReplicaEffects,
  type ReplicaFact,
  type ReplicaInput,
  type ReplicaMessage,
  type ReplicaReply,
} from "../replication/messages.ts";
import type { Replica } from "../replication/replica.ts";

export interface ReplicaShellHooks {
  /** Inside the turn's one transaction. */
  store(facts: readonly ReplicaFact[]): void;
  /** Starts a send at once; gives its outcome, which is the next input, and never rejects. */
  send(message: ReplicaMessage): Promise<ReplicaInput>;
  /** The turn is durable and its replies are given. */
  afterTurn(): void;
}

/** The platform keeps an idle object for about ten seconds. */
const TIMER_MS_MAX = 1_000;

interface Caller {
  resolve(reply: ReplicaReply): void;
  reject(error: unknown): void;
}

export class ReplicaShell {
  readonly #ctx: DurableObjectState;
  readonly #replica: Replica;
  readonly #hooks: ReplicaShellHooks;
  #inputs: ReplicaInput[] = [];
  /** Who waits, under the name that the machine was given: for one turn or for many. */
  readonly #callers = new Map<ReplyTo, Caller>();
  #lastCaller = 0;
  #sending = 0;
  #running = false;
  #closed: Error | null = null;
  #alarmAt = Infinity;
  #alarmsSet = 0;
  #timer: { readonly at: number; readonly id: ReturnType<typeof setTimeout> } | null = null;

  constructor(ctx: DurableObjectState, replica: Replica, hooks: ReplicaShellHooks) {
    this.#ctx = ctx;
    this.#replica = replica;
    this.#hooks = hooks;
  }

  get alarmsSet(): number {
    return this.#alarmsSet;
  }

  /** Hands an input to the machine; `make` gets the name under which its reply comes back. */
  ask(make: (to: ReplyTo) => ReplicaInput): Promise<ReplicaReply> {
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
  tell(input: ReplicaInput): void {
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
  #takeNews(): ReplicaInput[] {
    const news = this.#inputs.filter(isNews);
    if (news.length > 0) this.#inputs = this.#inputs.filter((input) => !isNews(input));
    return news;
  }

  /** Without a write on its way this takes the event loop once round, and no longer. */
  #goRound(): Promise<void> {
    return this.#ctx.storage.sync();
  }

  /** Nothing else runs in the object up to the await, and no other turn before its end. */
  async #turn(inputs: readonly ReplicaInput[]): Promise<void> {
    const now = Date.now();
    const out = noReplicaEffects();
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

  #send(message: ReplicaMessage): void {
    this.#sending++;
    void this.#hooks.send(message).then((outcome) => {
      this.#sending--;
      this.tell(outcome);
    });
  }

  #give(replies: ReplicaEffects["replies"]): void {
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
    if (this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.#alarmsSet++;
    void this.#ctx.storage.setAlarm(at);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer.id);
    this.#timer = null;
  }
}

function isNews({ kind }: ReplicaInput): boolean {
  return kind === "durable" || kind === "replicated";
}

function isFromClient({ kind }: ReplicaInput): boolean {
  return kind === "append" || kind === "deleteRecords";
}
