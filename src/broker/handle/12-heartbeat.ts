/**
 * Heartbeat, key 12, versions 0-4. A classic group's member is alive; the answer tells it to rejoin
 * (27 REBALANCE_IN_PROGRESS) or that it is none any more. Needs READ on the group (30). 3: static members.
 */
import { heartbeatApi } from "../../protocol/api/12-heartbeat.ts";
import { AclOperation, throwUnlessGroup } from "../access.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";

export const heartbeatHandler = defineHandler(
  heartbeatApi,
  [0, 4],
  async (ctx, request) => {
    throwUnlessGroup(ctx, AclOperation.READ, request.groupId);
    const answer = await askCoordinator<"heartbeat">(ctx, request.groupId, {
      api: "heartbeat",
      body: request,
    });
    return typeof answer === "number" ? { errorCode: answer } : answer;
  },
  { failure: (error) => ({ errorCode: groupErrorCode(error) }) },
);
