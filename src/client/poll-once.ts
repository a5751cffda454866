/**
 * A group's records in one round trip, for an app that lives for one request: the service keeps the
 * member (`POST /consumers/{group}/instances/{instance}/poll`; rules REST20 to REST29).
 */
import { base64Decode } from "../lib/base64.ts";
import { EMPTY_BYTES } from "../lib/bytes.ts";
import { BrokerClient } from "./broker-client.ts";
import { commonDefs } from "./common-config.ts";
import { parseConfig } from "./config.ts";
import { type ConsumerRecord, RecordReader } from "./consumer-record.ts";
import { ErrorCode, KafkaError } from "./errors.ts";
import type { ClientOptions } from "./options.ts";
import { wholeNamePattern } from "./pattern.ts";
import { restCall } from "./rest-call.ts";
import type { Deserializer } from "./serializers.ts";
import type { TopicPartition } from "./topics.ts";

export interface PollOnceRequest<K, V> {
  /** The service's address, such as "https://kedge.example.workers.dev". */
  readonly "bootstrap.servers": string | readonly string[];
  readonly group: string;
  /** Who polls, by a name that stays: the next poll under it goes on where this one ended. */
  readonly instance: string;
  /** What to read: needed, or a pattern, by the first poll of an instance. */
  readonly topics?: readonly string[];
  /** In place of topics: all in whose names it finds a match, in RE2's syntax. */
  readonly topicPattern?: RegExp;
  /**
   * The `sequence` of the last answer that was processed; 0 before there was one. With it an answer
   * that gets lost is asked for again, now or by the next call. Without it pollOnce() rejects, and
   * the next call takes the lost records for processed.
   */
  readonly after?: number;
  /** What is committed: what the poll before returned (default), what this one returns, or nothing. */
  readonly commit?: "previous" | "auto" | "none";
  /** Committed first, as they are: where to go on from. */
  readonly offsets?: readonly (TopicPartition & {
    readonly offset: number;
    readonly metadata?: string;
  })[];
  /** How long to wait for records, ms. Default 1000. */
  readonly timeoutMs?: number;
  /** Default 1. */
  readonly minBytes?: number;
  /** Keys and values; one record may pass it. Default 1048576. */
  readonly maxBytes?: number;
  /** Default 500. */
  readonly maxRecords?: number;
  readonly isolationLevel?: "read_uncommitted" | "read_committed";
  /** Where to begin without a committed offset. Default "latest". */
  readonly autoOffsetReset?: "earliest" | "latest" | "none";
  /** The instance leaves the group when nobody polls for so long, ms. Default 300000. */
  readonly instanceTimeoutMs?: number;
  /** Default: the bytes as they are. */
  readonly keyDeserializer?: Deserializer<K>;
  readonly valueDeserializer?: Deserializer<V>;
}

type Position = TopicPartition & { readonly offset: number };

export interface PollOnceResult<K, V> {
  readonly records: ConsumerRecord<K, V>[];
  /** For the next call's `after`, once the records are processed. */
  readonly sequence: number;
  /** The partitions that the group gives this instance now. */
  readonly assignment: readonly TopicPartition[];
  /** The next offset to read of each. */
  readonly positions: readonly Position[];
  /** What this call committed. */
  readonly committed: readonly Position[];
  readonly memberId: string;
  readonly memberEpoch: number;
}

/** As the service has it. */
interface Answer {
  readonly member_id: string;
  readonly member_epoch: number;
  readonly sequence: number;
  readonly records: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly timestamp: number;
    readonly key: string | null;
    readonly value: string | null;
    readonly headers: readonly { readonly key: string; readonly value: string | null }[];
  }[];
  readonly assignment: readonly TopicPartition[];
  readonly positions: readonly Position[];
  readonly committed: readonly Position[];
}

const TIMEOUT_MS = 1_000;
/** For the way, and for a group that rebalances first. */
const LAPSE_MS = 30_000;

/**
 * Joins if need be, commits, reads and answers, in one request.
 *
 * @throws (rejects) KafkaError with the service's code and sentence, TransportError when it may or may
 *   not have been carried out, RecordDeserializationError
 */
export async function pollOnce<K = Uint8Array, V = Uint8Array>(
  request: PollOnceRequest<K, V>,
  options: ClientOptions = {},
): Promise<PollOnceResult<K, V>> {
  const settings = parseConfig(commonDefs, { "bootstrap.servers": request["bootstrap.servers"] });
  const client = new BrokerClient(settings, options);
  const path =
    `/consumers/${encodeURIComponent(request.group)}` +
    `/instances/${encodeURIComponent(request.instance)}/poll`;
  const body = bodyOf(request);
  // Without `after` nothing may be sent twice: not to another address either.
  const urls = settings["bootstrap.servers"].slice(0, request.after === undefined ? 1 : undefined);
  const call = (timeoutMs: number) =>
    restCall<Answer>(client, urls, { path, body, timeoutMs }, options);
  const timeoutMs = (request.timeoutMs ?? TIMEOUT_MS) + LAPSE_MS;
  const answer =
    request.after === undefined
      ? await call(timeoutMs)
      : await client.retry(`polling as ${request.instance}`, timeoutMs, call);
  return resultOf(request, answer);
}

/** Fields that are left out are the service's to choose. */
function bodyOf<K, V>(request: PollOnceRequest<K, V>): object {
  return {
    topics: request.topics,
    topic_pattern: request.topicPattern && wholeNamePattern(request.topicPattern),
    format: "binary",
    header_format: "binary",
    after: request.after,
    commit: request.commit,
    offsets: request.offsets,
    timeout: request.timeoutMs ?? TIMEOUT_MS,
    min_bytes: request.minBytes,
    max_bytes: request.maxBytes,
    max_records: request.maxRecords,
    isolation: request.isolationLevel,
    "auto.offset.reset": request.autoOffsetReset,
    "consumer.instance.timeout.ms": request.instanceTimeoutMs,
  };
}

function resultOf<K, V>(request: PollOnceRequest<K, V>, answer: Answer): PollOnceResult<K, V> {
  const reader = new RecordReader<K, V>({
    "key.deserializer": request.keyDeserializer ?? null,
    "value.deserializer": request.valueDeserializer ?? null,
  });
  const records = answer.records.map((record) =>
    reader.read(record, {
      offset: record.offset,
      timestamp: record.timestamp,
      timestampType: "CreateTime",
      key: bytesOf(record.key),
      value: bytesOf(record.value),
      headers: record.headers.map(({ key, value }) => ({ key, value: bytesOf(value) })),
      leaderEpoch: -1,
    }),
  );
  return {
    records,
    sequence: answer.sequence,
    assignment: answer.assignment,
    positions: answer.positions,
    committed: answer.committed,
    memberId: answer.member_id,
    memberEpoch: answer.member_epoch,
  };
}

function bytesOf(text: string | null): Uint8Array | null {
  if (text === null || text === "") return text === null ? null : EMPTY_BYTES;
  const bytes = base64Decode(text);
  if (bytes !== null) return bytes;
  throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, "the service's answer holds broken base64");
}
