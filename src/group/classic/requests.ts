/** Requests of the classic protocol: to which group, and which part, each goes. */
import { GROUP_NAME_CHARS_MAX } from "../../constants.ts";
import type { ReplyTo } from "../../machine/machine.ts";
import type { JoinGroupRequest } from "../../protocol/api/11-join-group.ts";
import type { LeaveGroupRequest } from "../../protocol/api/13-leave-group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { GroupConfig } from "../config.ts";
import type { ClassicRequest, ConsumerGroups, GroupTurn } from "../group.ts";
import type { Groups } from "../groups.ts";
import type { GroupClient, GroupReply } from "../messages.ts";
import { groupMetadataRecord } from "../records.ts";
import { joinError, syncError } from "./answers.ts";
import { type CheckedJoin, checkJoin } from "./check-join.ts";
import { ClassicGroup } from "./classic-group.ts";
import { joinClassicGroup } from "./join.ts";
import { heartbeatClassicGroup, leaveAnswer, leaveClassicGroup, leavingMembers } from "./leave.ts";
import { syncClassicGroup } from "./sync.ts";

export class ClassicRequests {
  readonly #config: GroupConfig;
  readonly #groups: Groups;
  readonly #consumers: ConsumerGroups | null;

  constructor(config: GroupConfig, groups: Groups, consumers: ConsumerGroups | null) {
    this.#config = config;
    this.#groups = groups;
    this.#consumers = consumers;
  }

  handle(turn: GroupTurn, to: ReplyTo, client: GroupClient, request: ClassicRequest): void {
    const { groupId } = request.body;
    if (groupId === "" || groupId.length > GROUP_NAME_CHARS_MAX) {
      turn.reply(to, refused(client, request, ErrorCode.INVALID_GROUP_ID));
      return;
    }
    const group = this.#groups.get(groupId);
    if (group?.type === "consumer" && !group.isEmpty) {
      this.#consumers?.classic(turn, to, client, request);
    } else if (request.api === "joinGroup") {
      this.#join(turn, to, client, request.body);
    } else if (group instanceof ClassicGroup) {
      handleAtGroup(group, turn, to, client, request);
    } else {
      turn.reply(to, refused(client, request, ErrorCode.UNKNOWN_MEMBER_ID));
    }
  }

  #join(turn: GroupTurn, to: ReplyTo, client: GroupClient, body: JoinGroupRequest): void {
    const request = checkJoin(body, client, this.#config);
    const refuse = (errorCode: number): void => {
      turn.reply(to, { api: "joinGroup", body: joinError(errorCode, body.memberId) });
    };
    if (typeof request === "number") {
      refuse(request);
      return;
    }
    const group = this.#groupFor(turn, body, request);
    if (typeof group === "number") refuse(group);
    else joinClassicGroup(group, { turn, config: this.#config, client, to, request });
  }

  /** GRP31: the group that is there, or a new one for a member that has no id yet. */
  #groupFor(
    turn: GroupTurn,
    { groupId }: JoinGroupRequest,
    { memberId, protocolType, offer }: CheckedJoin,
  ): ClassicGroup | number {
    const found = this.#groups.get(groupId);
    if (found instanceof ClassicGroup) return found;
    if (memberId !== "") return ErrorCode.UNKNOWN_MEMBER_ID;
    if (protocolType === "" || offer.protocols.length === 0) {
      return ErrorCode.INCONSISTENT_GROUP_PROTOCOL;
    }
    // A consumer group that has lost its members becomes a classic one.
    found?.tombstones(turn);
    turn.emit(emptyGroupRecord(groupId, turn.nowMs));
    const group = this.#groups.get(groupId);
    return group instanceof ClassicGroup ? group : ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}

function emptyGroupRecord(groupId: string, nowMs: number) {
  return groupMetadataRecord(groupId, {
    protocolType: "",
    generation: 0,
    protocol: null,
    leader: null,
    currentStateTimestamp: nowMs,
    members: [],
  });
}

function handleAtGroup(
  group: ClassicGroup,
  turn: GroupTurn,
  to: ReplyTo,
  client: GroupClient,
  request: Exclude<ClassicRequest, { api: "joinGroup" }>,
): void {
  switch (request.api) {
    case "syncGroup":
      syncClassicGroup(group, turn, to, request.body);
      return;
    case "heartbeat": {
      const errorCode = heartbeatClassicGroup(group, turn, request.body);
      turn.reply(to, { api: "heartbeat", body: { errorCode } });
      return;
    }
    case "leaveGroup": {
      const leaving = leavingMembers(request.body, client.apiVersion);
      const codes = leaveClassicGroup(group, turn, leaving);
      turn.reply(to, { api: "leaveGroup", body: leaveAnswer(leaving, codes, client.apiVersion) });
    }
  }
}

/** The answer to a request that no group takes. */
function refused(client: GroupClient, request: ClassicRequest, errorCode: number): GroupReply {
  switch (request.api) {
    case "joinGroup":
      return { api: "joinGroup", body: joinError(errorCode, request.body.memberId) };
    case "syncGroup":
      return { api: "syncGroup", body: syncError(errorCode) };
    case "heartbeat":
      return { api: "heartbeat", body: { errorCode } };
    case "leaveGroup":
      return { api: "leaveGroup", body: refusedLeave(client, request.body, errorCode) };
  }
}

/** That nobody knows the members is said of each, all else of the request. */
function refusedLeave(client: GroupClient, body: LeaveGroupRequest, errorCode: number) {
  if (errorCode !== ErrorCode.UNKNOWN_MEMBER_ID) return { errorCode, members: [] };
  return leaveAnswer(leavingMembers(body, client.apiVersion), [], client.apiVersion);
}
