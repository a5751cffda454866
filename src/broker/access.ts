/**
 * What the caller of a request may do, as handlers ask it (Kafka's AuthHelper). What is refused is
 * refused before it is looked for, so that nobody learns from an error what there is.
 */

import type { TopicInfo } from "../cluster/types.ts";
import { AclOperation, AclResourceType, CLUSTER_NAME } from "../protocol/acl-codes.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";
import type { RequestContext } from "./context.ts";
import { type Leader, leaderOf, type TopicRef } from "./topics.ts";

export { AclOperation };

type Asker = Pick<RequestContext, "rights">;

export function mayCluster({ rights }: Asker, operation: number): boolean {
  return rights.allows(operation, AclResourceType.CLUSTER, CLUSTER_NAME);
}

export function mayTopic({ rights }: Asker, operation: number, name: string): boolean {
  return rights.allows(operation, AclResourceType.TOPIC, name);
}

export function mayGroup({ rights }: Asker, operation: number, groupId: string): boolean {
  return rights.allows(operation, AclResourceType.GROUP, groupId);
}

export function mayTransactionalId({ rights }: Asker, operation: number, id: string): boolean {
  return rights.allows(operation, AclResourceType.TRANSACTIONAL_ID, id);
}

/** Throws KafkaError CLUSTER_AUTHORIZATION_FAILED. */
export function throwUnlessCluster(ctx: Asker, operation: number): void {
  if (mayCluster(ctx, operation)) return;
  throw new KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
}

/** Throws KafkaError TOPIC_AUTHORIZATION_FAILED. */
export function throwUnlessTopic(ctx: Asker, operation: number, name: string): void {
  if (!mayTopic(ctx, operation, name)) throw topicRefused(name);
}

/** Throws KafkaError GROUP_AUTHORIZATION_FAILED. */
export function throwUnlessGroup(ctx: Asker, operation: number, groupId: string): void {
  if (mayGroup(ctx, operation, groupId)) return;
  const text = `Not authorized to access group: ${groupId}`;
  throw new KafkaError(ErrorCode.GROUP_AUTHORIZATION_FAILED, text);
}

export function topicRefused(name: string): KafkaError {
  const text = `Not authorized to access topics: [${name}]`;
  return new KafkaError(ErrorCode.TOPIC_AUTHORIZATION_FAILED, text);
}

/**
 * Whether the topic that a request names is not the caller's to do this with, be it there or not. An id
 * of no topic is nobody's: it is answered as unknown, for ids are no secret (KafkaApis).
 */
export function isTopicRefused(
  ctx: Asker,
  operation: number,
  ref: TopicRef,
  topic: TopicInfo | undefined,
  byId: boolean,
): boolean {
  const name = byId ? topic?.name : ref.name;
  return name !== undefined && !mayTopic(ctx, operation, name);
}

/** As leaderOf, with TOPIC_AUTHORIZATION_FAILED for a topic that is not the caller's. */
export function leaderFor(
  ctx: RequestContext,
  operation: number,
  ref: TopicRef,
  topic: TopicInfo | undefined,
  partition: number,
  byId = false,
): Leader | number {
  return isTopicRefused(ctx, operation, ref, topic, byId)
    ? ErrorCode.TOPIC_AUTHORIZATION_FAILED
    : leaderOf(ctx, topic, partition, byId);
}
