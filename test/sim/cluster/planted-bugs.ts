/** Mistakes that the simulator must find: each breaks one rule of SPEC.md. */
import { REPLICA_RULES, type ReplicaRules } from "../../../src/replication/rules.ts";

export interface PlantedBug {
  readonly name: string;
  readonly rules?: Partial<ReplicaRules>;
  /** The proposer of an election does not look at the ISR. */
  readonly electAnybody?: boolean;
  /** A replica that becomes leader knows nothing of producers. */
  readonly forgetProducers?: boolean;
  /** The first turn of a life sends before its incarnation is stored. */
  readonly everythingEarly?: boolean;
  /** Replies leave before the write under them is durable. */
  readonly repliesEarly?: boolean;
  /** Recovery forgets who wrote what. */
  readonly forgetProducersOnWaking?: boolean;
}

const OWN_LOG_NOT_DURABLE: PlantedBug = {
  name: "the leader's own log counts before it is durable",
  rules: {
    highWatermarkOf: (view) =>
      REPLICA_RULES.highWatermarkOf({ ...view, durableEnd: view.logEndOffset }),
  },
};

/** What a partition with one replica can get wrong too. */
export const LONE_BUGS: readonly PlantedBug[] = [
  { name: "a reply before the write is durable", repliesEarly: true },
  { name: "producer state lost in recovery", forgetProducersOnWaking: true },
  OWN_LOG_NOT_DURABLE,
];

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "no divergence check",
    rules: { sameTerm: (a, b) => a !== null && b !== null },
  },
  { name: "ack before the ISR", rules: { isCommitted: () => true } },
  { name: "election outside the ISR", electAnybody: true },
  {
    name: "high watermark from the leader alone",
    rules: { highWatermarkOf: (view) => Math.max(view.highWatermark, view.durableEnd) },
  },
  { name: "dedupe state not replicated", forgetProducers: true },
  {
    name: "epoch not checked",
    rules: {
      compareTerms: (message, own) => Math.max(0, REPLICA_RULES.compareTerms(message, own)),
    },
  },
  {
    name: "incarnation not checked",
    rules: {
      compareTerms: (message, own) => message.leaderEpoch - own.leaderEpoch,
      sameTerm: (a, b) => a !== null && b !== null && a.leaderEpoch === b.leaderEpoch,
    },
  },
  OWN_LOG_NOT_DURABLE,
  {
    name: "an ISR change counts before the catalogue has made it",
    rules: {
      highWatermarkOf: (view) => REPLICA_RULES.highWatermarkOf({ ...view, maximalIsr: view.isr }),
    },
  },
  { name: "messages leave before their incarnation is stored", everythingEarly: true },
];
