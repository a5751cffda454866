import {
  type OffsetCommitRequest,
  offsetCommitApi,
} from "../../../src/protocol/api/08-offset-commit.ts";
import {
  type OffsetFetchRequest,
  offsetFetchApi,
} from "../../../src/protocol/api/09-offset-fetch.ts";
import { findCoordinatorApi } from "../../../src/protocol/api/10-find-coordinator.ts";
import { type JoinGroupRequest, joinGroupApi } from "../../../src/protocol/api/11-join-group.ts";
import { type HeartbeatRequest, heartbeatApi } from "../../../src/protocol/api/12-heartbeat.ts";
import { type LeaveGroupRequest, leaveGroupApi } from "../../../src/protocol/api/13-leave-group.ts";
import { type SyncGroupRequest, syncGroupApi } from "../../../src/protocol/api/14-sync-group.ts";
import {
  type ConsumerGroupHeartbeatRequest,
  consumerGroupHeartbeatApi,
} from "../../../src/protocol/api/68-consumer-group-heartbeat.ts";
import { ErrorCode } from "../../../src/protocol/errors.ts";
import type { AnyApi } from "../../../src/protocol/schema.ts";
import type { FakeBroker } from "./fake-broker.ts";
import { FakeConsumerGroup } from "./fake-consumer-group.ts";
import type { VirtualClock } from "./virtual-clock.ts";

interface FakeMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  protocols: JoinGroupRequest["protocols"];
  sessionMs: number;
  rebalanceMs: number;
  joining: ((answer: unknown) => void) | null;
  syncing: ((answer: unknown) => void) | null;
  cancelSession: () => void;
}

/** One classic group, with the rules of Kafka's coordinator that members can notice. */
export class FakeClassicGroup {
  readonly members = new Map<string, FakeMember>();
  readonly pending = new Set<string>();
  /** Whose instance id was taken over. */
  readonly fenced = new Set<string>();
  readonly left: { memberId: string; reason: string | null }[] = [];
  state: "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable" = "Empty";
  generation = 0;
  leader = "";
  protocol = "";
  assignments = new Map<string, Uint8Array>();
  readonly #clock: VirtualClock;
  readonly #initialDelayMs: number;
  #cancelRebalance = () => {};
  #initial = false;
  #nextId = 1;

  constructor(clock: VirtualClock, initialDelayMs: number) {
    this.#clock = clock;
    this.#initialDelayMs = initialDelayMs;
  }

  join(request: JoinGroupRequest): unknown {
    const { groupInstanceId } = request;
    if (this.fenced.has(request.memberId)) return { errorCode: ErrorCode.FENCED_INSTANCE_ID };
    if (request.memberId === "" && groupInstanceId === null) {
      const memberId = `member-${this.#nextId++}`;
      this.pending.add(memberId);
      return { errorCode: ErrorCode.MEMBER_ID_REQUIRED, memberId };
    }
    const known = this.members.has(request.memberId) || this.pending.has(request.memberId);
    if (request.memberId !== "" && !known) return { errorCode: ErrorCode.UNKNOWN_MEMBER_ID };
    const memberId =
      request.memberId === "" ? `${groupInstanceId}-${this.#nextId++}` : request.memberId;
    if (request.memberId === "") this.#replaceInstance(groupInstanceId ?? "", memberId);
    this.pending.delete(memberId);
    const before = this.members.get(memberId);
    before?.joining?.({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
    const member = {
      memberId,
      instanceId: groupInstanceId,
      protocols: request.protocols,
      sessionMs: request.sessionTimeoutMs,
      rebalanceMs: request.rebalanceTimeoutMs,
      syncing: null,
      cancelSession: before?.cancelSession ?? (() => {}),
    };
    member.cancelSession();
    return new Promise((resolve) => {
      this.members.set(memberId, { ...member, joining: resolve });
      this.prepare();
      this.#completeIfAllJoined();
    });
  }

  #replaceInstance(instanceId: string, memberId: string): void {
    for (const [oldId, member] of this.members) {
      if (member.instanceId !== instanceId) continue;
      this.fenced.add(oldId);
      member.cancelSession();
      this.members.delete(oldId);
      if (this.leader === oldId) this.leader = memberId;
    }
  }

  prepare(): void {
    if (this.state === "PreparingRebalance") return;
    this.#initial = this.state === "Empty";
    this.state = "PreparingRebalance";
    for (const member of this.members.values()) {
      member.syncing?.({
        errorCode: ErrorCode.REBALANCE_IN_PROGRESS,
        assignment: new Uint8Array(0),
      });
      member.syncing = null;
    }
    const longest = Math.max(...[...this.members.values()].map(({ rebalanceMs }) => rebalanceMs));
    this.#cancelRebalance = this.#clock.setTimeout(
      this.#initial ? this.#initialDelayMs : longest,
      () => this.#complete(),
    );
  }

  #completeIfAllJoined(): void {
    if (this.state !== "PreparingRebalance" || this.#initial) return;
    if ([...this.members.values()].every(({ joining }) => joining !== null)) this.#complete();
  }

  #complete(): void {
    this.#cancelRebalance();
    for (const [memberId, member] of this.members) {
      if (member.joining === null) this.members.delete(memberId);
    }
    this.generation++;
    if (this.members.size === 0) {
      this.state = "Empty";
      return;
    }
    this.state = "CompletingRebalance";
    const all = [...this.members.values()];
    if (!this.members.has(this.leader)) this.leader = all[0]?.memberId ?? "";
    const common = (name: string) =>
      all.every(({ protocols }) => protocols.some((protocol) => protocol.name === name));
    this.protocol = all[0]?.protocols.find(({ name }) => common(name))?.name ?? "";
    for (const member of all) this.#answerJoin(member, all);
  }

  #answerJoin(member: FakeMember, all: readonly FakeMember[]): void {
    const isLeader = member.memberId === this.leader;
    member.joining?.({
      errorCode: 0,
      generationId: this.generation,
      protocolType: "consumer",
      protocolName: this.protocol,
      leader: this.leader,
      memberId: member.memberId,
      members: isLeader
        ? all.map(({ memberId, instanceId, protocols }) => ({
            memberId,
            groupInstanceId: instanceId,
            metadata: protocols.find(({ name }) => name === this.protocol)?.metadata,
          }))
        : [],
    });
    member.joining = null;
    this.#touch(member);
  }

  #touch(member: FakeMember): void {
    member.cancelSession();
    member.cancelSession = this.#clock.setTimeout(member.sessionMs, () => {
      if (member.joining === null) this.remove(member.memberId);
    });
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    member.cancelSession();
    member.joining?.({ errorCode: ErrorCode.UNKNOWN_MEMBER_ID });
    this.members.delete(memberId);
    if (this.members.size === 0) {
      this.#cancelRebalance();
      this.state = "Empty";
      this.generation++;
      return;
    }
    this.prepare();
    this.#completeIfAllJoined();
  }

  /** NONE, or why the member may do nothing. */
  check(memberId: string, generation: number): number {
    if (this.fenced.has(memberId)) return ErrorCode.FENCED_INSTANCE_ID;
    if (!this.members.has(memberId)) return ErrorCode.UNKNOWN_MEMBER_ID;
    return generation === this.generation ? ErrorCode.NONE : ErrorCode.ILLEGAL_GENERATION;
  }

  sync(request: SyncGroupRequest): unknown {
    const assignment = new Uint8Array(0);
    const code = this.check(request.memberId, request.generationId);
    if (code !== ErrorCode.NONE) return { errorCode: code, assignment };
    if (this.state === "PreparingRebalance") {
      return { errorCode: ErrorCode.REBALANCE_IN_PROGRESS, assignment };
    }
    if (request.memberId === this.leader && this.state === "CompletingRebalance") {
      this.assignments = new Map(
        request.assignments.map((one) => [one.memberId, one.assignment.slice()]),
      );
      this.state = "Stable";
      for (const member of this.members.values()) {
        member.syncing?.(this.#synced(member.memberId));
        member.syncing = null;
      }
    }
    if (this.state === "Stable") return this.#synced(request.memberId);
    return new Promise((resolve) => {
      const member = this.members.get(request.memberId);
      if (member !== undefined) member.syncing = resolve;
    });
  }

  #synced(memberId: string): unknown {
    return { errorCode: 0, assignment: this.assignments.get(memberId) ?? new Uint8Array(0) };
  }

  heartbeat({ memberId, generationId }: HeartbeatRequest): unknown {
    const errorCode = this.check(memberId, generationId);
    const member = this.members.get(memberId);
    if (errorCode === ErrorCode.NONE && member !== undefined) this.#touch(member);
    const preparing = errorCode === 0 && this.state === "PreparingRebalance";
    return { errorCode: preparing ? ErrorCode.REBALANCE_IN_PROGRESS : errorCode };
  }

  leave({ members }: LeaveGroupRequest): unknown {
    return {
      errorCode: 0,
      members: members.map(({ memberId, groupInstanceId, reason }) => {
        const known = this.members.has(memberId);
        if (known) this.left.push({ memberId, reason });
        this.remove(memberId);
        return { memberId, groupInstanceId, errorCode: known ? 0 : ErrorCode.UNKNOWN_MEMBER_ID };
      }),
    };
  }

  /** Whether offsets may be committed. */
  checkCommit(memberId: string, generation: number): number {
    if (memberId === "" && generation < 0) {
      return this.members.size === 0 ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
    }
    const code = this.check(memberId, generation);
    if (code !== ErrorCode.NONE) return code;
    return this.state === "CompletingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : code;
  }
}

export interface FakeCommit {
  readonly groupId: string;
  readonly memberId: string;
  readonly epoch: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** All groups of a fake broker: both protocols and committed offsets. */
export class FakeGroups {
  readonly classic = new Map<string, FakeClassicGroup>();
  readonly consumer = new Map<string, FakeConsumerGroup>();
  readonly offsets = new Map<string, { offset: number; leaderEpoch: number; metadata: string }>();
  /** Every offset that was taken, in order. */
  readonly commits: FakeCommit[] = [];
  initialDelayMs = 100;
  readonly #broker: FakeBroker;
  readonly #clock: VirtualClock;

  constructor(broker: FakeBroker, clock: VirtualClock) {
    this.#broker = broker;
    this.#clock = clock;
    broker.other = (api, body) => this.#handle(api, body);
  }

  group(groupId: string): FakeClassicGroup {
    const group =
      this.classic.get(groupId) ?? new FakeClassicGroup(this.#clock, this.initialDelayMs);
    this.classic.set(groupId, group);
    return group;
  }

  consumerGroup(groupId: string): FakeConsumerGroup {
    const group = this.consumer.get(groupId) ?? new FakeConsumerGroup(this.#broker, this.#clock);
    this.consumer.set(groupId, group);
    return group;
  }

  committed(groupId: string, topic: string, partition: number): number | null {
    return this.offsets.get(`${groupId}/${topic}/${partition}`)?.offset ?? null;
  }

  #handle(api: AnyApi, body: unknown): unknown {
    switch (api) {
      case findCoordinatorApi:
        return { coordinators: [{ key: "", nodeId: 1, host: "", port: 443, errorCode: 0 }] };
      case joinGroupApi:
        return this.group((body as JoinGroupRequest).groupId).join(body as JoinGroupRequest);
      case syncGroupApi:
        return this.group((body as SyncGroupRequest).groupId).sync(body as SyncGroupRequest);
      case heartbeatApi:
        return this.group((body as HeartbeatRequest).groupId).heartbeat(body as HeartbeatRequest);
      case leaveGroupApi:
        return this.group((body as LeaveGroupRequest).groupId).leave(body as LeaveGroupRequest);
      case offsetCommitApi:
        return this.#commit(body as OffsetCommitRequest);
      case offsetFetchApi:
        return this.#fetch(body as OffsetFetchRequest);
      case consumerGroupHeartbeatApi: {
        const request = body as ConsumerGroupHeartbeatRequest;
        return this.consumerGroup(request.groupId).heartbeat(request);
      }
      default:
        throw new Error(`${api.name} is not served`);
    }
  }

  #commit(request: OffsetCommitRequest): unknown {
    const { groupId, memberId, generationIdOrMemberEpoch: epoch } = request;
    const errorCode = this.consumer.has(groupId)
      ? this.consumerGroup(groupId).checkCommit(memberId, epoch)
      : this.group(groupId).checkCommit(memberId, epoch);
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(
        ({ partitionIndex: partition, committedOffset: offset, ...rest }) => {
          if (errorCode === ErrorCode.NONE) {
            this.commits.push({ groupId, memberId, epoch, topic: name, partition, offset });
            this.offsets.set(`${groupId}/${name}/${partition}`, {
              offset,
              leaderEpoch: rest.committedLeaderEpoch,
              metadata: rest.committedMetadata ?? "",
            });
          }
          return { partitionIndex: partition, errorCode };
        },
      ),
    }));
    return { topics };
  }

  #fetch(request: OffsetFetchRequest): unknown {
    return {
      groups: request.groups.map(({ groupId, topics }) => ({
        groupId,
        errorCode: 0,
        topics: (topics ?? []).map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => {
            const found = this.offsets.get(`${groupId}/${name}/${partitionIndex}`);
            return {
              partitionIndex,
              committedOffset: found?.offset ?? -1,
              committedLeaderEpoch: found?.leaderEpoch ?? -1,
              metadata: found?.metadata ?? "",
              errorCode: 0,
            };
          }),
        })),
      })),
    };
  }
}
