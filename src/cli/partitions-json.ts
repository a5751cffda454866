/** The JSON files of kafka-leader-election and kafka-reassign-partitions. */
import { readFileSync } from "node:fs";
import * as z from "zod";
import type { TopicPartition } from "../client/mod.ts";
import { CommandFailure } from "./failure.ts";

const partition = z.object({ topic: z.string(), partition: z.int().min(0) });
const electionFile = z.object({ partitions: z.array(partition) });
const reassignmentFile = z.object({
  version: z.literal(1).optional(),
  partitions: z.array(partition.extend({ replicas: z.array(z.int()) })),
});
const topicsFile = z.object({
  version: z.literal(1).optional(),
  topics: z.array(z.object({ topic: z.string() })),
});

export interface Assignment extends TopicPartition {
  readonly replicas: readonly number[];
}

/** @throws CommandFailure that names the file, the field and what was expected there. */
function read<T extends z.ZodType>(file: string, schema: T): z.output<T> {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new CommandFailure(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  throw new CommandFailure(`${file}: ${z.prettifyError(result.error)}`);
}

export function readElectionFile(file: string): TopicPartition[] {
  const { partitions } = read(file, electionFile);
  throwIfTwice(file, partitions);
  return partitions;
}

export function readReassignmentFile(file: string): Assignment[] {
  const { partitions } = read(file, reassignmentFile);
  if (partitions.length === 0) {
    throw new CommandFailure(`${file}: Partition reassignment list cannot be empty`);
  }
  throwIfTwice(file, partitions);
  return partitions.map(({ topic, partition: number, replicas }) => ({
    ...{ topic, partition: number, replicas },
  }));
}

export function readTopicsFile(file: string): string[] {
  return [...new Set(read(file, topicsFile).topics.map(({ topic }) => topic))];
}

function throwIfTwice(file: string, partitions: readonly TopicPartition[]): void {
  const names = partitions.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new CommandFailure(`${file}: ${twice} is named twice`);
}

export function nameOf({ topic, partition: number }: TopicPartition): string {
  return `${topic}-${number}`;
}

/** As kafka-reassign-partitions prints it and reads it. */
export function assignmentJson(partitions: readonly Assignment[]): string {
  return JSON.stringify({
    version: 1,
    partitions: partitions.map(({ topic, partition: number, replicas }) => ({
      ...{ topic, partition: number, replicas, log_dirs: replicas.map(() => "any") },
    })),
  });
}
