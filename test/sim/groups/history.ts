/**
 * What the committed log of `__consumer_offsets` says, record by record: a second, slow reading of it that
 * shares nothing with the machines but Kafka's formats. Commits carry in their metadata who made them.
 */
import {
  type ConsumerRecord,
  decodeConsumerRecord,
  type TopicPartitionsValue,
} from "../../../src/group/consumer/records.ts";
import type { GroupRecord } from "../../../src/group/messages.ts";
import {
  decodeGroupMetadataValue,
  decodeOffsetCommitKey,
  decodeOffsetCommitValue,
  GROUP_METADATA_KEY,
  isOffsetCommitKey,
  keyVersionOf,
} from "../../../src/group/records.ts";
import { decodeConsumerAssignment } from "../../../src/protocol/consumer-protocol.ts";
import type { Place } from "../../unit/group/consumer/sim-clients.ts";

/** Who commits, as the metadata of an offset: "" is nobody in particular. */
export interface Stamp {
  readonly commit: number;
  readonly memberId: string;
  readonly era: number;
}

export interface CommittedOffset {
  readonly offset: number;
  readonly stamp: Stamp;
  /** Of the record in the log. */
  readonly at: number;
}

interface Classic {
  readonly generation: number;
  readonly members: ReadonlySet<string>;
}

interface ConsumerMember {
  readonly epoch: number;
  /** Also what it has not given back. */
  readonly has: readonly Place[];
}

export class GroupHistory {
  readonly offsets = new Map<Place, CommittedOffset>();
  /** Where each commit is in the log. */
  readonly commits = new Map<number, number>();
  generations = 0;
  readonly #topicIds: (name: string) => string;
  readonly #violation: (text: string) => void;
  #classic: Classic | null = null;
  #consumers: Map<string, ConsumerMember> | null = null;
  /** By member and generation or epoch: every assignment that it was ever to have. */
  readonly #assigned = new Map<string, Set<string>>();

  constructor(topicIds: (name: string) => string, violation: (text: string) => void) {
    this.#topicIds = topicIds;
    this.#violation = violation;
  }

  /** One batch, which is what one input decided, or several inputs. */
  read(records: readonly { readonly record: GroupRecord; readonly at: number }[]): void {
    for (const { record, at } of records) this.#read(record, at);
    this.#checkOwners();
  }

  #read({ key, value }: GroupRecord, at: number): void {
    const kind = keyVersionOf(key);
    if (isOffsetCommitKey(kind)) {
      const { topic, partition } = decodeOffsetCommitKey(key);
      this.#committed(`${this.#topicIds(topic)}/${partition}`, value, at);
    } else if (kind === GROUP_METADATA_KEY) {
      this.#classicGroup(value);
    } else {
      this.#consumerGroup(decodeConsumerRecord({ key, value }));
    }
  }

  #committed(place: Place, value: Uint8Array | null, at: number): void {
    if (value === null) {
      this.#violation(`the offset of ${place} went by itself, at ${at}`);
      this.offsets.delete(place);
      return;
    }
    const { offset, metadata } = decodeOffsetCommitValue(value);
    const stamp = stampOf(metadata);
    const before = this.offsets.get(place);
    const says = `commit ${metadata} of ${place} to ${offset}, at ${at}`;
    const problem = this.#notIn(stamp);
    if (problem !== null) this.#violation(`${says}: ${problem}`);
    if (before !== undefined && offset < before.offset && !mayGoBack(before.stamp, stamp)) {
      this.#violation(`${says}: it was ${before.offset} by ${JSON.stringify(before.stamp)}`);
    }
    this.offsets.set(place, { offset, stamp, at });
    this.commits.set(stamp.commit, at);
  }

  /** Why the log says that the commit should have been refused. */
  #notIn({ memberId, era }: Stamp): string | null {
    const consumers = this.#consumers;
    if (memberId === "") {
      const members = (consumers?.size ?? 0) + (this.#classic?.members.size ?? 0);
      return members === 0 ? null : `the group has ${members} members`;
    }
    if (consumers !== null) {
      const epoch = consumers.get(memberId)?.epoch;
      return epoch === era ? null : `the member is at epoch ${epoch}`;
    }
    const { generation, members } = this.#classic ?? { generation: -1, members: new Set() };
    // A later one was not stored: a rebalance began before it was assigned, and cooperative members read on.
    if (era > generation) return null;
    if (era < generation) return `the group is at generation ${generation}`;
    return members.has(memberId) ? null : "it is no member of the generation";
  }

  #classicGroup(value: Uint8Array | null): void {
    if (value === null) {
      this.#classic = null;
      return;
    }
    const { generation, members } = decodeGroupMetadataValue(value);
    this.generations++;
    this.#classic = { generation, members: new Set(members.map(({ memberId }) => memberId)) };
    const owners = new Map<Place, string>();
    for (const { memberId, assignment } of members) {
      const places = this.placesIn(assignment);
      for (const place of places) {
        const other = owners.get(place);
        if (other === undefined) owners.set(place, memberId);
        else this.#violation(`${place} is ${other}'s and ${memberId}'s in ${generation}`);
      }
      this.#mayHave(memberId, generation, places);
    }
  }

  /** @param assignment of the classic protocol; no bytes are no partitions */
  placesIn(assignment: Uint8Array): Place[] {
    if (assignment.byteLength === 0) return [];
    const { assignedPartitions } = decodeConsumerAssignment(assignment);
    return assignedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => `${this.#topicIds(topic)}/${partition}`),
    );
  }

  #consumerGroup({ kind, key, value }: ConsumerRecord): void {
    if (kind === "metadata") {
      if (value === null) this.#consumers = null;
      else this.#consumers ??= new Map();
    }
    if (kind !== "current") return;
    const members = this.#consumers ?? new Map<string, ConsumerMember>();
    // An upgrade stores what members have before it stores the group.
    this.#consumers = members;
    if (value === null) {
      members.delete(key.memberId);
      return;
    }
    this.generations++;
    const { memberEpoch: epoch, assignedPartitions, partitionsPendingRevocation } = value;
    const assigned = placesOf(assignedPartitions);
    members.set(key.memberId, {
      epoch,
      has: [...assigned, ...placesOf(partitionsPendingRevocation)],
    });
    this.#mayHave(key.memberId, epoch, assigned);
  }

  #mayHave(memberId: string, era: number, places: readonly Place[]): void {
    const key = `${memberId}@${era}`;
    const all = this.#assigned.get(key) ?? new Set();
    this.#assigned.set(key, all.add(textOf(places)));
  }

  #checkOwners(): void {
    const owners = new Map<Place, string>();
    for (const [memberId, { has }] of this.#consumers ?? []) {
      for (const place of has) {
        const other = owners.get(place);
        if (other === undefined) owners.set(place, memberId);
        else this.#violation(`${place} is given to ${memberId} and is ${other}'s`);
      }
    }
  }

  /** A member was told to read these: is that what the committed log gives it? */
  wasTold(memberId: string, era: number, places: readonly Place[]): void {
    const all = this.#assigned.get(`${memberId}@${era}`);
    if (all?.has(textOf(places)) === true) return;
    this.#violation(
      `${memberId} was told ${textOf(places)} in ${era}; committed: ${[...(all ?? [])].join(" or ") || "nothing"}`,
    );
  }
}

function textOf(places: readonly Place[]): string {
  return `[${places.toSorted().join(" ")}]`;
}

function placesOf(list: TopicPartitionsValue): Place[] {
  return list.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => `${topicId}/${partition}`),
  );
}

export function stampOf(metadata: string): Stamp {
  return JSON.parse(metadata);
}

/** By hand, or by a request of the same member that was overtaken on its way. */
function mayGoBack(before: Stamp, now: Stamp): boolean {
  return now.memberId === "" || (now.memberId === before.memberId && now.era === before.era);
}
