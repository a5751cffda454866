/**
 * LeaveGroup, key 13, versions 0-5. Members leave a classic group: by themselves, or static ones
 * taken out by an operator (KIP-345).
 *
 * 0-2: one member, whose error is the whole answer's. 3: many, each with its own error. 5: a reason.
 */
import { leaveGroupApi } from "../../protocol/api/13-leave-group.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";

const FIRST_MANY_VERSION = 3;

export const leaveGroupHandler = defineHandler(
  leaveGroupApi,
  [0, 5],
  async (ctx, request) => {
    const many = ctx.apiVersion >= FIRST_MANY_VERSION;
    const { memberId } = request;
    const members = many ? request.members : [{ memberId, groupInstanceId: null, reason: null }];
    const answer = await askCoordinator<"leaveGroup">(ctx, request.groupId, {
      api: "leaveGroup",
      body: { ...request, members },
    });
    if (typeof answer === "number") return { errorCode: answer, members: [] };
    if (many || answer.errorCode !== ErrorCode.NONE) return answer;
    return { errorCode: answer.members?.[0]?.errorCode ?? ErrorCode.NONE };
  },
  { failure: (error) => ({ errorCode: groupErrorCode(error), members: [] }) },
);
