/**
 * The records of a consumer group in `__consumer_offsets`, in Kafka's own format
 * (group-coordinator/src/main/resources/common/message/ConsumerGroup*Key.json and …Value.json): two
 * bytes that say which kind, then the key; two bytes of version, then the value.
 */
import { ProtocolError } from "../../protocol/errors.ts";
import { Reader } from "../../protocol/reader.ts";
import type { Type } from "../../protocol/schema.ts";
import { f, Message, struct } from "../../protocol/schema.ts";
import { ALL_VERSIONS, NO_VERSIONS } from "../../protocol/versions.ts";
import { Writer } from "../../protocol/writer.ts";
import type { GroupRecord } from "../messages.ts";

/** The only version of every value. */
const VALUE_VERSION = 0;
const ONLY = { min: 0, max: VALUE_VERSION };

const groupKey = struct({ groupId: f.string() });
const memberKey = struct({ groupId: f.string(), memberId: f.string() });
const patternKey = struct({ groupId: f.string(), regularExpression: f.string() });

const topicPartitions = struct({ topicId: f.uuid(), partitions: f.array(f.int32()) });

const metadataValue = struct({
  epoch: f.int32(),
  metadataHash: f.int64({ tag: 0, taggedVersions: "0+", default: 0 }),
});

const classicMetadata = struct({
  sessionTimeoutMs: f.int32(),
  supportedProtocols: f.array(struct({ name: f.string(), metadata: f.bytes() })),
});

const memberValue = struct({
  instanceId: f.string({ nullable: "0+" }),
  rackId: f.string({ nullable: "0+" }),
  clientId: f.string(),
  clientHost: f.string(),
  subscribedTopicNames: f.array(f.string()),
  subscribedTopicRegex: f.string({ nullable: "0+" }),
  rebalanceTimeoutMs: f.int32({ default: -1 }),
  serverAssignor: f.string({ nullable: "0+" }),
  classicMemberMetadata: f.struct(classicMetadata, {
    nullable: "0+",
    tag: 0,
    taggedVersions: "0+",
  }),
});

const targetMetadataValue = struct({ assignmentEpoch: f.int32() });
const targetMemberValue = struct({ topicPartitions: f.array(topicPartitions) });

const currentValue = struct({
  memberEpoch: f.int32(),
  previousMemberEpoch: f.int32(),
  state: f.int8(),
  assignedPartitions: f.array(topicPartitions),
  partitionsPendingRevocation: f.array(topicPartitions),
});

const patternValue = struct({
  topics: f.array(f.string()),
  version: f.int64(),
  timestamp: f.int64(),
});

/** A kind of record: its number is the "version" in front of its key. */
class Kind<Key, KeyInput, Value, ValueInput> {
  readonly number: number;
  readonly #key: Message<Key, KeyInput>;
  readonly #value: Message<Value, ValueInput>;

  constructor(
    number: number,
    name: string,
    key: Type<Key, KeyInput>,
    value: Type<Value, ValueInput>,
  ) {
    this.number = number;
    this.#key = new Message(`${name}Key`, key, ONLY, NO_VERSIONS);
    this.#value = new Message(`${name}Value`, value, ONLY, ALL_VERSIONS);
  }

  record(key: KeyInput, value: ValueInput | null): GroupRecord {
    const keyWriter = new Writer();
    keyWriter.int16(this.number);
    this.#key.encode(keyWriter, 0, key);
    if (value === null) return { key: keyWriter.finish(), value: null };
    const writer = new Writer();
    writer.int16(VALUE_VERSION);
    this.#value.encode(writer, VALUE_VERSION, value);
    return { key: keyWriter.finish(), value: writer.finish() };
  }

  /** @param key after the two bytes that said which kind it is */
  read(key: Reader, value: Uint8Array | null): { readonly key: Key; readonly value: Value | null } {
    const decoded = this.#key.decode(key, 0);
    if (value === null) return { key: decoded, value: null };
    const reader = new Reader(value);
    return { key: decoded, value: this.#value.decode(reader, reader.int16()) };
  }
}

const metadata = new Kind(3, "ConsumerGroupMetadata", groupKey, metadataValue);
/** Kafka wrote these up to 4.0; a hash in the group's metadata took their place (KIP-1101). */
const PARTITION_METADATA = 4;
const member = new Kind(5, "ConsumerGroupMemberMetadata", memberKey, memberValue);
const targetMetadata = new Kind(
  6,
  "ConsumerGroupTargetAssignmentMetadata",
  groupKey,
  targetMetadataValue,
);
const targetMember = new Kind(
  7,
  "ConsumerGroupTargetAssignmentMember",
  memberKey,
  targetMemberValue,
);
const current = new Kind(8, "ConsumerGroupCurrentMemberAssignment", memberKey, currentValue);
const pattern = new Kind(16, "ConsumerGroupRegularExpression", patternKey, patternValue);

type KeyOf<K> = K extends { read(...args: never[]): { readonly key: infer Key } } ? Key : never;
type ValueOf<K> = K extends { record(key: never, value: infer Value): unknown }
  ? Exclude<Value, null>
  : never;
type DecodedOf<K> = K extends { read(...args: never[]): { readonly value: infer Value } }
  ? Value
  : never;

export type MetadataValue = ValueOf<typeof metadata>;
export type MemberValue = Exclude<DecodedOf<typeof member>, null>;
export type MemberValueInput = ValueOf<typeof member>;
export type CurrentValue = Exclude<DecodedOf<typeof current>, null>;
export type TopicPartitionsValue = CurrentValue["assignedPartitions"];

export const consumerRecords = {
  metadata: (groupId: string, value: MetadataValue | null) => metadata.record({ groupId }, value),
  member: (groupId: string, memberId: string, value: MemberValueInput | null) =>
    member.record({ groupId, memberId }, value),
  targetMetadata: (groupId: string, assignmentEpoch: number | null) =>
    targetMetadata.record({ groupId }, assignmentEpoch === null ? null : { assignmentEpoch }),
  targetMember: (groupId: string, memberId: string, value: TopicPartitionsValue | null) =>
    targetMember.record({ groupId, memberId }, value === null ? null : { topicPartitions: value }),
  current: (groupId: string, memberId: string, value: CurrentValue | null) =>
    current.record({ groupId, memberId }, value),
  pattern: (groupId: string, regularExpression: string, value: ValueOf<typeof pattern> | null) =>
    pattern.record({ groupId, regularExpression }, value),
};

type Decoded<Name extends string, K> = {
  readonly kind: Name;
  readonly key: KeyOf<K>;
  readonly value: DecodedOf<K>;
};

export type ConsumerRecord =
  | Decoded<"metadata", typeof metadata>
  | Decoded<"member", typeof member>
  | Decoded<"targetMetadata", typeof targetMetadata>
  | Decoded<"targetMember", typeof targetMember>
  | Decoded<"current", typeof current>
  | Decoded<"pattern", typeof pattern>
  | {
      readonly kind: "partitionMetadata";
      readonly key: KeyOf<typeof metadata>;
      readonly value: null;
    };

/** The numbers before the keys of these records. */
export const CONSUMER_RECORD_KINDS: ReadonlySet<number> = new Set([
  ...[metadata, member, targetMetadata, targetMember, current, pattern].map(({ number }) => number),
  PARTITION_METADATA,
]);

/**
 * @throws ProtocolError, which names it, for a kind that is not a consumer group's or a version that
 * is not known
 */
export function decodeConsumerRecord(record: GroupRecord): ConsumerRecord {
  const key = new Reader(record.key);
  const number = key.int16();
  switch (number) {
    case metadata.number:
      return { kind: "metadata", ...metadata.read(key, record.value) };
    case PARTITION_METADATA:
      return { kind: "partitionMetadata", key: metadata.read(key, null).key, value: null };
    case member.number:
      return { kind: "member", ...member.read(key, record.value) };
    case targetMetadata.number:
      return { kind: "targetMetadata", ...targetMetadata.read(key, record.value) };
    case targetMember.number:
      return { kind: "targetMember", ...targetMember.read(key, record.value) };
    case current.number:
      return { kind: "current", ...current.read(key, record.value) };
    case pattern.number:
      return { kind: "pattern", ...pattern.read(key, record.value) };
    default:
      throw new ProtocolError(`a record key of kind ${number} is not a consumer group's`);
  }
}
