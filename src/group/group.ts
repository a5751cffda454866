/** What the coordinator asks of any group, whichever protocol its members speak. */
import type { ReplyTo } from "../machine/machine.ts";
import type { ConsumerGroupHeartbeatRequest } from "../protocol/api/68-consumer-group-heartbeat.ts";
import type { ConsumerGroupDescribeResponseInput } from "../protocol/api/69-consumer-group-describe.ts";
import type {
  GroupClient,
  GroupMessage,
  GroupRecord,
  GroupReply,
  GroupRequest,
  TopicImage,
} from "./messages.ts";

/** One turn of the group machine, as its groups see it. */
export interface GroupTurn {
  readonly nowMs: number;
  /** Applies the record and puts it out: the only way in which hard state changes. */
  emit(record: GroupRecord): void;
  reply(to: ReplyTo, reply: GroupReply): void;
  send(message: GroupMessage): void;
}

/** Who commits or fetches offsets: a member, or with "" and -1 nobody in particular. */
export interface CommitAs {
  readonly memberId: string;
  /** Generation of a classic group, member epoch of a consumer group. */
  readonly generationIdOrMemberEpoch: number;
  readonly groupInstanceId: string | null;
  readonly apiVersion: number;
}

export interface Group {
  readonly groupId: string;
  /** GroupType of ListGroups and Kafka's log. */
  readonly type: "classic" | "consumer";
  /** ConsumerProtocol.PROTOCOL_TYPE, usually; "" for a group that only has offsets. */
  readonly protocolType: string;
  /** As Kafka spells it: "Empty", "PreparingRebalance", "Stable", "Assigning" … */
  readonly stateName: string;
  readonly isEmpty: boolean;
  /** Since when it has no members, ms; -1 when that is not known (then its offsets count from their commits). */
  readonly emptySinceMs: number;
  /** A live member reads the topic: its offsets neither expire nor may be deleted (GROUP_SUBSCRIBED_TO_TOPIC). */
  isSubscribedTo(topic: string): boolean;
  /** NONE, or why these offsets may not be committed; a commit also counts as a sign of life. */
  checkCommit(turn: GroupTurn, as: CommitAs): number;
  /** NONE, or why a member may not read the group's offsets (only KIP-848 asks). */
  checkFetch(memberId: string | null, memberEpoch: number): number;
  /** Puts out the tombstones of the group's own records; applying the last one removes the group. */
  tombstones(turn: GroupTurn): void;
  /** Every record has been applied: clocks that no record knows of start now. */
  loaded(nowMs: number): void;
  /** Does what is due. */
  tick(turn: GroupTurn): void;
  /** When it next wants a tick, ms; Infinity when nothing is due. May be early, never late. */
  deadline(): number;
  /** Leadership is lost: everybody who waits is refused. */
  refuseAll(turn: Pick<GroupTurn, "reply">, errorCode: number): void;
}

/** The groups of one coordinator. Which group is under an id changes with records only. */
export interface GroupTable {
  get(groupId: string): Group | undefined;
  /** Puts it in the place of what is under its id; offsets stay. */
  put(group: Group): void;
  /** The group is no more; when it has offsets, a classic group without members keeps them. */
  remove(groupId: string): void;
  all(): Iterable<Group>;
}

/** A classic request whose group is a consumer group with members. */
export type ClassicRequest = GroupRequest & {
  readonly api: "joinGroup" | "syncGroup" | "heartbeat" | "leaveGroup";
};

/**
 * The part of the machine that speaks KIP-848 (folder consumer/): made with the table, and asked for
 * what is its own. Without it the coordinator speaks the classic protocol alone, as Kafka does with
 * group.coordinator.rebalance.protocols=classic.
 */
export interface ConsumerGroups {
  /** Applies a record of one of its own kinds: key versions 3 to 8, and 16. */
  apply(record: GroupRecord, keyVersion: number): void;
  heartbeat(
    turn: GroupTurn,
    to: ReplyTo,
    client: GroupClient,
    body: ConsumerGroupHeartbeatRequest,
  ): void;
  describe(groupId: string): ConsumerGroupDescribeResponseInput["groups"][number];
  /** GRP160 and on: members of the classic protocol in a consumer group. */
  classic(turn: GroupTurn, to: ReplyTo, client: GroupClient, request: ClassicRequest): void;
  /** The outcome of `readTopics`. */
  topicsRead(turn: GroupTurn, topics: readonly TopicImage[] | null): void;
  /** Topics were deleted: whoever reads them must be told. */
  topicsDeleted(names: readonly string[]): void;
  /**
   * Once a step, after all else: what the step left to be asked or answered. Returns the ids of groups
   * whose deadlines may be others now.
   */
  endStep(turn: GroupTurn): Iterable<string>;
  /** For what waits with the part itself; its groups are ticked by the machine. */
  deadline(): number;
  refuseAll(turn: Pick<GroupTurn, "reply">, errorCode: number): void;
}
