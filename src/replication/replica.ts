/**
 * One replica of one partition as a machine: leader or follower over its log. Rules: SPEC.md.
 * After stepping a turn's inputs the shell calls `endTurn`; the order of what follows is in SPEC.md,
 * "Turns".
 */

import type { PartitionInfo } from "../cluster/types.ts";
import { TRIM_ROWS_PER_TURN } from "../constants.ts";
import type { LogView } from "../log/log-store.ts";
import type { PartitionLog, Term } from "../log/partition-log.ts";
import type { Machine } from "../machine/machine.ts";
import { ErrorCode } from "../protocol/errors.ts";
import type { ReplicaConfig } from "./config.ts";
import { ReplicaCore } from "./core.ts";
import { follow } from "./follower.ts";
import { Leader } from "./leader.ts";
import type {
  ReplicaEffects,
  ReplicaFact,
  ReplicaInput,
  ReplicaMessage,
  ReplicaPosition,
  ReplicaReply,
  ReplicateReply,
  ReplicateRequest,
} from "./messages.ts";
import { NEW_REPLICA, type ReplicaState } from "./replica-state.ts";
import { REPLICA_RULES, type ReplicaRules } from "./rules.ts";
import { refused } from "./waiting.ts";

export interface ReplicaOptions {
  readonly brokerId: number;
  /** As recovered. */
  readonly log: PartitionLog;
  readonly store: LogView;
  /** As stored; null in a new replica. */
  readonly state: ReplicaState | null;
  readonly config: ReplicaConfig;
  readonly rules?: ReplicaRules;
}

export class Replica implements Machine<ReplicaInput, ReplicaFact, ReplicaMessage, ReplicaReply> {
  readonly #core: ReplicaCore;
  #leader: Leader | null = null;
  #lastId = 0;
  /** The catalogue has to be read; since when it is being read; not before. */
  #rowWanted = false;
  #rowAskedAtMs = -Infinity;
  #rowRetryAtMs = -Infinity;
  #rowFailures = 0;
  /** A chunk, and so a row, is known to lie wholly below the log start. */
  #trimDue: boolean;

  constructor({ brokerId, log, store, state, config, rules = REPLICA_RULES }: ReplicaOptions) {
    const known = state ?? NEW_REPLICA;
    this.#core = new ReplicaCore(brokerId, log, store, known, config, rules);
    // The store is asked, since the first row may reach over the log start and have to stay.
    this.#trimDue = store.trimPoint(log.logStartOffset, 1) !== null;
    const { partition } = known;
    if (partition === null) this.#rowWanted = true;
    else if (partition.leader === brokerId && partition.leaderEpoch === known.leaderEpoch) {
      this.#leader = this.#newLeader(false);
    }
  }

  get log(): PartitionLog {
    return this.#core.log;
  }

  get state(): ReplicaState {
    return this.#core.state;
  }

  get isLeader(): boolean {
    return this.#leader !== null;
  }

  /** LOG75: an append found no room, and none has found any since. */
  get isFull(): boolean {
    return this.#leader?.isFull === true;
  }

  /** To be read after `endTurn` and handed back in `durable`. */
  position(): ReplicaPosition {
    return { ...this.#core.term, logEndOffset: this.log.logEndOffset };
  }

  /** LOG2: NONE, or why a request made under that leader epoch is refused. -1 is "none given". */
  checkLeaderEpoch(epoch: number): number {
    const { leaderEpoch } = this.#core.state;
    if (epoch < 0 || epoch === leaderEpoch) return ErrorCode.NONE;
    return epoch < leaderEpoch ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH;
  }

  step(nowMs: number, input: ReplicaInput, out: ReplicaEffects): void {
    switch (input.kind) {
      case "append":
        this.#append(nowMs, input, out);
        return;
      case "deleteRecords":
        this.#deleteRecords(nowMs, input, out);
        return;
      case "replicate": {
        const reply = this.#receive(input.request, out);
        out.replies.push({ to: input.to, reply: { kind: "replicate", reply } });
        return;
      }
      case "replicated":
        this.#replicated(nowMs, input.follower, input.sendId, input.reply, out);
        return;
      case "catalogue":
        this.#learn(nowMs, input.partition, out);
        return;
      case "isrChanged":
        this.#isrChanged(nowMs, input, out);
        return;
      case "durable":
        this.#leader?.durable(input);
        return;
      case "configure":
        this.#configure(input.config);
        return;
      case "nudge":
        this.#leader?.copier.nudge();
        this.#leader?.isr.nudge();
        this.#rowWanted = true;
        this.#rowRetryAtMs = -Infinity;
        return;
      case "tick":
        return;
    }
  }

  apply(fact: ReplicaFact): void {
    this.#core.apply(fact);
  }

  /** Once a turn, after its inputs: whatever follows from all of them together. */
  endTurn(nowMs: number, out: ReplicaEffects): void {
    if (this.#leader?.endTurn(nowMs, out) === true) this.#rowWanted = true;
    // A cut may leave of a row that reached over the log start only what is below it.
    if (out.facts.some(({ kind }) => kind === "logStart" || kind === "truncate")) {
      this.#trimDue = true;
    }
    this.#core.noteStored(out);
    this.#trim(out);
    this.#readRow(nowMs, out);
  }

  deadline(): number {
    return Math.min(
      this.#trimDue ? 0 : Infinity,
      this.#leader?.deadlineMs() ?? Infinity,
      this.#rowDeadlineMs(),
    );
  }

  #configure(config: ReplicaConfig): void {
    const { fencedBrokers } = this.#core.config;
    this.#core.config = config;
    this.#leader?.configured();
    const back = fencedBrokers.filter((id) => !config.fencedBrokers.includes(id));
    for (const id of back) this.#leader?.copier.follower(id)?.nudge();
  }

  #append(nowMs: number, input: ReplicaInput & { kind: "append" }, out: ReplicaEffects): void {
    const errorCode = this.#leadershipError(input.leaderEpoch);
    if (this.#leader !== null && errorCode === ErrorCode.NONE) {
      this.#leader.append(nowMs, input, out);
      return;
    }
    out.replies.push({ to: input.to, reply: refused(this.log, errorCode) });
  }

  #deleteRecords(
    nowMs: number,
    { to, offset, timeoutMs }: ReplicaInput & { kind: "deleteRecords" },
    out: ReplicaEffects,
  ): void {
    if (this.#leader !== null) {
      this.#leader.deleteRecords(nowMs, to, offset, timeoutMs, out);
      return;
    }
    const errorCode = this.#leadershipError(-1);
    out.replies.push({ to, reply: { kind: "deleteRecords", errorCode, lowWatermark: -1 } });
  }

  /** REP34 */
  #leadershipError(epoch: number): number {
    const errorCode = this.checkLeaderEpoch(epoch);
    if (errorCode === ErrorCode.UNKNOWN_LEADER_EPOCH) this.#rowWanted = true;
    if (errorCode !== ErrorCode.NONE) return errorCode;
    return this.#leader === null ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.NONE;
  }

  #receive(request: ReplicateRequest, out: ReplicaEffects): ReplicateReply {
    const order = this.#core.rules.compareTerms(request, this.#core.state);
    if (order < 0) return { kind: "fenced", ...this.#core.term };
    if (order > 0) this.#adopt(request, out);
    // Two leaders of one term cannot be; were there two, neither would follow the other.
    if (this.#leader !== null) return { kind: "fenced", ...this.#core.term };
    return follow(this.#core, request, out);
  }

  /** A higher term exists: whoever led under a lower one does not any more (REP1, REP3). */
  #adopt({ leaderEpoch, incarnation }: Term, out: ReplicaEffects): void {
    this.#stepDown(out);
    this.#core.changeState({ leaderEpoch, incarnation }, out);
  }

  #replicated(
    nowMs: number,
    follower: number,
    sendId: number,
    reply: ReplicateReply | null,
    out: ReplicaEffects,
  ): void {
    const leader = this.#leader;
    if (leader === null) return;
    const { rules, term } = this.#core;
    if (reply?.kind === "fenced" && rules.compareTerms(reply, term) > 0) {
      this.#adopt(reply, out);
      this.#rowWanted = true;
      return;
    }
    // REP16. A refusal that is out of date means nothing any more, and is no failure either.
    if (reply !== null && (reply.kind === "fenced" || !rules.sameTerm(reply, term))) return;
    if (leader.copier.answered(nowMs, follower, sendId, reply)) this.#rowWanted = true;
  }

  #isrChanged(
    nowMs: number,
    { attempt, outcome }: ReplicaInput & { kind: "isrChanged" },
    out: ReplicaEffects,
  ): void {
    const leader = this.#leader;
    if (leader === null) return;
    const { partition } = leader;
    if (leader.isr.answered(nowMs, partition, attempt, outcome, out)) this.#rowWanted = true;
  }

  /** The row, as the catalogue has it. */
  #learn(nowMs: number, partition: PartitionInfo | null, out: ReplicaEffects): void {
    this.#rowAskedAtMs = -Infinity;
    if (partition === null) {
      const { retryMinMs, retryMaxMs } = this.#core.config;
      this.#rowRetryAtMs = nowMs + Math.min(retryMinMs * 2 ** this.#rowFailures, retryMaxMs);
      this.#rowFailures = Math.min(this.#rowFailures + 1, 30);
      return;
    }
    this.#rowWanted = false;
    this.#rowFailures = 0;
    const { state, brokerId } = this.#core;
    const known = state.partition;
    // Read before something that is known already.
    if (known !== null && partition.partitionEpoch < known.partitionEpoch) return;
    const leads = partition.leader === brokerId && partition.leaderEpoch >= state.leaderEpoch;
    if (known?.partitionEpoch === partition.partitionEpoch) {
      if (leads && this.#leader === null) this.#becomeLeader(nowMs, partition, out);
      return;
    }
    if (leads && this.#leader !== null && partition.leaderEpoch === state.leaderEpoch) {
      this.#core.changeState({ partition, pendingIsr: [], settled: null }, out);
      this.#leader.rowMoved(nowMs, known?.isr ?? []);
    } else if (leads) {
      this.#becomeLeader(nowMs, partition, out);
    } else {
      this.#becomeFollower(partition, out);
    }
  }

  #becomeLeader(nowMs: number, partition: PartitionInfo, out: ReplicaEffects): void {
    this.#stepDown(out);
    const { leaderEpoch } = partition;
    const { state } = this.#core;
    const incarnation = state.leaderEpoch === leaderEpoch ? state.incarnation + 1 : 1;
    const change = { partition, leaderEpoch, incarnation, pendingIsr: [], settled: null };
    this.#core.changeState(change, out);
    this.#leader = this.#newLeader(true);
    this.#leader.copier.setReplicas(partition.replicas, nowMs);
  }

  #becomeFollower(partition: PartitionInfo, out: ReplicaEffects): void {
    const { state } = this.#core;
    const change = { partition, pendingIsr: [], settled: null };
    const { leaderEpoch } = partition;
    if (leaderEpoch >= state.leaderEpoch) this.#stepDown(out);
    if (leaderEpoch > state.leaderEpoch) {
      this.#core.changeState({ ...change, leaderEpoch, incarnation: 0 }, out);
    } else {
      this.#core.changeState(change, out);
    }
  }

  #stepDown(out: ReplicaEffects): void {
    this.#leader?.stepDown(out);
    this.#leader = null;
  }

  #newLeader(opened: boolean): Leader {
    return new Leader(this.#core, opened, () => ++this.#lastId);
  }

  /** LOG41: rows below the log start go in bounded steps. */
  #trim(out: ReplicaEffects): void {
    if (!this.#trimDue) return;
    // The store does not know yet of a tail that this turn cut.
    if (out.facts.some(({ kind }) => kind === "truncate" || kind === "restart")) return;
    const offset = this.#core.store.trimPoint(this.log.logStartOffset, TRIM_ROWS_PER_TURN);
    // What this turn appended may be deleted already, and is not stored yet.
    if (offset === null) this.#trimDue = out.facts.some(({ kind }) => kind === "batch");
    else this.#core.emit({ kind: "trim", offset }, out);
  }

  #readRow(nowMs: number, out: ReplicaEffects): void {
    if (!this.#rowWanted || nowMs < this.#rowDeadlineMs()) return;
    this.#rowAskedAtMs = nowMs;
    out.messages.push({ kind: "readCatalogue" });
  }

  #rowDeadlineMs(): number {
    if (!this.#rowWanted) return Infinity;
    const unanswered = this.#rowAskedAtMs + this.#core.config.sendTimeoutMs;
    return Math.max(unanswered, this.#rowRetryAtMs);
  }
}
