/** Where a reader begins: the committed offset, or what auto.offset.reset says. */
import type { RequestContextBase } from "../../broker/context.ts";
import { call } from "../../broker/dispatch.ts";
import { listOffsetsApi } from "../../protocol/api/02-list-offsets.ts";
import { ErrorCode, errorMessage, KafkaError } from "../../protocol/errors.ts";
import { EARLIEST, LATEST } from "../offsets.ts";
import { RestError } from "../rest-error.ts";
import { byTopic, committedOffsets } from "./group-calls.ts";
import { keyOf } from "./state.ts";
import type { InstanceConfig, PartitionOffset, TopicPartition } from "./types.ts";

export interface Start {
  readonly offset: number;
  /** auto.offset.reset chose it: nothing is committed. */
  readonly reset: boolean;
}

export interface TimedPartition extends TopicPartition {
  /** ms, EARLIEST or LATEST. */
  readonly timestamp: number;
}

/**
 * The first positions of these partitions, by `keyOf`. One whose topic is gone, or whose leader is on
 * the move, is left out. Throws KafkaError, and RestError 40002 where auto.offset.reset is none.
 */
export async function firstPositions(
  ctx: RequestContextBase,
  group: string,
  reset: InstanceConfig["autoOffsetReset"],
  partitions: readonly TopicPartition[],
): Promise<Map<string, Start>> {
  const found = new Map<string, Start>();
  if (partitions.length === 0) return found;
  for (const one of await committedOffsets(ctx, group, partitions)) {
    found.set(keyOf(one), { offset: one.offset, reset: false });
  }
  const others = partitions.filter((one) => !found.has(keyOf(one)));
  for (const one of await resetPositions(ctx, reset, others)) {
    found.set(keyOf(one), { offset: one.offset, reset: true });
  }
  return found;
}

/** Throws RestError 40002 where auto.offset.reset is none. */
export async function resetPositions(
  ctx: RequestContextBase,
  reset: InstanceConfig["autoOffsetReset"],
  partitions: readonly TopicPartition[],
): Promise<PartitionOffset[]> {
  const [first] = partitions;
  if (first === undefined) return [];
  if (reset === "none") {
    const what = `there is no usable committed offset of ${keyOf(first)}, and auto.offset.reset is none`;
    throw new RestError(400, 40002, `${what}: seek, or commit an offset`);
  }
  const timestamp = reset === "earliest" ? EARLIEST : LATEST;
  return offsetsFor(
    ctx,
    partitions.map(({ topic, partition }) => ({ topic, partition, timestamp })),
  );
}

/**
 * The offset of the first record as young as that, the end of the partition where there is none. A
 * partition that cannot be asked now is left out. Throws KafkaError unless asking again can help.
 */
export async function offsetsFor(
  ctx: RequestContextBase,
  partitions: readonly TimedPartition[],
): Promise<PartitionOffset[]> {
  const found = await listOffsets(ctx, partitions);
  const tooYoung = partitions.filter((one) => found.get(keyOf(one)) === -1);
  const ends = await listOffsets(
    ctx,
    tooYoung.map(({ topic, partition }) => ({ topic, partition, timestamp: LATEST })),
  );
  return partitions.flatMap(({ topic, partition }) => {
    const key = keyOf({ topic, partition });
    const offset = ends.get(key) ?? found.get(key) ?? -1;
    return offset < 0 ? [] : [{ topic, partition, offset }];
  });
}

async function listOffsets(
  ctx: RequestContextBase,
  partitions: readonly TimedPartition[],
): Promise<Map<string, number>> {
  if (partitions.length === 0) return new Map();
  const topics = byTopic(partitions).map(([name, places]) => ({
    name,
    partitions: places.map((one) => ({
      partitionIndex: one.partition,
      timestamp: one.timestamp,
    })),
  }));
  const request = { replicaId: -1, isolationLevel: 0, topics };
  const response = await call(ctx, listOffsetsApi, request);
  const found = new Map<string, number>();
  for (const { name, partitions: answers } of response.topics) {
    for (const { partitionIndex, errorCode, offset } of answers) {
      const key = keyOf({ topic: name, partition: partitionIndex });
      if (errorCode === ErrorCode.NONE) found.set(key, offset);
      else if (isFatal(errorCode))
        throw new KafkaError(errorCode, `${errorMessage(errorCode)} (${key})`);
    }
  }
  return found;
}

/** A topic that is gone will leave the assignment by itself; a leader on the move will be there. */
export function isFatal(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.TOPIC_AUTHORIZATION_FAILED ||
    errorCode === ErrorCode.CORRUPT_MESSAGE ||
    errorCode === ErrorCode.UNSUPPORTED_VERSION ||
    errorCode === ErrorCode.UNKNOWN_SERVER_ERROR
  );
}
