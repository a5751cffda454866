/**
 * Membership in a consumer group (KIP-848; Kafka's ConsumerMembershipManager and
 * ConsumerHeartbeatRequestManager). The server assigns; heartbeats carry the assignment in, and out
 * what of it is owned by now. Partitions come and go only in poll().
 */
import {
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeatApi,
} from "../protocol/api/68-consumer-group-heartbeat.ts";
import { HeartbeatFields, type TopicIdPartitions } from "./consumer-heartbeat.ts";
import { findCoordinator, isWithoutCoordinator } from "./coordinator.ts";
import { CommitFailedError, ErrorCode, errorMessage, KafkaError } from "./errors.ts";
import type { GroupMember } from "./group-offsets.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { GroupHost, Membership, MembershipAtClose } from "./membership.ts";
import { randomMemberId } from "./random-id.ts";
import { ListenerCalls } from "./rebalance-listener.ts";
import { TopicNames } from "./topic-names.ts";
import { isNotIn, placesOf, type TopicPartition } from "./topics.ts";

const NEVER = Number.POSITIVE_INFINITY;
const JOINING_EPOCH = 0;
const LEAVING_EPOCH = -1;
const LEAVING_STATIC_EPOCH = -2;
/** Until the server says. */
const HEARTBEAT_INTERVAL_MS = 5_000;

interface OwnedPartition extends TopicPartition {
  readonly topicId: string;
}

export class ConsumerMembership implements Membership {
  readonly keepsPartitionsAcrossEpochs = true;
  readonly #host: GroupHost;
  readonly #heartbeat: Heartbeat;
  readonly #fields: HeartbeatFields;
  readonly #names: TopicNames;
  #memberId: string;
  #epoch = JOINING_EPOCH;
  #owned: readonly OwnedPartition[] = [];
  /** What the server wants this member to own, null once it is so. */
  #target: TopicIdPartitions | null = null;
  /** The group went on without this member: what it owned is lost, then it joins anew. */
  #fenced = false;
  #committing: "not begun" | "under way" | "done" = "not begun";
  #failure: Error | null = null;
  #fatal: Error | null = null;

  constructor(host: GroupHost) {
    this.#host = host;
    this.#memberId = randomMemberId(host.client.random);
    this.#fields = new HeartbeatFields(host.settings, host.subscription);
    this.#names = new TopicNames(host.client, () => host.changed());
    this.#heartbeat = new Heartbeat(host.client, HEARTBEAT_INTERVAL_MS, {
      send: () => this.#beat(),
      onAnswer: () => host.changed(),
      limitMs: () => this.#idleLimitMs(),
    });
  }

  get holdsRecords(): boolean {
    return this.#committing === "under way";
  }

  get member(): GroupMember {
    return {
      groupId: this.#host.groupId,
      memberId: this.#memberId,
      generationIdOrMemberEpoch: this.#epoch,
      groupInstanceId: this.#host.settings["group.instance.id"],
    };
  }

  async advance(): Promise<number> {
    if (this.#fatal !== null) throw this.#fatal;
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
    if (this.#fenced) await this.#loseAll();
    const at = await this.#reconcile();
    if (!this.#heartbeat.isRunning) this.#heartbeat.hurry();
    else if (this.#fields.isOutdated(this.#ownedById())) this.#heartbeat.hurry();
    return Math.min(at, this.#heartbeat.nextMs);
  }

  async #loseAll(): Promise<void> {
    const { assignment, subscription } = this.#host;
    const calls = new ListenerCalls(subscription.listener);
    const lost = this.#owned;
    this.#forgetAll();
    this.#fenced = false;
    await calls.lost(placesOf(lost));
    assignment.assign([]);
    calls.throwIfAny();
  }

  #forgetAll(): void {
    this.#epoch = JOINING_EPOCH;
    this.#owned = [];
    this.#target = null;
    this.#committing = "not begun";
    this.#fields.forget();
  }

  /** Gives up what the target does not have, takes what it has, and has the next heartbeat say so. */
  async #reconcile(): Promise<number> {
    const target = this.#target;
    if (target === null) return NEVER;
    const topicIds = target.map(({ topicId }) => topicId);
    const at = this.#names.step(topicIds, this.#host.client.clock.now());
    const next = this.#resolve(target);
    const revoked = this.#owned.filter(isNotOwnedIn(next));
    if (revoked.length > 0 && !this.#committed()) return at;
    this.#committing = "not begun";
    // With a topic's name still to come, the rest does not wait for it.
    if (topicIds.every((topicId) => this.#names.get(topicId) !== null)) this.#target = null;
    const added = next.filter(isNotOwnedIn(this.#owned));
    if (revoked.length > 0 || added.length > 0) await this.#take(next, added, revoked);
    return at;
  }

  #resolve(target: TopicIdPartitions): OwnedPartition[] {
    return target.flatMap(({ topicId, partitions }) => {
      const topic = this.#names.get(topicId);
      return topic === null ? [] : partitions.map((partition) => ({ topicId, topic, partition }));
    });
  }

  /** Whether what poll() gave is committed; begins to do so. */
  #committed(): boolean {
    const { settings } = this.#host;
    if (!settings["enable.auto.commit"] || this.#committing === "done") return true;
    if (this.#committing === "under way") return false;
    this.#committing = "under way";
    void this.#host.autoCommit(settings["max.poll.interval.ms"]).then(() => {
      if (this.#committing === "under way") this.#committing = "done";
      this.#host.changed();
    });
    return false;
  }

  async #take(
    next: readonly OwnedPartition[],
    added: readonly OwnedPartition[],
    revoked: readonly OwnedPartition[],
  ): Promise<void> {
    const { assignment, subscription } = this.#host;
    const calls = new ListenerCalls(subscription.listener);
    await calls.revoked(placesOf(revoked));
    // The listener took its time, and the group may have gone on without this member.
    if (!this.#fenced) {
      const kept = this.#owned.filter(isNotOwnedIn(revoked));
      assignment.assign(placesOf(kept));
      assignment.assign(placesOf(next));
      this.#owned = next;
      if (added.length > 0) this.#host.joined();
      await calls.assigned(placesOf(added));
    }
    calls.throwIfAny();
  }

  #ownedById(): TopicIdPartitions {
    const byId = Map.groupBy(this.#owned, ({ topicId }) => topicId);
    return Array.from(byId, ([topicId, some]) => ({
      topicId,
      partitions: some.map(({ partition }) => partition).sort((a, b) => a - b),
    })).sort((a, b) => (a.topicId < b.topicId ? -1 : 1));
  }

  async #beat(): Promise<void> {
    const { client, settings, groupId } = this.#host;
    if (client.clock.now() >= this.#idleLimitMs()) {
      await this.#leaveForIdleness();
      return;
    }
    const body = this.#fields.request(this.member, this.#ownedById());
    let response: ConsumerGroupHeartbeatResponse;
    try {
      response = await client.request(consumerGroupHeartbeatApi, body);
    } catch (error) {
      this.#fields.forget();
      if (!(error instanceof KafkaError && error.retriable)) this.#fail(error);
      throw error;
    }
    if (response.heartbeatIntervalMs > 0) this.#heartbeat.intervalMs = response.heartbeatIntervalMs;
    if (response.errorCode === ErrorCode.NONE) {
      this.#accept(response);
      return;
    }
    this.#fields.forget();
    await this.#refused(response, groupId, settings["request.timeout.ms"]);
  }

  #accept({ memberId, memberEpoch, assignment }: ConsumerGroupHeartbeatResponse): void {
    if (memberId !== null && memberId !== "") this.#memberId = memberId;
    this.#epoch = memberEpoch;
    if (assignment !== null) this.#target = assignment.topicPartitions;
    this.#host.changed();
  }

  async #refused(
    { errorCode: code, errorMessage: message }: ConsumerGroupHeartbeatResponse,
    groupId: string,
    timeoutMs: number,
  ): Promise<void> {
    const error = new KafkaError(code, `group ${groupId}: ${message ?? errorMessage(code)}`);
    if (code === ErrorCode.FENCED_MEMBER_EPOCH || code === ErrorCode.UNKNOWN_MEMBER_ID) {
      this.#fence();
    } else if (error.retriable) {
      if (isWithoutCoordinator(error)) await findCoordinator(this.#host.client, groupId, timeoutMs);
      throw error;
    } else if (code === ErrorCode.TOPIC_AUTHORIZATION_FAILED) {
      this.#failure = error;
      this.#host.changed();
    } else {
      this.#fail(error);
    }
  }

  #fence(): void {
    this.#fenced = true;
    this.#epoch = JOINING_EPOCH;
    this.#heartbeat.stop();
    this.#host.changed();
  }

  /** Nothing that this member can do helps. */
  #fail(error: unknown): void {
    this.#fatal = error instanceof Error ? error : new Error(String(error));
    this.#heartbeat.stop();
    this.#host.changed();
  }

  #idleLimitMs(): number {
    const since = this.#host.idleSinceMs();
    return since === null ? NEVER : since + this.#host.settings["max.poll.interval.ms"] + 1;
  }

  async #leaveForIdleness(): Promise<void> {
    const { member } = this;
    this.#fence();
    const isStatic = member.groupInstanceId !== null;
    await this.#sendLeave(member, isStatic ? LEAVING_STATIC_EPOCH : LEAVING_EPOCH);
  }

  async #sendLeave(member: GroupMember, memberEpoch: number, timeoutMs?: number): Promise<void> {
    const { groupId, memberId, groupInstanceId: instanceId } = member;
    const body = { groupId, memberId, memberEpoch, instanceId };
    const { client } = this.#host;
    await client.request(consumerGroupHeartbeatApi, body, { timeoutMs }).catch(() => {
      // The session ends by itself.
    });
  }

  get #isMember(): boolean {
    return this.#epoch > JOINING_EPOCH && !this.#fenced && this.#fatal === null;
  }

  committer(): GroupMember {
    if (this.#isMember) return this.member;
    throw new CommitFailedError(
      ErrorCode.UNKNOWN_MEMBER_ID,
      "the consumer is not part of its group (any more); poll() joins it",
    );
  }

  commitRefused(code: number): Error {
    if (code === ErrorCode.STALE_MEMBER_EPOCH) {
      // The next heartbeat brings the epoch, if the member still is one.
      if (this.#heartbeat.isRunning) this.#heartbeat.hurry();
      return new KafkaError(code);
    }
    return new CommitFailedError(code, errorMessage(code));
  }

  /** The server divides when there is reason to; members cannot ask for it (as in Kafka). */
  enforceRebalance(): void {}

  async leave(_reason: string, atClose: MembershipAtClose, timeoutMs: number): Promise<void> {
    const { assignment, subscription, client } = this.#host;
    const deadline = client.clock.now() + timeoutMs;
    this.#heartbeat.stop();
    const calls = new ListenerCalls(subscription.listener);
    if (this.#isMember) await calls.revoked(placesOf(this.#owned));
    else await calls.lost(placesOf(this.#owned));
    assignment.assign([]);
    // A heartbeat that came after the leave would join again.
    await this.#heartbeat.settled(timeoutMs);
    const { member } = this;
    const wasMember = this.#isMember;
    this.#forgetAll();
    this.#fenced = false;
    const isStatic = member.groupInstanceId !== null;
    if (wasMember && (atClose !== "remain" || isStatic)) {
      const forGood = atClose === "leave" || !isStatic;
      const epoch = forGood ? LEAVING_EPOCH : LEAVING_STATIC_EPOCH;
      await this.#sendLeave(member, epoch, Math.max(1, deadline - client.clock.now()));
    }
    calls.throwIfAny();
  }
}

/** By id: a topic that was deleted and made anew is another. */
function isNotOwnedIn(others: readonly OwnedPartition[]): (place: OwnedPartition) => boolean {
  const byId = others.map(({ topicId, partition }) => ({ topic: topicId, partition }));
  const isNot = isNotIn(byId);
  return ({ topicId, partition }) => isNot({ topic: topicId, partition });
}
