/**
 * SyncGroup, key 14, versions 0-5. The group leader's assignment goes out to the members, who wait
 * for it. Needs READ on the group (30).
 *
 * 23 INCONSISTENT_GROUP_PROTOCOL from version 5 on when protocol type or name are missing (KIP-559).
 * 42 when the assignments together are larger than 16 MiB.
 *
 * 3: static members. 5: protocol type and name.
 */
import { ASSIGNMENTS_BYTES_MAX } from "../../constants.ts";
import { EMPTY_BYTES } from "../../lib/bytes.ts";
import type { SyncGroupRequest } from "../../protocol/api/14-sync-group.ts";
import { syncGroupApi } from "../../protocol/api/14-sync-group.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessGroup } from "../access.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";

const FIRST_NAMED_VERSION = 5;

export const syncGroupHandler = defineHandler(
  syncGroupApi,
  [0, 5],
  async (ctx, request) => {
    throwUnlessGroup(ctx, AclOperation.READ, request.groupId);
    const { protocolType, protocolName } = request;
    if (ctx.apiVersion >= FIRST_NAMED_VERSION && (protocolType === null || protocolName === null)) {
      return failed(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    throwIfTooLarge(request);
    const answer = await askCoordinator<"syncGroup">(ctx, request.groupId, {
      api: "syncGroup",
      body: request,
    });
    return typeof answer === "number" ? failed(answer) : answer;
  },
  { failure: (error) => failed(groupErrorCode(error)) },
);

function throwIfTooLarge({ assignments }: SyncGroupRequest): void {
  const bytes = assignments.reduce(
    (sum, { memberId, assignment }) => sum + memberId.length + assignment.byteLength,
    0,
  );
  if (bytes <= ASSIGNMENTS_BYTES_MAX) return;
  const text = `The assignments have ${bytes} bytes; at most ${ASSIGNMENTS_BYTES_MAX} are taken.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

function failed(errorCode: number) {
  return { errorCode, protocolType: null, protocolName: null, assignment: EMPTY_BYTES };
}
