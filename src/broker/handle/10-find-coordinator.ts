/**
 * FindCoordinator, key 10, versions 0-6. The broker that coordinates a group: the leader of the
 * group's partition of __consumer_offsets, which is created when it is first asked for.
 *
 * Needs DESCRIBE on the group (30).
 *
 * 15 COORDINATOR_NOT_AVAILABLE while that partition has no leader. 42 for a key type that Kafka does
 * not know, and for share groups (2). Every broker answers for every group, whoever was dialled.
 *
 * 0: a group. 1: key types. 4: many keys at once (KIP-699). 5, 6: the same on the wire.
 *
 * Not done: transactional ids (1) are 53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED, as in InitProducerId:
 * clients take it for final, where 15 would have them ask for ever.
 */
import { coordinatorPartition } from "../../cluster/internal-topics.ts";
import type { ClusterInfo, TopicInfo } from "../../cluster/types.ts";
import { GROUPS_PER_REQUEST_MAX } from "../../constants.ts";
import type { FindCoordinatorRequest } from "../../protocol/api/10-find-coordinator.ts";
import { findCoordinatorApi } from "../../protocol/api/10-find-coordinator.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayGroup } from "../access.ts";
import { clusterOf } from "../cluster.ts";
import type { RequestContext } from "../context.ts";
import { groupErrorCode } from "../groups.ts";
import { defineHandler } from "../handler.ts";
import { offsetsTopic } from "../offsets-topic.ts";

const GROUP = 0;
const TRANSACTION = 1;
const FIRST_BATCHED_VERSION = 4;

interface Coordinator {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export const findCoordinatorHandler = defineHandler(
  findCoordinatorApi,
  [0, 6],
  async (ctx, request) => {
    const { coordinatorKeys: keys, keyType } = request;
    throwIfNotGroups(keyType);
    const batched = ctx.apiVersion >= FIRST_BATCHED_VERSION;
    if (keys.length > GROUPS_PER_REQUEST_MAX) {
      const text = `At most ${GROUPS_PER_REQUEST_MAX} coordinators are asked for at once; there were ${keys.length} keys.`;
      throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
    }
    const asked = batched ? keys : [request.key];
    const shown = new Set(asked.filter((key) => mayGroup(ctx, AclOperation.DESCRIBE, key)));
    if (shown.size === 0) {
      const none = { ...REFUSED, coordinators: keys.map((key) => ({ key, ...REFUSED })) };
      if (asked.length > 0) return none;
    }
    const topic = await offsetsTopic(ctx);
    const cluster = await clusterOf(ctx);
    const answer = (key: string): Coordinator =>
      shown.has(key) ? coordinatorOf(ctx, cluster, topic, key) : REFUSED;
    if (!batched) return answer(request.key);
    return { coordinators: keys.map((key) => ({ key, ...answer(key) })) };
  },
  {
    failure: (error, request) => ({
      ...failed(groupErrorCode(error), error.message),
      coordinators: request.coordinatorKeys.map((key) => ({
        key,
        ...failed(groupErrorCode(error), error.message),
      })),
    }),
  },
);

const REFUSED = failed(ErrorCode.GROUP_AUTHORIZATION_FAILED, null);

function throwIfNotGroups(keyType: FindCoordinatorRequest["keyType"]): void {
  if (keyType === GROUP) return;
  if (keyType === TRANSACTION) {
    throw new KafkaError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  }
  const text = `Coordinators of key type ${keyType} are not supported: 0 is a group.`;
  throw new KafkaError(ErrorCode.INVALID_REQUEST, text);
}

function coordinatorOf(
  ctx: RequestContext,
  { brokers }: ClusterInfo,
  { partitions }: TopicInfo,
  groupId: string,
): Coordinator {
  const leader = partitions[coordinatorPartition(groupId, partitions.length)]?.leader;
  const broker = brokers.find(({ brokerId, fenced }) => brokerId === leader && !fenced);
  if (broker === undefined) return failed(ErrorCode.COORDINATOR_NOT_AVAILABLE, null);
  const { brokerId } = broker;
  return { errorCode: 0, errorMessage: null, nodeId: brokerId, ...ctx.advertised(brokerId) };
}

function failed(errorCode: number, errorMessage: string | null): Coordinator {
  return { errorCode, errorMessage, nodeId: -1, host: "", port: -1 };
}
