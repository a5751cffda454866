/** What both roles of a replica share: its log, its hard state, and the one way to change them. */
import { assert } from "../lib/assert.ts";
import type { LogView } from "../log/log-store.ts";
import type { PartitionLog, Term } from "../log/partition-log.ts";
import type { ReplicaConfig } from "./config.ts";
import type { ReplicaEffects, ReplicaFact } from "./messages.ts";
import type { ReplicaState } from "./replica-state.ts";
import type { ReplicaRules } from "./rules.ts";

export class ReplicaCore {
  readonly brokerId: number;
  readonly log: PartitionLog;
  readonly store: LogView;
  readonly rules: ReplicaRules;
  config: ReplicaConfig;
  #state: ReplicaState;
  /** As much of the high watermark as a row holds. */
  storedHighWatermark: number;

  constructor(
    brokerId: number,
    log: PartitionLog,
    store: LogView,
    state: ReplicaState,
    config: ReplicaConfig,
    rules: ReplicaRules,
  ) {
    this.brokerId = brokerId;
    this.log = log;
    this.store = store;
    this.config = config;
    this.rules = rules;
    this.#state = state;
    log.advanceHighWatermark(Math.min(state.highWatermark, log.logEndOffset));
    this.storedHighWatermark = log.highWatermark;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  get term(): Term {
    const { leaderEpoch, incarnation } = this.#state;
    return { leaderEpoch, incarnation };
  }

  apply(fact: ReplicaFact): void {
    if (fact.kind !== "state") {
      this.log.apply(fact);
      return;
    }
    assert(
      this.rules.compareTerms(fact.state, this.#state) >= 0,
      "the highest term met never goes back",
    );
    this.#state = fact.state;
  }

  /** Decides a fact: it holds from now on and is stored at the end of the turn. */
  emit(fact: ReplicaFact, out: ReplicaEffects): void {
    this.apply(fact);
    out.facts.push(fact);
  }

  changeState(change: Partial<ReplicaState>, out: ReplicaEffects): void {
    const { highWatermark } = this.log;
    this.emit({ kind: "state", state: { ...this.#state, highWatermark, ...change } }, out);
    this.storedHighWatermark = Math.max(this.storedHighWatermark, highWatermark);
  }

  /** Once a turn: chunks carry the high watermark along, and one that went back must not come back. */
  noteStored(out: ReplicaEffects): void {
    const { highWatermark } = this.log;
    if (this.storedHighWatermark > highWatermark) {
      this.changeState({}, out);
      this.storedHighWatermark = highWatermark;
    } else if (out.facts.some((fact) => fact.kind === "batch")) {
      this.storedHighWatermark = highWatermark;
    }
  }
}
