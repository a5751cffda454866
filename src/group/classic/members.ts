/** Who is in a classic group: by member id, by group instance id, and who is only expected. */
import { GROUP_MEMBER_OVERHEAD_BYTES } from "../../constants.ts";
import { assert } from "../../lib/assert.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { DeadlineHeap } from "../deadline-heap.ts";
import { ClassicMember, type MemberIdentity, type MemberOffer, PendingMember } from "./member.ts";
import { SupportedProtocols } from "./protocols.ts";
import type { ClassicRules } from "./rules.ts";

export class Members {
  readonly #byId = new Map<string, ClassicMember>();
  readonly #static = new Map<string, ClassicMember>();
  readonly #pending = new Map<string, PendingMember>();
  readonly #pendingSync = new Set<ClassicMember>();
  readonly #protocols = new SupportedProtocols();
  readonly sessions = new DeadlineHeap<ClassicMember | PendingMember>();
  #awaitingJoin = 0;
  #storedBytes = 0;
  #leaderId: string | null = null;
  readonly #rules: ClassicRules;

  constructor(rules: ClassicRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#byId.size;
  }

  get pendingSize(): number {
    return this.#pending.size;
  }

  get awaitingJoin(): number {
    return this.#awaitingJoin;
  }

  /** What the members come to in one record, assignments apart. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  get leaderId(): string | null {
    return this.#leaderId;
  }

  set leaderId(leaderId: string | null) {
    this.#leaderId = leaderId;
  }

  all(): MapIterator<ClassicMember> {
    return this.#byId.values();
  }

  get(memberId: string): ClassicMember | undefined {
    return this.#byId.get(memberId);
  }

  byInstance(groupInstanceId: string): ClassicMember | undefined {
    return this.#static.get(groupInstanceId);
  }

  isLeader(member: ClassicMember): boolean {
    return member.memberId === this.#leaderId;
  }

  /** The member, or 25 UNKNOWN_MEMBER_ID, or 82 FENCED_INSTANCE_ID for one that was replaced. */
  find(memberId: string, groupInstanceId: string | null): ClassicMember | number {
    if (groupInstanceId !== null) {
      const current = this.#static.get(groupInstanceId);
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (this.#rules.isFenced(memberId, current.memberId)) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return this.#byId.get(memberId) ?? ErrorCode.UNKNOWN_MEMBER_ID;
  }

  add(member: ClassicMember): void {
    const { memberId, groupInstanceId } = member;
    assert(!this.#byId.has(memberId), `member ${memberId} is in the group already`);
    this.forget(memberId);
    this.#byId.set(memberId, member);
    if (groupInstanceId !== null) {
      assert(!this.#static.has(groupInstanceId), `instance ${groupInstanceId} is taken`);
      this.#static.set(groupInstanceId, member);
    }
    this.#count(member);
    this.#leaderId ??= memberId;
  }

  /** Nobody may wait for an answer to it any more. The next in line leads when the leader goes. */
  remove(member: ClassicMember): void {
    assert(member.joinTo === null && member.syncTo === null, "who waits is answered first");
    this.#byId.delete(member.memberId);
    if (member.groupInstanceId !== null) this.#static.delete(member.groupInstanceId);
    this.#uncount(member);
    this.#pendingSync.delete(member);
    this.sessions.delete(member.session);
    if (this.isLeader(member)) this.#leaderId = this.#byId.keys().next().value ?? null;
  }

  /** A static member comes back under a new id, and takes over what the old one had and was. */
  replace(old: ClassicMember, identity: MemberIdentity, offer: MemberOffer): ClassicMember {
    assert(old.groupInstanceId === identity.groupInstanceId, "only its own instance replaces it");
    const wasLeader = this.isLeader(old);
    const member = new ClassicMember(identity, offer);
    member.assignment = old.assignment;
    this.remove(old);
    this.add(member);
    if (wasLeader) this.#leaderId = member.memberId;
    return member;
  }

  changeOffer(member: ClassicMember, offer: MemberOffer): void {
    this.#uncount(member);
    member.offer = offer;
    this.#count(member);
  }

  #count(member: ClassicMember): void {
    this.#protocols.add(member);
    this.#storedBytes += storedBytes(member, member.offer);
  }

  #uncount(member: ClassicMember): void {
    this.#protocols.remove(member);
    this.#storedBytes -= storedBytes(member, member.offer);
  }

  /** Some protocol of these is supported by all members. */
  support(protocols: readonly { readonly name: string }[]): boolean {
    return protocols.some(({ name }) => this.#protocols.isCommon(name, this.size));
  }

  selectProtocol(): string | null {
    return this.#protocols.select(this.all(), this.size);
  }

  expect(memberId: string, untilMs: number): void {
    this.forget(memberId);
    const pending = new PendingMember(memberId);
    this.#pending.set(memberId, pending);
    this.sessions.set(pending.session, untilMs);
  }

  isExpected(memberId: string): boolean {
    return this.#pending.has(memberId);
  }

  /** No longer expects it. */
  forget(memberId: string): void {
    const pending = this.#pending.get(memberId);
    if (pending === undefined) return;
    this.sessions.delete(pending.session);
    this.#pending.delete(memberId);
  }

  /** A JoinGroup waits from now on, or has its answer: what `hasAllJoined` counts. */
  setJoin(member: ClassicMember, to: number | null): void {
    if (member.joinTo === null && to !== null) this.#awaitingJoin += 1;
    if (member.joinTo !== null && to === null) this.#awaitingJoin -= 1;
    member.joinTo = to;
  }

  get hasAllJoined(): boolean {
    return this.size === this.#awaitingJoin && this.#pending.size === 0;
  }

  /** When the leader did not rejoin, the first who did leads. False when nobody did. */
  electJoinedLeader(): boolean {
    const leader = this.#leaderId === null ? undefined : this.#byId.get(this.#leaderId);
    if (leader === undefined) return false;
    if (leader.joinTo !== null) return true;
    for (const member of this.all()) {
      if (member.joinTo === null) continue;
      this.#leaderId = member.memberId;
      return true;
    }
    return false;
  }

  awaitSync(member: ClassicMember): void {
    this.#pendingSync.add(member);
  }

  hasSynced(member: ClassicMember): void {
    this.#pendingSync.delete(member);
  }

  get pendingSync(): ReadonlySet<ClassicMember> {
    return this.#pendingSync;
  }

  stopAwaitingSync(): void {
    this.#pendingSync.clear();
  }

  /** The longest that any member may take to rejoin. */
  rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { offer } of this.all()) longest = Math.max(longest, offer.rebalanceTimeoutMs);
    return longest;
  }
}

/** A record holds what the member says under the chosen protocol, and any may be chosen. */
export function storedBytes(identity: MemberIdentity, { protocols }: MemberOffer): number {
  const { memberId, groupInstanceId, clientId, clientHost } = identity;
  let largest = 0;
  for (const { metadata } of protocols) largest = Math.max(largest, metadata.length);
  const names = memberId.length + (groupInstanceId ?? "").length + clientId.length;
  return largest + names + clientHost.length + GROUP_MEMBER_OVERHEAD_BYTES;
}
