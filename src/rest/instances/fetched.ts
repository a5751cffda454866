/** One fetch of an instance's partitions, as the text of its records. */
import type { RequestContextBase } from "../../broker/context.ts";
import { call } from "../../broker/dispatch.ts";
import { FETCH_BYTES_MAX } from "../../constants.ts";
import { fetchApi } from "../../protocol/api/01-fetch.ts";
import { ErrorCode, errorMessage, KafkaError } from "../../protocol/errors.ts";
import type { Format } from "../formats.ts";
import { PageWriter } from "../read.ts";
import { RestError } from "../rest-error.ts";
import { byTopic } from "./group-calls.ts";
import { isFatal } from "./positions.ts";
import { keyOf } from "./state.ts";
import type { PartitionOffset, TopicPartition } from "./types.ts";

export interface FetchedPartition extends TopicPartition {
  readonly nextOffset: number;
  /** Its records, separated by commas; "" when there are none. */
  readonly text: string;
}

export interface Fetched {
  readonly partitions: readonly FetchedPartition[];
  readonly count: number;
  /** Of records as they are in the log. */
  readonly bytes: number;
  /** A partition could not be read now. */
  readonly failed: boolean;
  readonly outOfRange: readonly TopicPartition[];
}

export interface FetchOptions {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly readCommitted: boolean;
  readonly keyFormat: Format;
  readonly valueFormat: Format;
  readonly headerFormat: Format;
}

/** By name (before version 13), so that the handler finds a topic that was made anew. */
const BY_NAME = 12;

/**
 * Throws KafkaError, and RestError 406 (40601) when the first record of all is not of its format; a
 * later one ends its partition's records before it.
 */
export async function fetchOnce(
  ctx: RequestContextBase,
  positions: readonly PartitionOffset[],
  options: FetchOptions,
): Promise<Fetched> {
  const partitionMaxBytes = Math.min(options.maxBytes, FETCH_BYTES_MAX);
  const request = {
    maxWaitMs: options.maxWaitMs,
    minBytes: options.minBytes,
    maxBytes: partitionMaxBytes,
    isolationLevel: options.readCommitted ? 1 : 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: byTopic(positions).map(([topic, places]) => ({
      topic,
      partitions: places.map(({ partition, offset }) => ({
        ...{ partition, fetchOffset: offset, partitionMaxBytes },
      })),
    })),
    rackId: "",
  };
  const response = await call(ctx, fetchApi, request, { version: BY_NAME });
  if (response.errorCode !== ErrorCode.NONE) throw new KafkaError(response.errorCode);
  const pages = new Pages(positions, options);
  for (const { topic, partitions } of response.responses) {
    for (const { partitionIndex: partition, errorCode, ...answer } of partitions) {
      if (errorCode !== ErrorCode.NONE) pages.fail({ topic, partition }, errorCode);
      else if (answer.records !== null) {
        pages.add({ topic, partition }, answer.records, answer.abortedTransactions);
      }
    }
  }
  return pages.finish();
}

type Aborted = Parameters<PageWriter["addBatches"]>[1];

class Pages {
  readonly #offsets: ReadonlyMap<string, number>;
  readonly #options: FetchOptions;
  readonly #partitions: FetchedPartition[] = [];
  readonly #outOfRange: TopicPartition[] = [];
  #count = 0;
  #shownBytes = 0;
  #bytes = 0;
  #failed = false;
  #unreadable: RestError | null = null;

  constructor(positions: readonly PartitionOffset[], options: FetchOptions) {
    this.#offsets = new Map(positions.map((one) => [keyOf(one), one.offset]));
    this.#options = options;
  }

  fail(place: TopicPartition, errorCode: number): void {
    if (isFatal(errorCode)) {
      throw new KafkaError(errorCode, `${errorMessage(errorCode)} (${keyOf(place)})`);
    }
    this.#failed = true;
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) this.#outOfRange.push(place);
  }

  add(place: TopicPartition, records: Uint8Array, aborted: Aborted): void {
    this.#bytes += records.length;
    const maxBytes = this.#options.maxBytes - this.#shownBytes;
    const maxRecords = this.#options.maxRecords - this.#count;
    const offset = this.#offsets.get(keyOf(place));
    if (maxBytes <= 0 || maxRecords <= 0 || offset === undefined) return;
    const bounds = { start: { offset }, maxBytes, maxRecords, readFrom: "leader" as const };
    const options = { ...this.#options, ...place, ...bounds };
    const writer = new PageWriter(options, offset);
    try {
      writer.addBatches(records, aborted);
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
      this.#unreadable ??= error;
    }
    const { text, count, nextOffset, bytes } = writer.finish();
    this.#count += count;
    this.#shownBytes += bytes;
    this.#partitions.push({ ...place, nextOffset, text: text.slice(1, -1) });
  }

  finish(): Fetched {
    if (this.#count === 0 && this.#unreadable !== null) throw this.#unreadable;
    return {
      ...{ partitions: this.#partitions, count: this.#count, bytes: this.#bytes },
      ...{ failed: this.#failed, outOfRange: this.#outOfRange },
    };
  }
}
