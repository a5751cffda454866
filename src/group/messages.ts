/**
 * What goes in and out of the group machine. Its facts are records of `__consumer_offsets`; its
 * requests and replies are Kafka's own messages as values. Rules: SPEC.md.
 */
import type { Effects, ReplyTo } from "../machine/machine.ts";
import type {
  OffsetCommitRequest,
  OffsetCommitResponseInput,
} from "../protocol/api/08-offset-commit.ts";
import type { JoinGroupRequest, JoinGroupResponseInput } from "../protocol/api/11-join-group.ts";
import type { HeartbeatRequest, HeartbeatResponseInput } from "../protocol/api/12-heartbeat.ts";
import type { LeaveGroupRequest, LeaveGroupResponseInput } from "../protocol/api/13-leave-group.ts";
import type { SyncGroupRequest, SyncGroupResponseInput } from "../protocol/api/14-sync-group.ts";
import type { DescribeGroupsResponseInput } from "../protocol/api/15-describe-groups.ts";
import type { ListGroupsRequest, ListGroupsResponseInput } from "../protocol/api/16-list-groups.ts";
import type {
  OffsetDeleteRequest,
  OffsetDeleteResponseInput,
} from "../protocol/api/47-offset-delete.ts";
import type {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponseInput,
} from "../protocol/api/68-consumer-group-heartbeat.ts";
import type { ConsumerGroupDescribeResponseInput } from "../protocol/api/69-consumer-group-describe.ts";

/** One record of `__consumer_offsets`, in Kafka's own formats; a null value is a tombstone. */
export interface GroupRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** Who asks, as DescribeGroups shows it. */
export interface GroupClient {
  readonly clientId: string;
  /** "/127.0.0.1", or "" when it is not known. */
  readonly clientHost: string;
  readonly apiVersion: number;
  /** A fresh UUID, for whoever needs a member id: chance comes from outside. */
  readonly uuid: string;
}

/** Offsets of one group, asked for by the names of topics (the handler knows of ids). */
export interface FetchOffsets {
  readonly groupId: string;
  readonly memberId: string | null;
  /** -1: none given. */
  readonly memberEpoch: number;
  /** Null: all that the group has. */
  readonly topics:
    | readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[]
    | null;
}

export interface FetchedOffsets {
  readonly errorCode: number;
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      /** -1 when there is none. */
      readonly committedOffset: number;
      readonly committedLeaderEpoch: number;
      readonly metadata: string;
      readonly errorCode: number;
    }[];
  }[];
}

/** One request to the coordinator of one group (or, for describe, list and delete, of several). */
export type GroupRequest =
  | { readonly api: "joinGroup"; readonly body: JoinGroupRequest }
  | { readonly api: "syncGroup"; readonly body: SyncGroupRequest }
  | { readonly api: "heartbeat"; readonly body: HeartbeatRequest }
  | { readonly api: "leaveGroup"; readonly body: LeaveGroupRequest }
  /** Topics by name; the handler has taken out those that do not exist or may not be read. */
  | { readonly api: "offsetCommit"; readonly body: OffsetCommitRequest }
  | { readonly api: "offsetFetch"; readonly body: FetchOffsets }
  | { readonly api: "offsetDelete"; readonly body: OffsetDeleteRequest }
  | { readonly api: "describeGroups"; readonly body: { readonly groups: readonly string[] } }
  | { readonly api: "listGroups"; readonly body: ListGroupsRequest }
  | { readonly api: "deleteGroups"; readonly body: { readonly groups: readonly string[] } }
  | { readonly api: "consumerGroupHeartbeat"; readonly body: ConsumerGroupHeartbeatRequest }
  | { readonly api: "consumerGroupDescribe"; readonly body: { readonly groups: readonly string[] } }
  /** The topic is gone: so are the offsets that groups committed for it. */
  | { readonly api: "topicDeleted"; readonly body: { readonly topics: readonly string[] } };

export type GroupReply =
  | { readonly api: "joinGroup"; readonly body: JoinGroupResponseInput }
  | { readonly api: "syncGroup"; readonly body: SyncGroupResponseInput }
  | { readonly api: "heartbeat"; readonly body: HeartbeatResponseInput }
  | { readonly api: "leaveGroup"; readonly body: LeaveGroupResponseInput }
  | { readonly api: "offsetCommit"; readonly body: OffsetCommitResponseInput }
  | { readonly api: "offsetFetch"; readonly body: FetchedOffsets }
  | { readonly api: "offsetDelete"; readonly body: OffsetDeleteResponseInput }
  | { readonly api: "describeGroups"; readonly body: DescribeGroupsResponseInput }
  | { readonly api: "listGroups"; readonly body: ListGroupsResponseInput }
  | {
      readonly api: "deleteGroups";
      readonly body: readonly { readonly groupId: string; readonly errorCode: number }[];
    }
  | { readonly api: "consumerGroupHeartbeat"; readonly body: ConsumerGroupHeartbeatResponseInput }
  | { readonly api: "consumerGroupDescribe"; readonly body: ConsumerGroupDescribeResponseInput }
  | { readonly api: "topicDeleted"; readonly body: null }
  /** 14, 15 or 16: not (yet, or any more) the coordinator; whatever was asked, nobody can say. */
  | { readonly api: "failed"; readonly errorCode: number };

/** What the catalogue says of topics: what consumer groups (KIP-848) assign. */
export interface TopicImage {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: number;
}

export type GroupInput =
  | {
      readonly kind: "request";
      readonly to: ReplyTo;
      readonly client: GroupClient;
      readonly request: GroupRequest;
    }
  /** The outcome of `readTopics`: those found; null when the catalogue did not answer. */
  | { readonly kind: "topics"; readonly topics: readonly TopicImage[] | null }
  | { readonly kind: "tick" };

export type GroupMessage =
  /** Read these topics from the catalogue; null: all of them (somebody subscribes by pattern). */
  { readonly kind: "readTopics"; readonly names: readonly string[] | null };

/**
 * A reply leaves once every record that the machine has put out so far is committed, so a reader of
 * state never sees what may still be lost.
 */
export type GroupEffects = Effects<GroupRecord, GroupMessage, GroupReply>;
