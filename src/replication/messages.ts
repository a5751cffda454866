/** What goes in and out of a replica: inputs, messages to others, replies. */
import type { PartitionInfo, PartitionState } from "../cluster/types.ts";
import type { EpochEnd } from "../log/epochs.ts";
import type { LogFact, Term } from "../log/partition-log.ts";
import type { ProducerEntry } from "../log/producer-state.ts";
import type { Effects, ReplyTo } from "../machine/machine.ts";
import type { ReplicaConfig } from "./config.ts";
import type { ReplicaState } from "./replica-state.ts";

/** Whole consecutive batches that one term wrote; the epoch is in each batch. */
export interface ReplicatedChunk {
  readonly incarnation: number;
  /** The leader's clock when it appended them, ms. */
  readonly appendedAtMs: number;
  readonly data: Uint8Array;
}

/** Leader → follower. */
export interface ReplicateRequest extends Term {
  readonly leaderId: number;
  /** Where the chunks begin; without chunks, where the logs are compared. */
  readonly offset: number;
  /** Term of the batch before `offset`; null where the leader's log starts. */
  readonly previous: Term | null;
  readonly chunks: readonly ReplicatedChunk[];
  /** With `previous` null: what a follower that starts there must know. Null: it may not start there. */
  readonly producers: readonly ProducerEntry[] | null;
  readonly leaderLogEndOffset: number;
  readonly leaderHighWatermark: number;
  readonly leaderLogStartOffset: number;
  /** REP25: the partition is quiet; what the follower knows to be committed is to be stored. */
  readonly settle: boolean;
}

/** Follower → leader; the term is the follower's after it took note of the message. */
export type ReplicateReply = Term &
  (
    | {
        readonly kind: "ok";
        /** The follower's log equals the leader's up to here, durably. */
        readonly logEndOffset: number;
        readonly logStartOffset: number;
      }
    /** The sender is out of date: the term is higher than its own. */
    | { readonly kind: "fenced" }
    | {
        readonly kind: "mismatch";
        readonly logEndOffset: number;
        readonly highWatermark: number;
        /** Where the follower's epoch at or before the leader's `previous` ended. */
        readonly epochEnd: EpochEnd;
      }
  );

export type ReplicaInput =
  | {
      readonly kind: "append";
      readonly to: ReplyTo;
      /** One validated batch; the machine writes offset and epoch into it and keeps it. */
      readonly batch: Uint8Array;
      /** -1 all, 0, 1. */
      readonly acks: number;
      readonly timeoutMs: number;
      /** -1: none given. */
      readonly leaderEpoch: number;
      readonly logAppendTime: boolean;
    }
  | {
      readonly kind: "deleteRecords";
      readonly to: ReplyTo;
      readonly offset: number;
      readonly timeoutMs: number;
    }
  /** A message from the leader. */
  | { readonly kind: "replicate"; readonly to: ReplyTo; readonly request: ReplicateRequest }
  /** The outcome of a `replicate` message: the follower's reply, or null when there was none. */
  | {
      readonly kind: "replicated";
      readonly follower: number;
      readonly sendId: number;
      readonly reply: ReplicateReply | null;
    }
  /** The partition's row as just read; null when the catalogue did not answer. */
  | { readonly kind: "catalogue"; readonly partition: PartitionInfo | null }
  /** The outcome of a `changeIsr` message. */
  | {
      readonly kind: "isrChanged";
      readonly attempt: number;
      readonly outcome: IsrOutcome;
    }
  /** All facts up to the turn that ended in this position are durable. */
  | ({ readonly kind: "durable" } & ReplicaPosition)
  | { readonly kind: "configure"; readonly config: ReplicaConfig }
  /** Somebody has reason to believe that replicas are back: try again at once. */
  | { readonly kind: "nudge" }
  | { readonly kind: "tick" };

/**
 * done; conflict: the partition epoch was another, nothing changed; ineligible: a new member is fenced,
 * nothing changed; unknown: no answer, it may have happened or may yet.
 */
export type IsrOutcome = "done" | "conflict" | "ineligible" | "unknown";

export type ReplicaMessage =
  | {
      readonly kind: "replicate";
      readonly follower: number;
      readonly sendId: number;
      readonly request: ReplicateRequest;
    }
  | {
      readonly kind: "changeIsr";
      readonly attempt: number;
      readonly expectedPartitionEpoch: number;
      readonly next: PartitionState;
    }
  | { readonly kind: "readCatalogue" };

/** Told from what a machine on top of the replica sends. */
export function isReplicaMessage(message: { readonly kind: string }): message is ReplicaMessage {
  const { kind } = message;
  return kind === "replicate" || kind === "changeIsr" || kind === "readCatalogue";
}

/** What a client of the log is answered. */
export type LogReply =
  | {
      readonly kind: "append";
      readonly errorCode: number;
      readonly errorMessage: string | null;
      readonly baseOffset: number;
      readonly logAppendTimeMs: number;
      readonly logStartOffset: number;
    }
  | { readonly kind: "deleteRecords"; readonly errorCode: number; readonly lowWatermark: number };

export type ReplicaReply =
  | LogReply
  | { readonly kind: "replicate"; readonly reply: ReplicateReply };

export type ReplicaFact = LogFact | { readonly kind: "state"; readonly state: ReplicaState };

/** Where a turn ended; comes back in `durable`. */
export interface ReplicaPosition extends Term {
  readonly logEndOffset: number;
}

/** What one turn of a replica puts out, or of a machine that stands on one (group/coordinator.ts). */
export interface TurnEffects<Message, Reply> extends Effects<ReplicaFact, Message, Reply> {
  /** To be sent before the facts are stored, so that the replicas' writes overlap. */
  readonly early: Message[];
  /** To be given before the facts are stored: nothing of this turn is under them. */
  readonly ready: { readonly to: ReplyTo; readonly reply: Reply }[];
}

export type ReplicaEffects = TurnEffects<ReplicaMessage, ReplicaReply>;

/** What a shell drives: a turn's inputs, then its end (SPEC.md, "Turns"). */
export interface TurnMachine<Input, Message, Reply> {
  step(
    nowMs: number,
    input: Input | ReplicaInput,
    out: TurnEffects<Message | ReplicaMessage, Reply | ReplicaReply>,
  ): void;
  endTurn(nowMs: number, out: TurnEffects<Message | ReplicaMessage, Reply | ReplicaReply>): void;
  /** To be read after `endTurn` and handed back in `durable`. */
  position(): ReplicaPosition;
  deadline(): number;
}

export function noTurnEffects<Message, Reply>(): TurnEffects<Message, Reply> {
  return { facts: [], messages: [], replies: [], early: [], ready: [] };
}

export function noReplicaEffects(): ReplicaEffects {
  return noTurnEffects();
}
