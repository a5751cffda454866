/**
 * A consumer group (KIP-848): the coordinator computes who reads what, and members follow it step by
 * step with their heartbeats. Rules: SPEC.md. After Kafka's ConsumerGroup and the parts of
 * GroupMetadataManager that change one.
 */
import { CONSUMER_PROTOCOL_TYPE } from "../../protocol/consumer-protocol.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { TopicPartitions } from "../assignors/assignor.ts";
import { samePartitions } from "../assignors/assignor.ts";
import { ASSIGNOR_DEFAULT, ASSIGNORS } from "../assignors/assignors.ts";
import type { GroupConfig } from "../config.ts";
import type { CommitAs, Group, GroupTurn } from "../group.ts";
import { ConsumerState } from "./consumer-state.ts";
import { LastSaid, ToldMembers } from "./heard.ts";
import type { ConsumerMember, MemberMetadata } from "./member.ts";
import { currentOf, listOf, MemberState, sameMetadata, sameNames } from "./member.ts";
import { MemberTimers } from "./member-timers.ts";
import { compilePattern } from "./patterns.ts";
import { reconcile } from "./reconcile.ts";
import type { ConsumerRecord } from "./records.ts";
import { consumerRecords } from "./records.ts";
import type { ConsumerRules } from "./rules.ts";
import { assignorGroup } from "./target.ts";
import type { TopicImages } from "./topic-images.ts";

/** From here on members commit with their member epoch (OffsetCommit). */
const COMMIT_VERSION_MIN = 9;

/** What all consumer groups of a coordinator share. */
export interface ConsumerGroupContext {
  readonly config: GroupConfig;
  readonly rules: ConsumerRules;
  readonly topics: TopicImages;
  /**
   * GRP172: makes a classic group of this one, without those that leave, if all others speak the
   * classic protocol; says whether it did.
   */
  downgrade(turn: GroupTurn, group: ConsumerGroup, leaving: ReadonlySet<string>): boolean;
}

export class ConsumerGroup implements Group {
  readonly type = "consumer";
  readonly protocolType = CONSUMER_PROTOCOL_TYPE;
  readonly groupId: string;
  readonly context: ConsumerGroupContext;
  readonly state = new ConsumerState();
  readonly timers = new MemberTimers();
  readonly told = new ToldMembers();
  readonly said = new LastSaid();
  /** What was known of topics when the metadata hash was last compared. */
  #comparedVersion = -1;

  constructor(groupId: string, context: ConsumerGroupContext) {
    this.groupId = groupId;
    this.context = context;
  }

  get stateName(): string {
    return this.state.name;
  }

  get isEmpty(): boolean {
    return this.state.members.size === 0;
  }

  /** Offsets of a consumer group expire by the time of their commits (ConsumerGroup.offsetExpirationCondition). */
  get emptySinceMs(): number {
    return -1;
  }

  isSubscribedTo(topic: string): boolean {
    return this.state.subscriptions.has(topic);
  }

  /** The assignor that most members ask for. */
  get assignorName(): string {
    let best = ASSIGNOR_DEFAULT;
    let most = 0;
    for (const name of ASSIGNORS.keys()) {
      const members = this.state.subscriptions.assignorMembers(name);
      if (members <= most) continue;
      best = name;
      most = members;
    }
    return best;
  }

  replay(record: ConsumerRecord): void {
    this.state.apply(record);
    if (record.kind !== "member") return;
    const { memberId } = record.key;
    if (this.state.members.has(memberId)) return;
    this.timers.cancelAll(memberId);
    this.told.forget(memberId);
    this.said.forget(memberId);
  }

  // What requests do to a group: each emits records, and each record has been applied when it returns.

  /** Stores what a member says of itself, and says whether the group must be assigned anew. */
  updateMember(turn: GroupTurn, before: ConsumerMember, now: MemberMetadata): boolean {
    const { groupId, state } = this;
    const assignorBefore = this.assignorName;
    const isNew = !state.members.has(before.memberId);
    if (isNew || !sameMetadata(before, now)) {
      const { classic, ...rest } = now;
      const value = { ...rest, classicMemberMetadata: classic };
      turn.emit(consumerRecords.member(groupId, before.memberId, value));
    }
    const patternChanged = before.subscribedTopicRegex !== now.subscribedTopicRegex;
    if (patternChanged) {
      this.#forgetPattern(turn, before.subscribedTopicRegex);
      this.#resolve(turn, now.subscribedTopicRegex);
    }
    return (
      isNew ||
      patternChanged ||
      !sameNames(before.subscribedTopicNames, now.subscribedTopicNames) ||
      this.assignorName !== assignorBefore
    );
  }

  /** GRP113: a static member comes back under a new member id and takes over what its old one had. */
  replaceMember(turn: GroupTurn, before: ConsumerMember, memberId: string): void {
    const { groupId, state } = this;
    const target = state.target(before.memberId);
    this.#emitRemoval(turn, before.memberId);
    const { classic, ...rest } = before;
    const value = { ...rest, classicMemberMetadata: classic };
    turn.emit(consumerRecords.member(groupId, memberId, value));
    turn.emit(consumerRecords.targetMember(groupId, memberId, listOf(target)));
    const current = { ...currentOf(before), memberEpoch: 0, previousMemberEpoch: 0 };
    turn.emit(consumerRecords.current(groupId, memberId, current));
  }

  /** Raises the group epoch when told to, or when topics are not what they were at the last one. */
  updateEpoch(turn: GroupTurn, bump: boolean): void {
    const { topics } = this.context;
    if (!bump && this.#comparedVersion === topics.version) return;
    const { groupId, state } = this;
    let hash = state.metadataHash;
    if (this.knowsTopics) {
      hash = this.topicsHash();
      this.#comparedVersion = topics.version;
    }
    if (!bump && hash === state.metadataHash) return;
    const epoch = state.groupEpoch + 1;
    turn.emit(consumerRecords.metadata(groupId, { epoch, metadataHash: hash }));
  }

  /** Computes the target assignment of the group epoch, unless that is done (GRP130, GRP142). */
  updateTarget(turn: GroupTurn): void {
    const { groupId, state } = this;
    if (state.assignmentEpoch >= state.groupEpoch) return;
    if (state.assignmentEpoch > 0 && !this.knowsTopics) return;
    const assign = ASSIGNORS.get(this.assignorName);
    if (assign === undefined) return;
    for (const [memberId, target] of assign(assignorGroup(state, this.context.topics))) {
      if (state.hasTarget(memberId) && samePartitions(state.target(memberId), target)) continue;
      turn.emit(consumerRecords.targetMember(groupId, memberId, listOf(target)));
    }
    turn.emit(consumerRecords.targetMetadata(groupId, state.groupEpoch));
  }

  /** One step of the member towards its target; returns it as it is afterwards. */
  reconcile(
    turn: GroupTurn,
    member: ConsumerMember,
    owned: TopicPartitions | null,
  ): ConsumerMember {
    const { groupId, state } = this;
    const { memberId } = member;
    const after = reconcile({
      member,
      targetEpoch: state.assignmentEpoch,
      target: state.target(memberId),
      owned,
      isFree: (topicId, partition) =>
        this.context.rules.isFree(state.owners.get(topicId, partition), memberId),
    });
    if (after === member) return member;
    turn.emit(consumerRecords.current(groupId, memberId, currentOf(after)));
    // Members that speak the classic protocol are timed by their joins and syncs.
    if (after.classic === null && after.state === MemberState.UNREVOKED_PARTITIONS) {
      this.timers.rebalance.set(memberId, turn.nowMs + after.rebalanceTimeoutMs);
    } else {
      this.timers.rebalance.cancel(memberId);
    }
    return state.memberOrThrow(groupId, memberId);
  }

  /** A sign of life. */
  touch(nowMs: number, member: ConsumerMember): void {
    const timeoutMs =
      member.classic?.sessionTimeoutMs ?? this.context.config.consumerSessionTimeoutMs;
    this.timers.session.set(member.memberId, nowMs + timeoutMs);
  }

  /** Takes members out, whatever they have, or makes a classic group of those that are left. */
  fence(turn: GroupTurn, memberIds: ReadonlySet<string>): void {
    if (memberIds.size === 0 || this.context.downgrade(turn, this, memberIds)) return;
    const { groupId, state } = this;
    for (const memberId of memberIds) this.#emitRemoval(turn, memberId);
    for (const pattern of state.subscriptions.resolvedPatterns())
      this.#forgetPattern(turn, pattern);
    this.updateEpoch(turn, true);
    // Nobody is there to be assigned anything: the empty group is up to date.
    if (this.isEmpty) turn.emit(consumerRecords.targetMetadata(groupId, state.groupEpoch));
  }

  #emitRemoval(turn: GroupTurn, memberId: string): void {
    turn.emit(consumerRecords.current(this.groupId, memberId, null));
    turn.emit(consumerRecords.targetMember(this.groupId, memberId, null));
    turn.emit(consumerRecords.member(this.groupId, memberId, null));
  }

  // Topics.

  /** Every topic that the group reads has been asked for since this life began. */
  get knowsTopics(): boolean {
    const { topics } = this.context;
    return this.state.subscriptions.topics().every((name) => topics.isKnown(name));
  }

  /** Of the topics that the group reads, as they are known now. */
  topicsHash(): number {
    return this.context.topics.hash(this.state.subscriptions.topics());
  }

  /** The catalogue answered: what was resolved or assigned before may be out of date. */
  topicsChanged(turn: GroupTurn): void {
    if (this.isEmpty || this.context.downgrade(turn, this, new Set())) return;
    let changed = false;
    for (const pattern of this.state.subscriptions.patterns()) {
      changed = this.#resolve(turn, pattern) || changed;
    }
    this.updateEpoch(turn, changed);
  }

  /** Says whether the pattern matches other topics than before. */
  #resolve(turn: GroupTurn, pattern: string): boolean {
    const { topics } = this.context;
    if (pattern === "" || topics.allReadAtMs === -Infinity) return false;
    const before = this.state.subscriptions.resolved(pattern);
    if (before !== undefined && this.#comparedVersion === topics.version) return false;
    const matches = compilePattern(pattern);
    const names = Array.from(topics.topics(), ({ name }) => name)
      .filter(matches)
      .sort();
    if (before !== undefined && sameNames(before, names)) return false;
    const value = { topics: names, version: 0, timestamp: turn.nowMs };
    turn.emit(consumerRecords.pattern(this.groupId, pattern, value));
    return true;
  }

  #forgetPattern(turn: GroupTurn, pattern: string): void {
    const { subscriptions } = this.state;
    if (subscriptions.patternMembers(pattern) > 0) return;
    if (subscriptions.resolved(pattern) === undefined) return;
    turn.emit(consumerRecords.pattern(this.groupId, pattern, null));
  }

  // What the coordinator asks of any group.

  checkCommit(_turn: GroupTurn, as: CommitAs): number {
    const { memberId, generationIdOrMemberEpoch: epoch, apiVersion } = as;
    if (epoch < 0 && this.isEmpty) return ErrorCode.NONE;
    const member = this.state.member(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (member.classic === null && apiVersion < COMMIT_VERSION_MIN) {
      return ErrorCode.UNSUPPORTED_VERSION;
    }
    return this.#epochProblem(member, epoch);
  }

  checkFetch(memberId: string | null, memberEpoch: number): number {
    if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
    const member = this.state.member(memberId ?? "");
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return this.#epochProblem(member, memberEpoch);
  }

  #epochProblem({ memberEpoch, classic }: ConsumerMember, asked: number): number {
    if (this.context.rules.isPresent(asked, memberEpoch)) return ErrorCode.NONE;
    return classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
  }

  tombstones(turn: GroupTurn): void {
    const { groupId, state } = this;
    const memberIds = [...state.members.keys()];
    for (const id of memberIds) turn.emit(consumerRecords.current(groupId, id, null));
    for (const id of memberIds) turn.emit(consumerRecords.targetMember(groupId, id, null));
    turn.emit(consumerRecords.targetMetadata(groupId, null));
    for (const id of memberIds) turn.emit(consumerRecords.member(groupId, id, null));
    for (const pattern of state.subscriptions.resolvedPatterns()) {
      turn.emit(consumerRecords.pattern(groupId, pattern, null));
    }
    turn.emit(consumerRecords.metadata(groupId, null));
  }

  /** Sessions and revocations begin anew: nobody could have reached the coordinator that was lost. */
  loaded(nowMs: number): void {
    if (!this.context.rules.startsSessions) return;
    for (const member of this.state.members.values()) {
      this.touch(nowMs, member);
      if (member.classic !== null || member.state !== MemberState.UNREVOKED_PARTITIONS) continue;
      this.timers.rebalance.set(member.memberId, nowMs + member.rebalanceTimeoutMs);
    }
  }

  tick(turn: GroupTurn): void {
    this.fence(turn, this.timers.due(turn.nowMs));
  }

  deadline(): number {
    return this.timers.deadlineMs;
  }

  /** Nobody waits in a consumer group: who waits for topics waits with the coordinator. */
  refuseAll(): void {}
}
