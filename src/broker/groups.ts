/** What the handlers of the group APIs share: codes, bounds, and topics as requests name them. */
import type { TopicInfo } from "../cluster/types.ts";
import { GROUPS_PER_REQUEST_MAX } from "../constants.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";
import { lookUpTopics, type TopicLookup, type TopicRef } from "./topics.ts";

/** From this version on OffsetCommit and OffsetFetch name topics by id. */
export const FIRST_OFFSETS_BY_ID = 10;

/**
 * A failure before any coordinator was asked. When it is the catalogue that does not answer, clients
 * of groups retry COORDINATOR_NOT_AVAILABLE; Java's consumer ends on REQUEST_TIMED_OUT of a JoinGroup.
 */
export function groupErrorCode({ code }: KafkaError): number {
  return code === ErrorCode.REQUEST_TIMED_OUT ? ErrorCode.COORDINATOR_NOT_AVAILABLE : code;
}

/** Throws KafkaError INVALID_REQUEST. */
export function throwIfTooManyGroups(count: number): void {
  if (count <= GROUPS_PER_REQUEST_MAX) return;
  throw new KafkaError(
    ErrorCode.INVALID_REQUEST,
    `At most ${GROUPS_PER_REQUEST_MAX} groups are named by one request; there were ${count}.`,
  );
}

/** The topics named; what this router does not know yet is read anew. */
export async function lookUpLately(
  ctx: RequestContext,
  refs: readonly TopicRef[],
  byId: boolean,
  isMissing: (topicOf: TopicLookup) => boolean,
): Promise<TopicLookup> {
  const topicOf = await lookUpTopics(ctx, refs, byId);
  return isMissing(topicOf) ? lookUpTopics(ctx, refs, byId, { fresh: true }) : topicOf;
}

export function hasPartition(topic: TopicInfo | undefined, partition: number): boolean {
  return topic?.partitions[partition] !== undefined;
}
