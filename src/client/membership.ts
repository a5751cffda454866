/** What a consumer sees of its place in a group, whichever protocol the group speaks. */
import type { Assignment } from "./assignment.ts";
import type { BrokerClient } from "./broker-client.ts";
import type { ConsumerSettings } from "./consumer-config.ts";
import type { GroupMember } from "./group-offsets.ts";
import type { Subscription } from "./subscription.ts";

/** Stay a member of the group, leave it, or (default) leave it unless the membership is static. */
export type MembershipAtClose = "default" | "leave" | "remain";

export interface Membership {
  /** No records may be given now: what was given is being committed before partitions go. */
  readonly holdsRecords: boolean;
  /** Who this member is; generation or epoch -1 while it is none. */
  readonly member: GroupMember;
  /** The epoch moves on while partitions stay (KIP-848). */
  readonly keepsPartitionsAcrossEpochs: boolean;
  /**
   * Does what the group wants, without waiting for the network; calls the listener. Whatever it waits
   * for is told by GroupHost.changed().
   *
   * @returns when it is to be called again, at the latest
   * @throws (rejects) RebalanceListenerError, and KafkaError for what asking again does not help
   */
  advance(): Promise<number>;
  /**
   * As whom offsets can be committed now.
   *
   * @throws RebalanceInProgressError, CommitFailedError
   */
  committer(): GroupMember;
  /** The error to throw for a commit that was refused, taking notice of what it says. */
  commitRefused(code: number, sent: GroupMember): Error;
  /** Joins anew at the next poll(). */
  enforceRebalance(reason: string): void;
  /** Gives everything up, calling the listener, and tells the group if it should leave. */
  leave(reason: string, membership: MembershipAtClose, timeoutMs: number): Promise<void>;
}

/** What a membership works on. */
export interface GroupHost {
  readonly client: BrokerClient;
  readonly settings: ConsumerSettings;
  readonly groupId: string;
  readonly subscription: Subscription;
  readonly assignment: Assignment;
  /** Something came that a poll() may wait for. */
  changed(): void;
  /** Since when poll() is not being waited in, ms; null while it is. */
  idleSinceMs(): number | null;
  /** Commits what poll() gave if that is to happen by itself. Never rejects. */
  autoCommit(timeoutMs: number): Promise<void>;
  /** Partitions came: the interval of automatic commits begins. */
  joined(): void;
}
