/**
 * Records from REST into the log: a partition for each, one batch a partition, one Produce request
 * for all of them, and an outcome for each record in the order they came.
 *
 * A partition whose records do not fit one batch (max.message.bytes) takes several, and so several
 * Produce requests, one after the other. A batch fails or succeeds as a whole; if it fails with a
 * retriable error, the later batches of its partition are not sent, so that nothing overtakes what
 * the client will send again.
 */
import { clusterOf } from "../broker/cluster.ts";
import type { RequestContextBase } from "../broker/context.ts";
import { call } from "../broker/dispatch.ts";
import { logRules } from "../broker/topics.ts";
import { EVERY_BROKER, type TopicInfo } from "../cluster/types.ts";
import { produceApi } from "../protocol/api/00-produce.ts";
import { ErrorCode, errorMessage, isRetriable } from "../protocol/errors.ts";
import type { PartitionerName } from "../protocol/partitioner.ts";
import { Partitioner } from "../protocol/partitioner.ts";
import type { KafkaHeader, RecordInput } from "../protocol/record-batch.ts";
import { encodeRecordBatch, RECORD_BATCH_HEADER_BYTES } from "../protocol/record-batch.ts";
import { RestError } from "./rest-error.ts";
import { choicesOf } from "./topics.ts";

export interface RecordToProduce {
  /** Null: the partitioner decides. */
  readonly partition: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly KafkaHeader[];
  /** Milliseconds since the Unix epoch; null: now. */
  readonly timestamp: number | null;
}

export interface Produced {
  readonly ok: true;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
}

export interface NotProduced {
  readonly ok: false;
  readonly kafkaCode: number;
  readonly message: string;
}

export type ProduceOutcome = Produced | NotProduced;

/** An idempotent producer's own numbers (KIP-98), for a request that is one batch. */
export interface ProducerState {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Of the first record. */
  readonly baseSequence: number;
}

export interface ProduceOptions {
  readonly partitioner: PartitionerName;
  /** -1 (all in sync) or 1. */
  readonly acks: number;
  readonly producer?: ProducerState;
}

/** How long the broker may wait for the in-sync replicas: Kafka's request.timeout.ms. */
const PRODUCE_TIMEOUT_MS = 30_000;
/** More than a record needs beside its key, value and headers: nine varints at their longest. */
const RECORD_OVERHEAD_BYTES = 48;
const HEADER_OVERHEAD_BYTES = 10;

/** What sticks is per isolate: another isolate sticks to a partition of its own. */
const partitioners: Readonly<Record<PartitionerName, Partitioner>> = {
  sticky: new Partitioner("sticky"),
  "round-robin": new Partitioner("round-robin"),
};

interface Batch {
  readonly partition: number;
  /** Positions in the list of records. */
  readonly indexes: number[];
  bytes: number;
  /** 0 for the first batch of its partition, 1 for the next. */
  readonly round: number;
}

/** Throws RestError 422 when `producer` is given and the records are not one batch. */
export async function produceRecords(
  ctx: RequestContextBase,
  topic: TopicInfo,
  records: readonly RecordToProduce[],
  options: ProduceOptions,
): Promise<ProduceOutcome[]> {
  const outcomes = new Array<ProduceOutcome>(records.length);
  const cluster = await clusterOf(ctx);
  const rules = logRules(ctx, cluster, topic, EVERY_BROKER);
  const rounds = planBatches(ctx, topic, rules.maxMessageBytes, records, options, outcomes);
  if (options.producer !== undefined) throwIfNotOneBatch(rounds, records, outcomes);
  const stopped = new Map<number, NotProduced>();
  for (const batches of rounds) {
    const toSend = batches.filter((batch) => {
      const failure = stopped.get(batch.partition);
      if (failure !== undefined) for (const i of batch.indexes) outcomes[i] = failure;
      return failure === undefined;
    });
    if (toSend.length > 0) await sendRound(ctx, topic, records, toSend, options, outcomes, stopped);
  }
  return outcomes;
}

/** Batches by round. Records for partitions that do not exist get their outcome here. */
function planBatches(
  ctx: RequestContextBase,
  topic: TopicInfo,
  batchBytesMax: number,
  records: readonly RecordToProduce[],
  options: ProduceOptions,
  outcomes: ProduceOutcome[],
): Batch[][] {
  const partitioner = partitioners[options.partitioner];
  const choices = choicesOf(topic);
  const open = new Map<number, Batch>();
  const rounds: Batch[][] = [];
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as RecordToProduce;
    const bytes = recordBytesAtMost(record);
    const { key } = record;
    const partition =
      record.partition ?? partitioner.partition(topic.topicId, key, choices, ctx.random);
    if (partition >= choices.count) {
      outcomes[i] = noSuchPartition(topic.name, partition, choices.count);
      continue;
    }
    if (record.partition === null) partitioner.appended(topic.topicId, key, partition, bytes);
    const last = open.get(partition);
    if (last !== undefined && last.bytes + bytes <= batchBytesMax) {
      last.indexes.push(i);
      last.bytes += bytes;
      continue;
    }
    const round = last === undefined ? 0 : last.round + 1;
    const batch = { partition, indexes: [i], bytes: RECORD_BATCH_HEADER_BYTES + bytes, round };
    open.set(partition, batch);
    const sameRound = rounds[round];
    if (sameRound === undefined) rounds.push([batch]);
    else sameRound.push(batch);
  }
  return rounds;
}

function recordBytesAtMost({ key, value, headers }: RecordToProduce): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) {
    // A UTF-16 unit is at most three bytes of UTF-8.
    bytes += HEADER_OVERHEAD_BYTES + header.key.length * 3 + (header.value?.length ?? 0);
  }
  return bytes;
}

function noSuchPartition(topic: string, partition: number, count: number): NotProduced {
  return {
    ok: false,
    kafkaCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    message: `Partition ${partition} of topic ${topic} with partition count ${count} is not present in metadata.`,
  };
}

/** A retry must make the very same batch, or the sequence numbers would mean other records. */
function throwIfNotOneBatch(
  rounds: readonly Batch[][],
  records: readonly RecordToProduce[],
  outcomes: readonly ProduceOutcome[],
): void {
  const refused = (why: string): RestError =>
    new RestError(422, 422, `Kedge-Producer-Id, -Epoch and -Sequence are for one batch: ${why}`);
  if (records.some((record) => record.partition === null)) {
    throw refused(
      "name the partition, in the path or in every record, or a retry may go elsewhere",
    );
  }
  const failed = outcomes.find((outcome) => outcome !== undefined && !outcome.ok);
  if (failed !== undefined && !failed.ok) throw refused(failed.message);
  if (rounds.length > 1)
    throw refused("these records are more than max.message.bytes allows in one");
  if (rounds[0]?.length !== 1) throw refused("these records are for more than one partition");
}

async function sendRound(
  ctx: RequestContextBase,
  topic: TopicInfo,
  records: readonly RecordToProduce[],
  batches: readonly Batch[],
  options: ProduceOptions,
  outcomes: ProduceOutcome[],
  stopped: Map<number, NotProduced>,
): Promise<void> {
  const now = ctx.now();
  const inputs = batches.map(({ indexes }) =>
    indexes.map((i) => recordInput(records[i] as RecordToProduce, now)),
  );
  const encoded = inputs.map((input) => encodeRecordBatch({ records: input, ...options.producer }));
  const answers = await send(ctx, topic, batches, encoded, options.acks);
  batches.forEach((batch, b) => {
    const answer = answers.get(batch.partition) ?? NO_ANSWER;
    if (answer.errorCode !== ErrorCode.NONE && isRetriable(answer.errorCode)) {
      stopped.set(batch.partition, failureOf(answer, -1));
    }
    batch.indexes.forEach((recordIndex, inBatch) => {
      outcomes[recordIndex] =
        answer.errorCode === ErrorCode.NONE
          ? produced(answer, batch.partition, inBatch, inputs[b]?.[inBatch]?.timestamp ?? now)
          : failureOf(answer, inBatch);
    });
  });
}

function recordInput(record: RecordToProduce, now: number): RecordInput {
  const { key, value, headers, timestamp } = record;
  return { key, value, headers, timestamp: timestamp ?? now };
}

interface Answer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly recordErrors: readonly {
    readonly batchIndex: number;
    readonly batchIndexErrorMessage: string | null;
  }[];
}

const NO_ANSWER: Answer = {
  errorCode: ErrorCode.UNKNOWN_SERVER_ERROR,
  errorMessage: "the broker did not answer for this partition",
  baseOffset: -1,
  logAppendTimeMs: -1,
  recordErrors: [],
};

/**
 * By name, as versions before 13 have it: the handler then finds a topic that was deleted and made
 * anew, and a leader that moved, without a refresh of ours.
 */
async function send(
  ctx: RequestContextBase,
  topic: TopicInfo,
  batches: readonly Batch[],
  encoded: readonly Uint8Array[],
  acks: number,
): Promise<Map<number, Answer>> {
  const partitionData = batches.map(({ partition }, b) => ({
    index: partition,
    records: encoded[b] ?? null,
  }));
  const request = {
    acks,
    timeoutMs: PRODUCE_TIMEOUT_MS,
    topicData: [{ name: topic.name, partitionData }],
  };
  const { responses } = await call(ctx, produceApi, request, { version: 12 });
  const answers = new Map<number, Answer>();
  for (const answer of responses[0]?.partitionResponses ?? []) answers.set(answer.index, answer);
  return answers;
}

function produced(answer: Answer, partition: number, inBatch: number, timestamp: number): Produced {
  return {
    ok: true,
    partition,
    offset: answer.baseOffset + inBatch,
    timestamp: answer.logAppendTimeMs >= 0 ? answer.logAppendTimeMs : timestamp,
  };
}

/** A batch with one bad record is refused whole: the others are told so too (KIP-467). */
function failureOf(answer: Answer, inBatch: number): NotProduced {
  const own = answer.recordErrors.find((error) => error.batchIndex === inBatch);
  const message =
    own?.batchIndexErrorMessage ?? answer.errorMessage ?? errorMessage(answer.errorCode);
  return { ok: false, kafkaCode: answer.errorCode, message };
}
