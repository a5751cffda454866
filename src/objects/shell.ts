/**
 * The shell around a machine inside a Durable Object. One turn: read the clock once, step every input
 * that waits, store the facts in one transaction, move the alarm, and, once the write is durable,
 * give the replies. What arrives while a write is on its way waits for the next turn, so that under
 * load many inputs share one commit (group commit).
 */
import { type Effects, type Machine, noEffects, type ReplyTo } from "../machine/machine.ts";

export interface ShellHooks<Fact, Message> {
  /** Inside the turn's one transaction. */
  store(facts: readonly Fact[]): void;
  /** After the transaction, in order; may start sends but not wait for them. */
  send(messages: readonly Message[]): void;
  /** The turn is durable and its replies are given. */
  afterTurn(facts: readonly Fact[]): void;
}

interface Waiting<Input, Reply> {
  readonly input: Input;
  readonly resolve: ((reply: Reply) => void) | null;
  readonly reject: ((error: unknown) => void) | null;
}

export class Shell<Input, Fact, Message, Reply> {
  readonly #ctx: DurableObjectState;
  readonly #machine: Machine<Input, Fact, Message, Reply>;
  readonly #hooks: ShellHooks<Fact, Message>;
  #waiting: Waiting<Input, Reply>[] = [];
  #running = false;
  #closed: Error | null = null;
  #alarmAt = Infinity;

  constructor(
    ctx: DurableObjectState,
    machine: Machine<Input, Fact, Message, Reply>,
    hooks: ShellHooks<Fact, Message>,
  ) {
    this.#ctx = ctx;
    this.#machine = machine;
    this.#hooks = hooks;
  }

  /** Hands an input to the machine; `make` gets the name under which its reply comes back. */
  ask(make: (to: ReplyTo) => Input): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) {
        reject(this.#closed);
        return;
      }
      this.#waiting.push({ input: make(this.#waiting.length), resolve, reject });
      this.#wake();
    });
  }

  /** Hands over an input that nobody waits for. */
  tell(input: Input): void {
    if (this.#closed !== null) return;
    this.#waiting.push({ input, resolve: null, reject: null });
    this.#wake();
  }

  /** The storage is dropped for good: what waits is refused, and no other turn begins. */
  close(why: string): void {
    this.#closed = new Error(why);
    for (const { reject } of this.#waiting) reject?.(this.#closed);
    this.#waiting = [];
  }

  #wake(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const inputs = this.#waiting;
      this.#waiting = [];
      try {
        const effects = this.#turn(inputs);
        if (effects.facts.length > 0) await this.#ctx.storage.sync();
        for (const { to, reply } of effects.replies) inputs[to]?.resolve?.(reply);
        this.#hooks.afterTurn(effects.facts);
      } catch (error) {
        // Memory and storage may disagree now: drop memory, and let the next call rebuild it.
        for (const { reject } of [...inputs, ...this.#waiting]) reject?.(error);
        this.#waiting = [];
        this.#ctx.abort(error instanceof Error ? error.message : String(error));
      }
    }
    this.#running = false;
  }

  /** Synchronous from end to end: nothing else runs in the object meanwhile. */
  #turn(inputs: readonly Waiting<Input, Reply>[]): Effects<Fact, Message, Reply> {
    const now = Date.now();
    const effects = noEffects<Fact, Message, Reply>();
    for (const { input } of inputs) this.#machine.step(now, input, effects);
    if (effects.facts.length > 0) {
      this.#ctx.storage.transactionSync(() => this.#hooks.store(effects.facts));
    }
    this.#moveAlarm(now);
    this.#hooks.send(effects.messages);
    return effects;
  }

  #moveAlarm(now: number): void {
    const deadline = this.#machine.deadline();
    if (deadline === Infinity) return;
    const at = Math.max(deadline, now);
    if (this.#alarmAt <= at) return;
    this.#alarmAt = at;
    void this.#ctx.storage.setAlarm(at);
  }

  /** The object's alarm went off. */
  async alarm(tick: (to: ReplyTo) => Input): Promise<void> {
    this.#alarmAt = Infinity;
    this.tell(tick(-1));
  }
}
