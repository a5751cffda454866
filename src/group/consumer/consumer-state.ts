/**
 * The hard state of a consumer group: what its records say, and nothing else. Applying the same records
 * again gives the same state (GRP101).
 */
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import type { TopicPartitions } from "../assignors/assignor.ts";
import { NO_PARTITIONS } from "../assignors/assignor.ts";
import type { ConsumerMember } from "./member.ts";
import {
  isReconciled,
  LEAVE_EPOCH,
  newMember,
  partitionsOf,
  withCurrent,
  withMetadata,
} from "./member.ts";
import { PartitionOwners } from "./owners.ts";
import type { ConsumerRecord } from "./records.ts";
import { Subscriptions } from "./subscriptions.ts";

export type ConsumerStateName = "Empty" | "Assigning" | "Reconciling" | "Stable";

export class ConsumerState {
  readonly subscriptions = new Subscriptions();
  readonly owners = new PartitionOwners();
  readonly #members = new Map<string, ConsumerMember>();
  /** Member ids by group instance id. */
  readonly #statics = new Map<string, string>();
  readonly #targets = new Map<string, TopicPartitions>();
  #groupEpoch = 0;
  #metadataHash = 0;
  #assignmentEpoch = 0;

  /** Goes up whenever the target assignment must be made anew. */
  get groupEpoch(): number {
    return this.#groupEpoch;
  }

  /** Of the topics, as they were at the group epoch. */
  get metadataHash(): number {
    return this.#metadataHash;
  }

  /** The group epoch for which the target assignment was made. */
  get assignmentEpoch(): number {
    return this.#assignmentEpoch;
  }

  get members(): ReadonlyMap<string, ConsumerMember> {
    return this.#members;
  }

  member(memberId: string): ConsumerMember | undefined {
    return this.#members.get(memberId);
  }

  memberOrThrow(groupId: string, memberId: string): ConsumerMember {
    const member = this.#members.get(memberId);
    if (member !== undefined) return member;
    throw new KafkaError(
      ErrorCode.UNKNOWN_MEMBER_ID,
      `Member ${memberId} is not a member of group ${groupId}.`,
    );
  }

  staticMember(instanceId: string | null): ConsumerMember | undefined {
    if (instanceId === null) return undefined;
    const memberId = this.#statics.get(instanceId);
    return memberId === undefined ? undefined : this.#members.get(memberId);
  }

  /** The member with this instance id, if it has this member id too. */
  staticMemberOrThrow(groupId: string, memberId: string, instanceId: string): ConsumerMember {
    const member = this.staticMember(instanceId);
    if (member === undefined) {
      throw new KafkaError(
        ErrorCode.UNKNOWN_MEMBER_ID,
        `Instance id ${instanceId} is unknown in group ${groupId}.`,
      );
    }
    if (member.memberId === memberId) return member;
    throw new KafkaError(
      ErrorCode.FENCED_INSTANCE_ID,
      `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`,
    );
  }

  target(memberId: string): TopicPartitions {
    return this.#targets.get(memberId) ?? NO_PARTITIONS;
  }

  hasTarget(memberId: string): boolean {
    return this.#targets.has(memberId);
  }

  get name(): ConsumerStateName {
    if (this.#members.size === 0) return "Empty";
    if (this.#groupEpoch > this.#assignmentEpoch) return "Assigning";
    for (const member of this.#members.values()) {
      if (!isReconciled(member, this.#assignmentEpoch)) return "Reconciling";
    }
    return "Stable";
  }

  apply(record: ConsumerRecord): void {
    switch (record.kind) {
      case "metadata":
        this.#groupEpoch = record.value?.epoch ?? 0;
        this.#metadataHash = record.value?.metadataHash ?? 0;
        return;
      case "partitionMetadata":
        return;
      case "member":
        if (record.value === null) this.#remove(record.key.memberId);
        else this.#put(withMetadata(this.#existing(record.key.memberId), record.value));
        return;
      case "current":
        this.#applyCurrent(record.key.memberId, record.value);
        return;
      case "targetMetadata":
        this.#assignmentEpoch = record.value?.assignmentEpoch ?? 0;
        return;
      case "targetMember":
        if (record.value === null) this.#targets.delete(record.key.memberId);
        else this.#targets.set(record.key.memberId, partitionsOf(record.value.topicPartitions));
        return;
      case "pattern":
        this.subscriptions.setResolved(
          record.key.regularExpression,
          record.value === null ? null : [...record.value.topics].sort(),
        );
    }
  }

  #applyCurrent(
    memberId: string,
    value: Extract<ConsumerRecord, { kind: "current" }>["value"],
  ): void {
    if (value !== null) {
      this.#put(withCurrent(this.#existing(memberId), value));
      return;
    }
    const member = this.#members.get(memberId);
    if (member === undefined) return;
    this.#put({
      ...member,
      memberEpoch: LEAVE_EPOCH,
      previousMemberEpoch: LEAVE_EPOCH,
      assigned: NO_PARTITIONS,
      revoking: NO_PARTITIONS,
    });
  }

  #existing(memberId: string): ConsumerMember {
    return this.#members.get(memberId) ?? newMember(memberId);
  }

  #put(member: ConsumerMember): void {
    this.#forget(member.memberId);
    this.#members.set(member.memberId, member);
    this.subscriptions.count(member, 1);
    this.owners.add(member.memberId, member.assigned);
    this.owners.add(member.memberId, member.revoking);
    if (member.instanceId !== null) this.#statics.set(member.instanceId, member.memberId);
  }

  #remove(memberId: string): void {
    this.#forget(memberId);
    this.#members.delete(memberId);
  }

  /** Takes a member out of everything that is counted. */
  #forget(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member === undefined) return;
    this.subscriptions.count(member, -1);
    this.owners.remove(memberId, member.assigned);
    this.owners.remove(memberId, member.revoking);
    const { instanceId } = member;
    if (instanceId !== null && this.#statics.get(instanceId) === memberId) {
      this.#statics.delete(instanceId);
    }
  }
}
