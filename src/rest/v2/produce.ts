/**
 * REST v2: produce to a topic or to one of its partitions.
 *
 * The answer is 200 even when records failed; each has its own error_code. Only authentication and
 * authorization change the status (ProduceResponse.getRequestStatus). A request that is not valid as
 * a whole writes nothing.
 *
 * Beyond Confluent: `timestamp` and `headers` in a record, `acks`, `partitioner`, `key_format` and
 * `value_format` in the query, and an idempotent producer's numbers in headers.
 */
import { call } from "../../broker/dispatch.ts";
import type { TopicInfo } from "../../cluster/types.ts";
import { initProducerIdApi } from "../../protocol/api/22-init-producer-id.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { KafkaHeader } from "../../protocol/record-batch.ts";
import { readBody } from "../body.ts";
import type { Format } from "../formats.ts";
import { encodeField, FormatError } from "../formats.ts";
import { parseJsonBytes } from "../json-text.ts";
import { REST_BODY_BYTES_MAX } from "../limits.ts";
import { KAFKA_V2_JSON, metadataType, produceFormat, V2_EMBEDDED_TYPES } from "../media-types.ts";
import type { ProduceOptions, ProduceOutcome, RecordToProduce } from "../produce.ts";
import { produceRecords } from "../produce.ts";
import { producerState } from "../producer-headers.ts";
import { json } from "../respond.ts";
import { kafkaErrorFields, RestError } from "../rest-error.ts";
import type { RestContext, RouteDoc } from "../routes.ts";
import { param, RouteGroup } from "../routes.ts";
import { findOrCreateTopic } from "../topics.ts";
import { validate, validateQuery } from "../validate.ts";
import { recordErrorCode, v2Error } from "./errors.ts";
import { partitionOf } from "./metadata.ts";
import type { ProduceRecordInput } from "./schemas.ts";
import * as schemas from "./schemas.ts";

const produceDoc: RouteDoc = {
  summary: "Append records.",
  description:
    "The format of keys and values is in Content-Type. Records with a key go to the partition " +
    "where Kafka's Java client puts them (murmur2). Answers in the order of the records.",
  query: schemas.produceQuery,
  headers: {
    "Kedge-Producer-Id": "With the two below: an idempotent producer's numbers, for one batch.",
    "Kedge-Producer-Epoch": "From POST /producers.",
    "Kedge-Sequence":
      "Of the first record, from 0; the next request's is this plus the number of records. A " +
      "request sent again with the same numbers is answered with the same offsets.",
  },
  body: {
    required: true,
    content: Object.fromEntries(V2_EMBEDDED_TYPES.map((type) => [type, schemas.produceRequest])),
  },
  responses: {
    200: {
      description: "An offset or an error for each record.",
      content: { [KAFKA_V2_JSON]: schemas.produceResponse },
    },
    404: { description: "40401: no such topic. 40402: no such partition." },
    413: { description: "The body is too large." },
    415: { description: "Not a media type of v2, or one that needs a schema registry." },
    422: { description: "The body is JSON but not a produce request." },
  },
};

export const produceRoutes = new RouteGroup("REST v2: produce");

produceRoutes.on("post", "/topics/{topic_name}", produceDoc, async (c) => {
  const input = await readInput(c);
  const topic = await findOrCreateTopic(c.env.kafka, param(c, "topic_name"));
  return produce(c, topic, input);
});

produceRoutes.on(
  "post",
  "/topics/{topic_name}/partitions/{partition_id}",
  produceDoc,
  async (c) => {
    const input = await readInput(c);
    const topic = await findOrCreateTopic(c.env.kafka, param(c, "topic_name"));
    const { partition } = partitionOf(c, topic);
    const records = input.records.map((record, i) => {
      if (record.partition !== null && record.partition !== partition) {
        const what = `records[${i}].partition is ${record.partition}, the path says ${partition}`;
        throw new RestError(422, 422, `${what}: leave it out`);
      }
      return { ...record, partition };
    });
    return produce(c, topic, { ...input, records });
  },
);

produceRoutes.on(
  "post",
  "/producers",
  {
    summary: "A producer id for idempotent produce.",
    description: "InitProducerId without a transactional id: never given to anybody else.",
    responses: {
      200: {
        description: "The id and its epoch.",
        content: { [KAFKA_V2_JSON]: schemas.producerIdentity },
      },
    },
  },
  async (c) => {
    const contentType = metadataType(c.req.header("accept") ?? null);
    const request = { transactionalId: null, transactionTimeoutMs: 0 };
    const { errorCode, producerId, producerEpoch } = await call(
      c.env.kafka,
      initProducerIdApi,
      request,
    );
    if (errorCode !== ErrorCode.NONE) throw v2Error(errorCode);
    return json({ producer_id: producerId, producer_epoch: producerEpoch }, 200, contentType);
  },
);

interface Input {
  readonly records: readonly RecordToProduce[];
  readonly options: ProduceOptions;
  readonly contentType: string;
}

/** All of the request that can be wrong by itself, before anything is looked up. */
async function readInput(c: RestContext): Promise<Input> {
  const format = produceFormat(c.req.header("content-type") ?? null);
  const contentType = metadataType(c.req.header("accept") ?? null);
  const url = c.req.url;
  const query = url.includes("?") ? validateQuery(schemas.produceQuery, new URL(url)) : NO_QUERY;
  const producer = producerState(c.req.raw.headers);
  const body = parseJsonBytes(await readBody(c.req.raw, REST_BODY_BYTES_MAX));
  const { records } = validate(schemas.produceRequest, body);
  const keyFormat = query.key_format ?? format;
  const valueFormat = query.value_format ?? format;
  return {
    records: records.map((record, i) => recordToProduce(record, i, keyFormat, valueFormat)),
    options: {
      partitioner: query.partitioner ?? c.env.partitioner,
      acks: query.acks === "1" ? 1 : -1,
      ...(producer === null ? {} : { producer }),
    },
    contentType,
  };
}

const NO_QUERY = schemas.produceQuery.parse({});

const NO_HEADERS: readonly KafkaHeader[] = [];

function recordToProduce(
  record: ProduceRecordInput,
  index: number,
  keyFormat: Format,
  valueFormat: Format,
): RecordToProduce {
  const { headers } = record;
  const headerFormat = valueFormat === "string" ? "string" : "binary";
  try {
    return {
      partition: record.partition ?? null,
      key: encodeField(keyFormat, record.key),
      value: encodeField(valueFormat, record.value),
      headers:
        headers?.map(({ key, value }) => ({ key, value: encodeField(headerFormat, value) })) ??
        NO_HEADERS,
      timestamp: record.timestamp ?? null,
    };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new RestError(400, 400, `Bad Request: records[${index}]: ${error.message}`);
  }
}

async function produce(c: RestContext, topic: TopicInfo, input: Input): Promise<Response> {
  const outcomes = await produceRecords(c.env.kafka, topic, input.records, input.options);
  const offsets = outcomes.map(offsetBody);
  const body = { offsets, key_schema_id: null, value_schema_id: null };
  return json(body, statusOf(offsets), input.contentType);
}

function offsetBody(outcome: ProduceOutcome) {
  if (outcome.ok) {
    const { partition, offset } = outcome;
    return { partition, offset, error_code: null, error: null };
  }
  return {
    partition: null,
    offset: null,
    error_code: recordErrorCode(outcome.kafkaCode),
    error: outcome.message,
    ...kafkaErrorFields(outcome.kafkaCode),
  };
}

function statusOf(offsets: readonly { readonly error_code: number | null }[]): number {
  for (const { error_code } of offsets) {
    if (error_code === 40101) return 401;
    if (error_code === 40301) return 403;
  }
  return 200;
}
