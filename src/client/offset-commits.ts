import type { AssignedPartition, Assignment } from "./assignment.ts";
import { backoffMs } from "./backoff.ts";
import type { BrokerClient } from "./broker-client.ts";
import { settledWithin, sleep } from "./clock.ts";
import type { ConsumerSettings } from "./consumer-config.ts";
import { CommitFailedError, ErrorCode, errorMessage, KafkaError, TimeoutError } from "./errors.ts";
import { commitOffsets, type GroupMember, type OffsetToCommit } from "./group-offsets.ts";

/** Told when a commit is through, or why it failed. */
export type OffsetCommitCallback = (
  error: Error | null,
  offsets: readonly OffsetToCommit[],
) => void;

/** Who commits. */
export interface Committer {
  /** @throws RebalanceInProgressError, CommitFailedError */
  committer(): GroupMember;
  commitRefused(code: number, sent: GroupMember): Error;
  /** Under KIP-848 the epoch moves on while partitions stay. */
  readonly keepsPartitionsAcrossEpochs: boolean;
  /** Members own what they read; who was told by assign() does not. */
  readonly isMember: boolean;
}

/**
 * Commits, one request at a time: over HTTPS a request may overtake the one before it, and an older
 * offset would stand.
 */
export class OffsetCommits {
  readonly #client: BrokerClient;
  readonly #settings: ConsumerSettings;
  readonly #assignment: Assignment;
  readonly #committer: Committer;
  #last: Promise<unknown> = Promise.resolve();
  #nextAutoMs: number;

  constructor(
    client: BrokerClient,
    settings: ConsumerSettings,
    assignment: Assignment,
    committer: Committer,
  ) {
    this.#client = client;
    this.#settings = settings;
    this.#assignment = assignment;
    this.#committer = committer;
    this.#nextAutoMs = client.clock.now() + settings["auto.commit.interval.ms"];
  }

  /** Retries until it is done. */
  async commit(offsets: readonly OffsetToCommit[], timeoutMs: number): Promise<void> {
    const deadline = this.#client.clock.now() + timeoutMs;
    if (offsets.length === 0) return this.settled(timeoutMs);
    const member = this.#committer.committer();
    return this.#inTurn(async () => {
      for (let attempts = 1; ; attempts++) {
        const error = await this.#attempt(member, offsets, deadline);
        if (error === null) return;
        if (!isRetriable(error)) throw error;
        const wait = backoffMs(this.#client.backoff, attempts, this.#client.random);
        if (this.#client.clock.now() + wait >= deadline) {
          throw new TimeoutError(
            `committing offsets did not succeed within ${timeoutMs} ms: ${error.message}`,
            { cause: error },
          );
        }
        await sleep(this.#client.clock, wait);
      }
    });
  }

  /** One attempt. Commits take effect in the order in which they were made. */
  async commitOnce(offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    const member = this.#committer.committer();
    return this.#inTurn(async () => {
      const deadline = this.#client.clock.now() + this.#settings["request.timeout.ms"];
      const error = await this.#attempt(member, offsets, deadline);
      if (error !== null) throw error;
    });
  }

  /** When all that was begun before is done, well or badly, or it takes too long. */
  async settled(timeoutMs: number): Promise<void> {
    await settledWithin(this.#client.clock, this.#last, timeoutMs);
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #attempt(
    enqueuedAs: GroupMember,
    offsets: readonly OffsetToCommit[],
    deadline: number,
  ): Promise<Error | null> {
    const timeoutMs = Math.min(
      Math.max(1, deadline - this.#client.clock.now()),
      this.#settings["request.timeout.ms"],
    );
    try {
      const member = this.#committer.committer();
      this.#throwIfOutdated(enqueuedAs, member, offsets);
      const codes = await commitOffsets(this.#client, member, offsets, timeoutMs);
      return this.#take(member, offsets, codes);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Partitions that went away meanwhile may be another's: an offset of theirs would be overwritten. */
  #throwIfOutdated(
    before: GroupMember,
    now: GroupMember,
    offsets: readonly OffsetToCommit[],
  ): void {
    if (before.memberId === now.memberId) {
      if (before.generationIdOrMemberEpoch === now.generationIdOrMemberEpoch) return;
      const kept =
        this.#committer.keepsPartitionsAcrossEpochs &&
        offsets.every(({ topic, partition }) => this.#assignment.find(topic, partition) !== null);
      if (kept) return;
    }
    throw new CommitFailedError(
      ErrorCode.ILLEGAL_GENERATION,
      "the group has rebalanced since, and the partitions may be another's",
    );
  }

  #take(
    member: GroupMember,
    offsets: readonly OffsetToCommit[],
    codes: readonly number[],
  ): Error | null {
    let failure: Error | null = null;
    offsets.forEach(({ topic, partition, offset }, i) => {
      const code = codes[i] as number;
      if (code === ErrorCode.NONE) {
        const assigned = this.#assignment.find(topic, partition);
        if (assigned !== null) assigned.committed = offset;
      } else {
        failure ??= this.#errorOf(code, member, `${topic}-${partition}`);
      }
    });
    return failure;
  }

  #errorOf(code: number, member: GroupMember, place: string): Error {
    if (ABOUT_THE_MEMBER.has(code)) return this.#committer.commitRefused(code, member);
    return new KafkaError(code, `committing the offset of ${place}: ${errorMessage(code)}`);
  }

  /**
   * What poll() gave and is not committed. Whoever is no member commits what is committed too: its
   * offsets would expire otherwise.
   */
  consumed(): OffsetToCommit[] {
    return this.#assignment.partitions.flatMap((assigned) => {
      const { topic, partition, position, positionEpoch } = assigned;
      if (position === null || (this.#committer.isMember && isCommitted(assigned))) return [];
      return [{ topic, partition, offset: position, leaderEpoch: positionEpoch }];
    });
  }

  /** Begins an automatic commit if it is time for one; returns when it will be. */
  stepAuto(now: number): number {
    if (!this.#settings["enable.auto.commit"]) return Number.POSITIVE_INFINITY;
    if (now < this.#nextAutoMs) return this.#nextAutoMs;
    this.restartAuto();
    void this.#autoCommitOnce();
    return this.#nextAutoMs;
  }

  async #autoCommitOnce(): Promise<void> {
    try {
      await this.commitOnce(this.consumed());
    } catch (error) {
      // The next one carries these offsets too; poll() meets whatever is wrong with the membership.
      if (!(error instanceof KafkaError) || !error.retriable) return;
      const soon = this.#client.clock.now() + this.#settings["retry.backoff.ms"];
      this.#nextAutoMs = Math.min(this.#nextAutoMs, soon);
    }
  }

  restartAuto(): void {
    this.#nextAutoMs = this.#client.clock.now() + this.#settings["auto.commit.interval.ms"];
  }

  /** Commits what poll() gave, before partitions go. What cannot be committed is read again. */
  async autoCommit(timeoutMs: number): Promise<void> {
    if (!this.#settings["enable.auto.commit"]) return;
    try {
      await this.commit(this.consumed(), timeoutMs);
    } catch {
      // Kafka goes on as well: records are processed again rather than never.
    }
  }
}

/** Codes by which the coordinator refuses the member, not the offset. */
const ABOUT_THE_MEMBER: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.STALE_MEMBER_EPOCH,
]);

function isCommitted({ position, committed }: AssignedPartition): boolean {
  return position === committed;
}

function isRetriable(error: Error): error is KafkaError {
  // A stale epoch becomes the right one with the next heartbeat (KIP-848).
  return (
    error instanceof KafkaError && (error.retriable || error.code === ErrorCode.STALE_MEMBER_EPOCH)
  );
}
