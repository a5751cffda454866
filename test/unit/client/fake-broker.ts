import type { Transport } from "../../../src/client/transport.ts";
import { uuidFromBytes } from "../../../src/lib/uuid.ts";
import { type ProduceRequest, produceApi } from "../../../src/protocol/api/00-produce.ts";
import { type FetchRequest, fetchApi } from "../../../src/protocol/api/01-fetch.ts";
import {
  type ListOffsetsRequest,
  listOffsetsApi,
} from "../../../src/protocol/api/02-list-offsets.ts";
import { type MetadataRequest, metadataApi } from "../../../src/protocol/api/03-metadata.ts";
import { apiVersionsApi } from "../../../src/protocol/api/18-api-versions.ts";
import { initProducerIdApi } from "../../../src/protocol/api/22-init-producer-id.ts";
import { apis } from "../../../src/protocol/api/registry.ts";
import { decompress } from "../../../src/protocol/compression/decompress.ts";
import { ErrorCode, ProtocolError } from "../../../src/protocol/errors.ts";
import { decodeRequestHeader, encodeResponseFrame } from "../../../src/protocol/frame.ts";
import { Reader } from "../../../src/protocol/reader.ts";
import {
  batchBaseSequence,
  batchCrc,
  batchLastOffset,
  batchLastSequence,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSizeInBytes,
  computeBatchCrc,
  decodeRecordBatch,
  incrementSequence,
  iterateBatches,
  type KafkaRecord,
  setBaseOffset,
} from "../../../src/protocol/record-batch.ts";
import type { AnyApi } from "../../../src/protocol/schema.ts";
import type { VirtualClock } from "./virtual-clock.ts";

interface ProducerEntry {
  epoch: number;
  lastSequence: number;
  recent: { first: number; last: number; offset: number }[];
}

/** A partition's log as a broker keeps it, with the rules for idempotent producers. */
export class FakeLog {
  readonly batches: Uint8Array[] = [];
  readonly producers = new Map<number, ProducerEntry>();
  startOffset = 0;
  endOffset = 0;
  leader = 1;
  maxMessageBytes = 1_048_588;
  aborted: { producerId: number; firstOffset: number }[] = [];

  append(batch: Uint8Array): { errorCode: number; baseOffset: number } {
    if (batchSizeInBytes(batch, 0) > this.maxMessageBytes)
      return refused(ErrorCode.MESSAGE_TOO_LARGE);
    if (batchCrc(batch, 0) !== computeBatchCrc(batch, 0)) return refused(ErrorCode.CORRUPT_MESSAGE);
    const duplicate = this.#check(batch);
    if (duplicate !== null) return duplicate;
    const baseOffset = this.endOffset;
    const stored = batch.slice();
    setBaseOffset(stored, 0, baseOffset);
    this.batches.push(stored);
    this.endOffset += batchRecordCount(batch, 0);
    return { errorCode: ErrorCode.NONE, baseOffset };
  }

  /** ProducerAppendInfo: null lets the batch in. */
  #check(batch: Uint8Array): { errorCode: number; baseOffset: number } | null {
    const id = batchProducerId(batch, 0);
    if (id < 0) return null;
    const epoch = batchProducerEpoch(batch, 0);
    const first = batchBaseSequence(batch, 0);
    const last = batchLastSequence(batch, 0);
    let entry = this.producers.get(id);
    if (entry !== undefined) {
      if (epoch < entry.epoch) return refused(ErrorCode.INVALID_PRODUCER_EPOCH);
      const known =
        epoch === entry.epoch && entry.recent.find((r) => r.first === first && r.last === last);
      if (known) return { errorCode: ErrorCode.NONE, baseOffset: known.offset };
      const expected = epoch > entry.epoch ? 0 : incrementSequence(entry.lastSequence, 1);
      if (first !== expected) return refused(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
      if (epoch > entry.epoch) entry = undefined;
    }
    const recent = [...(entry?.recent ?? []), { first, last, offset: this.endOffset }].slice(-5);
    this.producers.set(id, { epoch, lastSequence: last, recent });
    return null;
  }

  records(): KafkaRecord[] {
    return this.batches.flatMap((batch) =>
      decodeRecordBatch(batch, 0, (codec, bytes) => decompress(codec, bytes, 1 << 26)),
    );
  }
}

const refused = (errorCode: number) => ({ errorCode, baseOffset: -1 });

export interface FakeTopic {
  readonly topicId: string;
  readonly partitions: FakeLog[];
}

/** A request on its way, for whoever wants to meddle with it. */
export interface Exchange {
  readonly api: AnyApi;
  readonly version: number;
  readonly body: unknown;
  /** Counts requests of the same API, from 1. */
  readonly nth: number;
}

/** What a test may do to a request. */
export interface Fault {
  /** Fails before anything was done. */
  readonly lost?: boolean;
  /** Done, but the answer does not arrive. */
  readonly replyLost?: boolean;
  /** Never answered at all. */
  readonly hangs?: boolean;
  /** Thrown in place of an answer. */
  readonly error?: Error;
  /** Every partition of a Produce, or a Fetch, gets this code and nothing is done. */
  readonly code?: number;
  readonly delayMs?: number;
  readonly replyDelayMs?: number;
  /** In place of a response frame. */
  readonly garbage?: Uint8Array;
  readonly throttleMs?: number;
}

/** A broker in the process: decodes every frame, keeps real logs, answers with real frames. */
export class FakeBroker implements Transport {
  readonly topics = new Map<string, FakeTopic>();
  readonly requests: Exchange[] = [];
  /** Asked before each request. */
  meddle: (exchange: Exchange) => Fault | undefined = () => undefined;
  /** The versions that it says it speaks, by key. */
  readonly versions = new Map<number, readonly [number, number]>();
  readonly #clock: VirtualClock;
  readonly #counts = new Map<number, number>();
  #nextProducerId = 1000;
  #nextTopicId = 1;
  inFlight = 0;
  inFlightMax = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
    for (const [key, api] of apis) this.versions.set(key, api.versions);
  }

  createTopic(name: string, partitions: number): FakeTopic {
    const id = new Uint8Array(16);
    id[15] = this.#nextTopicId++;
    const topic = {
      topicId: uuidFromBytes(id),
      partitions: Array.from({ length: partitions }, () => new FakeLog()),
    };
    this.topics.set(name, topic);
    return topic;
  }

  log(topic: string, partition: number): FakeLog {
    const log = this.topics.get(topic)?.partitions[partition];
    if (log === undefined) throw new Error(`no ${topic}-${partition}`);
    return log;
  }

  count(api: AnyApi): number {
    return this.#counts.get(api.key) ?? 0;
  }

  async send(frame: Uint8Array, signal: AbortSignal): Promise<Uint8Array | null> {
    this.inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    try {
      return await Promise.race([this.#answer(frame.slice()), aborted(signal)]);
    } finally {
      this.inFlight--;
    }
  }

  async #answer(frame: Uint8Array): Promise<Uint8Array | null> {
    const size = new DataView(frame.buffer).getInt32(0);
    if (size !== frame.length - 4) throw new ProtocolError("wrong size prefix");
    const header = decodeRequestHeader(frame, 4);
    const api = apis.get(header.apiKey) as AnyApi;
    const reader = new Reader(frame, header.bodyOffset);
    const body = api.request.decode(reader, header.apiVersion);
    if (reader.remaining > 0) throw new ProtocolError("bytes left over");
    const nth = this.count(api) + 1;
    this.#counts.set(api.key, nth);
    const exchange = { api, version: header.apiVersion, body, nth };
    this.requests.push(exchange);

    const fault = this.meddle(exchange) ?? {};
    await this.#clock.sleep(fault.delayMs ?? 1);
    if (fault.lost) throw new Error("connection reset");
    if (fault.error) throw fault.error;
    if (fault.hangs) return new Promise(() => {});
    const response = await this.#handle(api, header.apiVersion, body, fault);
    await this.#clock.sleep(fault.replyDelayMs ?? 1);
    if (fault.replyLost) throw new Error("connection reset before the answer");
    if (fault.garbage) return fault.garbage;
    if (response === null) return null;
    return encodeResponseFrame(api, header.apiVersion, header.correlationId, response);
  }

  async #handle(api: AnyApi, version: number, body: unknown, fault: Fault): Promise<unknown> {
    switch (api) {
      case apiVersionsApi:
        return {
          errorCode: 0,
          apiKeys: [...this.versions].map(([apiKey, [minVersion, maxVersion]]) => ({
            apiKey,
            minVersion,
            maxVersion,
          })),
        };
      case metadataApi:
        return this.#metadata(body as MetadataRequest);
      case initProducerIdApi:
        return {
          errorCode: fault.code ?? 0,
          producerId: this.#nextProducerId++,
          producerEpoch: 0,
        };
      case produceApi:
        return this.#produce(body as ProduceRequest, version, fault);
      case fetchApi:
        return this.#fetch(body as FetchRequest, version, fault);
      case listOffsetsApi:
        return this.#listOffsets(body as ListOffsetsRequest);
      default:
        return this.other(api, body, version);
    }
  }

  /** For tests of other APIs. */
  other: (api: AnyApi, body: unknown, version: number) => unknown = (api) => {
    throw new Error(`${api.name} is not served`);
  };

  #metadata(request: MetadataRequest): unknown {
    const names = request.topics?.map(
      ({ name, topicId }) => name ?? this.#name("", topicId, true) ?? "",
    ) ?? [...this.topics.keys()];
    return {
      brokers: [1, 2, 3].map((nodeId) => ({ nodeId, host: "localhost", port: 9092, rack: null })),
      clusterId: "fake",
      controllerId: 1,
      topics: names.map((name) => {
        const topic = this.topics.get(name);
        return {
          errorCode: topic === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : 0,
          name,
          topicId: topic?.topicId,
          isInternal: name.startsWith("__"),
          partitions: (topic?.partitions ?? []).map(({ leader }, partitionIndex) => ({
            errorCode: leader < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : 0,
            partitionIndex,
            leaderId: leader,
            leaderEpoch: 0,
            replicaNodes: [1],
            isrNodes: [1],
          })),
        };
      }),
    };
  }

  #name(topic: string, topicId: string, byId: boolean): string | null {
    if (!byId) return this.topics.has(topic) ? topic : null;
    for (const [name, known] of this.topics) if (known.topicId === topicId) return name;
    return null;
  }

  #produce(request: ProduceRequest, version: number, fault: Fault): unknown {
    const responses = request.topicData.map(({ name, topicId, partitionData }) => {
      const known = this.#name(name, topicId, version >= 13);
      return {
        name,
        topicId,
        partitionResponses: partitionData.map(({ index, records }) => {
          const log = known === null ? undefined : this.topics.get(known)?.partitions[index];
          const unknown = version >= 13 ? ErrorCode.UNKNOWN_TOPIC_ID : 3;
          if (log === undefined) return { index, ...refused(unknown) };
          if (fault.code !== undefined) return { index, ...refused(fault.code) };
          const batches = [...iterateBatches(records ?? new Uint8Array(0))];
          if (batches.length !== 1) return { index, ...refused(ErrorCode.INVALID_RECORD) };
          return { index, ...log.append(records as Uint8Array) };
        }),
      };
    });
    return request.acks === 0 ? null : { responses, throttleTimeMs: fault.throttleMs ?? 0 };
  }

  async #fetch(request: FetchRequest, version: number, fault: Fault): Promise<unknown> {
    const deadline = this.#clock.now() + request.maxWaitMs;
    for (;;) {
      const { response, bytes, failed } = this.#fetchNow(request, version, fault);
      const left = deadline - this.#clock.now();
      if (bytes >= request.minBytes || failed || left <= 0) return response;
      await this.#clock.sleep(Math.min(10, left));
    }
  }

  #fetchNow(request: FetchRequest, version: number, fault: Fault) {
    let bytes = 0;
    let failed = false;
    const responses = request.topics.map(({ topic, topicId, partitions }) => {
      const known = this.#name(topic, topicId, version >= 13);
      return {
        topic,
        topicId,
        partitions: partitions.map(({ partition, fetchOffset, partitionMaxBytes }) => {
          const log = known === null ? undefined : this.topics.get(known)?.partitions[partition];
          const outOfRange =
            log !== undefined && (fetchOffset < log.startOffset || fetchOffset > log.endOffset);
          const code =
            fault.code ??
            (log === undefined
              ? version >= 13
                ? ErrorCode.UNKNOWN_TOPIC_ID
                : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
              : outOfRange
                ? ErrorCode.OFFSET_OUT_OF_RANGE
                : 0);
          if (log === undefined || code !== 0) {
            failed = true;
            return { partitionIndex: partition, errorCode: code, highWatermark: -1, records: null };
          }
          const parts: Uint8Array[] = [];
          let size = 0;
          for (const batch of log.batches) {
            if (batchLastOffset(batch, 0) < fetchOffset) continue;
            if (parts.length > 0 && size + batch.length > partitionMaxBytes) break;
            parts.push(batch);
            size += batch.length;
          }
          bytes += size;
          return {
            partitionIndex: partition,
            errorCode: 0,
            highWatermark: log.endOffset,
            lastStableOffset: log.endOffset,
            logStartOffset: log.startOffset,
            abortedTransactions: request.isolationLevel === 1 ? log.aborted : null,
            records: Buffer.concat(parts),
          };
        }),
      };
    });
    const response = { errorCode: 0, sessionId: 0, responses, throttleTimeMs: 0 };
    return { response, bytes, failed };
  }

  #listOffsets(request: ListOffsetsRequest): unknown {
    return {
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex, timestamp }) => {
          const log = this.topics.get(name)?.partitions[partitionIndex];
          if (log === undefined) return { partitionIndex, errorCode: 3 };
          return { partitionIndex, errorCode: 0, ...offsetFor(log, timestamp), leaderEpoch: 0 };
        }),
      })),
    };
  }
}

function offsetFor(log: FakeLog, timestamp: number): { offset: number; timestamp: number } {
  if (timestamp === -1) return { offset: log.endOffset, timestamp: -1 };
  if (timestamp === -2) return { offset: log.startOffset, timestamp: -1 };
  const records = log.records();
  if (timestamp === -3) {
    const newest = Math.max(...log.batches.map((batch) => batchMaxTimestamp(batch, 0)));
    const found = records.find((record) => record.timestamp === newest);
    return { offset: found?.offset ?? -1, timestamp: found?.timestamp ?? -1 };
  }
  const found = records.find((record) => record.timestamp >= timestamp);
  return { offset: found?.offset ?? -1, timestamp: found?.timestamp ?? -1 };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted")));
  });
}
