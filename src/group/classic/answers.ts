/** Answers to members that joined or synced, given now or after they waited. */
import type { ReplyTo } from "../../machine/machine.ts";
import type { JoinGroupResponseInput } from "../../protocol/api/11-join-group.ts";
import type { SyncGroupResponseInput } from "../../protocol/api/14-sync-group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupTurn } from "../group.ts";
import type { ClassicMember } from "./member.ts";
import type { Members } from "./members.ts";

type Replies = Pick<GroupTurn, "reply">;

export function joinError(errorCode: number, memberId: string): JoinGroupResponseInput {
  return { errorCode, protocolName: "", leader: "", memberId, members: [] };
}

export function syncError(errorCode: number): SyncGroupResponseInput {
  return { errorCode, assignment: new Uint8Array(0) };
}

export function replyJoin(turn: Replies, to: ReplyTo, body: JoinGroupResponseInput): void {
  turn.reply(to, { api: "joinGroup", body });
}

export function replySync(turn: Replies, to: ReplyTo, body: SyncGroupResponseInput): void {
  turn.reply(to, { api: "syncGroup", body });
}

/** Answers the member's JoinGroup, if one waits. */
export function answerJoin(
  turn: Replies,
  members: Members,
  member: ClassicMember,
  body: JoinGroupResponseInput,
): boolean {
  const to = member.joinTo;
  if (to === null) return false;
  members.setJoin(member, null);
  replyJoin(turn, to, body);
  return true;
}

/** Answers the member's SyncGroup, if one waits. */
export function answerSync(
  turn: Replies,
  member: ClassicMember,
  body: SyncGroupResponseInput,
): boolean {
  const to = member.syncTo;
  if (to === null) return false;
  member.syncTo = null;
  replySync(turn, to, body);
  return true;
}

/** A member asked again: who asked first is not heard of any more, and is told to begin anew. */
export function parkJoin(turn: Replies, members: Members, member: ClassicMember, to: ReplyTo) {
  const { memberId } = member;
  answerJoin(turn, members, member, joinError(ErrorCode.REBALANCE_IN_PROGRESS, memberId));
  members.setJoin(member, to);
}

export function parkSync(turn: Replies, member: ClassicMember, to: ReplyTo): void {
  answerSync(turn, member, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
  member.syncTo = to;
}
