/**
 * Membership in a classic group (Kafka's ConsumerCoordinator and AbstractCoordinator): JoinGroup, the
 * leader's assignment by SyncGroup, heartbeats. Joining goes on between calls of poll(); partitions
 * come and go only in them.
 */
import {
  decodeConsumerAssignment,
  encodeConsumerSubscription,
} from "../protocol/consumer-protocol.ts";
import type { PartitionAssignor, PreviousAssignment } from "./assignors/assignor.ts";
import { backoffMs } from "./backoff.ts";
import { byTopic, countsOf, type Led, lead } from "./classic-leader.ts";
import { joinGroup, sendHeartbeat, syncGroup } from "./classic-requests.ts";
import { findCoordinator, isWithoutCoordinator, leaveGroup } from "./coordinator.ts";
import {
  CommitFailedError,
  ErrorCode,
  errorMessage,
  KafkaError,
  RebalanceInProgressError,
} from "./errors.ts";
import type { GroupMember } from "./group-offsets.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { GroupHost, Membership, MembershipAtClose } from "./membership.ts";
import { ListenerCalls } from "./rebalance-listener.ts";
import { TopicWatch } from "./topic-watch.ts";
import { isNotIn, placesOf, type TopicPartition } from "./topics.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NO_GENERATION = -1;

/** A join that went through, before its partitions are taken. */
interface Joined {
  readonly assignment: Uint8Array;
  readonly led: Led | null;
}

export class ClassicMembership implements Membership {
  readonly keepsPartitionsAcrossEpochs = false;
  readonly #host: GroupHost;
  readonly #assignors: readonly PartitionAssignor[];
  /** Members keep their partitions while they rebalance: all assignors must have it so. */
  readonly #cooperative: boolean;
  readonly #watch: TopicWatch;
  readonly #heartbeat: Heartbeat;
  #state: "unjoined" | "preparing" | "completing" | "stable" = "unjoined";
  #memberId = "";
  #generationId = NO_GENERATION;
  /** Null when there is no need to join. */
  #rejoinReason: string | null = "";
  #joining: AbortController | null = null;
  #joined: Joined | null = null;
  /** What is given up before a join has been. */
  #prepared = false;
  #committing: "not begun" | "under way" | "done" = "not begun";
  #joinedTopics: readonly string[] = [];
  #led: Led | null = null;
  #previous: PreviousAssignment = { partitions: [], generationId: NO_GENERATION };
  #failures = 0;
  #notBeforeMs = 0;
  /** To be thrown by the next poll(). */
  #failure: Error | null = null;
  /** To be thrown by every poll(). */
  #fatal: Error | null = null;

  constructor(host: GroupHost) {
    const { client, settings } = host;
    this.#host = host;
    this.#assignors = settings["partition.assignment.strategy"];
    this.#cooperative = this.#assignors.every(({ cooperative }) => cooperative);
    this.#watch = new TopicWatch(client, {
      maxAgeMs: settings["metadata.max.age.ms"],
      autoCreate: settings["allow.auto.create.topics"],
      excludeInternal: settings["exclude.internal.topics"],
      onChange: () => host.changed(),
    });
    this.#heartbeat = new Heartbeat(client, settings["heartbeat.interval.ms"], {
      send: () => this.#beat(),
      onAnswer: () => host.changed(),
      limitMs: () => this.#idleLimitMs(),
    });
  }

  get holdsRecords(): boolean {
    return this.#committing === "under way" && !this.#cooperative;
  }

  get member(): GroupMember {
    return {
      groupId: this.#host.groupId,
      memberId: this.#memberId,
      generationIdOrMemberEpoch: this.#generationId,
      groupInstanceId: this.#host.settings["group.instance.id"],
    };
  }

  async advance(): Promise<number> {
    this.#throwFailure();
    const joined = this.#joined;
    if (joined !== null) await this.#complete(joined);
    const now = this.#host.client.clock.now();
    const { pattern } = this.#host.subscription;
    if (pattern !== null) this.#watch.watch(null);
    const watchAt = this.#watch.step(now);
    if (this.#rejoinReason === null) this.#noticeChanges();
    const at = this.#rejoinReason === null ? this.#heartbeat.nextMs : await this.#rejoin(now);
    return Math.min(watchAt, at);
  }

  #throwFailure(): void {
    if (this.#fatal !== null) throw this.#fatal;
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Another subscription, or topics that are not what they were when partitions were divided. */
  #noticeChanges(): void {
    const { subscription } = this.#host;
    if (subscription.pattern !== null) subscription.match(this.#watch.counts.keys());
    if (!sameList(subscription.topics, this.#joinedTopics)) {
      this.#rejoinReason = "subscription has changed";
    } else if (this.#led !== null) {
      const counts = countsOf(this.#led.topics, this.#watch);
      if (!sameCounts(counts, this.#led.counts)) this.#rejoinReason = "cached metadata has changed";
    }
  }

  async #rejoin(now: number): Promise<number> {
    if (this.#joining !== null) return NEVER;
    if (now < this.#notBeforeMs) return this.#notBeforeMs;
    if (!this.#prepared && !(await this.#prepare())) return NEVER;
    const joining = new AbortController();
    this.#joining = joining;
    void this.#join(joining.signal);
    return NEVER;
  }

  /** Gives up what must not be kept while joining; false while offsets are being committed. */
  async #prepare(): Promise<boolean> {
    const { assignment, subscription } = this.#host;
    if (this.#committing === "not begun" && !assignment.isEmpty) this.#commitFirst();
    if (this.#committing === "under way") return false;
    this.#committing = "not begun";
    this.#prepared = true;
    const owned = placesOf(assignment.partitions);
    const calls = new ListenerCalls(subscription.listener);
    if (this.#isNobody) {
      await calls.lost(owned);
      assignment.assign([]);
    } else {
      const stays = ({ topic }: TopicPartition) =>
        this.#cooperative && subscription.topics.includes(topic);
      await calls.revoked(owned.filter((place) => !stays(place)));
      assignment.assign(owned.filter(stays));
    }
    calls.throwIfAny();
    return true;
  }

  get #isNobody(): boolean {
    return this.#generationId === NO_GENERATION || this.#memberId === "";
  }

  #commitFirst(): void {
    if (!this.#host.settings["enable.auto.commit"]) return;
    this.#committing = "under way";
    void this.#host.autoCommit(this.#host.settings["max.poll.interval.ms"]).then(() => {
      this.#committing = "done";
      this.#host.changed();
    });
  }

  async #join(signal: AbortSignal): Promise<void> {
    try {
      await this.#tryToJoin(signal);
      if (!signal.aborted) this.#failures = 0;
    } catch (error) {
      if (!signal.aborted) await this.#joinFailed(error);
    }
    if (!signal.aborted) this.#joining = null;
    this.#host.changed();
  }

  async #tryToJoin(signal: AbortSignal): Promise<void> {
    const { client, settings, subscription } = this.#host;
    if (subscription.pattern !== null) {
      await this.#watch.refresh();
      if (signal.aborted) return;
      subscription.match(this.#watch.counts.keys());
    }
    this.#state = "preparing";
    this.#heartbeat.stop();
    this.#joinedTopics = subscription.topics;
    const request = {
      member: this.member,
      protocols: this.#protocols(),
      reason: this.#rejoinReason ?? "",
    };
    const answer = await joinGroup(client, settings, request, signal, (memberId) => {
      this.#memberId = memberId;
    });
    if (signal.aborted) return;
    this.#state = "completing";
    this.#memberId = answer.memberId;
    this.#generationId = answer.generationId;
    this.#heartbeat.start();
    const assignor = this.#assignorOf(answer.protocolName);
    const isLeader = answer.leader === answer.memberId;
    const all = subscription.pattern !== null;
    const led = isLeader ? await lead(answer, assignor, this.#watch, all) : null;
    if (signal.aborted) return;
    const assignment = await syncGroup(
      client,
      settings,
      this.member,
      assignor.name,
      led?.assignments ?? [],
      signal,
    );
    if (signal.aborted) return;
    this.#state = "stable";
    this.#rejoinReason = null;
    this.#joined = { assignment, led };
  }

  #protocols() {
    const { assignment, subscription, settings } = this.#host;
    const ownedPartitions = byTopic(placesOf(assignment.partitions));
    return this.#assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeConsumerSubscription({
        topics: subscription.topics,
        userData: assignor.userData(this.#previous),
        ownedPartitions,
        generationId: this.#generationId,
        rackId: settings["client.rack"] || null,
      }),
    }));
  }

  #assignorOf(protocolName: string | null): PartitionAssignor {
    const found = this.#assignors.find(({ name }) => name === protocolName);
    if (found !== undefined) return found;
    throw new KafkaError(
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      `the coordinator chose the assignor ${protocolName}, which this member did not offer`,
    );
  }

  async #joinFailed(cause: unknown): Promise<void> {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const code = error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
    this.#state = "unjoined";
    this.#heartbeat.stop();
    this.#rejoinReason ||= `rebalance failed due to ${error.message}`;
    if (code === ErrorCode.FENCED_INSTANCE_ID) this.#fatal = error;
    if (code === ErrorCode.UNKNOWN_MEMBER_ID || code === ErrorCode.ILLEGAL_GENERATION) {
      this.#forgetGeneration(code === ErrorCode.UNKNOWN_MEMBER_ID);
      return;
    }
    if (code === ErrorCode.REBALANCE_IN_PROGRESS) return;
    const { client, settings, groupId } = this.#host;
    this.#failures++;
    if (!(error instanceof KafkaError && error.retriable)) this.#failure = error;
    if (isWithoutCoordinator(error)) {
      // Whether or not there is one now, the next attempt tells.
      await findCoordinator(client, groupId, settings["request.timeout.ms"]).catch(() => {});
    }
    this.#notBeforeMs =
      client.clock.now() + backoffMs(client.backoff, this.#failures, client.random);
  }

  /** What is still owned is lost. */
  #forgetGeneration(andMemberId: boolean): void {
    this.#generationId = NO_GENERATION;
    if (andMemberId) this.#memberId = "";
    this.#prepared = false;
  }

  /** Takes the partitions that the leader assigned. */
  async #complete({ assignment: bytes, led }: Joined): Promise<void> {
    const { assignment, subscription, settings } = this.#host;
    this.#joined = null;
    this.#prepared = false;
    this.#led = led;
    if (led === null && subscription.pattern === null) this.#watch.watch([]);
    const assigned = decodeConsumerAssignment(bytes).assignedPartitions.flatMap(
      ({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })),
    );
    if (!assigned.every(({ topic }) => subscription.includes(topic))) {
      this.#rejoinReason = "received assignment does not match the current subscription";
      return;
    }
    const calls = new ListenerCalls(subscription.listener);
    const owned = placesOf(assignment.partitions);
    const revoked = owned.filter(isNotIn(assigned));
    if (revoked.length > 0) {
      // Records were given since the commit before the join.
      await this.#host.autoCommit(settings["request.timeout.ms"]);
      await calls.revoked(revoked);
      this.#rejoinReason = "need to revoke partitions and re-join";
    }
    // The group may have gone on without this member meanwhile: the next turn loses all.
    if (!this.#isNobody) {
      assignment.assign(assigned);
      this.#previous = { partitions: assigned, generationId: this.#generationId };
      this.#host.joined();
      await calls.assigned(assigned.filter(isNotIn(owned)));
    }
    calls.throwIfAny();
  }

  async #beat(): Promise<void> {
    const { client, settings } = this.#host;
    if (client.clock.now() >= this.#idleLimitMs()) {
      this.#leaveForIdleness();
      return;
    }
    const sent = this.member;
    const code = await sendHeartbeat(client, settings, sent);
    if (code === ErrorCode.NONE) return;
    if (code === ErrorCode.REBALANCE_IN_PROGRESS) {
      // While joining the answer is about the generation before.
      if (this.#state === "stable") this.#rejoinReason ??= "group is already rebalancing";
      this.#host.changed();
      return;
    }
    if (FORGOTTEN.has(code)) {
      if (this.#isUnchanged(sent)) this.#forgotten(code);
      return;
    }
    const error = new KafkaError(code);
    if (error.retriable) {
      if (isWithoutCoordinator(error)) await this.#findCoordinator();
      throw error;
    }
    this.#failure = new KafkaError(code, `heartbeat of group ${sent.groupId}: ${error.message}`);
    this.#host.changed();
  }

  async #findCoordinator(): Promise<void> {
    const { client, settings, groupId } = this.#host;
    await findCoordinator(client, groupId, settings["request.timeout.ms"]);
  }

  #isUnchanged(sent: GroupMember): boolean {
    return (
      sent.memberId === this.#memberId && sent.generationIdOrMemberEpoch === this.#generationId
    );
  }

  /** The coordinator does not know this member, or not in this generation. */
  #forgotten(code: number): void {
    if (code === ErrorCode.FENCED_INSTANCE_ID) {
      const instance = this.#host.settings["group.instance.id"];
      this.#fatal = new KafkaError(
        code,
        `another consumer has joined as ${instance}: a group.instance.id is for one at a time`,
      );
    }
    this.#reset(errorMessage(code), code !== ErrorCode.ILLEGAL_GENERATION);
    this.#host.changed();
  }

  #reset(reason: string, andMemberId: boolean): void {
    this.#joining?.abort();
    this.#joining = null;
    this.#joined = null;
    this.#state = "unjoined";
    this.#rejoinReason = reason;
    this.#heartbeat.stop();
    this.#forgetGeneration(andMemberId);
  }

  #idleLimitMs(): number {
    const since = this.#host.idleSinceMs();
    return since === null ? NEVER : since + this.#host.settings["max.poll.interval.ms"] + 1;
  }

  /** poll() stays away: whoever does poll gets the partitions. Static members wait for their session's end. */
  #leaveForIdleness(): void {
    const { client, settings } = this.#host;
    const { member } = this;
    this.#reset("consumer poll timeout has expired", true);
    if (member.groupInstanceId !== null) return;
    const reason = "consumer poll timeout has expired.";
    leaveGroup(client, member, reason, settings["request.timeout.ms"]).catch(() => {
      // The session ends by itself.
    });
  }

  committer(): GroupMember {
    if (this.#state === "stable") return this.member;
    if (this.#state !== "unjoined") throw new RebalanceInProgressError();
    throw new CommitFailedError(
      ErrorCode.UNKNOWN_MEMBER_ID,
      "the consumer is not part of its group (any more); poll() joins it",
    );
  }

  commitRefused(code: number, sent: GroupMember): Error {
    const unchanged = this.#isUnchanged(sent);
    if (code === ErrorCode.REBALANCE_IN_PROGRESS) {
      this.#rejoinReason ??= "offset commit failed since group is already rebalancing";
      return new RebalanceInProgressError();
    }
    if (!unchanged && this.#state === "preparing") return new RebalanceInProgressError();
    if (code === ErrorCode.FENCED_INSTANCE_ID && unchanged) return new KafkaError(code);
    if (unchanged && FORGOTTEN.has(code)) this.#forgotten(code);
    return new CommitFailedError(code, errorMessage(code));
  }

  enforceRebalance(reason: string): void {
    this.#rejoinReason ??= reason;
  }

  async leave(reason: string, atClose: MembershipAtClose, timeoutMs: number): Promise<void> {
    const { client, assignment, subscription, settings } = this.#host;
    const { member } = this;
    const calls = new ListenerCalls(subscription.listener);
    const owned = placesOf(assignment.partitions);
    const isMember = this.#state === "stable" && !this.#isNobody;
    if (isMember) await calls.revoked(owned);
    else await calls.lost(owned);
    assignment.assign([]);
    const isStatic = settings["group.instance.id"] !== null;
    const tells = atClose === "leave" || (atClose === "default" && !isStatic);
    this.#reset(reason, true);
    if (tells && member.memberId !== "") {
      const identity = { ...member, groupInstanceId: null };
      await leaveGroup(client, identity, reason, timeoutMs).catch(() => {
        // The session ends by itself.
      });
    }
    calls.throwIfAny();
  }
}

/** Codes of a coordinator that goes on without the member. */
const FORGOTTEN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.FENCED_INSTANCE_ID,
]);

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

function sameCounts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([topic, count]) => b.get(topic) === count);
}
