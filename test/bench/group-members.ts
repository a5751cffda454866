/** Members of a group for the bench, as frames over POST /kafka: they do what a consumer must, and no more. */
import { joinGroupApi } from "../../src/protocol/api/11-join-group.ts";
import { heartbeatApi } from "../../src/protocol/api/12-heartbeat.ts";
import { leaveGroupApi } from "../../src/protocol/api/13-leave-group.ts";
import { syncGroupApi } from "../../src/protocol/api/14-sync-group.ts";
import { consumerGroupHeartbeatApi } from "../../src/protocol/api/68-consumer-group-heartbeat.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeConsumerAssignment,
  encodeConsumerAssignment,
  encodeConsumerSubscription,
} from "../../src/protocol/consumer-protocol.ts";
import { ErrorCode } from "../../src/protocol/errors.ts";
import { ask } from "./kafka.ts";

export interface GroupOfBench {
  readonly kedge: URL;
  readonly groupId: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partitions: number;
}

export interface Member {
  /** Partitions that it reads. */
  readonly reads: number;
  /** Until its next heartbeat. */
  readonly heartbeatMs: number;
  /** It is in the present generation, or at the present epoch. */
  join(): Promise<void>;
  heartbeat(): Promise<void>;
  leave(): Promise<void>;
}

/** Of every member, unless the coordinator wants to hear of it sooner. */
export const HEARTBEAT_MS = 3_000;
const SESSION_MS = 45_000;
const REBALANCE_MS = 60_000;
const RETRY_MS = 100;
const JOIN_VERSION = 9;
const SYNC_VERSION = 5;
const HEARTBEAT_VERSION = 4;
const LEAVE_VERSION = 5;
const CONSUMER_VERSION = 1;

/** Eager, and as the leader gives each member its share, one after the other. */
export class ClassicMember implements Member {
  reads = 0;
  readonly heartbeatMs = HEARTBEAT_MS;
  readonly #group: GroupOfBench;
  #memberId = "";
  #generationId = -1;

  constructor(group: GroupOfBench) {
    this.#group = group;
  }

  async join(): Promise<void> {
    const { kedge, groupId, topic } = this.#group;
    const metadata = encodeConsumerSubscription({
      topics: [topic],
      userData: null,
      ownedPartitions: [],
      generationId: -1,
      rackId: null,
    });
    const joined = await ask(kedge, joinGroupApi, JOIN_VERSION, {
      groupId,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      memberId: this.#memberId,
      groupInstanceId: null,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocols: [{ name: "range", metadata }],
      reason: null,
    });
    this.#memberId = joined.memberId;
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) return this.join();
    if (isPassing(joined.errorCode)) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return this.join();
    }
    throwIf(joined.errorCode, "JoinGroup");
    this.#generationId = joined.generationId;
    const isLeader = joined.leader === joined.memberId;
    return this.#sync(isLeader ? joined.members.map(({ memberId }) => memberId) : []);
  }

  async #sync(members: readonly string[]): Promise<void> {
    const { kedge, groupId, topic, partitions } = this.#group;
    const share = Math.ceil(partitions / Math.max(1, members.length));
    const assignments = members.map((memberId, at) => {
      const count = Math.max(0, Math.min(share, partitions - at * share));
      const own = Array.from({ length: count }, (_, index) => at * share + index);
      const assignedPartitions = [{ topic, partitions: own }];
      return {
        memberId,
        assignment: encodeConsumerAssignment({ assignedPartitions, userData: null }),
      };
    });
    const synced = await ask(kedge, syncGroupApi, SYNC_VERSION, {
      groupId,
      generationId: this.#generationId,
      memberId: this.#memberId,
      groupInstanceId: null,
      protocolType: CONSUMER_PROTOCOL_TYPE,
      protocolName: "range",
      assignments,
    });
    // Whoever was late to the same rebalance begins another one.
    if (synced.errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return this.join();
    throwIf(synced.errorCode, "SyncGroup");
    const { assignedPartitions } = decodeConsumerAssignment(synced.assignment);
    this.reads = assignedPartitions.reduce((sum, { partitions: own }) => sum + own.length, 0);
  }

  async heartbeat(): Promise<void> {
    const { kedge, groupId } = this.#group;
    const beat = await ask(kedge, heartbeatApi, HEARTBEAT_VERSION, {
      groupId,
      generationId: this.#generationId,
      memberId: this.#memberId,
      groupInstanceId: null,
    });
    throwIf(beat.errorCode, "Heartbeat");
  }

  async leave(): Promise<void> {
    const { kedge, groupId } = this.#group;
    const left = await ask(kedge, leaveGroupApi, LEAVE_VERSION, {
      groupId,
      members: [{ memberId: this.#memberId, groupInstanceId: null, reason: null }],
    });
    throwIf(left.errorCode, "LeaveGroup");
  }
}

/** Speaks KIP-848, and gives back at once what it is told to. */
export class ConsumerMember implements Member {
  readonly #group: GroupOfBench;
  readonly #memberId = crypto.randomUUID();
  heartbeatMs = HEARTBEAT_MS;
  #epoch = 0;
  #owned: readonly number[] = [];

  constructor(group: GroupOfBench) {
    this.#group = group;
  }

  get reads(): number {
    return this.#owned.length;
  }

  join(): Promise<void> {
    this.#epoch = 0;
    this.#owned = [];
    return this.#beat({
      rebalanceTimeoutMs: REBALANCE_MS,
      subscribedTopicNames: [this.#group.topic],
      topicPartitions: [],
    });
  }

  heartbeat(): Promise<void> {
    return this.#beat({});
  }

  async leave(): Promise<void> {
    this.#epoch = -1;
    await this.#beat({});
  }

  async #beat(fields: {
    readonly rebalanceTimeoutMs?: number;
    readonly subscribedTopicNames?: readonly string[];
    readonly topicPartitions?: readonly { topicId: string; partitions: readonly number[] }[];
  }): Promise<void> {
    const { kedge, groupId, topicId } = this.#group;
    const reply = await ask(kedge, consumerGroupHeartbeatApi, CONSUMER_VERSION, {
      groupId,
      memberId: this.#memberId,
      memberEpoch: this.#epoch,
      instanceId: null,
      rackId: null,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...fields,
    });
    throwIf(reply.errorCode, `ConsumerGroupHeartbeat: ${reply.errorMessage}`);
    this.#epoch = reply.memberEpoch;
    this.heartbeatMs = Math.min(HEARTBEAT_MS, reply.heartbeatIntervalMs);
    if (reply.assignment === null) return;
    const told = reply.assignment.topicPartitions.flatMap(({ partitions }) => partitions);
    if (told.length === this.#owned.length && told.every((one, at) => one === this.#owned[at])) {
      return;
    }
    this.#owned = told;
    await this.#beat({ topicPartitions: [{ topicId, partitions: told }] });
  }
}

/** As of a coordinator that wakes: clients ask again. */
function isPassing(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE ||
    errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ||
    errorCode === ErrorCode.NOT_COORDINATOR
  );
}

function throwIf(errorCode: number, what: string): void {
  if (errorCode !== ErrorCode.NONE) throw new Error(`${what}: error ${errorCode}`);
}
