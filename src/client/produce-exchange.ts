import { ZERO_UUID } from "../lib/uuid.ts";
import { type ProduceResponse, produceApi } from "../protocol/api/00-produce.ts";
import type { BatchCompression } from "./batch-builder.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import type { ProducerBatch } from "./producer-batch.ts";

/** What the server said of one batch. */
export interface Outcome {
  readonly code: number;
  readonly message: string | null;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly recordErrors: readonly {
    readonly batchIndex: number;
    readonly batchIndexErrorMessage: string | null;
  }[];
}

/** The first version without topic names. */
const PRODUCE_BY_ID_VERSION = 13;

export interface ProduceOptions {
  /** The highest that both sides speak. */
  readonly version: number;
  readonly acks: number;
  readonly timeoutMs: number;
  readonly compression: BatchCompression;
  readonly topicIdOf: (topic: string) => string;
}

/**
 * One Produce request with a batch for each of several partitions, and what became of each.
 *
 * @returns outcomes in the order of the batches
 */
export async function produce(
  client: BrokerClient,
  batches: readonly ProducerBatch[],
  options: ProduceOptions,
): Promise<{ outcomes: readonly Outcome[]; throttleTimeMs: number }> {
  const { acks, timeoutMs, compression } = options;
  const byTopic = Map.groupBy(batches, ({ topic }) => topic);
  const topicData = [...byTopic].map(([name, ofTopic]) => ({
    name,
    topicId: options.topicIdOf(name),
    partitionData: ofTopic.map((batch) => ({
      index: batch.partition,
      records: batch.encode(compression),
    })),
  }));
  const withoutId = topicData.some(({ topicId }) => topicId === ZERO_UUID);
  const version = withoutId
    ? Math.min(options.version, PRODUCE_BY_ID_VERSION - 1)
    : options.version;
  const body = { transactionalId: null, acks, timeoutMs, topicData };
  if (acks === 0) {
    await client.sendOnly(produceApi, version, body);
    return { outcomes: batches.map(() => outcome(ErrorCode.NONE, null)), throttleTimeMs: 0 };
  }
  const response = await client.requestAt(produceApi, version, body);
  const names =
    version < PRODUCE_BY_ID_VERSION
      ? null
      : new Map(topicData.map(({ name, topicId }) => [topicId, name]));
  const outcomes = outcomesOf(batches, response, names);
  return { outcomes, throttleTimeMs: response.throttleTimeMs };
}

/** @param namesById null where the answer has names */
function outcomesOf(
  batches: readonly ProducerBatch[],
  response: ProduceResponse,
  namesById: ReadonlyMap<string, string> | null,
): Outcome[] {
  const answers = new Map<string, Outcome>();
  for (const { name, topicId, partitionResponses } of response.responses) {
    const topic = namesById === null ? name : namesById.get(topicId);
    for (const { index, errorCode: code, errorMessage: message, ...rest } of partitionResponses) {
      answers.set(`${index}/${topic}`, { code, message, ...rest });
    }
  }
  const missing = outcome(ErrorCode.NETWORK_EXCEPTION, "the answer leaves the partition out");
  return batches.map((batch) => answers.get(keyOf(batch)) ?? missing);
}

export const keyOf = (batch: ProducerBatch) => `${batch.partition}/${batch.topic}`;

export function outcome(code: number, message: string | null): Outcome {
  return { code, message, baseOffset: -1, logAppendTimeMs: -1, recordErrors: [] };
}

export function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  // What came back could not be read: it may have been carried out.
  const reason = error instanceof Error ? error.message : String(error);
  return new KafkaError(ErrorCode.NETWORK_EXCEPTION, `unreadable answer: ${reason}`);
}

/** Records that the server names get their own message; the others fell with them (KIP-467). */
export function errorsOf(
  batch: ProducerBatch,
  result: Outcome,
  reason: string,
): (index: number) => Error {
  const where = `${batch.topic}-${batch.partition}`;
  const named = new Map(
    result.recordErrors.map(({ batchIndex, batchIndexErrorMessage }) => [
      batchIndex,
      batchIndexErrorMessage ?? reason,
    ]),
  );
  return (index) => {
    const own = named.get(index);
    const message =
      named.size === 0 || own !== undefined
        ? (own ?? reason)
        : "the record is fine, but another one in its batch was refused, and the batch with it";
    return new KafkaError(result.code, `${where}: ${message}`);
  };
}
