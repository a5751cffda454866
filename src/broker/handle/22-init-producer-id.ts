/**
 * InitProducerId, key 22, versions 0-5. A producer id for an idempotent producer.
 *
 * Without a transactional id every request gets a new id at epoch 0, whatever id it had before
 * (TransactionCoordinator.handleInitProducerId). An empty transactional id, or a producer id without
 * an epoch (3+) or the other way round, is INVALID_REQUEST.
 *
 * Needs WRITE on any topic, or IDEMPOTENT_WRITE on the cluster (31), as since Kafka 2.8; with a
 * transactional id WRITE on that (53).
 *
 * 4: PRODUCER_FENCED is understood. 5: TRANSACTION_ABORTABLE is; neither is ever answered.
 *
 * Not done: transactions. A transactional id is TRANSACTIONAL_ID_AUTHORIZATION_FAILED: the one error
 * that the Java client, librdkafka and their kin all take for final. COORDINATOR_NOT_AVAILABLE or
 * NOT_COORDINATOR would have them ask for ever, and librdkafka asks again after INVALID_REQUEST too.
 * Version 6 (KIP-939, unstable in Kafka).
 */
import { AclResourceType } from "../../protocol/acl-codes.ts";
import { initProducerIdApi } from "../../protocol/api/22-init-producer-id.ts";
import { ErrorCode, KafkaError } from "../../protocol/errors.ts";
import { AclOperation, mayCluster, mayTransactionalId } from "../access.ts";
import type { RequestContext } from "../context.ts";
import { defineHandler } from "../handler.ts";
import { nextProducerId } from "../producer-ids.ts";

const NO_PRODUCER_ID = -1;
const NO_PRODUCER_EPOCH = -1;

export const initProducerIdHandler = defineHandler(
  initProducerIdApi,
  [0, 5],
  async (ctx, request) => {
    const hasId = request.producerId !== NO_PRODUCER_ID;
    if (request.transactionalId === "" || hasId !== (request.producerEpoch !== NO_PRODUCER_EPOCH)) {
      throw new KafkaError(ErrorCode.INVALID_REQUEST);
    }
    throwUnlessMayWrite(ctx, request.transactionalId);
    if (request.transactionalId !== null) {
      throw new KafkaError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    }
    const producerId = await nextProducerId(ctx);
    return { errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 };
  },
  {
    failure: (error) => ({
      errorCode: error.code,
      producerId: NO_PRODUCER_ID,
      producerEpoch: NO_PRODUCER_EPOCH,
    }),
  },
);

function throwUnlessMayWrite(ctx: RequestContext, transactionalId: string | null): void {
  if (transactionalId !== null) {
    if (mayTransactionalId(ctx, AclOperation.WRITE, transactionalId)) return;
    throw new KafkaError(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
  }
  if (mayCluster(ctx, AclOperation.IDEMPOTENT_WRITE)) return;
  if (ctx.rights.allowsSomewhere(AclOperation.WRITE, AclResourceType.TOPIC)) return;
  throw new KafkaError(ErrorCode.CLUSTER_AUTHORIZATION_FAILED);
}
