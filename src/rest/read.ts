/**
 * The stateless fetch: records of one partition from an offset on, in one request, with no consumer
 * instance behind it. What no REST proxy shows, it shows: headers, timestamps, the next offset.
 */
import type { RequestContextBase } from "../broker/context.ts";
import { call } from "../broker/dispatch.ts";
import { DECOMPRESSED_BYTES_MAX } from "../constants.ts";
import { fetchApi } from "../protocol/api/01-fetch.ts";
import { decompress } from "../protocol/compression/decompress.ts";
import { ErrorCode, errorMessage, KafkaError } from "../protocol/errors.ts";
import type { KafkaRecord } from "../protocol/record-batch.ts";
import { batchLastOffset, decodeRecordBatch } from "../protocol/record-batch.ts";
import type { Format } from "./formats.ts";
import { FormatError, showField } from "./formats.ts";
import { EARLIEST, LATEST, offsetBounds, offsetFor } from "./offsets.ts";
import { RestError } from "./rest-error.ts";
import { visibleBatches } from "./visible-batches.ts";

export type ReadStart = { readonly offset: number } | { readonly timestamp: number };

export const FROM_EARLIEST: ReadStart = { timestamp: EARLIEST };
export const FROM_LATEST: ReadStart = { timestamp: LATEST };

export interface ReadOptions {
  readonly topic: string;
  readonly partition: number;
  readonly start: ReadStart;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of keys and values as they are in the log, not as they are shown; one record may pass it. */
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly readCommitted: boolean;
  /** The replica nearest to the reader, or the leader, which has every acknowledged record. */
  readonly readFrom: "nearest" | "leader";
  readonly keyFormat: Format;
  readonly valueFormat: Format;
  readonly headerFormat: Format;
}

export interface Page {
  /** The records as the text of a JSON array. */
  readonly text: string;
  readonly count: number;
  /** Where the next read goes on: past what was shown, and past what nobody may see. */
  readonly nextOffset: number;
  /** As the replica that was read knows it. */
  readonly highWatermark: number;
  readonly logStartOffset: number;
  /** The broker of that replica. */
  readonly readFrom: number;
}

/**
 * Throws KafkaError with what the partition answers, and RestError 406 (40601) when the first record
 * is not of the format asked for; a later one that is not ends the page before it.
 */
export async function readRecords(ctx: RequestContextBase, options: ReadOptions): Promise<Page> {
  const fetchOffset = await startOffset(ctx, options);
  const { topic, partition, maxBytes, maxWaitMs, minBytes, readCommitted } = options;
  const request = {
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel: readCommitted ? 1 : 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: maxBytes }] }],
    rackId: "",
  };
  // By name (before version 13), so that the handler finds a topic that was made anew.
  const reading = { ...ctx, brokerId: null, readNearest: options.readFrom === "nearest" };
  const response = await call(reading, fetchApi, request, { version: 12 });
  const answer = response.responses[0]?.partitions[0];
  const errorCode = response.errorCode || (answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR);
  if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE)
    throw await outOfRange(ctx, options, fetchOffset);
  if (answer === undefined || errorCode !== ErrorCode.NONE) throw new KafkaError(errorCode);
  const page = new PageWriter(options, fetchOffset);
  if (answer.records !== null) page.addBatches(answer.records, answer.abortedTransactions);
  const { highWatermark, logStartOffset, preferredReadReplica: readFrom } = answer;
  const finished = page.finish();
  ctx.answerBytes?.keep(finished.text.length);
  return { ...finished, highWatermark, logStartOffset, readFrom };
}

async function startOffset(
  ctx: RequestContextBase,
  { start, topic, partition, readCommitted }: ReadOptions,
): Promise<number> {
  if ("offset" in start) return start.offset;
  const offset = await offsetFor(ctx, topic, partition, start.timestamp, readCommitted);
  // No record is that young yet: the next one will be.
  return offset >= 0 ? offset : offsetFor(ctx, topic, partition, LATEST, readCommitted);
}

async function outOfRange(
  ctx: RequestContextBase,
  { topic, partition }: ReadOptions,
  offset: number,
): Promise<KafkaError> {
  const { earliest, latest } = await offsetBounds(ctx, topic, partition);
  return new KafkaError(
    ErrorCode.OFFSET_OUT_OF_RANGE,
    `${errorMessage(ErrorCode.OFFSET_OUT_OF_RANGE)} Offset ${offset} of ${topic}-${partition} is ` +
      `not from ${earliest} to ${latest}: ask for one that is, or for "earliest" or "latest".`,
  );
}

/** Collects records as JSON text until one of the bounds is met. */
export class PageWriter {
  private readonly options: ReadOptions;
  private readonly items: string[] = [];
  private readonly topicJson: string;
  private bytes = 0;
  private nextOffset: number;

  constructor(options: ReadOptions, fetchOffset: number) {
    this.options = options;
    this.nextOffset = fetchOffset;
    this.topicJson = JSON.stringify(options.topic);
  }

  addBatches(
    records: Uint8Array,
    aborted: readonly { producerId: number; firstOffset: number }[] | null,
  ): void {
    for (const { at, visible } of visibleBatches(records, aborted)) {
      if (visible && !this.addBatch(decodeRecordBatch(records, at, unpack))) return;
      // The batch may end after its last record: compaction leaves such gaps.
      this.nextOffset = Math.max(this.nextOffset, batchLastOffset(records, at) + 1);
    }
  }

  finish(): { text: string; count: number; nextOffset: number; bytes: number } {
    const { items, nextOffset, bytes } = this;
    return { text: `[${items.join(",")}]`, count: items.length, nextOffset, bytes };
  }

  /** False when the page is full. */
  private addBatch(batch: readonly KafkaRecord[]): boolean {
    for (const record of batch) {
      // A batch is fetched whole: what is before the offset was not asked for.
      if (record.offset < this.nextOffset) continue;
      if (!this.add(record)) return false;
    }
    return true;
  }

  private add(record: KafkaRecord): boolean {
    const { maxBytes, maxRecords } = this.options;
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    const first = this.items.length === 0;
    if (!first && (this.bytes + bytes > maxBytes || this.items.length >= maxRecords)) return false;
    try {
      this.items.push(this.show(record));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      if (first) throw this.unreadable(record, error);
      return false;
    }
    this.bytes += bytes;
    this.nextOffset = record.offset + 1;
    return true;
  }

  private show(record: KafkaRecord): string {
    const { keyFormat, valueFormat, headerFormat, partition } = this.options;
    const headers = record.headers.map(
      ({ key, value }) =>
        `{"key":${JSON.stringify(key)},"value":${showField(headerFormat, value)}}`,
    );
    return (
      `{"topic":${this.topicJson},"key":${showField(keyFormat, record.key)},` +
      `"value":${showField(valueFormat, record.value)},"partition":${partition},` +
      `"offset":${record.offset},"timestamp":${record.timestamp},"headers":[${headers.join(",")}]}`
    );
  }

  private unreadable(record: KafkaRecord, error: FormatError): RestError {
    const { topic, partition, keyFormat, valueFormat } = this.options;
    const next = record.offset + 1;
    return new RestError(
      406,
      40601,
      `the record at offset ${record.offset} of ${topic}-${partition} cannot be shown with key as ` +
        `${keyFormat} and value as ${valueFormat}: ${error.message}. Read it as binary ` +
        `(Accept: application/vnd.kafka.binary.v2+json), or go on from offset ${next}`,
      { headers: { "kedge-next-offset": String(next) } },
    );
  }
}

function unpack(codec: number, bytes: Uint8Array): Uint8Array {
  return decompress(codec, bytes, DECOMPRESSED_BYTES_MAX);
}
