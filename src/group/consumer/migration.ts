/**
 * A group changes its protocol with members in it (KIP-848): up when the first member joins that speaks
 * the consumer protocol, down when the last one goes. Rules: SPEC.md, GRP170 and on.
 */
import type { ConsumerSubscription } from "../../protocol/consumer-protocol.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeConsumerAssignment,
  decodeConsumerSubscription,
} from "../../protocol/consumer-protocol.ts";
import { ErrorCode, KafkaError, ProtocolError } from "../../protocol/errors.ts";
import type { TopicPartitions } from "../assignors/assignor.ts";
import { NO_PARTITIONS, samePartitions } from "../assignors/assignor.ts";
import { type ClassicGroup, fitsOneRecord } from "../classic/classic-group.ts";
import type { ClassicMember } from "../classic/member.ts";
import { SupportedProtocols } from "../classic/protocols.ts";
import type { GroupConfig } from "../config.ts";
import type { GroupTable, GroupTurn } from "../group.ts";
import type { GroupRecord } from "../messages.ts";
import { groupMetadataRecord } from "../records.ts";
import { assignmentFor } from "./classic-members.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember, MemberMetadata } from "./member.ts";
import { listOf, MemberState, partitionsOf } from "./member.ts";
import { consumerRecords } from "./records.ts";
import type { TopicImages } from "./topic-images.ts";

/** A classic member as it will be in the consumer group. */
interface Upgraded {
  readonly memberId: string;
  readonly metadata: MemberMetadata;
  readonly assigned: TopicPartitions;
  /** Not in its assignment any more, and perhaps still read by it: it has not synced since. */
  readonly revoking: TopicPartitions;
}

/** What a classic member's bytes say. */
interface Parsed {
  readonly subscription: ConsumerSubscription;
  readonly assigned: ConsumerSubscription["ownedPartitions"];
}

/** Topics that one must know of to upgrade the group; none when its members' bytes say nothing. */
export function topicsIn(group: ClassicGroup): readonly string[] {
  const names = new Set<string>();
  for (const member of group.members.all()) {
    try {
      const { subscription, assigned } = parsed(group, member);
      for (const topic of subscription.topics) names.add(topic);
      for (const { topic } of [...assigned, ...subscription.ownedPartitions]) names.add(topic);
    } catch {
      return [];
    }
  }
  return [...names];
}

/**
 * GRP170: the members as they will be.
 * @throws KafkaError GROUP_ID_NOT_FOUND when the group may not or cannot be upgraded
 */
export function upgradedMembers(
  group: ClassicGroup,
  config: GroupConfig,
  topics: TopicImages,
): readonly Upgraded[] {
  throwIfMayNotUpgrade(group, config);
  const all = Array.from(group.members.all(), (member) => ({ member, ...parsed(group, member) }));
  const claims = new Claims(group.groupId, topics);
  // What anybody was assigned comes before what anybody still had when it last joined.
  const assigned = all.map((one) => claims.take(one.assigned));
  return all.map(({ member, subscription }, at) => ({
    memberId: member.memberId,
    metadata: metadataOf(member, subscription),
    assigned: assigned[at] ?? NO_PARTITIONS,
    revoking: claims.take(subscription.ownedPartitions),
  }));
}

/** Leaders are not to be trusted: a partition that two members claim is the first one's. */
class Claims {
  readonly #groupId: string;
  readonly #topics: TopicImages;
  readonly #taken = new Set<string>();

  constructor(groupId: string, topics: TopicImages) {
    this.#groupId = groupId;
    this.#topics = topics;
  }

  /** Those of them that nobody has claimed, and whose topic is there. */
  take(list: ConsumerSubscription["ownedPartitions"]): TopicPartitions {
    const free = list.flatMap(({ topic, partitions }) => {
      if (!this.#topics.isKnown(topic)) throw notYet(this.#groupId, topic);
      const topicId = this.#topics.image(topic)?.topicId;
      if (topicId === undefined) return [];
      return [{ topicId, partitions: partitions.filter((index) => this.#claim(topicId, index)) }];
    });
    return partitionsOf(free);
  }

  #claim(topicId: string, partition: number): boolean {
    const key = `${topicId}-${partition}`;
    if (this.#taken.has(key)) return false;
    this.#taken.add(key);
    return true;
  }
}

function throwIfMayNotUpgrade(group: ClassicGroup, config: GroupConfig): void {
  const { groupId } = group;
  const policy = config.consumerMigrationPolicy;
  if (policy !== "bidirectional" && policy !== "upgrade") {
    throw cannotUpgrade(groupId, "online upgrade is disabled (group.consumer.migration.policy)");
  }
  if (!group.usesConsumerProtocol) {
    throw cannotUpgrade(groupId, "the group does not use the consumer embedded protocol");
  }
  if (group.members.size > config.consumerMaxSize) {
    throw cannotUpgrade(groupId, "the group size exceeds the consumer group maximum size");
  }
}

function cannotUpgrade(groupId: string, why: string): KafkaError {
  return new KafkaError(
    ErrorCode.GROUP_ID_NOT_FOUND,
    `Cannot upgrade classic group ${groupId} to consumer group because ${why}.`,
  );
}

/** Without knowing the topic, what a member has of it would be given to another (GRP142). */
function notYet(groupId: string, topic: string): KafkaError {
  return new KafkaError(
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    `Group ${groupId} cannot be upgraded before the catalogue has told of topic ${topic}; try again.`,
  );
}

function parsed(group: ClassicGroup, member: ClassicMember): Parsed {
  try {
    const first = member.offer.protocols[0]?.name ?? null;
    const metadata = member.metadataOf(group.protocolName ?? first);
    const subscription = decodeConsumerSubscription(metadata);
    const { assignedPartitions, userData } = decodeConsumerAssignment(member.assignment);
    if (userData !== null && userData.length > 0) {
      throw cannotUpgrade(
        group.groupId,
        "an unsupported custom assignor is in use, whose userData would be lost: switch to a default assignor first",
      );
    }
    return { subscription, assigned: assignedPartitions };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw cannotUpgrade(
      group.groupId,
      `the embedded consumer protocol is malformed: ${error.message}`,
    );
  }
}

function metadataOf(member: ClassicMember, subscription: ConsumerSubscription): MemberMetadata {
  const { sessionTimeoutMs, rebalanceTimeoutMs, protocols } = member.offer;
  return {
    instanceId: member.groupInstanceId,
    rackId: subscription.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...new Set(subscription.topics)].sort(),
    subscribedTopicRegex: "",
    rebalanceTimeoutMs,
    serverAssignor: null,
    classic: { sessionTimeoutMs, supportedProtocols: protocols },
  };
}

/**
 * The records that make `group` of the classic one. Its members stay where they are, as of the classic
 * generation; whoever waits for a rebalance is told to join again, for the next one.
 */
export function upgrade(
  turn: GroupTurn,
  classic: ClassicGroup,
  group: ConsumerGroup,
  members: readonly Upgraded[],
): void {
  const { groupId } = group;
  const epoch = classic.generationId;
  classic.refuseAll(turn, ErrorCode.REBALANCE_IN_PROGRESS);
  classic.tombstones(turn);
  for (const { memberId, metadata } of members) {
    const { classic: classicMemberMetadata, ...rest } = metadata;
    turn.emit(consumerRecords.member(groupId, memberId, { ...rest, classicMemberMetadata }));
  }
  turn.emit(consumerRecords.metadata(groupId, { epoch, metadataHash: group.topicsHash() }));
  for (const { memberId, assigned } of members) {
    turn.emit(consumerRecords.targetMember(groupId, memberId, listOf(assigned)));
  }
  turn.emit(consumerRecords.targetMetadata(groupId, epoch));
  for (const { memberId, assigned, revoking } of members) {
    const current = {
      memberEpoch: epoch,
      previousMemberEpoch: epoch,
      state: revoking.size > 0 ? MemberState.UNREVOKED_PARTITIONS : MemberState.STABLE,
      assignedPartitions: listOf(assigned),
      partitionsPendingRevocation: listOf(revoking),
    };
    turn.emit(consumerRecords.current(groupId, memberId, current));
  }
  for (const member of group.state.members.values()) group.touch(turn.nowMs, member);
}

/** GRP172: says whether it did. */
export function downgrade(
  turn: GroupTurn,
  table: GroupTable,
  group: ConsumerGroup,
  leaving: ReadonlySet<string>,
): boolean {
  const { groupId, state } = group;
  const { consumerMigrationPolicy: policy, maxSize } = group.context.config;
  if (policy !== "bidirectional" && policy !== "downgrade") return false;
  const members = [...state.members.values()].filter(({ memberId }) => !leaving.has(memberId));
  if (members.length === 0 || members.length > maxSize) return false;
  // The classic protocol has names only; it is tried again when the catalogue has told them.
  if (!group.knowsTopics) return false;
  if (members.some(({ classic }) => classic === null)) return false;
  const isSettled =
    leaving.size === 0 &&
    state.assignmentEpoch === state.groupEpoch &&
    members.every(({ memberId, assigned, revoking }) => {
      return revoking.size === 0 && samePartitions(assigned, state.target(memberId));
    });
  const record = classicRecord(turn, group, members, isSettled);
  if (record === null || !fitsOneRecord(record)) return false;

  group.tombstones(turn);
  turn.emit(record);
  table.get(groupId)?.loaded(turn.nowMs);
  return true;
}

/**
 * Null when the members have no protocol in common. A group without a leader has a rebalance before
 * it, whoever loads it.
 */
function classicRecord(
  turn: GroupTurn,
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  isSettled: boolean,
): GroupRecord | null {
  const voters = members.map(({ classic }) => {
    return { offer: { protocols: classic?.supportedProtocols ?? [] } };
  });
  const supported = new SupportedProtocols();
  for (const voter of voters) supported.add(voter);
  const protocol = supported.select(voters, voters.length);
  if (protocol === null) return null;
  return groupMetadataRecord(group.groupId, {
    protocolType: CONSUMER_PROTOCOL_TYPE,
    generation: group.state.groupEpoch,
    protocol,
    leader: isSettled ? (members[0]?.memberId ?? null) : null,
    currentStateTimestamp: turn.nowMs,
    members: members.map((member) => classicMember(group, member, protocol)),
  });
}

function classicMember(group: ConsumerGroup, member: ConsumerMember, protocol: string) {
  const { memberId, instanceId, clientId, clientHost, classic, rebalanceTimeoutMs } = member;
  const offered = classic?.supportedProtocols.find(({ name }) => name === protocol);
  return {
    memberId,
    groupInstanceId: instanceId,
    clientId,
    clientHost,
    rebalanceTimeout: rebalanceTimeoutMs,
    sessionTimeout: classic?.sessionTimeoutMs ?? 0,
    subscription: offered?.metadata ?? new Uint8Array(0),
    // Until it rejoins it has both, and nobody is told so before.
    assignment: assignmentFor(group, member, union(member.assigned, member.revoking)),
  };
}

function union(a: TopicPartitions, b: TopicPartitions): TopicPartitions {
  return partitionsOf([...listOf(a), ...listOf(b)]);
}
