/**
 * The coordinator of groups as a machine: a replica of a partition of `__consumer_offsets`, and while
 * it leads the group machine on top, whose records are what the log holds. Rules: SPEC.md,
 * "Coordinator". A shell drives it as it drives a replica (replication/SPEC.md, "Turns").
 */
import { GROUP_LOAD_BYTES_PER_TURN, OFFSETS_COMMIT_TIMEOUT_MS } from "../constants.ts";
import type { LogReader } from "../log/log-store.ts";
import type { PartitionLog } from "../log/partition-log.ts";
import type { Machine, ReplyTo } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type {
  ReplicaEffects,
  ReplicaInput,
  ReplicaMessage,
  ReplicaPosition,
  ReplicaReply,
  TurnEffects,
  TurnMachine,
} from "../replication/messages.ts";
import { noReplicaEffects } from "../replication/messages.ts";
import type { Replica } from "../replication/replica.ts";
import { batchesOf } from "./batches.ts";
import type {
  GroupClient,
  GroupEffects,
  GroupInput,
  GroupMessage,
  GroupRecord,
  GroupReply,
  GroupRequest,
  TopicImage,
} from "./messages.ts";
import { Replay } from "./replay.ts";
import { WaitingReplies } from "./waiting-replies.ts";

/** What the coordinator needs of the group machine besides the machine's own contract. */
export interface GroupRules extends Machine<GroupInput, GroupRecord, GroupMessage, GroupReply> {
  /** Every record of the log has been applied: sessions begin now (GroupMetadataManager.onLoaded). */
  loaded(nowMs: number, out: GroupEffects): void;
  /** Leadership is lost, or the state is: everybody who waits is told `failed` with that code. */
  refuseAll(out: Pick<GroupEffects, "replies">, errorCode: number): void;
}

export type CoordinatorInput =
  | {
      readonly kind: "group";
      readonly to: ReplyTo;
      /** What the caller believes of the partition. */
      readonly leaderEpoch: number;
      readonly client: GroupClient;
      readonly request: GroupRequest;
    }
  /** The outcome of `readTopics`. */
  | { readonly kind: "topics"; readonly topics: readonly TopicImage[] | null };

export interface CoordinatorReply {
  readonly kind: "group";
  readonly reply: GroupReply;
}

export type CoordinatorEffects = TurnEffects<
  ReplicaMessage | GroupMessage,
  ReplicaReply | CoordinatorReply
>;

/** A rule that the simulator breaks on purpose, to see that it is caught. */
export interface CoordinatorRules {
  /** GRP7 */
  isCommitted(endOffset: number, highWatermark: number): boolean;
}

export const COORDINATOR_RULES: CoordinatorRules = {
  isCommitted: (endOffset, highWatermark) => endOffset <= highWatermark,
};

export interface CoordinatorOptions {
  readonly replica: Replica;
  /** The replica's own. */
  readonly store: LogReader;
  readonly newMachine: () => GroupRules;
  readonly rules?: CoordinatorRules;
  /** Of the log, that one turn loads. */
  readonly loadBytes?: number;
}

/** Callers have numbers from 0 on; our own appends have the others. */
const OWN_APPENDS_BELOW = 0;

/** The group machine of one term of leadership. */
interface Term {
  readonly leaderEpoch: number;
  readonly machine: GroupRules;
  readonly replay: Replay;
  isLoaded: boolean;
}

export class Coordinator implements TurnMachine<CoordinatorInput, GroupMessage, CoordinatorReply> {
  readonly #replica: Replica;
  readonly #store: LogReader;
  readonly #newMachine: () => GroupRules;
  readonly #rules: CoordinatorRules;
  readonly #loadBytes: number;
  readonly #waiting = new WaitingReplies();
  #term: Term | null = null;
  #queue: (GroupInput & { readonly kind: "request" | "topics" })[] = [];
  #ticked = false;
  /** What the replica puts out in this turn, its answers to our own appends among it. */
  #turn: ReplicaEffects = noReplicaEffects();
  #lastAppend = 0;

  constructor(options: CoordinatorOptions) {
    this.#replica = options.replica;
    this.#store = options.store;
    this.#newMachine = options.newMachine;
    this.#rules = options.rules ?? COORDINATOR_RULES;
    this.#loadBytes = options.loadBytes ?? GROUP_LOAD_BYTES_PER_TURN;
  }

  get replica(): Replica {
    return this.#replica;
  }

  get log(): PartitionLog {
    return this.#replica.log;
  }

  /** It leads, and has read all of the log. */
  get isLoaded(): boolean {
    return this.#term?.isLoaded === true;
  }

  position(): ReplicaPosition {
    return this.#replica.position();
  }

  step(nowMs: number, input: CoordinatorInput | ReplicaInput, out: CoordinatorEffects): void {
    switch (input.kind) {
      case "group":
        this.#receive(nowMs, input, out);
        return;
      case "topics":
        this.#queue.push(input);
        return;
      case "tick":
        this.#ticked = true;
        this.#replica.step(nowMs, input, this.#turn);
        return;
      default:
        this.#replica.step(nowMs, input, this.#turn);
    }
  }

  /** GRP10 */
  #receive(
    nowMs: number,
    { to, leaderEpoch, client, request }: CoordinatorInput & { kind: "group" },
    out: CoordinatorEffects,
  ): void {
    const error = this.#replica.checkLeaderEpoch(leaderEpoch);
    if (error === ErrorCode.NONE) {
      this.#queue.push({ kind: "request", to, client, request });
      return;
    }
    // There is a later leader than this replica knows of, and maybe it is this one.
    if (error === ErrorCode.UNKNOWN_LEADER_EPOCH) {
      this.#replica.step(nowMs, { kind: "nudge" }, this.#turn);
    }
    refuse(out, to, ErrorCode.NOT_COORDINATOR);
  }

  endTurn(nowMs: number, out: CoordinatorEffects): void {
    this.#noteLeadership(out);
    const term = this.#maybeLoad(nowMs, out);
    if (term !== null) this.#work(nowMs, term, out);
    this.#ticked = false;
    this.#replica.endTurn(nowMs, this.#turn);
    this.#settle(nowMs, out);
    this.#putOut(out);
  }

  /** GRP9: what was decided under another leadership, or is asked of one that is over. */
  #noteLeadership(out: CoordinatorEffects): void {
    const { isLeader, state } = this.#replica;
    const { leaderEpoch } = state;
    if (this.#term !== null && (!isLeader || this.#term.leaderEpoch !== leaderEpoch)) {
      this.#drop(this.#term, ErrorCode.NOT_COORDINATOR, out);
      this.#waiting.drain((to) => refuse(out, to, ErrorCode.NOT_COORDINATOR));
    }
    if (!isLeader) this.#refuseQueue(ErrorCode.NOT_COORDINATOR, out);
  }

  /** Forgets the machine; whoever is parked in it is refused. */
  #drop({ machine }: Term, errorCode: number, out: CoordinatorEffects): void {
    this.#term = null;
    const refused: Pick<GroupEffects, "replies"> = { replies: [] };
    machine.refuseAll(refused, errorCode);
    for (const { to } of refused.replies) refuse(out, to, errorCode);
  }

  #refuseQueue(errorCode: number, out: CoordinatorEffects): void {
    for (const input of this.#queue) {
      if (input.kind === "request") refuse(out, input.to, errorCode);
    }
    this.#queue = [];
  }

  /** GRP1 to GRP4: the loaded term, if there is one or is one now. */
  #maybeLoad(nowMs: number, out: CoordinatorEffects): Term | null {
    if (!this.#replica.isLeader) return null;
    if (this.#term?.isLoaded === true) return this.#term;
    const isWanted = this.#queue.length > 0 || this.#ticked || this.#term !== null;
    if (!isWanted || this.#holdsUnstored) return null;
    this.#term ??= this.#newTerm();
    const { machine, replay } = this.#term;
    replay.advance(this.#loadBytes, (record) => machine.apply(record));
    if (!replay.isDone) return null;
    this.#term.isLoaded = true;
    const effects = noGroupEffects();
    machine.loaded(nowMs, effects);
    return this.#commit(nowMs, this.#term, [effects], out) ? this.#term : null;
  }

  /** This turn changed the log, and the store does not know it yet: the next turn comes anyway. */
  get #holdsUnstored(): boolean {
    return this.#turn.facts.some(({ kind }) => kind !== "state");
  }

  #newTerm(): Term {
    const { logStartOffset, logEndOffset } = this.log;
    const { leaderEpoch } = this.#replica.state;
    const replay = new Replay(this.#store, logStartOffset, logEndOffset);
    return { leaderEpoch, machine: this.#newMachine(), replay, isLoaded: false };
  }

  /** The turn's requests in the order of their coming, then what is due: a member that speaks lives. */
  #work(nowMs: number, term: Term, out: CoordinatorEffects): void {
    const { machine } = term;
    const inputs: GroupInput[] = this.#queue;
    this.#queue = [];
    const steps: GroupEffects[] = [];
    const step = (input: GroupInput): void => {
      const effects = noGroupEffects();
      machine.step(nowMs, input, effects);
      steps.push(effects);
    };
    for (const input of inputs) step(input);
    if (machine.deadline() <= nowMs) step({ kind: "tick" });
    this.#commit(nowMs, term, steps, out);
  }

  /** GRP6, GRP7. False: the log did not take the records, and the machine is gone. */
  #commit(
    nowMs: number,
    term: Term,
    steps: readonly GroupEffects[],
    out: CoordinatorEffects,
  ): boolean {
    const before = this.log.logEndOffset;
    const isTaken = this.#append(nowMs, steps);
    const after = this.log.logEndOffset;
    let endOffset = before;
    for (const { facts, messages, replies } of steps) {
      out.messages.push(...messages);
      if (facts.length > 0) endOffset = after;
      const deadlineMs = nowMs + OFFSETS_COMMIT_TIMEOUT_MS;
      for (const { to, reply } of replies) {
        if (isTaken) this.#waiting.add({ to, reply, endOffset, deadlineMs });
        else refuse(out, to, ErrorCode.COORDINATOR_NOT_AVAILABLE);
      }
    }
    if (isTaken) return true;
    // The machine is ahead of the log: it is built anew from there.
    this.#drop(term, ErrorCode.COORDINATOR_NOT_AVAILABLE, out);
    this.#refuseQueue(ErrorCode.COORDINATOR_NOT_AVAILABLE, out);
    return false;
  }

  /** All or, as far as one input goes, nothing: the replica refuses before it writes (REP31). */
  #append(nowMs: number, steps: readonly GroupEffects[]): boolean {
    const batches = batchesOf(
      nowMs,
      steps.map(({ facts }) => facts),
    );
    if (batches === null) return false;
    for (const batch of batches) {
      const to = OWN_APPENDS_BELOW - ++this.#lastAppend;
      const append = { kind: "append", to, batch, acks: -1, leaderEpoch: -1 } as const;
      const timeoutMs = OFFSETS_COMMIT_TIMEOUT_MS;
      this.#replica.step(nowMs, { ...append, timeoutMs, logAppendTime: false }, this.#turn);
      if (this.#turn.replies.at(-1)?.to === to) return false;
    }
    return true;
  }

  /** GRP7, GRP8: the high watermark says what may leave; nothing of this turn is under it. */
  #settle(nowMs: number, out: CoordinatorEffects): void {
    const { highWatermark } = this.log;
    this.#waiting.settle(
      nowMs,
      (endOffset) => this.#rules.isCommitted(endOffset, highWatermark),
      (to, reply) => out.ready.push({ to, reply: { kind: "group", reply } }),
      (to) => refuse(out, to, ErrorCode.COORDINATOR_NOT_AVAILABLE),
    );
  }

  /** What the replica put out, without its answers to our own appends: the high watermark is theirs. */
  #putOut(out: CoordinatorEffects): void {
    const turn = this.#turn;
    this.#turn = noReplicaEffects();
    out.facts.push(...turn.facts);
    out.early.push(...turn.early);
    out.messages.push(...turn.messages);
    out.ready.push(...turn.ready.filter(({ to }) => to >= OWN_APPENDS_BELOW));
    out.replies.push(...turn.replies.filter(({ to }) => to >= OWN_APPENDS_BELOW));
  }

  deadline(): number {
    const deadline = Math.min(this.#replica.deadline(), this.#waiting.deadlineMs());
    if (this.#term?.isLoaded === true) return Math.min(deadline, this.#term.machine.deadline());
    return this.#term !== null || this.#queue.length > 0 ? 0 : deadline;
  }
}

function noGroupEffects(): GroupEffects {
  return { facts: [], messages: [], replies: [] };
}

function refuse(out: CoordinatorEffects, to: ReplyTo, errorCode: number): void {
  out.ready.push({ to, reply: { kind: "group", reply: { api: "failed", errorCode } } });
}
