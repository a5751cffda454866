/**
 * The one contract between rules and platform.
 *
 * A machine holds rules and state, and nothing of the world: no clock, timer, randomness, promise or
 * I/O. Time and choices arrive in the input. A Durable Object is the shell around it (objects/replica-shell.ts),
 * the simulator another.
 */

/**
 * What one turn asks of the shell, to be done in this order: store every fact in one transaction,
 * then send the messages, then give the replies. Each list keeps the order in which it was filled.
 */
export interface Effects<Fact, Message, Reply> {
  readonly facts: Fact[];
  readonly messages: Message[];
  readonly replies: { readonly to: ReplyTo; readonly reply: Reply }[];
}

/** Names the caller that waits for a reply; the shell chose it, the machine only hands it back. */
export type ReplyTo = number;

export interface Machine<Input, Fact, Message, Reply> {
  /**
   * Decides. Every change of hard state is a fact that went through `apply` here and is in
   * `out.facts`; if the shell fails to store them it must drop this machine and build a new one.
   */
  step(nowMs: number, input: Input, out: Effects<Fact, Message, Reply>): void;
  /** Changes hard state. The same facts in the same order always give the same state. */
  apply(fact: Fact): void;
  /** When it next wants a tick, in ms since the epoch; Infinity when nothing is due. */
  deadline(): number;
}
