/** A replica that does what a test says, and what a Durable Object's state does, as far as the shell asks. */
import type { ReplyTo } from "../../../src/machine/machine.ts";
import { ReplicaShell } from "../../../src/objects/replica-shell.ts";
import type {
  ReplicaEffects,
  ReplicaInput,
  ReplicaMessage,
  ReplicaPosition,
  ReplicaReply,
} from "../../../src/replication/messages.ts";
import type { Replica } from "../../../src/replication/replica.ts";

export type Act = (out: ReplicaEffects, to: ReplyTo) => void;

/** Names, for what has only a number. */
const NAMES = "abcdefgh";
const nameOf = (number: number): string => NAMES[number] ?? "?";
export const numberOf = (name: string): number => NAMES.indexOf(name);

export function replyOf(name: string): ReplicaReply {
  return { kind: "deleteRecords", errorCode: 0, lowWatermark: numberOf(name) };
}

export function messageOf(name: string): ReplicaMessage {
  const next = { leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] };
  return { kind: "changeIsr", attempt: numberOf(name), expectedPartitionEpoch: 0, next };
}

/** Does in a turn what the test says, and writes down what it is told. */
class ScriptedReplica implements Pick<Replica, "step" | "endTurn" | "position" | "deadline"> {
  due = Infinity;
  /** What each turn was told. */
  readonly turns: string[][] = [];
  readonly times: number[][] = [];
  readonly acts = new Map<number, Act>();
  readonly callers = new Map<string, ReplyTo>();
  atEnd: ((out: ReplicaEffects) => void) | null = null;
  #told: string[] = [];
  #times: number[] = [];

  step(nowMs: number, input: ReplicaInput, out: ReplicaEffects): void {
    this.#times.push(nowMs);
    if (input.kind === "deleteRecords") {
      this.#told.push(nameOf(input.offset));
      this.callers.set(nameOf(input.offset), input.to);
      this.acts.get(input.offset)?.(out, input.to);
    } else if (input.kind === "durable") {
      this.#told.push(`durable to ${input.logEndOffset}`);
    } else if (input.kind === "isrChanged") {
      this.#told.push(`outcome of ${nameOf(input.attempt)}`);
    } else {
      this.#told.push(input.kind);
    }
  }

  endTurn(nowMs: number, out: ReplicaEffects): void {
    this.times.push([...this.#times, nowMs]);
    this.turns.push(this.#told);
    this.#told = [];
    this.#times = [];
    this.atEnd?.(out);
  }

  /** The log ends where as many turns have ended. */
  position(): ReplicaPosition {
    return { leaderEpoch: 3, incarnation: 1, logEndOffset: this.turns.length };
  }

  deadline(): number {
    return this.due;
  }
}

/** What a Durable Object's state does, as far as the shell asks, written down in order. */
export class Platform {
  readonly events: string[] = [];
  readonly replica = new ScriptedReplica();
  readonly shell: ReplicaShell;
  /** One for each write that is not durable yet, and for each send without an outcome. */
  readonly writes: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly sends = new Map<string, (outcome: ReplicaInput) => void>();
  /** What comes in while the event loop goes round, once each. */
  readonly meanwhile: (() => void)[] = [];
  storeFails: Error | null = null;
  /** What an earlier life of the object has set. */
  alarmLeft: number | null = null;

  constructor() {
    let written = false;
    const storage = {
      transactionSync: (run: () => void) => {
        this.events.push("begin");
        run();
        this.events.push("commit");
        written = true;
      },
      sync: () => {
        if (!written) return this.#goRound();
        written = false;
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        this.writes.push({ resolve, reject });
        return promise;
      },
      getAlarm: async () => this.alarmLeft,
      setAlarm: async (at: number) => {
        this.events.push(`alarm at ${at}`);
      },
    };
    const abort = (reason: string): void => {
      this.events.push(`abort: ${reason}`);
    };
    const ctx = { storage, abort } as unknown as DurableObjectState;
    this.shell = new ReplicaShell<never, never, never>(ctx, this.replica as unknown as Replica, {
      store: (facts) => {
        if (this.storeFails !== null) throw this.storeFails;
        const names = facts.map((fact) => ("offset" in fact ? nameOf(fact.offset) : fact.kind));
        this.events.push(`store ${names.join(" ")}`);
      },
      send: (message) => {
        const name = message.kind === "changeIsr" ? nameOf(message.attempt) : message.kind;
        this.events.push(`send ${name}`);
        return new Promise((resolve) => this.sends.set(name, resolve));
      },
      afterTurn: () => {
        this.events.push("after");
      },
    });
  }

  /** Asks under that name; without an act it is stored and answered in its turn. */
  ask(name: string, act: Act = stored(name)): void {
    const number = numberOf(name);
    this.replica.acts.set(number, act);
    this.shell
      .ask((to) => ({ kind: "deleteRecords", to, offset: number, timeoutMs: 1_000 }))
      .then(
        (reply) => {
          const answer = reply.kind === "deleteRecords" ? nameOf(reply.lowWatermark) : reply.kind;
          this.events.push(`reply ${answer} to ${name}`);
        },
        (error: unknown) => this.events.push(`refused ${name}: ${error}`),
      );
  }

  /** Nothing was written: the event loop goes round, and what a test has for that moment comes in. */
  async #goRound(): Promise<void> {
    await settledPromises();
    this.meanwhile.shift()?.();
  }

  /** The oldest write is durable. */
  async durable(): Promise<void> {
    this.writes.shift()?.resolve();
    await settled();
  }

  async outcome(name: string): Promise<void> {
    const attempt = numberOf(name);
    this.sends.get(name)?.({ kind: "isrChanged", attempt, outcome: "done" });
    await settled();
  }

  /** The events since the last call. */
  async take(): Promise<string[]> {
    await settled();
    return this.events.splice(0);
  }
}

export const stored =
  (name: string): Act =>
  (out, to) => {
    out.facts.push({ kind: "trim", offset: numberOf(name) });
    out.replies.push({ to, reply: replyOf(name) });
  };
export const answeredAtOnce =
  (name: string): Act =>
  (out, to) => {
    out.replies.push({ to, reply: replyOf(name) });
  };
/** Waits for a later turn, as acks=all waits for the high watermark. */
export const waiting: Act = () => undefined;

/** Lets every promise that can go on do so. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets the promises go on that wait for nothing but each other. */
async function settledPromises(): Promise<void> {
  for (let at = 0; at < 10; at++) await Promise.resolve();
}
