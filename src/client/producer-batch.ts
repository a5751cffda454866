import {
  BatchBuilder,
  type BatchCompression,
  type BatchIdentity,
  type BuilderRecord,
  NO_IDENTITY,
} from "./batch-builder.ts";

/** Where a record went, told to whoever sent it. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  /** -1 when the server did not say: acks=0, or a duplicate that it had forgotten the place of. */
  readonly offset: number;
  /** The record's own, or the log's where message.timestamp.type is LogAppendTime. */
  readonly timestamp: number;
  /** -1 for no key. */
  readonly serializedKeySize: number;
  /** -1 for no value. */
  readonly serializedValueSize: number;
}

/** Called once, with one of the two. */
export interface Delivery {
  delivered(metadata: RecordMetadata): void;
  failed(error: Error): void;
}

interface Sent {
  readonly delivery: Delivery;
  readonly timestamp: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/** Records of one partition that travel together, and what became of them. */
export class ProducerBatch {
  readonly topic: string;
  readonly partition: number;
  /** When the first record came: linger.ms and delivery.timeout.ms count from here. */
  readonly createdMs: number;
  /** No record is added any more. */
  closed = false;
  /** Nobody waits for it any more. */
  done = false;
  /** How often it was sent. */
  attempts = 0;
  /** Not to be sent again before. */
  retryAtMs = 0;
  /** Why the last attempt failed, for the message when there are no more. */
  lastError: string | null = null;
  /** Made out of a batch that was too large. */
  split = false;
  /** Set when it is first sent; a retry keeps it, so that the server can tell. */
  identity: BatchIdentity = NO_IDENTITY;
  /** Everything before it was confirmed when it was sent last: what the server misses is then lost. */
  wasNext = false;
  /** Which batch of its partition it is, among those that were given a sequence. */
  ordinal = 0;
  readonly #builder: BatchBuilder;
  readonly #sent: Sent[] = [];

  constructor(topic: string, partition: number, createdMs: number, expectedBytes: number) {
    this.topic = topic;
    this.partition = partition;
    this.createdMs = createdMs;
    this.#builder = new BatchBuilder(expectedBytes);
  }

  get count(): number {
    return this.#builder.count;
  }

  get sizeInBytes(): number {
    return this.#builder.sizeInBytes;
  }

  get maxRecordBytes(): number {
    return this.#builder.maxRecordBytes;
  }

  get hasSequence(): boolean {
    return this.identity.baseSequence >= 0;
  }

  /** Appends if the batch stays within `limit` bytes; the first record always fits. */
  tryAppend(record: BuilderRecord, delivery: Delivery, limit: number): boolean {
    const { count, sizeInBytes } = this.#builder;
    if (count > 0 && sizeInBytes + this.#builder.recordBytes(record) > limit) return false;
    this.#builder.append(record);
    this.#sent.push({
      delivery,
      timestamp: record.timestamp,
      keySize: record.key?.length ?? -1,
      valueSize: record.value?.length ?? -1,
    });
    return true;
  }

  encode(compression: BatchCompression): Uint8Array {
    return this.#builder.build(this.identity, compression);
  }

  /** @param logAppendTimeMs -1: the records keep their own timestamps */
  succeed(baseOffset: number, logAppendTimeMs: number): void {
    this.done = true;
    this.#sent.forEach((sent, i) => {
      sent.delivery.delivered({
        topic: this.topic,
        partition: this.partition,
        offset: baseOffset < 0 ? -1 : baseOffset + i,
        timestamp: logAppendTimeMs >= 0 ? logAppendTimeMs : sent.timestamp,
        serializedKeySize: sent.keySize,
        serializedValueSize: sent.valueSize,
      });
    });
  }

  /** @param errorOf may tell records apart: the server can name those at fault */
  fail(errorOf: (index: number) => Error): void {
    this.done = true;
    this.#sent.forEach((sent, i) => {
      sent.delivery.failed(errorOf(i));
    });
  }

  /** The same records in the same order, in batches of at most `limit` bytes or one record. */
  splitInto(limit: number): ProducerBatch[] {
    const parts: ProducerBatch[] = [];
    this.#builder.records().forEach((record, i) => {
      const { delivery } = this.#sent[i] as Sent;
      if (parts.at(-1)?.tryAppend(record, delivery, limit)) return;
      const part = new ProducerBatch(this.topic, this.partition, this.createdMs, limit);
      part.closed = true;
      part.split = true;
      part.lastError = this.lastError;
      part.tryAppend(record, delivery, limit);
      parts.push(part);
    });
    return parts;
  }
}
