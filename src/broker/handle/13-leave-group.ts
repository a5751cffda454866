/**
 * LeaveGroup, key 13, versions 0-5. Members leave a classic group: by themselves, or static ones
 * taken out by an operator (KIP-345). Needs READ on the group (30).
 *
 * 0-2: one member, whose error is the whole answer's. 3: many, each with its own error. 5: a reason.
 */
import { leaveGroupApi } from "../../protocol/api/13-leave-group.ts";
import { AclOperation, throwUnlessGroup } from "../access.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";

export const leaveGroupHandler = defineHandler(
  leaveGroupApi,
  [0, 5],
  async (ctx, request) => {
    throwUnlessGroup(ctx, AclOperation.READ, request.groupId);
    const answer = await askCoordinator<"leaveGroup">(ctx, request.groupId, {
      api: "leaveGroup",
      body: request,
    });
    return typeof answer === "number" ? { errorCode: answer, members: [] } : answer;
  },
  { failure: (error) => ({ errorCode: groupErrorCode(error), members: [] }) },
);
