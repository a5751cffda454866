import { type ListOffsetsRequestInput, listOffsetsApi } from "../protocol/api/02-list-offsets.ts";
import type { BrokerClient } from "./broker-client.ts";
import { ErrorCode, errorMessage, KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topics.ts";

/** Which offset is asked for: a special one by name, or the first record not older than a time. */
export type OffsetSpec =
  | "earliest"
  | "latest"
  | "max-timestamp"
  | "earliest-local"
  | "latest-tiered"
  | "earliest-pending-upload"
  | { readonly timestamp: number };

export interface OffsetQuery extends TopicPartition {
  readonly spec: OffsetSpec;
}

export interface OffsetResult extends TopicPartition {
  /** -1 when no record is that young. */
  readonly offset: number;
  /** Of the record at the offset; -1 for the ends of the log. */
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

/** A partition's answer, or its error. */
export type OffsetAnswer = TopicPartition & {
  readonly error: KafkaError | null;
  readonly result: OffsetResult | null;
};

/** The timestamps that stand for special offsets, and the first version that knows them. */
const SPECIAL = {
  latest: { timestamp: -1, version: 1 },
  earliest: { timestamp: -2, version: 1 },
  "max-timestamp": { timestamp: -3, version: 7 },
  "earliest-local": { timestamp: -4, version: 8 },
  "latest-tiered": { timestamp: -5, version: 9 },
  "earliest-pending-upload": { timestamp: -6, version: 11 },
} as const;

/**
 * One request for any number of partitions: behind the one address, every Worker reaches every
 * leader.
 *
 * @throws KafkaError when the server is too old for a spec, TransportError
 */
export async function listOffsets(
  client: BrokerClient,
  queries: readonly OffsetQuery[],
  options: { readCommitted: boolean; timeoutMs: number },
): Promise<OffsetAnswer[]> {
  if (queries.length === 0) return [];
  const needed = Math.max(...queries.map(({ spec }) => versionOf(spec)));
  const version = await client.version(listOffsetsApi);
  if (version < needed) {
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      `the server speaks ListOffsets up to version ${version}, this offset needs ${needed}`,
    );
  }
  const answers = await Promise.all(
    rounds(queries).map((round) => askOnce(client, version, round, options)),
  );
  const byQuery = new Map(answers.flat());
  return queries.map((query) => byQuery.get(query) ?? missing(query));
}

/** A request may name a partition once: what asks for it again goes into a request of its own. */
function rounds(queries: readonly OffsetQuery[]): OffsetQuery[][] {
  const seen = new Map<string, number>();
  const result: OffsetQuery[][] = [];
  for (const query of queries) {
    const round = seen.get(keyOf(query)) ?? 0;
    seen.set(keyOf(query), round + 1);
    const queriesOfRound = result[round];
    if (queriesOfRound === undefined) result.push([query]);
    else queriesOfRound.push(query);
  }
  return result;
}

const keyOf = ({ topic, partition }: TopicPartition) => `${partition}/${topic}`;

async function askOnce(
  client: BrokerClient,
  version: number,
  queries: readonly OffsetQuery[],
  options: { readCommitted: boolean; timeoutMs: number },
): Promise<[OffsetQuery, OffsetAnswer][]> {
  const byKey = new Map(queries.map((query) => [keyOf(query), query]));
  const body = requestOf(queries, options);
  const response = await client.requestAt(listOffsetsApi, version, body, {
    timeoutMs: options.timeoutMs,
  });
  return response.topics.flatMap(({ name: topic, partitions }) =>
    partitions.flatMap(({ partitionIndex: partition, errorCode, ...result }) => {
      const place = { topic, partition };
      const query = byKey.get(keyOf(place));
      if (query === undefined) return [];
      const ok = errorCode === ErrorCode.NONE;
      const answer = {
        ...place,
        error: ok ? null : new KafkaError(errorCode),
        result: ok ? { ...place, ...result } : null,
      };
      return [[query, answer] satisfies [OffsetQuery, OffsetAnswer]];
    }),
  );
}

function versionOf(spec: OffsetSpec): number {
  return typeof spec === "string" ? SPECIAL[spec].version : 1;
}

function timestampOf(spec: OffsetSpec): number {
  return typeof spec === "string" ? SPECIAL[spec].timestamp : spec.timestamp;
}

function requestOf(
  queries: readonly OffsetQuery[],
  options: { readCommitted: boolean; timeoutMs: number },
): ListOffsetsRequestInput {
  const topics = new Map<string, { partitionIndex: number; timestamp: number }[]>();
  for (const { topic, partition, spec } of queries) {
    const partitions = topics.get(topic) ?? [];
    partitions.push({ partitionIndex: partition, timestamp: timestampOf(spec) });
    topics.set(topic, partitions);
  }
  return {
    replicaId: -1,
    isolationLevel: options.readCommitted ? 1 : 0,
    topics: [...topics].map(([name, partitions]) => ({ name, partitions })),
    timeoutMs: options.timeoutMs,
  };
}

function missing({ topic, partition }: TopicPartition): OffsetAnswer {
  const code = ErrorCode.UNKNOWN_SERVER_ERROR;
  const error = new KafkaError(code, `${errorMessage(code)} (the answer leaves the partition out)`);
  return { topic, partition, error, result: null };
}

/**
 * As `listOffsets`, with partitions asked again while their error is retriable.
 *
 * @returns an answer for each query, in order; errors in it are final
 */
export async function listOffsetsWithRetry(
  client: BrokerClient,
  queries: readonly OffsetQuery[],
  options: { readCommitted: boolean; timeoutMs: number },
): Promise<OffsetAnswer[]> {
  const answers = new Map<OffsetQuery, OffsetAnswer>();
  let left = [...queries];
  const ask = async (leftMs: number) => {
    const got = await listOffsets(client, left, { ...options, timeoutMs: leftMs });
    left.forEach((query, i) => {
      answers.set(query, got[i] as OffsetAnswer);
    });
    left = left.filter((query) => answers.get(query)?.error?.retriable === true);
    const first = left[0];
    if (first !== undefined) throw answers.get(first)?.error;
  };
  try {
    await client.retry("listing offsets", options.timeoutMs, ask);
  } catch (error) {
    // What was answered stands; the rest keeps its last error, if there was an answer at all.
    if (answers.size < queries.length) throw error;
  }
  return queries.map((query) => answers.get(query) as OffsetAnswer);
}
