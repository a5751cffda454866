/**
 * What classic members of a consumer group tell each other through the coordinator, which does not
 * read it (Kafka's ConsumerProtocol, ConsumerProtocolSubscription.json and …Assignment.json): two
 * bytes of version, then a message that is never flexible.
 */
import { ProtocolError } from "./errors.ts";
import { Reader } from "./reader.ts";
import { f, Message, struct } from "./schema.ts";
import { NO_VERSIONS } from "./versions.ts";
import { Writer } from "./writer.ts";

/** ConsumerProtocol.PROTOCOL_TYPE: what JoinGroup calls a group of consumers. */
export const CONSUMER_PROTOCOL_TYPE = "consumer";

/** The newest of both messages. 1 adds owned partitions, 2 the generation, 3 the rack. */
export const CONSUMER_PROTOCOL_VERSION_MAX = 3;

const VERSIONS = { min: 0, max: CONSUMER_PROTOCOL_VERSION_MAX };

const topicPartitions = struct({ topic: f.string(), partitions: f.array(f.int32()) });

const subscription = new Message(
  "ConsumerProtocolSubscription",
  struct({
    topics: f.array(f.string()),
    userData: f.bytes({ nullable: "0+" }),
    ownedPartitions: f.array(topicPartitions, { versions: "1+", default: [] }),
    generationId: f.int32({ versions: "2+", default: -1 }),
    rackId: f.string({ versions: "3+", nullable: "3+" }),
  }),
  VERSIONS,
  NO_VERSIONS,
);

const assignment = new Message(
  "ConsumerProtocolAssignment",
  struct({
    assignedPartitions: f.array(topicPartitions),
    userData: f.bytes({ nullable: "0+" }),
  }),
  VERSIONS,
  NO_VERSIONS,
);

export interface TopicPartitionList {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface ConsumerSubscription {
  readonly topics: readonly string[];
  /** Of the assignor; null when it has none. */
  readonly userData: Uint8Array | null;
  readonly ownedPartitions: readonly TopicPartitionList[];
  /** In which the partitions were owned; -1 when it is not known. */
  readonly generationId: number;
  readonly rackId: string | null;
}

export interface ConsumerAssignment {
  readonly assignedPartitions: readonly TopicPartitionList[];
  readonly userData: Uint8Array | null;
}

export function encodeConsumerSubscription(
  value: ConsumerSubscription,
  version: number = CONSUMER_PROTOCOL_VERSION_MAX,
): Uint8Array {
  const writer = new Writer();
  writer.int16(version);
  subscription.encode(writer, version, value);
  return writer.finish();
}

/** @throws ProtocolError, and nothing else, when the bytes are no subscription */
export function decodeConsumerSubscription(bytes: Uint8Array): ConsumerSubscription {
  const reader = new Reader(bytes);
  return subscription.decode(reader, versionOf(reader, "subscription"));
}

export function encodeConsumerAssignment(
  value: ConsumerAssignment,
  version: number = CONSUMER_PROTOCOL_VERSION_MAX,
): Uint8Array {
  const writer = new Writer();
  writer.int16(version);
  assignment.encode(writer, version, value);
  return writer.finish();
}

/** No bytes at all are no partitions: what the coordinator gives whom the leader forgot. */
export function decodeConsumerAssignment(bytes: Uint8Array): ConsumerAssignment {
  if (bytes.length === 0) return { assignedPartitions: [], userData: null };
  const reader = new Reader(bytes);
  return assignment.decode(reader, versionOf(reader, "assignment"));
}

/** What members under the sticky assignor had (StickyAssignor's user data, version 1). */
export interface StickyUserData {
  readonly previousAssignment: readonly TopicPartitionList[];
  readonly generation: number;
}

const stickyUserData = new Message(
  "StickyAssignor user data",
  struct({
    previousAssignment: f.array(topicPartitions),
    generation: f.int32({ versions: "1+", default: -1 }),
  }),
  { min: 0, max: 1 },
  NO_VERSIONS,
);

export function encodeStickyUserData(value: StickyUserData): Uint8Array {
  const writer = new Writer();
  stickyUserData.encode(writer, 1, value);
  return writer.finish();
}

/** @throws ProtocolError; old members leave the generation out, it is -1 then */
export function decodeStickyUserData(bytes: Uint8Array): StickyUserData {
  try {
    return stickyUserData.decode(new Reader(bytes), 1);
  } catch (error) {
    if (error instanceof ProtocolError) return stickyUserData.decode(new Reader(bytes), 0);
    throw error;
  }
}

/** A newer version begins with what the newest known one holds. */
function versionOf(reader: Reader, what: string): number {
  const version = reader.int16();
  if (version < 0) throw new ProtocolError(`a consumer ${what} of version ${version}`);
  return Math.min(version, CONSUMER_PROTOCOL_VERSION_MAX);
}
