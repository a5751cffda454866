/**
 * A classic group (Kafka's ClassicGroup, GroupMetadataManager.classicGroup*): its states, its
 * generations and its timers. Hard is what the last record says: a generation with its assignment. A
 * rebalance under way is soft, and a new coordinator starts from before it. Rules: ../SPEC.md.
 */
import { GROUP_METADATA_BYTES_MAX, GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS } from "../../constants.ts";
import { assert } from "../../lib/assert.ts";
import { EMPTY_BYTES, equalBytes } from "../../lib/bytes.ts";
import type { ReplyTo } from "../../machine/machine.ts";
import type { JoinGroupResponseInput } from "../../protocol/api/11-join-group.ts";
import type { SyncGroupResponseInput } from "../../protocol/api/14-sync-group.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeConsumerSubscription,
} from "../../protocol/consumer-protocol.ts";
import { ErrorCode, ProtocolError } from "../../protocol/errors.ts";
import type { GroupConfig } from "../config.ts";
import type { CommitAs, Group, GroupTurn } from "../group.ts";
import type { GroupRecord } from "../messages.ts";
import type { GroupMetadataMember, GroupMetadataValue } from "../records.ts";
import { groupMetadataRecord, groupMetadataTombstone } from "../records.ts";
import { answerJoin, answerSync, joinError, syncError } from "./answers.ts";
import { type ClassicMember, memberFromRecord, PendingMember } from "./member.ts";
import { Members } from "./members.ts";
import { CLASSIC_RULES, type ClassicRules } from "./rules.ts";

/** Kafka's fifth, Dead, is a group that is not there. */
export type ClassicState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

interface JoinTimer {
  readonly atMs: number;
  /** The first members of an empty group wait for others; null once there are some. */
  readonly initial: { readonly delayMs: number; readonly remainingMs: number } | null;
}

export class ClassicGroup implements Group {
  readonly type = "classic";
  readonly groupId: string;
  readonly members: Members;
  readonly #config: GroupConfig;
  readonly #rules: ClassicRules;
  #state: ClassicState = "Empty";
  /** Since when it is in that state, ms; -1 when no record says. */
  #stateMs = -1;
  #generationId = 0;
  #protocolType = "";
  #protocolName: string | null = null;
  /** Topics that the members of this generation read; null when that is not known. */
  #subscribed: ReadonlySet<string> | null = null;
  /** Set in PreparingRebalance, and only then. */
  #joinTimer: JoinTimer | null = null;
  #newMemberAdded = false;
  /** When members that have not asked for their assignment are taken out. */
  #syncDueMs = Infinity;

  constructor(groupId: string, config: GroupConfig, rules: ClassicRules = CLASSIC_RULES) {
    this.groupId = groupId;
    this.members = new Members(rules);
    this.#config = config;
    this.#rules = rules;
  }

  get state(): ClassicState {
    return this.#state;
  }

  get stateName(): string {
    return this.#state;
  }

  get generationId(): number {
    return this.#generationId;
  }

  /** Does the member ask under the present generation, and has it joined that? */
  isPresent(generationId: number, { isBehind }: ClassicMember): boolean {
    return !isBehind && this.#rules.isPresent(generationId, this.#generationId);
  }

  get protocolType(): string {
    return this.#protocolType;
  }

  get protocolName(): string | null {
    return this.#protocolName;
  }

  get isEmpty(): boolean {
    return this.#state === "Empty";
  }

  get emptySinceMs(): number {
    return this.isEmpty && this.#protocolType !== "" ? this.#stateMs : -1;
  }

  get usesConsumerProtocol(): boolean {
    return this.#protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  isSubscribedTo(topic: string): boolean {
    return this.#subscribed?.has(topic) ?? this.usesConsumerProtocol;
  }

  /** GRP33: the member could take part in the group. */
  supports(protocolType: string, protocols: readonly { readonly name: string }[]): boolean {
    if (this.isEmpty) return protocolType !== "" && protocols.length > 0;
    return this.#protocolType === protocolType && this.members.support(protocols);
  }

  // What a record says

  /** The one way in which hard state changes; also of members that are here, and what they wait for. */
  apply(value: GroupMetadataValue): void {
    this.#protocolType = value.protocolType;
    this.#protocolName = value.protocol;
    this.#generationId = value.generation;
    this.#stateMs = value.currentStateTimestamp;
    const stays = new Set(value.members.map(({ memberId }) => memberId));
    for (const member of [...this.members.all()]) {
      if (!stays.has(member.memberId)) this.members.remove(member);
    }
    for (const stored of value.members) this.#applyMember(stored);
    this.members.leaderId = value.leader;
    this.#state = this.members.size === 0 ? "Empty" : "Stable";
    this.#joinTimer = null;
    this.#subscribed = this.#computeSubscribed();
  }

  #applyMember(stored: GroupMetadataMember): void {
    const known = this.members.get(stored.memberId);
    if (known !== undefined && this.#isAsStored(known, stored)) {
      known.assignment = stored.assignment;
      return;
    }
    if (known !== undefined) this.members.remove(known);
    this.members.add(memberFromRecord(stored, this.#protocolName));
  }

  /** Then what else it offers, which no record says, is kept. */
  #isAsStored(known: ClassicMember, stored: GroupMetadataMember): boolean {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = known.offer;
    return (
      known.groupInstanceId === stored.groupInstanceId &&
      sessionTimeoutMs === stored.sessionTimeout &&
      rebalanceTimeoutMs === stored.rebalanceTimeout &&
      this.#protocolName !== null &&
      known.supports(this.#protocolName) &&
      equalBytes(known.metadataOf(this.#protocolName), stored.subscription)
    );
  }

  /** The record of this generation; members whom `assignments` leaves out get no bytes. */
  recordWith(assignments: (member: ClassicMember) => Uint8Array, nowMs: number): GroupRecord {
    const members = Array.from(this.members.all(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.offer.rebalanceTimeoutMs,
      sessionTimeout: member.offer.sessionTimeoutMs,
      subscription: member.metadataOf(this.#protocolName),
      assignment: assignments(member),
    }));
    return groupMetadataRecord(this.groupId, {
      protocolType: this.#protocolType,
      generation: this.#generationId,
      protocol: this.#protocolName,
      leader: this.members.leaderId,
      currentStateTimestamp: nowMs,
      members,
    });
  }

  #computeSubscribed(): ReadonlySet<string> | null {
    if (!this.usesConsumerProtocol) return null;
    const topics = new Set<string>();
    try {
      for (const member of this.members.all()) {
        const metadata = member.metadataOf(this.#protocolName);
        for (const topic of decodeConsumerSubscription(metadata).topics) topics.add(topic);
      }
    } catch (error) {
      if (error instanceof ProtocolError) return null;
      throw error;
    }
    return topics;
  }

  // Members come and go

  /** Its JoinGroup `to` waits, and cannot for ever: nobody notices when who sent it is gone. */
  addMember(turn: GroupTurn, member: ClassicMember, protocolType: string, to: ReplyTo): void {
    if (this.members.size === 0) this.#protocolType = protocolType;
    assert(this.#protocolType === protocolType, "the caller asked supports() before");
    if (this.#joinTimer !== null && this.#joinTimer.initial !== null) this.#newMemberAdded = true;
    this.members.add(member);
    this.members.setJoin(member, to);
    member.isNew = true;
    this.members.sessions.set(member.session, turn.nowMs + GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS);
    this.maybePrepareRebalance(turn);
  }

  /** Whoever waits in its name is told that it is no member (25). */
  removeMember(turn: Pick<GroupTurn, "reply">, member: ClassicMember): void {
    answerJoin(turn, this.members, member, joinError(ErrorCode.UNKNOWN_MEMBER_ID, ""));
    answerSync(turn, member, syncError(ErrorCode.UNKNOWN_MEMBER_ID));
    this.members.remove(member);
  }

  keepAlive(nowMs: number, member: ClassicMember): void {
    this.members.sessions.set(member.session, nowMs + member.offer.sessionTimeoutMs);
  }

  // Rebalance

  /** Begins one, unless one has begun: then it may be complete. */
  maybePrepareRebalance(turn: GroupTurn): void {
    if (this.#state === "PreparingRebalance") this.maybeCompleteJoin(turn);
    else this.prepareRebalance(turn);
  }

  prepareRebalance(turn: GroupTurn): void {
    if (this.#state === "CompletingRebalance") {
      this.refuseSyncs(turn, ErrorCode.REBALANCE_IN_PROGRESS);
    }
    this.#stopAwaitingSync();
    const isFirst = this.isEmpty;
    this.#transition("PreparingRebalance", turn.nowMs);
    if (isFirst) this.#awaitFirstJoins(turn);
    else {
      this.#awaitJoins(turn.nowMs);
      this.maybeCompleteJoin(turn);
    }
  }

  /** GRP40 */
  #awaitFirstJoins(turn: GroupTurn): void {
    const delayMs = this.#config.initialRebalanceDelayMs;
    const remainingMs = Math.max(this.members.rebalanceTimeoutMs() - delayMs, 0);
    this.#newMemberAdded = false;
    this.#joinTimer = { atMs: turn.nowMs + delayMs, initial: { delayMs, remainingMs } };
    if (delayMs <= 0) this.#completeJoin(turn);
  }

  #awaitJoins(nowMs: number): void {
    this.#joinTimer = { atMs: nowMs + this.members.rebalanceTimeoutMs(), initial: null };
  }

  #transition(state: ClassicState, nowMs: number): void {
    this.#state = state;
    this.#stateMs = nowMs;
  }

  /** GRP48: who syncs is told to join again, and its assignment is void. */
  refuseSyncs(turn: GroupTurn, errorCode: number): void {
    for (const member of this.members.all()) {
      member.assignment = EMPTY_BYTES;
      if (answerSync(turn, member, syncError(errorCode))) this.keepAlive(turn.nowMs, member);
    }
  }

  /** GRP41: the join phase ends when all are there; the first of an empty group wait for others. */
  maybeCompleteJoin(turn: GroupTurn): void {
    if (this.#joinTimer === null || this.#joinTimer.initial !== null) return;
    if (this.members.hasAllJoined) this.#completeJoin(turn);
  }

  #joinTimerIsDue(turn: GroupTurn, { initial }: JoinTimer): void {
    if (initial === null || !this.#newMemberAdded || initial.remainingMs === 0) {
      this.#completeJoin(turn);
      return;
    }
    this.#newMemberAdded = false;
    const delayMs = Math.min(this.#config.initialRebalanceDelayMs, initial.remainingMs);
    const remainingMs = Math.max(initial.remainingMs - initial.delayMs, 0);
    this.#joinTimer = { atMs: turn.nowMs + delayMs, initial: { delayMs, remainingMs } };
  }

  #completeJoin(turn: GroupTurn): void {
    this.#joinTimer = null;
    for (const member of [...this.members.all()]) {
      if (member.joinTo === null && !member.isStatic) this.removeMember(turn, member);
    }
    if (!this.members.electJoinedLeader() && this.members.size > 0) {
      // Static members only, and none is back: their sessions decide.
      this.#awaitJoins(turn.nowMs);
      return;
    }
    this.#generationId += 1;
    if (this.members.size === 0) this.#becomeEmpty(turn);
    else this.#awaitSyncs(turn);
  }

  #becomeEmpty(turn: GroupTurn): void {
    this.#protocolName = null;
    turn.emit(this.recordWith(() => EMPTY_BYTES, turn.nowMs));
    assert(this.isEmpty, "the record of no members empties the group");
  }

  #awaitSyncs(turn: GroupTurn): void {
    this.#protocolName = this.members.selectProtocol();
    assert(this.#protocolName !== null, "members without a common protocol were let in");
    this.#subscribed = this.#computeSubscribed();
    this.#transition("CompletingRebalance", turn.nowMs);
    for (const member of this.members.all()) {
      member.isBehind = !answerJoin(turn, this.members, member, this.joined(member));
      this.keepAlive(turn.nowMs, member);
      member.isNew = false;
      this.members.awaitSync(member);
    }
    this.#syncDueMs = turn.nowMs + this.members.rebalanceTimeoutMs();
  }

  #stopAwaitingSync(): void {
    this.members.stopAwaitingSync();
    this.#syncDueMs = Infinity;
  }

  hasSynced(member: ClassicMember): void {
    this.members.hasSynced(member);
    if (this.members.pendingSync.size === 0) this.#syncDueMs = Infinity;
  }

  #syncTimerIsDue(turn: GroupTurn): void {
    this.#syncDueMs = Infinity;
    // The last one was perhaps a static member that came back, which is in without a rebalance.
    if (this.members.pendingSync.size === 0) return;
    for (const member of [...this.members.pendingSync]) this.removeMember(turn, member);
    this.prepareRebalance(turn);
  }

  /** What a member of the present generation is told; only the leader learns of the others. */
  joined(member: ClassicMember): JoinGroupResponseInput {
    const leads = this.members.isLeader(member);
    return {
      errorCode: ErrorCode.NONE,
      generationId: this.#generationId,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      leader: this.members.leaderId ?? "",
      skipAssignment: false,
      memberId: member.memberId,
      members: leads ? this.memberList() : [],
    };
  }

  memberList(): JoinGroupResponseInput["members"] {
    return Array.from(this.members.all(), (member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: member.metadataOf(this.#protocolName),
    }));
  }

  synced(member: ClassicMember): SyncGroupResponseInput {
    return {
      errorCode: ErrorCode.NONE,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      assignment: member.assignment,
    };
  }

  // What the coordinator asks of any group

  checkCommit(turn: GroupTurn, as: CommitAs): number {
    const { memberId, groupInstanceId, generationIdOrMemberEpoch: generationId } = as;
    if (generationId < 0 && this.isEmpty) return ErrorCode.NONE;
    // Nobody in particular may not write into a group that has members.
    const member = this.members.find(memberId, groupInstanceId);
    if (typeof member === "number") return member;
    if (!this.isPresent(generationId, member)) return ErrorCode.ILLEGAL_GENERATION;
    if (this.#state === "CompletingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
    this.keepAlive(turn.nowMs, member);
    return ErrorCode.NONE;
  }

  checkFetch(): number {
    return ErrorCode.NONE;
  }

  tombstones(turn: GroupTurn): void {
    turn.emit(groupMetadataTombstone(this.groupId));
  }

  /** Sessions begin anew: nobody could have reached the coordinator that was lost. */
  loaded(nowMs: number): void {
    if (!this.#rules.startsSessions) return;
    for (const member of this.members.all()) this.keepAlive(nowMs, member);
    // A group that was downgraded from KIP-848's protocol has no leader before its first rebalance.
    const [first] = this.members.all();
    const isHeadless = first !== undefined && this.members.leaderId === null;
    if (isHeadless) this.members.leaderId = first.memberId;
    if (!isHeadless && this.members.size <= this.#config.maxSize) return;
    this.#transition("PreparingRebalance", nowMs);
    this.#awaitJoins(nowMs);
  }

  tick(turn: GroupTurn): void {
    const { sessions } = this.members;
    for (let due = sessions.takeDue(turn.nowMs); due; due = sessions.takeDue(turn.nowMs)) {
      if (due instanceof PendingMember) {
        this.members.forget(due.memberId);
        this.maybeCompleteJoin(turn);
      } else if (!due.isKeptWaiting) {
        this.removeMember(turn, due);
        this.maybePrepareRebalance(turn);
      }
    }
    const timer = this.#joinTimer;
    if (timer !== null && timer.atMs <= turn.nowMs) this.#joinTimerIsDue(turn, timer);
    if (this.#syncDueMs <= turn.nowMs) this.#syncTimerIsDue(turn);
  }

  deadline(): number {
    const joinMs = this.#joinTimer?.atMs ?? Infinity;
    return Math.min(this.members.sessions.next(), joinMs, this.#syncDueMs);
  }

  refuseAll(turn: Pick<GroupTurn, "reply">, errorCode: number): void {
    for (const member of this.members.all()) {
      answerJoin(turn, this.members, member, joinError(errorCode, member.memberId));
      answerSync(turn, member, syncError(errorCode));
    }
  }
}

/** Kafka's answer to one that does not is UNKNOWN_SERVER_ERROR (appendGroupMetadataErrorToResponseError). */
export function fitsOneRecord({ key, value }: GroupRecord): boolean {
  return key.length + (value?.length ?? 0) <= GROUP_METADATA_BYTES_MAX;
}
