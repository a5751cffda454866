/** Offsets of a partition, by what they mean or by time. */
import type { RequestContextBase } from "../broker/context.ts";
import { call } from "../broker/dispatch.ts";
import { listOffsetsApi } from "../protocol/api/02-list-offsets.ts";
import { ErrorCode, KafkaError } from "../protocol/errors.ts";

/** ListOffsets' special timestamps. */
export const LATEST = -1;
export const EARLIEST = -2;

/**
 * The offset for a timestamp, or for LATEST or EARLIEST; -1 when no record is that young. Throws
 * KafkaError with what the partition answers.
 */
export async function offsetFor(
  ctx: RequestContextBase,
  topic: string,
  partition: number,
  timestamp: number,
  readCommitted = false,
): Promise<number> {
  const { topics } = await call(ctx, listOffsetsApi, {
    replicaId: -1,
    isolationLevel: readCommitted ? 1 : 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
  });
  const answer = topics[0]?.partitions[0];
  const errorCode = answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  if (answer === undefined || errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
  return answer.offset;
}

/** Log start and high watermark. Throws KafkaError. */
export async function offsetBounds(
  ctx: RequestContextBase,
  topic: string,
  partition: number,
): Promise<{ earliest: number; latest: number }> {
  const [earliest, latest] = await Promise.all([
    offsetFor(ctx, topic, partition, EARLIEST),
    offsetFor(ctx, topic, partition, LATEST),
  ]);
  return { earliest, latest };
}
