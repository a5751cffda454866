/**
 * InitProducerId (key 22). A producer id and epoch.
 *
 * 3 lets a producer ask for the next epoch of its id (KIP-360), 4 answers PRODUCER_FENCED, 6 is for
 * two-phase commit (KIP-939) and not final in Kafka 4.2.
 */
import type { RequestInputOf, RequestOf, ResponseInputOf, ResponseOf } from "../schema.ts";
import { defineApi, f, struct } from "../schema.ts";

export const initProducerIdApi = defineApi({
  key: 22,
  name: "InitProducerId",
  versions: [0, 6],
  flexible: 2,
  request: struct({
    transactionalId: f.string({ nullable: "0+" }),
    transactionTimeoutMs: f.int32(),
    producerId: f.int64({ versions: "3+", default: -1 }),
    producerEpoch: f.int16({ versions: "3+", default: -1 }),
    enable2Pc: f.bool({ versions: "6+" }),
    keepPreparedTxn: f.bool({ versions: "6+" }),
  }),
  response: struct({
    throttleTimeMs: f.int32({ default: 0 }),
    errorCode: f.int16(),
    producerId: f.int64({ default: -1 }),
    producerEpoch: f.int16(),
    ongoingTxnProducerId: f.int64({ versions: "6+", default: -1 }),
    ongoingTxnProducerEpoch: f.int16({ versions: "6+", default: -1 }),
  }),
});

export type InitProducerIdRequest = RequestOf<typeof initProducerIdApi>;
export type InitProducerIdRequestInput = RequestInputOf<typeof initProducerIdApi>;
export type InitProducerIdResponse = ResponseOf<typeof initProducerIdApi>;
export type InitProducerIdResponseInput = ResponseInputOf<typeof initProducerIdApi>;
