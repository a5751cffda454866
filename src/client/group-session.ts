/** The part of a consumer that its group has to do with: subscription, membership, offsets. */
import type { Assignment } from "./assignment.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ClassicMembership } from "./classic-membership.ts";
import { CommittedPositions } from "./committed-positions.ts";
import type { ConsumerSettings } from "./consumer-config.ts";
import { ConsumerMembership } from "./consumer-membership.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import { type CommittedOffset, fetchOffsets, type GroupMember } from "./group-offsets.ts";
import type { Membership, MembershipAtClose } from "./membership.ts";
import { OffsetCommits } from "./offset-commits.ts";
import type { RebalanceListener } from "./rebalance-listener.ts";
import { Subscription } from "./subscription.ts";
import type { TopicPartition } from "./topics.ts";

export interface GroupSessionOptions {
  readonly client: BrokerClient;
  readonly settings: ConsumerSettings;
  readonly assignment: Assignment;
  readonly changed: () => void;
  readonly idleSinceMs: () => number | null;
}

export class GroupSession {
  readonly subscription = new Subscription();
  readonly commits: OffsetCommits;
  readonly #options: GroupSessionOptions;
  readonly #positions: CommittedPositions;
  #membership: Membership | null = null;

  constructor(options: GroupSessionOptions) {
    const { client, settings, assignment, changed } = options;
    const session = this;
    this.#options = options;
    this.commits = new OffsetCommits(client, settings, assignment, {
      committer: () => this.#membership?.committer() ?? this.#nobody(),
      commitRefused: (code, sent) =>
        this.#membership?.commitRefused(code, sent) ?? refusedToNobody(code, sent),
      get keepsPartitionsAcrossEpochs() {
        return session.#membership?.keepsPartitionsAcrossEpochs ?? false;
      },
      get isMember() {
        return session.#membership !== null;
      },
    });
    this.#positions = new CommittedPositions(
      client,
      assignment,
      () => this.#reader(),
      settings["request.timeout.ms"],
      changed,
    );
  }

  /** @throws KafkaError INVALID_GROUP_ID */
  #groupId(): string {
    const groupId = this.#options.settings["group.id"];
    if (groupId !== null) return groupId;
    throw new KafkaError(
      ErrorCode.INVALID_GROUP_ID,
      "groups and committed offsets need a group.id: give one in the consumer's config",
    );
  }

  /** Somebody who reads what assign() says and is in no group. */
  #nobody(): GroupMember {
    const groupId = this.#groupId();
    return { groupId, memberId: "", generationIdOrMemberEpoch: -1, groupInstanceId: null };
  }

  /** As whom committed offsets are asked for: only KIP-848 asks who wants to know. */
  #reader(): GroupMember {
    const membership = this.#membership;
    const asMember = membership?.keepsPartitionsAcrossEpochs === true;
    const member = asMember ? membership.member : null;
    return member !== null && member.generationIdOrMemberEpoch > 0 ? member : this.#nobody();
  }

  subscribe(topics: readonly string[] | RegExp, listener: RebalanceListener | null): void {
    const groupId = this.#groupId();
    this.subscription.subscribe(topics, listener);
    if (this.#membership !== null) return;
    const host = {
      ...this.#options,
      groupId,
      subscription: this.subscription,
      changed: this.#options.changed,
      idleSinceMs: this.#options.idleSinceMs,
      autoCommit: (timeoutMs: number) => this.commits.autoCommit(timeoutMs),
      joined: () => this.commits.restartAuto(),
    };
    const isClassic = this.#options.settings["group.protocol"] === "classic";
    this.#membership = isClassic ? new ClassicMembership(host) : new ConsumerMembership(host);
  }

  get holdsRecords(): boolean {
    return this.#membership?.holdsRecords ?? false;
  }

  get member(): GroupMember {
    return this.#membership?.member ?? this.#nobody();
  }

  /** See Membership.advance(). */
  async advance(): Promise<number> {
    return this.#membership === null ? Number.POSITIVE_INFINITY : this.#membership.advance();
  }

  /** Looks committed positions up and commits by itself; returns when it wants to be called again. */
  step(now: number): number {
    const commitAt = this.commits.stepAuto(now);
    return Math.min(commitAt, this.#positions.step(now));
  }

  async committed(
    places: readonly TopicPartition[],
    timeoutMs: number,
  ): Promise<(CommittedOffset | null)[]> {
    const { client } = this.#options;
    if (places.length === 0) return [];
    const offsets = await client.retry("fetching committed offsets", timeoutMs, (leftMs) =>
      fetchOffsets(client, this.#reader(), places, { timeoutMs: leftMs, requireStable: true }),
    );
    const keyOf = ({ topic, partition }: TopicPartition) => `${partition}/${topic}`;
    const found = new Map(offsets.map((offset) => [keyOf(offset), offset]));
    return places.map((place) => found.get(keyOf(place)) ?? null);
  }

  /** Who is in no group that could be rebalanced makes nothing happen. */
  enforceRebalance(reason: string): void {
    this.#groupId();
    this.#membership?.enforceRebalance(reason);
  }

  /** Commits what is to be committed by itself, and leaves the group. */
  async leave(reason: string, atClose: MembershipAtClose, timeoutMs: number): Promise<void> {
    const { clock } = this.#options.client;
    const deadline = clock.now() + timeoutMs;
    const membership = this.#membership;
    const { commits, subscription } = this;
    if (!subscription.isEmpty) await commits.autoCommit(timeoutMs);
    await commits.settled(Math.max(0, deadline - clock.now()));
    try {
      await membership?.leave(reason, atClose, Math.max(1, deadline - clock.now()));
    } finally {
      this.#membership = null;
      subscription.clear();
    }
  }
}

function refusedToNobody(code: number, { groupId }: GroupMember): KafkaError {
  return new KafkaError(
    code,
    code === ErrorCode.UNKNOWN_MEMBER_ID
      ? `group ${groupId} has members, who commit for themselves: a consumer with assign() needs ` +
          "a group.id of its own"
      : undefined,
  );
}
