/**
 * Kafka's own formats of what `__consumer_offsets` holds of classic groups and of offsets (the JSON
 * definitions of the group-coordinator module): two bytes of version, then the message.
 */
import { Reader } from "../protocol/reader.ts";
import { f, Message, struct } from "../protocol/schema.ts";
import type { VersionSet } from "../protocol/versions.ts";
import { hasVersion, NO_VERSIONS } from "../protocol/versions.ts";
import { Writer } from "../protocol/writer.ts";
import type { GroupRecord } from "./messages.ts";

/** What the two bytes before a key say. KIP-848's own kinds: consumer/records.ts. */
export const OFFSET_COMMIT_KEYS: VersionSet = { min: 0, max: 1 };
export const GROUP_METADATA_KEY = 2;

const OFFSET_COMMIT_KEY_WRITTEN = 1;
/** What a 4.x broker writes: newest of the versions that 3.x can read, and 1 for what has a retention. */
const OFFSET_COMMIT_VALUE_WRITTEN = 3;
const OFFSET_COMMIT_VALUE_EXPIRING = 1;
const GROUP_METADATA_VALUE_WRITTEN = 3;

const FLEXIBLE_VALUES = { min: 4, max: Number.POSITIVE_INFINITY };

const offsetCommitKey = new Message(
  "OffsetCommitKey",
  struct({ group: f.string(), topic: f.string(), partition: f.int32() }),
  OFFSET_COMMIT_KEYS,
  NO_VERSIONS,
);

const offsetCommitValue = new Message(
  "OffsetCommitValue",
  struct({
    offset: f.int64(),
    leaderEpoch: f.int32({ versions: "3+", default: -1 }),
    metadata: f.string(),
    commitTimestamp: f.int64(),
    expireTimestamp: f.int64({ versions: "1", default: -1 }),
    topicId: f.uuid({ versions: "4+", tag: 0, taggedVersions: "4+" }),
  }),
  { min: 0, max: 4 },
  FLEXIBLE_VALUES,
);

const groupMetadataKey = new Message(
  "GroupMetadataKey",
  struct({ group: f.string() }),
  { min: GROUP_METADATA_KEY, max: GROUP_METADATA_KEY },
  NO_VERSIONS,
);

const groupMetadataValue = new Message(
  "GroupMetadataValue",
  struct({
    protocolType: f.string(),
    generation: f.int32(),
    protocol: f.string({ nullable: "0+" }),
    leader: f.string({ nullable: "0+" }),
    currentStateTimestamp: f.int64({ versions: "2+", default: -1 }),
    members: f.array(
      struct({
        memberId: f.string(),
        groupInstanceId: f.string({ versions: "3+", nullable: "3+" }),
        clientId: f.string(),
        clientHost: f.string(),
        rebalanceTimeout: f.int32({ versions: "1+", default: -1 }),
        sessionTimeout: f.int32(),
        subscription: f.bytes(),
        assignment: f.bytes(),
      }),
    ),
  }),
  { min: 0, max: 4 },
  FLEXIBLE_VALUES,
);

export type OffsetCommitKey = ReturnType<typeof offsetCommitKey.decode>;
export type OffsetCommitValue = ReturnType<typeof offsetCommitValue.decode>;
export type GroupMetadataValue = ReturnType<typeof groupMetadataValue.decode>;
export type GroupMetadataMember = GroupMetadataValue["members"][number];

/** What an offset is stored with; timestamps in ms, -1 for none. */
export interface OffsetToStore {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestamp: number;
  readonly expireTimestamp: number;
}

/** The kind of a record: the version of its key. */
export function keyVersionOf(key: Uint8Array): number {
  return new Reader(key).int16();
}

export function offsetCommitRecord(
  group: string,
  topic: string,
  partition: number,
  value: OffsetToStore,
): GroupRecord {
  const version =
    value.expireTimestamp === -1 ? OFFSET_COMMIT_VALUE_WRITTEN : OFFSET_COMMIT_VALUE_EXPIRING;
  return {
    key: encodeVersioned(offsetCommitKey, OFFSET_COMMIT_KEY_WRITTEN, { group, topic, partition }),
    value: encodeVersioned(offsetCommitValue, version, value),
  };
}

export function offsetCommitTombstone(
  group: string,
  topic: string,
  partition: number,
): GroupRecord {
  return {
    key: encodeVersioned(offsetCommitKey, OFFSET_COMMIT_KEY_WRITTEN, { group, topic, partition }),
    value: null,
  };
}

export function groupMetadataRecord(group: string, value: GroupMetadataValue): GroupRecord {
  return {
    key: encodeVersioned(groupMetadataKey, GROUP_METADATA_KEY, { group }),
    value: encodeVersioned(groupMetadataValue, GROUP_METADATA_VALUE_WRITTEN, value),
  };
}

export function groupMetadataTombstone(group: string): GroupRecord {
  return { key: encodeVersioned(groupMetadataKey, GROUP_METADATA_KEY, { group }), value: null };
}

/** @throws ProtocolError when the bytes are none of the format, as do the three below */
export function decodeOffsetCommitKey(key: Uint8Array): OffsetCommitKey {
  return decodeVersioned(offsetCommitKey, key);
}

export function decodeOffsetCommitValue(value: Uint8Array): OffsetCommitValue {
  return decodeVersioned(offsetCommitValue, value);
}

/** The group's id. */
export function decodeGroupMetadataKey(key: Uint8Array): string {
  return decodeVersioned(groupMetadataKey, key).group;
}

export function decodeGroupMetadataValue(value: Uint8Array): GroupMetadataValue {
  return decodeVersioned(groupMetadataValue, value);
}

export function isOffsetCommitKey(keyVersion: number): boolean {
  return hasVersion(OFFSET_COMMIT_KEYS, keyVersion);
}

/** A message after its two bytes of version: how every key and value of the topic begins. */
export function encodeVersioned<Out, In>(
  message: Message<Out, In>,
  version: number,
  value: In,
): Uint8Array {
  const writer = new Writer();
  writer.int16(version);
  message.encode(writer, version, value);
  return writer.finish();
}

/** @throws ProtocolError for a version that is not known, or bytes that are not the message */
export function decodeVersioned<Out, In>(message: Message<Out, In>, bytes: Uint8Array): Out {
  const reader = new Reader(bytes);
  return message.decode(reader, reader.int16());
}
