/**
 * JoinGroup, key 11, versions 0-9. A member enters a classic group, and waits for the others.
 *
 * The rules are the group machine's (group/SPEC.md). 42 when the member's metadata is larger than
 * 256 KiB: a group's members are one record of __consumer_offsets.
 *
 * 4: 79 MEMBER_ID_REQUIRED first (KIP-394). 5: static members. 7: protocol type, and a null protocol
 * name. 8: a reason. 9: skipAssignment.
 */
import { GROUP_MEMBER_METADATA_BYTES_MAX } from "../../constants.ts";
import type { JoinGroupRequest } from "../../protocol/api/11-join-group.ts";
import { joinGroupApi } from "../../protocol/api/11-join-group.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, throwUnlessGroup } from "../access.ts";
import { askCoordinator } from "../coordinator-call.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";

const FIRST_NULL_PROTOCOL_VERSION = 7;

export const joinGroupHandler = defineHandler(
  joinGroupApi,
  [0, 9],
  async (ctx, request) => {
    throwUnlessGroup(ctx, AclOperation.READ, request.groupId);
    throwIfTooLarge(request);
    const answer = await askCoordinator<"joinGroup">(ctx, request.groupId, {
      api: "joinGroup",
      body: request,
    });
    if (typeof answer === "number") return failed(answer, request);
    const mayBeNull = ctx.apiVersion >= FIRST_NULL_PROTOCOL_VERSION;
    return { ...answer, protocolName: answer.protocolName ?? (mayBeNull ? null : "") };
  },
  { failure: (error, request) => failed(groupErrorCode(error), request) },
);

function throwIfTooLarge({ protocols, memberId, groupInstanceId }: JoinGroupRequest): void {
  const bytes = protocols.reduce(
    (sum, { name, metadata }) => sum + name.length + metadata.byteLength,
    memberId.length + (groupInstanceId?.length ?? 0),
  );
  if (bytes <= GROUP_MEMBER_METADATA_BYTES_MAX) return;
  const text = `The member's protocols have ${bytes} bytes; at most ${GROUP_MEMBER_METADATA_BYTES_MAX} are taken.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

function failed(errorCode: number, { memberId }: JoinGroupRequest) {
  return { errorCode, generationId: -1, protocolName: "", leader: "", memberId, members: [] };
}
