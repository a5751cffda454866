/** What the coordinator asks of any group, whichever protocol its members speak. */
import type { ReplyTo } from "../machine/machine.ts";
import type { GroupRecord, GroupReply, TopicImage } from "./messages.ts";

/** One turn of the group machine, as its groups see it. */
export interface GroupTurn {
  readonly nowMs: number;
  /** Applies the record and puts it out: the only way in which hard state changes. */
  emit(record: GroupRecord): void;
  reply(to: ReplyTo, reply: GroupReply): void;
  /** Topics as last read from the catalogue, by name; a topic that is not there does not exist. */
  topic(name: string): TopicImage | undefined;
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
  /** Puts out the tombstones of the group's own records; the caller takes it out of its map. */
  tombstones(turn: GroupTurn): void;
  /** Does what is due. */
  tick(turn: GroupTurn): void;
  /** When it next wants a tick, ms; Infinity when nothing is due. */
  deadline(): number;
  /** Leadership is lost: everybody who waits is refused. */
  refuseAll(turn: Pick<GroupTurn, "reply">, errorCode: number): void;
}
