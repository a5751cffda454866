import {
  isPartitionerName,
  PARTITIONER_NAMES,
  type PartitionChoices,
  Partitioner,
  type PartitionerName,
} from "../protocol/partitioner.ts";
import { ConfigError } from "./errors.ts";

/**
 * The producer's partitioner: protocol/partitioner's rules by name, or the user's own function.
 */
export {
  type KeylessRule,
  PARTITIONER_NAMES,
  type PartitionChoices,
  Partitioner,
  type PartitionerName,
  RoundRobinRule,
  StickyRule,
} from "../protocol/partitioner.ts";

/** What a partitioner of one's own gets to see. */
export interface PartitionerInput {
  readonly topic: string;
  readonly key: unknown;
  /** Serialized, null when the record has none. */
  readonly keyBytes: Uint8Array | null;
  readonly value: unknown;
  readonly valueBytes: Uint8Array | null;
  /** Partitions are 0 to this less one. */
  readonly partitionCount: number;
  /** Those that have a leader now. */
  readonly availablePartitions: readonly number[];
}

/** Returns the record's partition. */
export type PartitionerFunction = (input: PartitionerInput) => number;

export function parsePartitioner(
  name: string,
  value: unknown,
): PartitionerName | PartitionerFunction {
  if (value === undefined) return "sticky";
  if (typeof value === "function") return value as PartitionerFunction;
  if (typeof value === "string" && isPartitionerName(value)) return value;
  throw new ConfigError(
    name,
    `invalid value ${JSON.stringify(value)} for ${name}: ` +
      `it must be one of ${PARTITIONER_NAMES.join(", ")}, or a function`,
  );
}

/** Chooses partitions, and learns where bytes went. */
export interface PartitionPicker {
  pick(input: PartitionerInput, choices: PartitionChoices): number;
  appended(
    topic: string,
    key: Uint8Array | null,
    partition: number,
    bytes: number,
    batchReady: boolean,
  ): void;
}

export function makePicker(
  partitioner: PartitionerName | PartitionerFunction,
  options: { batchSize: number; ignoreKeys: boolean; random: () => number },
): PartitionPicker {
  if (typeof partitioner === "function") {
    return {
      pick(input, choices) {
        const partition = partitioner(input);
        if (Number.isInteger(partition) && partition >= 0 && partition < choices.count)
          return partition;
        throw new RangeError(
          `the partitioner function chose partition ${partition} of ${input.topic}, ` +
            `which has partitions 0 to ${choices.count - 1}`,
        );
      },
      appended() {},
    };
  }
  const { ignoreKeys, random } = options;
  const rules = new Partitioner(partitioner, {
    batchSize: Math.max(1, options.batchSize),
    ignoreKeys,
  });
  return {
    pick: (input, choices) => rules.partition(input.topic, input.keyBytes, choices, random),
    appended: (topic, key, partition, bytes, ready) =>
      rules.appended(topic, key, partition, bytes, ready),
  };
}
